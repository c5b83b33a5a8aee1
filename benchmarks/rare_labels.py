"""How often intervals of micro-F1 and macro-F1 hold the true value where most of 90 labels are rare.

    python benchmarks/rare_labels.py

Labels are as unequal as the topics of Reuters-21578. Each is found in three of four cases, and is given wrongly a quarter as
often as it occurs. Of 150 samples of test texts, the share is printed whose interval of 95 % holds the mean of all samples.
"""

from __future__ import annotations

import numpy as np

from emb_pipeline.tasks.multi_label.evaluate import compute_macro_f1, compute_micro_f1

SHARES = np.minimum(0.3, 0.3 / np.arange(1, 91) ** 1.1)
SAMPLES, FEW = 150, 10


def main() -> None:
    """Print a line for each number of test texts."""
    rng = np.random.default_rng(0)
    print(f"| test texts | labels of fewer than {FEW} | micro-F1 | macro-F1 |\n|---:|---:|---:|---:|")
    for n_texts in (300, 1_000, 3_000):
        found: dict[str, list[tuple[float, float]]] = {"micro": [], "macro": []}
        for _ in range(SAMPLES):
            targets = rng.random((n_texts, len(SHARES))) < SHARES
            found_right = rng.random(targets.shape) < 0.75
            given_wrongly = rng.random(targets.shape) < 0.25 * SHARES
            predicted = np.where(targets, found_right, given_wrongly)
            for name, compute in (("micro", compute_micro_f1), ("macro", compute_macro_f1)):
                values = np.asarray(compute(targets, predicted))
                found[name].append((float(values.mean()), float(values.std()) / np.sqrt(n_texts)))
        covered = []
        for pairs in found.values():
            values, errors = np.array(pairs).T
            covered.append(np.mean(np.abs(values - values.mean()) < 1.96 * errors))
        n_rare = int((SHARES * n_texts < FEW).sum())
        print(f"| {n_texts:,} | {n_rare} | {covered[0]:.0%} | {covered[1]:.0%} |", flush=True)


if __name__ == "__main__":
    main()
