"""Everything that the swap report says of one task, measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.gate.baseline import Baseline
from emb_pipeline.deployment.swap.vectors import BothEncoded, encode_by_both
from emb_pipeline.embeddings.kept_neighbors import Encoded, measure_kept_neighbors
from emb_pipeline.reporting.swap.swapped import (
    Example,
    KeptIndexScores,
    KeptNeighbors,
    Outcomes,
    Searched,
    Swapped,
)
from emb_pipeline.statistics.comparisons.differing_units import choose_differing_units
from emb_pipeline.statistics.comparisons.outcomes import DECIMALS
from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits, join_units
from emb_pipeline.statistics.swap.encoding_costs import estimate_encoding
from emb_pipeline.statistics.swap.parts import Gain, compute_gain, compute_gains_of_parts
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.retrieval.kept_index import KeptIndex, Measured, measure_kept_index
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.shown_units import LONGEST, cut_text
from emb_pipeline.tasks.unit_parts import find_unit_parts

MOST_ASKED, NEIGHBORS = 300, 10
"""Texts whose neighbors are looked for, and neighbors of each."""
COSTS = ("latency_ms_p50", "latency_ms_p95", "bytes_per_item", "usd_per_million_texts")
"""Costs that the report shows of both embeddings."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """The candidate on one task.

    Attributes
    ----------
    name : str
        Of the embedding.
    units : DataFrame of SCORED_UNITS
        What it scored, of all metrics of units.
    metric : str
        Primary metric of the task.
    load : callable
        Loads its encoder.
    costs : mapping of str to (float, float)
        `COSTS`, of what is deployed and of the candidate.
    encode_seconds : float
        That the texts of the task took.
    """

    name: str
    units: pd.DataFrame
    metric: str
    load: Callable[[], Any]
    costs: Mapping[str, tuple[float, float]]
    encode_seconds: float


def compare_swap(
    baseline: Baseline,
    candidate: Candidate,
    kind: Kind,
    tables: Mapping[str, pa.Table],
    options: Any,
    resampling: Resampling,
    *,
    n_items: int | None = None,
    n_examples: int = 5,
    find_language: Callable[[str], str | None] | None = None,
    drift: DriftOptions | None = None,
) -> Swapped:
    """Compare what is deployed for a task with a candidate.

    Parameters
    ----------
    baseline : Baseline
        What is deployed; its vectors are compared where it is a bundle.
    candidate : Candidate
        The candidate.
    kind : Kind
        Of the task.
    tables : mapping of str to Table
        The task's examples, which the candidate was scored on.
    options : BaseModel
        Of the task's evaluation.
    resampling : Resampling
        Resamples, level and seed.
    n_items : int, optional
        Items that are to be encoded again; by default as many as the task has texts.
    n_examples : int
        Units that are shown as won, and as lost.
    find_language, drift : optional
        See `find_unit_parts`.
    """
    metric, notes = candidate.metric, dict[str, str]()
    found = join_units(baseline.units, candidate.units, metric)
    parts = find_unit_parts(kind, tables, found.units, find_language, drift) if found.units else {}
    task = kind.create_task(tables, baseline.task)
    n_measured = _count_texts(task)
    neighbors, kept = [], None
    both = _encode(baseline, candidate, task, resampling.seed)
    if isinstance(both, str):
        notes["neighbors"] = notes["kept_index"] = both
    else:
        neighbors = _measure_neighbors(both, task, resampling)
        kept = _measure_kept_index(both, task, options, metric, resampling)
    if isinstance(kept, str):
        notes["kept_index"] = kept
    return Swapped(
        baseline.task,
        kind.name,
        metric,
        baseline.embedding,
        candidate.name,
        resampling.level,
        found,
        compute_gain(found, metric, resampling),
        compute_gains_of_parts(found, metric, parts, resampling),
        find_outcomes(baseline.units, candidate.units, kind, tables, metric, n_examples),
        estimate_encoding(
            n_items or n_measured,
            n_measured=n_measured,
            encode_seconds=candidate.encode_seconds,
            bytes_per_item=candidate.costs["bytes_per_item"][1],
            usd_per_million_texts=candidate.costs["usd_per_million_texts"][1],
        ),
        dict(candidate.costs),
        neighbors,
        None if isinstance(kept, str) else kept,
        notes,
    )


def find_outcomes(
    deployed: pd.DataFrame,
    candidate: pd.DataFrame,
    kind: Kind,
    tables: Mapping[str, pa.Table],
    metric: str,
    n_examples: int,
) -> Outcomes:
    """Count the units that were won and lost, and choose those that differ most, with their text.

    Units are compared by a metric that single units have (`Kind.find_unit_metric`), where both were scored by it.
    """
    wanted = kind.find_unit_metric(metric)
    is_there = all((scores["metric"] == wanted).any() for scores in (deployed, candidate))
    used = wanted if is_there else metric
    found = join_units(deployed, candidate, used)
    scores = np.round(np.column_stack([found.candidate, found.deployed]), DECIMALS)
    lead = scores[:, 0] - scores[:, 1]
    shown = kind.describe_units(tables, found.units)
    counts = int((lead > 0).sum()), int((lead < 0).sum()), int((lead == 0).sum())
    if shown is None or not n_examples or not len(lead):
        return Outcomes(used, *counts, [], [])
    chosen = np.array(
        choose_differing_units(scores, found.units, np.ones(len(lead)), 2 * n_examples, len(lead)), dtype=np.int64
    )
    ordered = chosen[np.argsort(-np.abs(lead[chosen]), kind="stable")]
    examples = [
        [
            Example(
                _cut(shown.texts[row], LONGEST),
                _cut(shown.answers[row], LONGEST // 2),
                float(found.deployed[row]),
                float(found.candidate[row]),
            )
            for row in ordered
            if sign * lead[row] > 0
        ][:n_examples]
        for sign in (1, -1)
    ]
    return Outcomes(used, *counts, *examples)


def _cut(text: str, longest: int) -> str:
    kept, left_out = cut_text(text, longest)
    return f"{kept} …" if left_out else kept


def _count_texts(task: Any) -> int:
    if isinstance(task, RetrievalTask):
        return len(task.passages) + len(task.queries)
    texts: Sequence[str] | None = getattr(task, "texts", None) or getattr(task, "all_texts", None)
    return 0 if texts is None else len(texts)


def _encode(baseline: Baseline, candidate: Candidate, task: Any, seed: int) -> BothEncoded | str:
    if baseline.folder is None:
        return "a version of the leaderboard holds no encoder; name a bundle as the baseline"
    bundle = Bundle.read(baseline.folder)
    return encode_by_both(task, bundle, candidate.load(), seed=seed)


def _measure_neighbors(both: BothEncoded, task: Any, resampling: Resampling) -> list[KeptNeighbors]:
    """Measure neighbors of texts among texts and, where there are queries, of queries among passages."""
    known = np.flatnonzero(both.is_known)
    rng, among = resampling.create_rng(), "passages" if isinstance(task, RetrievalTask) else "texts"
    if len(known) < NEIGHBORS + 2:
        return []
    texts = both.texts.take(known)
    own = np.sort(rng.permutation(len(known))[:MOST_ASKED])
    pairs = [(among, own, own, [_take(each, known, known[own]) for each in (both.deployed, both.candidate)])]
    if isinstance(task, RetrievalTask):
        rows = np.sort(rng.permutation(len(both.asked))[:MOST_ASKED])
        taken = [Encoded(each.encoder, each.texts[known], each.asked[rows]) for each in (both.deployed, both.candidate)]
        pairs.append(("queries", rows, None, taken))  # type: ignore[arg-type]
    made = []
    for asked, rows, own_rows, (before, after) in pairs:
        of_asked = both.asked.take(rows) if own_rows is None else texts.take(rows)
        shares = measure_kept_neighbors(before, after, texts, of_asked, NEIGHBORS, own_rows)
        if len(shares) < 2:
            continue
        (interval,) = compute_mean_intervals(
            shares[:, None],
            n_resamples=resampling.resamples,
            rng=resampling.create_rng(),
            level=1 - resampling.level,
            bounds=(0.0, 1.0),
        )
        made.append(KeptNeighbors(asked, among, len(shares), len(texts), NEIGHBORS, interval))
    return made


def _take(encoded: Encoded, texts: np.ndarray, asked: np.ndarray) -> Encoded:
    return Encoded(encoded.encoder, encoded.texts[texts], encoded.texts[asked])


def _measure_kept_index(
    both: BothEncoded, task: Any, options: Any, metric: str, resampling: Resampling
) -> KeptIndexScores | str:
    if not isinstance(task, RetrievalTask) or not isinstance(options, RetrievalOptions):
        return "only a search has an index to keep"
    found = measure_kept_index(task, both.deployed, both.candidate, options, metric, seed=resampling.seed)
    if isinstance(found, str):
        return found
    return KeptIndexScores(
        found.metric,
        [_score_search(each, found, resampling) for each in found.mapped],
        [_score_search(each, found, resampling) for each in found.mixed],
    )


def _score_search(measured: Measured, found: KeptIndex, resampling: Resampling) -> Searched:
    gains: list[Gain] = []
    for alone in (found.deployed, found.candidate):
        n = len(found.queries)
        paired = CommonUnits(found.queries.tolist(), alone, measured.values, found.groups, n, n)
        gains.append(compute_gain(paired, found.metric, resampling))
    return Searched(measured.name, measured.n_pairs, measured.share, *gains)
