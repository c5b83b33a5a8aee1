"""All that a report says of differences, tested together: no false claim on the whole page in 95 of 100 reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.listed_pairs import find_highest, list_pairs
from emb_pipeline.statistics.comparisons.step_down import Tested, Tests, run_step_down_tests
from emb_pipeline.statistics.effects.contrasts import CONTRAST_KEYS, describe_contrast, list_contrasts, weigh_contrasts
from emb_pipeline.statistics.effects.designs import Design
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.intervals.pseudo_values import recover_numerators
from emb_pipeline.statistics.intervals.seeds import estimate_seed_variance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table

CLAIMS = {
    "family": "string",
    "task": "string",
    "metric": "string",
    "n_labels": "int64",
    "embedding_a": "string",
    "embedding_b": "string",
    "design": "string",
    "factor": "string",
    "level_a": "string",
    "level_b": "string",
    "within": "string",
    "instead_of": "string",
    "difference": "float64",
    "error": "float64",
    "label_share": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "critical": "float64",
    "n": "int64",
}
PAIR, FACTOR, CURVE, ZERO_SHOT, ACROSS = "pair", "factor", "curve", "zero-shot", "across tasks"
ALL_LABELS = 0
"""``n_labels`` of what learnt from all labels."""
_TEXTS = [name for name, kind in CLAIMS.items() if kind == "string"]


def check_claims(
    tasks: Sequence[TaskScores],
    metrics: Mapping[str, str],
    designs: Mapping[str, Sequence[Design]],
    resampling: Resampling,
    curves: Mapping[str, Sequence[CurvePoint]] | None = None,
    zero_shot: Mapping[str, ZeroShotPoint] | None = None,
    listed: Iterable[tuple[str, str]] = (),
) -> pd.DataFrame:
    """Test all pairs of embeddings, all factors, all points of learning curves, and the averages over tasks.

    Each point of a curve is tested against the same embedding without labels, too, where that was scored.

    Of a task with more embeddings than `listed_pairs.MOST_IN_ALL_PAIRS` not every pair has a row (`list_pairs`). All pairs
    are tested still: the adjustment of those that are listed is for all of them. The points of its learning curve are
    compared among as many embeddings, those that are highest with all labels.

    One family: whichever of these hypotheses are true, and however far the others are from it, the probability that any true
    one is rejected is at most the level (`run_step_down_tests`).

    Parameters
    ----------
    tasks : sequence of TaskScores
        Of one report.
    metrics : mapping of str to str
        The primary metric of each task.
    designs : mapping of str to sequence of Design
        The crossings of each task's grid; tasks without any may be left out.
    resampling : Resampling
        Flips, level and seed.
    curves : mapping of str to sequence of CurvePoint, optional
        Scores with fewer labels.
    zero_shot : mapping of str to ZeroShotPoint, optional
        Scores without labels.
    listed : iterable of (str, str)
        Pairs of embeddings that have a row in any case.

    Returns
    -------
    DataFrame with the columns of CLAIMS
        One row per hypothesis. ``label_share``: part of the variance of a pair's difference (``error`` squared) that is due
        to the labels that happened to be learnt from. ``critical``: what a statistic has to exceed among those that were
        not rejected.
    """
    points, without, listed = curves or {}, zero_shot or {}, list(listed)
    trainings: dict[str, int] = {}
    for task in tasks:
        for design in designs.get(task.task, ()):
            for place in design.places:
                trainings.setdefault(task.embeddings[place], len(trainings))
    seeds = estimate_seed_variance(
        tasks, metrics, {name for task in tasks for name in _list_trained_families(task, designs)}
    )
    sets, rows = [], []
    for task in tasks:
        tested, of_task = _build_task_claims(
            task,
            metrics[task.task],
            designs.get(task.task, ()),
            points.get(task.task, ()),
            without.get(task.task),
            trainings,
            listed,
        )
        sets.append(tested)
        rows.append(of_task)
    averages, averaged = _select_common_rows(rows)
    found = run_step_down_tests(
        sets,
        averages,
        seeds=seeds,
        n_permutations=resampling.permutations,
        rng=resampling.create_rng(),
        level=resampling.level,
    )
    whole = [*(row for of_task in rows for row in of_task), *averaged]
    table = make_table(
        [{**dict.fromkeys(_TEXTS, ""), "n_labels": ALL_LABELS, "label_share": 0.0, **row} for row in whole], CLAIMS
    )
    results = ("difference", "error", "p", "p_adjusted")
    shares = np.divide(table["label_share"], np.square(found.error), out=np.zeros(len(table)), where=found.error > 0)
    return table.assign(critical=found.critical, label_share=shares, **{name: getattr(found, name) for name in results})


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """Scores of a task's embeddings that learnt from a part of the labels.

    Attributes
    ----------
    n_labels : int
        Labels.
    embeddings : list of str
        Names of the columns, seeds averaged.
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores, means over draws of the labels, in the unit order of the task.
    extra : ExtraVariance
        Of the columns' means, from the draws.
    """

    n_labels: int
    embeddings: list[str]
    scores: np.ndarray
    extra: ExtraVariance


@dataclass(frozen=True, eq=False)
class ZeroShotPoint:
    """Scores of a task's embeddings without labels.

    Attributes
    ----------
    embeddings : list of str
        Names of the columns, seeds averaged.
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores, in the unit order of the task.
    """

    embeddings: list[str]
    scores: np.ndarray


def select_zero_shot_tests(claims: pd.DataFrame, task: str, embeddings: Sequence[str], n_labels: int = ALL_LABELS) -> Tests:
    """The tests of embeddings with so many labels against the same ones without, in this order."""
    rows = claims[(claims["family"] == ZERO_SHOT) & (claims["task"] == task) & (claims["n_labels"] == n_labels)]
    chosen = rows.set_index("embedding_a", drop=False).loc[list(embeddings)]
    return _combine_tests(chosen, np.ones(len(chosen)), claims)


def select_pair_tests(
    claims: pd.DataFrame, task: str, pairs: Iterable[tuple[str, str]], n_labels: int = ALL_LABELS
) -> Tests:
    """The tests of pairs of embeddings of a task, in this order, whichever comes first."""
    rows = claims[(claims["family"] == (CURVE if n_labels else PAIR)) & (claims["task"] == task)]
    rows = rows[rows["n_labels"] == n_labels]
    signs = {}
    for number, (a, b) in enumerate(zip(rows["embedding_a"], rows["embedding_b"], strict=True)):
        signs[a, b], signs[b, a] = (number, 1), (number, -1)
    wanted = [signs[pair] for pair in pairs]
    chosen = rows.iloc[[number for number, _ in wanted]]
    return _combine_tests(chosen, np.array([sign for _, sign in wanted], dtype=np.float64), claims)


def list_tested_pairs(claims: pd.DataFrame, task: str) -> list[tuple[str, str]]:
    """List the pairs of embeddings of a task that have a row, in the order of the rows."""
    rows = claims[(claims["family"] == PAIR) & (claims["task"] == task)]
    return list(zip(rows["embedding_a"], rows["embedding_b"], strict=True))


def list_tested_on_curve(claims: pd.DataFrame, task: str) -> list[str]:
    """List the embeddings that are compared with fewer labels than all."""
    rows = claims[(claims["family"] == CURVE) & (claims["task"] == task)]
    return list(dict.fromkeys([*rows["embedding_a"], *rows["embedding_b"]]))


def select_contrast_tests(claims: pd.DataFrame, task: str) -> Tests:
    """The tests of the contrasts of a task's factors, in the order of `factorial.factor_effects`."""
    rows = claims[(claims["family"] == FACTOR) & (claims["task"] == task)]
    return _combine_tests(rows, np.ones(len(rows)), claims)


