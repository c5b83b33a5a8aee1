"""The probe's penalty path beside scikit-learn's logistic regression, on the default run's task and on one thread.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/probe_speed.py [--rows 1000 3000]

Summaries of installed packages are to be told apart by sub-package: as word counts weighted by TF-IDF, and as 100 random
projections of these. Both fit the same eleven values of C, each from the solution before; the objective at the last one says
who came nearer to the minimum. Sparse rows are also fitted in dense axes, of which as many as rows are enough.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.precompile import compile_probes
from emb_pipeline.readers.docstrings.packages import build_docstring_table, build_subpackage_examples
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.probes import softmax
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length

PACKAGES = ("numpy", "scipy", "sklearn", "pandas", "networkx", "sympy", "matplotlib", "torch")
STEPS = range(-2, 9)
TOLERANCE = 1e-5


def main() -> None:
    """Print seconds of the path, ratios, and the mean loss that each ends at."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 3000])
    arguments = parser.parse_args()
    compile_probes()
    task = examples()
    order = np.random.default_rng(0).permutation(len(task.codes))
    counts = Tfidf(TfidfOptions()).fit(task.texts).encode(task.texts).astype(np.float32)
    projection = np.random.default_rng(1).standard_normal((counts.shape[1], 100)).astype(np.float32)
    for rows in arguments.rows:
        chosen = order[:rows]
        projected = counts[chosen] @ projection
        dense = Scaler.of(projected, standardize=True).scale(projected)
        for name, features in (("100 dense columns", dense), ("TF-IDF", sp.csr_array(counts[chosen]))):
            compare(f"{len(chosen):,} rows, {name}", features, task.codes[chosen], len(task.classes))


def examples() -> ClassificationTask:
    """The default run's classification task."""
    with tempfile.TemporaryDirectory() as cache:
        table = build_docstring_table(PACKAGES, Path(cache))
    return ClassificationTask.from_tables(
        {"examples": build_subpackage_examples(table, min_examples=150, min_tokens=4, test_share=0.3)}
    )


def compare(name: str, features: softmax.Features, codes: np.ndarray, n_classes: int) -> None:
    """One line for each way to fit."""
    values = [10 ** (step / 2) / mean_squared_length(features) for step in STEPS]
    ways = {"scikit-learn": lambda: by_sklearn(features, codes, values)}
    ways["ours"] = lambda: ours(features, codes, n_classes, values)
    if sp.issparse(features) and len(codes) <= 5_000:
        ways["ours, in dense axes"] = lambda: ours(
            features, codes, n_classes, values, softmax._PrincipalAxesOfRows(features)
        )
    print(f"{name}, {n_classes} classes, {len(values)} values of C")
    seconds: dict[str, float] = {}
    for way, fit in ways.items():
        started = perf_counter()
        loss = fit()
        seconds[way] = perf_counter() - started
        ratio = seconds["scikit-learn"] / seconds[way]
        print(f"  {way:24} {seconds[way]:8.2f} s   x {ratio:6.1f}   objective at the last C {loss:.5f}", flush=True)


def by_sklearn(features: softmax.Features, codes: np.ndarray, values: list[float]) -> float:
    """Mean objective at the last C."""
    model = LogisticRegression(warm_start=True, tol=TOLERANCE, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for c in values:
            model.set_params(C=c).fit(features, codes)
    probabilities = np.maximum(model.predict_proba(features), 1e-30)
    loss = -np.log(probabilities[np.arange(len(codes)), np.searchsorted(model.classes_, codes)]).mean()
    return float(loss + np.square(model.coef_).sum() / (2 * values[-1] * len(codes)))


def ours(
    features: softmax.Features, codes: np.ndarray, n_classes: int, values: list[float], axes: softmax.Axes | None = None
) -> float:
    """The same by the probe's own fits, in the axes that it chooses or in others."""
    rotated = (axes or softmax.axes_of(features)).rotate(features)
    model = softmax.SoftmaxRegression(rotated, codes, n_classes)
    for c in values:
        found = model.fit(c, tolerance=TOLERANCE, max_iterations=1000)
    loss = -found.predict(rotated)[np.arange(len(codes)), codes].mean()
    return float(loss + np.square(found.weights).sum() / (2 * values[-1] * len(codes)))


if __name__ == "__main__":
    main()
