"""How often two exchangeable embeddings are called different, and how often an interval holds the expected accuracy.

    OMP_NUM_THREADS=1 python benchmarks/label_luck.py [--repeats 100] [--setups 100/500 300/1000 …]

Two embeddings see the same 40 informative numbers through independent noise of equal size, five classes, so neither is
better. Each repeat draws other labeled examples and other test examples (*folds* are five folds of all examples), fits the
project's probe, and compares. *Units*: variance over test units alone, as if the labels were given. *Labels too*: with that
over ten bootstrap samples of the labels (`intervals.extra_variance.estimate_training_variance`) and t quantiles
(Welch–Satterthwaite). Wanted: 5 % and 95 %. The expected accuracy is the mean over all repeats.

200 repeats with up to 300 labels, 100 with 1,000:

    | labels / units | called different: units | labels too | accuracy held: units | labels too | accuracy |
    |---|---:|---:|---:|---:|---:|
    | 100/500 | 15.0 % | 10.0 % | 83.2 % | 92.0 % | 63.3 % |
    | 300/1000 | 7.0 % | 4.5 % | 90.5 % | 95.0 % | 71.7 % |
    | 300/5000 | 25.5 % | 5.5 % | 73.0 % | 96.0 % | 71.6 % |
    | 1000/1000 | 6.0 % | 5.0 % | 95.0 % | 96.5 % | 75.4 % |
    | 1000/5000 | 7.0 % | 4.0 % | 90.5 % | 95.5 % | 75.5 % |

Another 300 repeats of 100/500 gave 4.3 % and 96.5 % (units alone: 10.3 % and 84.8 %): together 6.6 % and 94.7 %.
Five folds of 200 examples, 400 repeats: 5.0 % and 93.5 % by units alone, 4.5 % and 94.4 % with labels. Five folds of 1,000,
700 repeats: 8.1 % and 92.8 %, 7.6 % and 94.2 % (standard error of the first 1.0). An example that is easy to classify may
also help the others, a covariance that the sum leaves out. With the chance on the units not taken off, it would be 1.5 % and
98.0 %, 3.3 % and 96.8 %: too cautious.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from emb_pipeline.statistics.intervals.extra_variance import estimate_training_variance
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import ClassResponse
from emb_pipeline.tasks.probes.probe import ProbeTraining
from emb_pipeline.tasks.splits.folds import draw_stratified_folds
from emb_pipeline.tasks.splits.training_draws import TrainingDraws

SETUPS = ("100/500", "300/1000", "300/5000", "1000/1000", "1000/5000", "folds/200", "folds/1000")
N_CLASSES, N_INFORMATIVE, N_DRAWS = 5, 40, 10
CENTRES = 0.45 * np.random.default_rng(99).standard_normal((N_CLASSES, N_INFORMATIVE))
Scores = tuple[np.ndarray, np.ndarray]
"""Item scores of shape (n_units, 2), and of resamples of the labels: (n_draws, n_units, 2)."""


def main() -> None:
    """Print a line for each set-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--setups", nargs="+", default=list(SETUPS), help="labels/units, or folds/examples")
    arguments = parser.parse_args()
    print("| labels / units | called different: units | labels too | accuracy held: units | labels too | accuracy |")
    print("|---|---:|---:|---:|---:|---:|")
    for setup in arguments.setups:
        rates = error_rates(setup, arguments.repeats)
        print(f"| {setup} | {' | '.join(f'{100 * rate:.1f} %' for rate in rates)} |", flush=True)


def error_rates(setup: str, repeats: int) -> list[float]:
    """Of the difference, units alone and labels too; coverage of the accuracy, the same; and the accuracy."""
    labels, n_units = setup.split("/")
    with threadpool_limits(1):
        found = [
            scored(None if labels == "folds" else int(labels), int(n_units), np.random.default_rng([repeat, int(n_units)]))
            for repeat in range(repeats)
        ]
    expected = float(np.mean([scores.mean() for scores, _ in found]))
    called, held = np.zeros(2), np.zeros(2)
    for scores, draws in found:
        called += [abs(mean) > reach for mean, reach in reaches(scores @ [1, -1], draws @ [1, -1])]
        for system in range(2):
            held += [abs(mean - expected) <= reach for mean, reach in reaches(scores[:, system], draws[:, :, system])]
    return [*(called / repeats), *(held / (2 * repeats)), expected]


def reaches(scores: np.ndarray, draws: np.ndarray) -> list[tuple[float, float]]:
    """Mean of some units' scores, with half the width of its interval: units alone, and labels too."""
    n_units = len(scores)
    of_units = scores.var(ddof=1) / n_units
    extra = estimate_training_variance(draws[:, :, None], np.arange(n_units), n_units)
    of_labels = float(extra.covariance[0, 0])
    whole = of_units + of_labels
    freedom = whole**2 / (of_units**2 / (n_units - 1) + of_labels**2 / extra.freedom)
    mean = float(scores.mean())
    return [
        (mean, float(student.ppf(0.975, n_units - 1) * np.sqrt(of_units))),
        (mean, float(student.ppf(0.975, freedom) * np.sqrt(whole))),
    ]


def scored(n_labels: int | None, n_units: int, rng: np.random.Generator) -> Scores:
    """Item scores of two embeddings on one data set; without a number of labels by five folds."""
    n = n_units + (n_labels or 0)
    codes = rng.integers(0, N_CLASSES, n)
    signal = CENTRES[codes] + rng.standard_normal((n, N_INFORMATIVE))
    views = [(signal + rng.standard_normal(signal.shape)).astype(np.float32) for _ in range(2)]
    if n_labels is None:
        folds = draw_stratified_folds(codes, np.arange(n), n_folds=5, seed=0)
        parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(5)]
    else:
        parts = [(np.arange(n_labels), np.arange(n_labels, n))]
    first = n - n_units
    options = ClassificationOptions()
    scores, draws = np.zeros((n_units, 2)), np.zeros((N_DRAWS, n_units, 2))
    learnt = np.unique(np.concatenate([train for train, _ in parts]))
    drawn = TrainingDraws.plan("accuracy", learnt=learnt, groups=np.arange(n), n_units=n_units, n_draws=N_DRAWS)
    for train, test in parts:
        for system, view in enumerate(views):
            training = ProbeTraining(view[train], ClassResponse(codes[train], N_CLASSES, options), train, options, seed=0)
            probe = training.probe()
            scores[test - first, system] = probe.answer(view[test]).argmax(axis=1) == codes[test]
            coordinates = training.coordinates(view[test])
            for draw, rows in drawn.resamples(train):
                fitted = training.on_resample(rows, probe)
                draws[draw, test - first, system] = fitted.predict(coordinates).argmax(axis=1) == codes[test]
    return scores, draws


if __name__ == "__main__":
    main()