def _combine_tests(rows: pd.DataFrame, signs: np.ndarray, claims: pd.DataFrame) -> Tests:
    difference, error, p, adjusted = (
        rows[name].to_numpy(dtype=np.float64) for name in ("difference", "error", "p", "p_adjusted")
    )
    critical = float(claims["critical"].iloc[0]) if len(claims) else float("nan")
    return Tests(signs * difference, error, p, adjusted, critical)


def add_average_tests(across: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Averages over tasks (`across_tasks.effects_across_tasks`) with the p-values of these claims."""
    known = claims[claims["family"] == ACROSS][[*CONTRAST_KEYS, "p", "p_adjusted"]]
    bare = across.drop(columns=["p", "p_adjusted"])
    merged = bare.merge(known, on=list(CONTRAST_KEYS), how="left", validate="one_to_one")
    return merged[list(across.columns)]


def _list_trained_families(task: TaskScores, designs: Mapping[str, Sequence[Design]]) -> Collection[str]:
    """Families that a task's designs hold."""
    places = {int(place) for design in designs.get(task.task, ()) for place in design.places}
    return {name for name, columns in task.families.items() if places & set(columns)}


def _build_task_claims(
    task: TaskScores,
    metric: str,
    designs: Sequence[Design],
    points: Sequence[CurvePoint],
    without: ZeroShotPoint | None,
    trainings: Mapping[str, int],
    listed: Sequence[tuple[str, str]],
) -> tuple[Tested, list[dict[str, object]]]:
    place = {"task": task.task, "metric": metric, "n": len(task.groups)}
    names, scores = list(task.families), task.metrics[metric]
    weights = weigh_contrasts(designs, len(task.embeddings))
    plus, minus = np.clip(weights, 0, None), np.clip(-weights, 0, None)
    made = np.hstack([task.family_weights, plus, minus])
    blocks, n_columns = [np.asarray(scores @ made)], made.shape[1]
    below = task.denominators.get(metric)
    if below is not None:
        blocks[0][:, : len(names)] = recover_numerators(scores, below) @ task.family_weights
    values = task.average_families(metric).mean(axis=0)
    place_of = {name: number for number, name in enumerate(names)}
    further = [(place_of[a], place_of[b]) for a, b in listed if a in place_of and b in place_of]
    pairs = list_pairs(values, task.list_family_origins(), further)
    n_among = len(names) if 2 * len(pairs) < len(names) * (len(names) - 1) else 0
    labels = task.find_label_variance(metric).combine(task.family_weights).covariance
    rows: list[dict[str, object]] = [
        {
            **place,
            "family": PAIR,
            "embedding_a": names[a],
            "embedding_b": names[b],
            "label_share": labels[a, a] + labels[b, b] - 2 * labels[a, b],
        }
        for a, b in pairs
    ]
    n_contrasts = weights.shape[1]
    pairs += [(len(names) + row, len(names) + n_contrasts + row) for row in range(n_contrasts)]
    rows += [{**place, "family": FACTOR, **keys} for keys in map(describe_contrast, list_contrasts(designs))]
    of_points = []
    columns_of = {ALL_LABELS: {name: number for number, name in enumerate(names)}}
    for point in points:
        columns_of[point.n_labels] = {name: n_columns + number for number, name in enumerate(point.embeddings)}
        highest = find_highest(np.array([values[place_of[name]] for name in point.embeddings]))
        couples = list(combinations(highest, 2))
        pairs += [(n_columns + a, n_columns + b) for a, b in couples]
        rows += [
            {
                **place,
                "family": CURVE,
                "n_labels": point.n_labels,
                "embedding_a": point.embeddings[a],
                "embedding_b": point.embeddings[b],
            }
            for a, b in couples
        ]
        of_points.append((point.extra, n_columns))
        blocks.append(point.scores)
        n_columns += len(point.embeddings)
    if without is not None:
        tested = [
            (columns[name], n_columns + number, n_labels, name)
            for n_labels, columns in columns_of.items()
            for number, name in enumerate(without.embeddings)
            if name in columns
        ]
        pairs += [(a, b) for a, b, _, _ in tested]
        rows += [
            {**place, "family": ZERO_SHOT, "n_labels": n_labels, "embedding_a": name, "embedding_b": name}
            for _, _, n_labels, name in tested
        ]
        blocks.append(without.scores)
        n_columns += len(without.embeddings)
    extra = [(task.estimate_extra_variance(metric), _place_weights(made, 0, n_columns))]
    extra += [(each, _place_weights(np.eye(len(each.covariance)), start, n_columns)) for each, start in of_points]
    seed_weights = np.zeros((len(trainings), len(pairs)))
    first = len(pairs) - sum(1 for row in rows if row["family"] != PAIR)
    for row, name in enumerate(task.embeddings):
        if name in trainings and n_contrasts:
            seed_weights[trainings[name], first : first + n_contrasts] = weights[row]
    pair_columns = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    has_seeds = seed_weights if len(trainings) else None
    denominators = None
    if below is not None:
        denominators = np.zeros((len(scores), n_columns))
        denominators[:, : len(names)] = below @ task.family_weights
    return Tested(np.hstack(blocks), pair_columns, task.groups, extra, has_seeds, denominators, n_among), rows


def _place_weights(weights: np.ndarray, start: int, n_columns: int) -> np.ndarray:
    whole = np.zeros((len(weights), n_columns))
    whole[:, start : start + weights.shape[1]] = weights
    return whole


def _select_common_rows(
    rows: Sequence[Sequence[Mapping[str, object]]],
) -> tuple[list[list[tuple[int, int]]], list[dict[str, object]]]:
    """Main effects and interactions that several tasks have: where they are, and what identifies them."""
    found: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for number, of_task in enumerate(rows):
        for place, row in enumerate(of_task):
            is_main = row["family"] == FACTOR and not row["within"] and row["factor"] != "embedding"
            if is_main or row.get("instead_of"):
                found.setdefault(tuple(row[key] for key in CONTRAST_KEYS), []).append((number, place))
    several = {key: members for key, members in found.items() if len(members) > 1}
    described = [{"family": ACROSS, "n": 0, **dict(zip(CONTRAST_KEYS, key, strict=True))} for key in several]
    return list(several.values()), described
