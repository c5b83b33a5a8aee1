"""Scores by how long the texts are, and what each way to read them changes there.

    python benchmarks/length_classes.py --env long [--tasks meetings answers] [--reference pretrained.minilm_384_int8]

Reads the examples and the item scores of a run (``kedro run --env long``). The length of a unit is that of its text in
words. For a query it is that of the longest passage that answers it, or, where some are judged irrelevant, that of all
passages that are judged for it: a meeting's, say. Units are cut into classes at ``--edges``.

Prints for each task and class the mean of the primary metric with its 95 % interval, and the paired difference to a
reference embedding with its own. Queries of a group (of a meeting) are resampled together. Classes with fewer than ten
groups are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from emb_pipeline.statistics.intervals.bootstrap import Interval, bootstrap_means, compute_percentile_interval
from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores

DATA = Path(__file__).parents[1] / "data"
LEAST_GROUPS, RESAMPLES = 10, 4000
METRICS = ("ndcg@10", "accuracy")


class ClassScore(NamedTuple):
    """One embedding on the units of one class of lengths; the difference is to the reference."""

    lowest: float
    highest: float
    n_units: int
    n_groups: int
    embedding: str
    score: Interval
    difference: Interval


def score_classes(scores: TaskScores, lengths: np.ndarray, edges: Sequence[float], reference: str) -> Iterator[ClassScore]:
    """Score each embedding on each class of lengths.

    Parameters
    ----------
    scores : TaskScores
        All embeddings, on the same units.
    lengths : ndarray of shape (n_units,)
        Words, in the order of ``scores.units``.
    edges : sequence of float
        Rising; a class has the lengths from one edge on and below the next.
    reference : str
        The embedding that the others are compared with.
    """
    metric = next(name for name in METRICS if name in scores.metrics)
    names, values = list(scores.families), scores.average_families(metric)
    for low, high in pairwise(edges):
        kept = (lengths >= low) & (lengths < high)
        groups = scores.groups[kept]
        n_groups = len(np.unique(groups))
        if n_groups < LEAST_GROUPS:
            continue
        drawn = bootstrap_means(values[kept], n_resamples=RESAMPLES, rng=np.random.default_rng(0), groups=groups)
        means, base = values[kept].mean(axis=0), names.index(reference)
        for place, name in enumerate(names):
            score = compute_percentile_interval(means[place], drawn[:, place])
            difference = compute_percentile_interval(means[place] - means[base], drawn[:, place] - drawn[:, base])
            yield ClassScore(low, high, int(kept.sum()), n_groups, name, score, difference)


def read_lengths(examples: Path, units: Sequence[str]) -> np.ndarray:
    """Count the words of each unit's text: shape (n_units,)."""
    if not (examples / "qrels.parquet").is_file():
        rows = pq.read_table(examples / "examples.parquet", columns=["example_id", "text"]).to_pylist()
        words = {row["example_id"]: len(row["text"].split()) for row in rows}
        return np.array([words[unit] for unit in units])
    passages = pq.read_table(examples / "passages.parquet", columns=["passage_id", "text"]).to_pylist()
    words = {row["passage_id"]: len(row["text"].split()) for row in passages}
    qrels = pq.read_table(examples / "qrels.parquet").to_pylist()
    ranks_judged = any(row["relevance"] <= 0 for row in qrels)
    lengths: dict[str, int] = {}
    for row in qrels:
        known, length = lengths.get(row["query_id"], 0), words[row["passage_id"]]
        lengths[row["query_id"]] = known + length if ranks_judged else max(known, length)
    return np.array([lengths[unit] for unit in units])


def read_scores(data: Path, env: str) -> Iterator[TaskScores]:
    """Read the item scores of a use case, task by task."""
    files = sorted((data / "07_model_output" / env).rglob("item_scores.parquet"))
    return read_task_scores([pq.read_table(file) for file in files])


def main() -> None:
    """Print a table per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="long")
    parser.add_argument("--tasks", nargs="*", default=())
    parser.add_argument("--reference", default="pretrained.minilm_384_int8")
    parser.add_argument("--edges", nargs="+", type=float, default=[0, 100, 200, 400, 800, 5000, 10_000])
    given = parser.parse_args()
    for scores in read_scores(DATA, given.env):
        if given.tasks and scores.task not in given.tasks:
            continue
        lengths = read_lengths(DATA / "03_primary" / given.env / "tasks" / scores.task / "examples", scores.units)
        print(f"\n## {scores.task}: {len(lengths)} units; words in the middle {np.median(lengths):.0f}\n")
        print("| words | units | groups | embedding | score | minus reference |\n|---|---:|---:|---|---:|---:|")
        edges = [*given.edges, np.inf]
        for rows in (score_classes(scores, lengths, cut, given.reference) for cut in ([0, np.inf], edges)):
            for row in rows:
                words = f"{row.lowest:.0f}–{row.highest:.0f}" if np.isfinite(row.highest) else f"{row.lowest:.0f}–"
                shown = write_interval(row.score, "")
                difference = "" if row.embedding == given.reference else write_interval(row.difference, "+")
                print(f"| {words} | {row.n_units} | {row.n_groups} | `{row.embedding}` | {shown} | {difference} |")


def write_interval(interval: Interval, sign: str) -> str:
    """Write a value and its interval with three decimals."""
    return f"{interval.value:{sign}.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    main()
