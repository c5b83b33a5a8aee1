"""Tables of how intrinsic measures of embeddings go with their scores on tasks, and of what they would have saved."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from emb_pipeline.statistics.closeness.grid_savings import estimate_savings, split_scores
from emb_pipeline.statistics.closeness.rank_association import estimate_rank_association
from emb_pipeline.statistics.comparisons.corrections import adjust_by_holm
from emb_pipeline.statistics.embedding_facts import CONTROL, list_candidates
from emb_pipeline.statistics.resampling import Resampling, draw_multinomial_counts, sum_groups
from emb_pipeline.statistics.score_tables import TaskScores, make_table

MEASURES = {
    **dict.fromkeys(("measure", "about", "embedding", "task"), "string"),
    "value": "float64",
    "direction": "int64",
    "uses_labels": "bool",
}
"""Columns of the values of measures. ``about``: the word set, the corpus text or the task that the measure is taken on.
``task``: the one task that the value is for; empty where it is for all. ``direction``: 1 where higher is taken for better
beforehand, else -1."""
ALL, NO_CONTROLS, OWN = "all", "without controls", "without controls and copies"
POPULATIONS = (ALL, NO_CONTROLS, OWN)
_KEYS = ("measure", "about")
CLOSENESS = {
    **dict.fromkeys((*_KEYS, "task", "metric", "population"), "string"),
    "uses_labels": "bool",
    "direction": "int64",
    **dict.fromkeys(("rho", "ci_low", "ci_high", "p", "p_adjusted"), "float64"),
    **dict.fromkeys(("n", "n_clusters"), "int64"),
}
"""Columns of a row for a measure, a task and a population. ``rho``: Spearman's, positive where a better value goes with a
better score. ``p_adjusted``: Holm's, over all measures and tasks of the population `OWN`; missing in the others."""
CLOSENESS_SAVINGS = {
    **dict.fromkeys((*_KEYS, "task", "metric"), "string"),
    "uses_labels": "bool",
    **dict.fromkeys(("k", "n"), "int64"),
    **dict.fromkeys(("loss", "loss_by_chance"), "float64"),
    "k_by_others": "bool",
    "measure_by_others": "bool",
}
"""Columns of a row for a measure, a task and k of the n embeddings that could be deployed and have the measure.
``k_by_others``: k is the smallest that loses no more than the margin on each other task. ``measure_by_others``: the measure
has the highest mean correlation on the other tasks."""
FEWEST_EMBEDDINGS = 5
"""Embeddings below which a measure is not held against a task."""


@dataclass(frozen=True, eq=False)
class ClosenessTask:
    """A task's scores, and what is needed besides them.

    Attributes
    ----------
    scores : TaskScores
        Item scores.
    metric : str
        Its primary metric.
    lower_is_better : bool
        Of the metric.
    margin : float
        What may be lost.
    used_units : set of str
        Units whose labels a measure has used: that measure is held against scores on the others.
    """

    scores: TaskScores
    metric: str
    lower_is_better: bool = False
    margin: float = 0.01
    used_units: Set[str] = field(default_factory=frozenset)


def build_closeness(
    tasks: Sequence[ClosenessTask], measures: pd.DataFrame, facts: pd.DataFrame, resampling: Resampling
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold measures of embeddings against their scores on tasks.

    Seeds of an embedding are averaged, in measures as in scores. Embeddings whose probe learns from permuted labels are left
    out: the embedding is another one's.

    Parameters
    ----------
    tasks : sequence of ClosenessTask
        The tasks.
    measures : DataFrame of `MEASURES`
        Values of embeddings.
    facts : DataFrame
        What each embedding is.
    resampling : Resampling
        Resamples, level and seed.

    Returns
    -------
    tuple of DataFrame
        Of `CLOSENESS` and `CLOSENESS_SAVINGS`.
    """
    known = facts[~facts["shuffled_labels"].astype(bool)].set_index("embedding", drop=False)
    clusters = find_clusters(facts)
    candidates = list_candidates(facts)
    values = _average_families(measures, known)
    rows: list[dict[str, object]] = []
    savings: list[dict[str, object]] = []
    for task in tasks:
        for matched in _match(task, values, known, resampling):
            keys = {**matched.keys, "task": task.scores.task, "metric": task.metric, "uses_labels": matched.uses_labels}
            of_facts = known.loc[matched.names]
            inside = {
                ALL: np.ones(len(of_facts), dtype=bool),
                NO_CONTROLS: (of_facts["origin"] != CONTROL).to_numpy(),
                OWN: ((of_facts["origin"] != CONTROL) & of_facts["derivation"].isna()).to_numpy(),
            }
            of_clusters = np.array([clusters[name] for name in matched.names])
            for population, chosen in inside.items():
                if chosen.sum() < FEWEST_EMBEDDINGS:
                    continue
                found = estimate_rank_association(
                    matched.better[chosen],
                    matched.means[chosen],
                    of_clusters[chosen],
                    matched.resampled[:, chosen],
                    level=resampling.level,
                )
                if np.isfinite(found.rho):
                    of_row = {"rho": found.rho, "ci_low": found.low, "ci_high": found.high, "p": found.p}
                    counts = {"n": found.n, "n_clusters": found.n_clusters, "direction": matched.direction}
                    rows.append({**keys, **of_row, **counts, "population": population})
            savings += _list_savings(matched, candidates, keys, resampling)
    closeness = _adjust(make_table(rows, CLOSENESS))
    margins = {task.scores.task: task.margin for task in tasks}
    return closeness, _choose_on_other_tasks(make_table(savings, CLOSENESS_SAVINGS), closeness, margins)


def find_clusters(facts: pd.DataFrame) -> dict[str, str]:
    """Find the cluster of each embedding: a method on a corpus in all sizes and seeds, with all that is made from it.

    One that is made from several others is in the cluster of the first of them.
    """
    rows = {row["embedding"]: row for row in facts.to_dict("records")}
    found = {}
    for name in rows:
        root, seen = name, {name}
        while True:
            row = rows[root]
            before = row["family"] if row["family"] not in (None, root) else row["base"]
            if pd.isna(before) or before not in rows or before in seen:
                break
            root = before
            seen.add(root)
        curve = rows[root]["curve"]
        found[str(name)] = str(root if pd.isna(curve) else curve)
    return found


@dataclass(frozen=True, eq=False)
class _Matched:
    """One measure against one task: of the embeddings that have both."""

    keys: dict[str, object]
    uses_labels: bool
    direction: int
    names: list[str]
    better: np.ndarray
    means: np.ndarray
    resampled: np.ndarray
    scores: np.ndarray
    groups: np.ndarray


def _average_families(measures: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Average the values of an embedding's seeds; embeddings that the facts leave out have none."""
    rows = measures[measures["embedding"].isin(known.index) & measures["value"].notna()]
    families = known["family"].reindex(rows["embedding"]).to_numpy()
    keys = [*_KEYS, "task", "uses_labels", "direction", "embedding"]
    return rows.assign(embedding=families).groupby(keys, sort=False)["value"].mean().reset_index()


def _match(task: ClosenessTask, values: pd.DataFrame, known: pd.DataFrame, resampling: Resampling) -> Iterator[_Matched]:
    """Yield each measure with the scores of the embeddings that have it."""
    found = task.scores
    sign = -1.0 if task.lower_is_better else 1.0
    families = {name: place for place, name in enumerate(found.families) if name in known.index}
    scores = sign * found.average_families(task.metric)
    extra = found.estimate_extra_variance(task.metric).combine(found.family_weights)
    unused = np.array([unit not in task.used_units for unit in found.units])
    parts: dict[bool, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    of_task = values[(values["task"] == "") | (values["task"] == found.task)]
    for _, rows in of_task.groupby([*_KEYS, "uses_labels", "direction"], sort=False):
        first = rows.iloc[0].to_dict()
        uses_labels, direction = bool(first["uses_labels"]), int(first["direction"])
        rows = rows[rows["embedding"].isin(families)]
        if len(rows) < FEWEST_EMBEDDINGS or (uses_labels and unused.sum() < 2):
            continue
        if uses_labels not in parts:
            kept = unused if uses_labels else np.ones(len(scores), dtype=bool)
            rng = resampling.create_rng()
            resampled = _resample_means(scores[kept], found.groups[kept], resampling.resamples, rng)
            resampled += extra.draw_deviations(len(resampled), rng)
            parts[uses_labels] = scores[kept], found.groups[kept], resampled
        of_units, groups, resampled = parts[uses_labels]
        places = [families[name] for name in rows["embedding"]]
        yield _Matched(
            {name: first[name] for name in _KEYS},
            uses_labels,
            direction,
            rows["embedding"].tolist(),
            direction * rows["value"].to_numpy(),
            of_units[:, places].mean(axis=0),
            resampled[:, places],
            of_units[:, places],
            groups,
        )


MOST_RESAMPLES = 500
"""Resamples of the units that a variance is taken over."""


def _resample_means(scores: np.ndarray, groups: np.ndarray, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Mean scores on resamples of the groups of units: shape (n, n_embeddings)."""
    codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    sums, sizes = sum_groups(scores, codes, n_groups), np.bincount(codes).astype(np.float64)
    drawn = draw_multinomial_counts(n_groups, min(n_resamples, MOST_RESAMPLES), rng)
    return np.concatenate([counts @ sums / (counts @ sizes)[:, None] for counts in drawn])


def _list_savings(
    matched: _Matched, candidates: Collection[str], keys: Mapping[str, object], resampling: Resampling
) -> list[dict[str, object]]:
    chosen = np.array([name in candidates for name in matched.names])
    names = [name for name in matched.names if name in candidates]
    if len(names) < FEWEST_EMBEDDINGS or np.ptp(matched.better[chosen]) == 0:
        return []
    # The order of equal values must not be that of the grid.
    order = np.lexsort(([zlib.crc32(name.encode()) for name in names], -matched.better[chosen]))
    halves = list(split_scores(matched.scores[:, chosen], matched.groups, resampling.create_rng()))
    found = estimate_savings(order, halves)
    losses = zip(found.loss.tolist(), found.loss_by_chance.tolist(), strict=True)
    return [
        {**keys, "k": k, "n": len(names), "loss": loss, "loss_by_chance": chance, **_NOT_CHOSEN}
        for k, (loss, chance) in enumerate(losses, 1)
    ]


_NOT_CHOSEN = {"k_by_others": False, "measure_by_others": False}


def _adjust(closeness: pd.DataFrame) -> pd.DataFrame:
    tested = (closeness["population"] == OWN) & closeness["p"].notna()
    adjusted = np.full(len(closeness), np.nan)
    adjusted[tested.to_numpy()] = adjust_by_holm(closeness.loc[tested, "p"].to_numpy())
    return closeness.assign(p_adjusted=adjusted)


def _choose_on_other_tasks(savings: pd.DataFrame, closeness: pd.DataFrame, margins: Mapping[str, float]) -> pd.DataFrame:
    """Mark for each task the k, and the measure, that its other tasks would have chosen."""
    if savings.empty:
        return savings
    of_own = closeness[closeness["population"] == OWN]
    enough = {
        key: int(rows.loc[rows["loss"] <= margins[str(key[2])], "k"].min())
        for key, rows in savings.groupby([*_KEYS, "task"], sort=False)
    }
    by_k, by_measure = np.zeros(len(savings), dtype=bool), np.zeros(len(savings), dtype=bool)
    for task in savings["task"].unique():
        here = (savings["task"] == task).to_numpy()
        means = of_own[of_own["task"] != task].groupby(list(_KEYS))["rho"].mean().sort_values(ascending=False, kind="stable")
        own = set(zip(savings.loc[here, "measure"], savings.loc[here, "about"], strict=True))
        best = next((key for key in means.index if key in own), None)
        for key in own:
            others = [k for (measure, about, other), k in enough.items() if (measure, about) == key and other != task]
            rows = here & (savings["measure"] == key[0]).to_numpy() & (savings["about"] == key[1]).to_numpy()
            if others:
                k = min(max(others), int(savings.loc[rows, "n"].iloc[0]))
                by_k |= rows & (savings["k"] == k).to_numpy()
            if key == best:
                by_measure |= rows
    return savings.assign(k_by_others=by_k, measure_by_others=by_measure)
