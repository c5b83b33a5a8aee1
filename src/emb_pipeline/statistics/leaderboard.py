"""The leaderboard and its comparisons, from stored item scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.comparisons.claims import list_tested_pairs, select_pair_tests
from emb_pipeline.statistics.comparisons.letters import LETTER_OF_BEST, assign_letters
from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS, list_pairs
from emb_pipeline.statistics.comparisons.pairs import compare_pairs, run_sign_flip_tests
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.intervals.bootstrap import (
    bootstrap_means,
    compute_percentile_interval,
    keep_in_range,
)
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference, find_range
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import Scores, TaskScores, make_table, read_task_scores
from emb_pipeline.statistics.system_scores import SystemScores

LEADERBOARD = {
    "use_case": "string",
    "task": "string",
    "kind": "string",
    "origin": "string",
    "method": "string",
    "dim": "Int32",
    "embedding": "string",
    "tuned": "bool",
    "seed": "int64",
    "metric": "string",
    "value": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n": "int64",
    "letters": "string",
    "primary": "bool",
    "train_seconds": "float64",
    "encode_seconds": "float64",
    "fit_seconds": "float64",
    "bytes_per_item": "float64",
    "mlflow_run_id": "string",
    "failed": "string",
    "dropped": "string",
    "tune_seconds": "float64",
    "known_tokens": "float64",
    "known_types": "float64",
    "cut_share": "float64",
    "max_length": "float64",
    "pool_depth": "float64",
    "pool_recall": "float64",
    "pool_ceiling": "float64",
    "usd_per_million_texts": "float64",
    "drift_distance": "float64",
}
OF_CELL = (
    *UNTIL_SCORED,
    "bytes_per_item",
    "mlflow_run_id",
    "tune_seconds",
    "known_tokens",
    "known_types",
    "cut_share",
    "max_length",
    "pool_depth",
    "pool_recall",
    "pool_ceiling",
    "usd_per_million_texts",
    "drift_distance",
)
COMPARISONS = {
    "task": "string",
    "metric": "string",
    "embedding_a": "string",
    "embedding_b": "string",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "detectable": "float64",
    "n": "int64",
}
EFFECTS = {
    "factor": "string",
    "task": "string",
    "metric": "string",
    "origin": "string",
    "method": "string",
    "dim": "Int32",
    "embedding_a": "string",
    "embedding_b": "string",
    "value_a": "float64",
    "value_b": "float64",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "p": "float64",
    "p_adjusted": "float64",
    "n": "int64",
}
CORPUS = "corpus"


def build_leaderboard(
    item_scores: Scores,
    cells: GridCells,
    metrics: MetricRules,
    resampling: Resampling | None = None,
    *,
    claims: pd.DataFrame | None = None,
    training_draws: pa.Table | None = None,
) -> pd.DataFrame:
    """Make one row per cell and metric: value, interval, letters, cost.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Item scores of all cells.
    cells : GridCells
        The cells that were evaluated, and those that failed.
    metrics : MetricRules
        The primary metric of each task, and where the lowest value is the best.
    resampling : Resampling, optional
        How intervals and tests are made.
    claims : DataFrame with the columns of CLAIMS, optional
        Tests of all pairs on each task's primary metric, together with all else that a report claims
        (`comparisons.claims`). Letters of other metrics hold for their own column, and there are none where
        the primary metric shows no difference.
    training_draws : Table, optional
        Of probes on resamples of the training labels (`read_task_scores`): intervals and tests then hold other labels, too.

    Returns
    -------
    DataFrame with the columns of LEADERBOARD
        Sorted by task, the primary metric first, then the best embedding first. A cell that failed has one row, the last
        of its task's primary metric: without a value, with the reason under ``failed``. So has one that was dropped, under
        ``dropped``.

    Raises
    ------
    ValueError
        Units that one embedding of a task has and another lacks, or an embedding that ``cells`` do not know.

    Notes
    -----
    Embeddings that differ by their seed alone have a row each, with the letters of their common mean; those that were
    trained on a resample of their corpus have rows without letters, and so have metrics that are estimates alone
    (`MetricRules`). No interval leaves its metric's range
    (`intervals.metric_ranges`).

    Of more embeddings than `MOST_IN_ALL_PAIRS` on a task, letters are one letter: the best one has it, and those that are
    not significantly different from it, by the primary metric alone. Groups of all of them would be more than anyone
    reads, and finding them takes a time that doubles with each embedding.
    """
    chosen = resampling or Resampling()
    known = {
        (row["task"], row["embedding"]): row
        for row in cells.evaluated.drop_duplicates(["task", "embedding"]).to_dict("records")
    }
    rows = []
    for scores in read_task_scores(item_scores, training_draws=training_draws):
        with_scores = _resample_values(scores, chosen)
        for metric, (values, resampled) in with_scores.items():
            is_primary = metric == metrics.primary.get(scores.task)
            lower_first = metrics.puts_lowest_first(metric)
            letters = {}
            if not metrics.estimates_alone(metric):
                letters = _assign_letters(scores, metric, chosen, claims, is_primary=is_primary, lower_first=lower_first)
            for column, (embedding, axes) in enumerate(zip(scores.embeddings, scores.cells, strict=True)):
                if (scores.task, embedding) not in known:
                    raise ValueError(f"{scores.task}: {embedding} has item scores but no row among the cells")
                cell = known[scores.task, embedding]
                interval = compute_percentile_interval(values[column], resampled[:, column], 1 - chosen.level)
                is_bare = metrics.estimates_alone(metric) and interval.low == interval.high  # nothing varies to resample
                rows.append(
                    {
                        "use_case": cells.use_case,
                        "task": scores.task,
                        "kind": cell["kind"],
                        **axes,
                        "embedding": embedding,
                        "metric": metric,
                        "value": interval.value,
                        "ci_low": None if is_bare else interval.low,
                        "ci_high": None if is_bare else interval.high,
                        "n": len(scores.groups),
                        "letters": letters.get(str(axes["family"])),
                        "primary": is_primary,
                        **{cost: cell.get(cost) for cost in OF_CELL},
                    }
                )
        rows += _build_rows_without_scores(
            [row for row in rows if row["task"] == scores.task], cells.evaluated, set(with_scores)
        )
    rows += _build_rows_without_value("failed", cells.failed, metrics.primary, cells.use_case)
    rows += _build_rows_without_value("dropped", cells.dropped, metrics.primary, cells.use_case)
    rows.sort(
        key=lambda row: (
            row["task"],
            not row["primary"],
            row["metric"],
            bool(pd.isna(row["value"])),
            row["value"] if metrics.puts_lowest_first(row["metric"]) else -row["value"],
            row["embedding"],
        )
    )
    return make_table(rows, LEADERBOARD)


def compare_embeddings(
    item_scores: Scores,
    metrics: Mapping[str, str] | None = None,
    resampling: Resampling | None = None,
    *,
    claims: pd.DataFrame | None = None,
    training_draws: pa.Table | None = None,
) -> pd.DataFrame:
    """Compare all pairs of embeddings of each task, of many those that `list_pairs` lists; see `compare_pairs`.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Item scores of all cells. Embeddings that differ by their seed alone are one here: the mean of their scores;
        those that were trained on a resample of their corpus are left out.
    metrics : mapping of str to str, optional
        The metric of each task to compare by; all metrics if left out.
    resampling : Resampling, optional
        How intervals and tests are made.
    claims, training_draws
        As for `build_leaderboard`; claims are of one metric a task.

    Returns
    -------
    DataFrame with the columns of COMPARISONS
        ``p_adjusted`` holds for all claims together, or without these for all pairs of a task and metric.
    """
    rows = [
        {"task": scores.task, "metric": metric, **row}
        for scores in read_task_scores(item_scores, training_draws=training_draws)
        for metric in _select_metrics(scores, metrics)
        for row in _compare_pairs_of_task(scores, metric, resampling or Resampling(), claims=claims)
    ]
    return make_table(rows, COMPARISONS)


def estimate_effects(
    item_scores: Scores,
    contrasts: Mapping[str, Sequence[tuple[str, str]]],
    metrics: Mapping[str, str] | None = None,
    resampling: Resampling | None = None,
    *,
    claims: pd.DataFrame | None = None,
    training_draws: pa.Table | None = None,
) -> pd.DataFrame:
    """Estimate what one factor changes: pairs of embeddings that differ in nothing else, on the same units.

    Parameters
    ----------
    item_scores, metrics, resampling, claims, training_draws
        As for `compare_embeddings`.
    contrasts : mapping of str to sequence of (str, str)
        Names of embeddings (a, b) by factor; a pair counts on the tasks that both were evaluated on.

    Returns
    -------
    DataFrame with the columns of EFFECTS
        Paired differences a - b with interval and p; ``p_adjusted`` holds for all claims together, or without these for all
        pairs of a factor, task and metric. ``origin``, ``method`` and ``dim`` are those of a.
    """
    rows = []
    for scores in read_task_scores(item_scores, training_draws=training_draws):
        names = list(scores.families)
        for factor, pairs in contrasts.items():
            places = [(names.index(a), names.index(b)) for a, b in pairs if a in names and b in names]
            for metric in _select_metrics(scores, metrics) if places else ():
                means = scores.average_families(metric).mean(axis=0)
                compared = _compare_pairs_of_task(scores, metric, resampling or Resampling(), places, claims)
                for (a, b), row in zip(places, compared, strict=True):
                    cell = scores.cells[scores.families[names[a]][0]]
                    rows.append(
                        {
                            "factor": factor,
                            "task": scores.task,
                            "metric": metric,
                            "origin": cell["origin"],
                            "method": cell["method"],
                            "dim": cell["dim"],
                            "value_a": means[a],
                            "value_b": means[b],
                            **row,
                        }
                    )
    return make_table(rows, EFFECTS)


def _build_rows_without_value(
    state: str, without: pd.DataFrame | None, primary_metrics: Mapping[str, str], use_case: str
) -> list[dict[str, object]]:
    """Make a row of the primary metric, without a value, for each cell that failed, or was dropped: with the reason."""
    axes = ("task", "kind", "origin", "method", "dim", "embedding", "tuned", "seed")
    return [
        {
            "use_case": use_case,
            **{axis: None if pd.isna(cell[axis]) else cell[axis] for axis in axes},
            "metric": primary_metrics[str(cell["task"])],
            "value": float("nan"),
            "n": 0,
            "primary": True,
            state: cell["reason"],
        }
        for cell in ([] if without is None else without.to_dict("records"))
    ]


def _build_rows_without_scores(
    rows: list[dict[str, object]], cells: pd.DataFrame, known: set[str]
) -> list[dict[str, object]]:
    """Make rows of a task's metrics that no unit has a score of, one for each of its cells."""
    if not {"metric", "value"} <= set(cells.columns):
        return []
    of_cell = {row["embedding"]: row for row in rows}
    nothing = {"ci_low": None, "ci_high": None, "letters": None, "primary": False}
    return [
        {**of_cell[cell["embedding"]], "metric": cell["metric"], "value": cell["value"], **nothing}
        for cell in cells.to_dict("records")
        if rows and cell["task"] == rows[0]["task"] and cell["metric"] not in known and cell["embedding"] in of_cell
    ]


def _compare_pairs_of_task(
    scores: TaskScores,
    metric: str,
    resampling: Resampling,
    pairs: list[tuple[int, int]] | None = None,
    claims: pd.DataFrame | None = None,
) -> list[dict[str, object]]:
    names = list(scores.families)
    chosen = _choose_pairs(scores, metric, claims) if pairs is None else pairs
    tests = None if claims is None else select_pair_tests(claims, scores.task, [(names[a], names[b]) for a, b in chosen])
    extra = scores.estimate_extra_variance(metric).combine(scores.family_weights)
    table = compare_pairs(
        SystemScores(scores.average_families(metric), names, scores.groups, extra),
        resampling,
        rng=resampling.create_rng(),
        pairs=chosen,
        largest=find_largest_difference(metric),
        tests=tests,
        are_all_tested=pairs is None and len(names) > MOST_IN_ALL_PAIRS,
    )
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def _choose_pairs(scores: TaskScores, metric: str, claims: pd.DataFrame | None) -> list[tuple[int, int]]:
    if claims is None:
        return list_pairs(scores.average_families(metric).mean(axis=0), scores.list_family_origins())
    place_of = {name: place for place, name in enumerate(scores.families)}
    return [(place_of[a], place_of[b]) for a, b in list_tested_pairs(claims, scores.task)]


def _select_metrics(scores: TaskScores, metrics: Mapping[str, str] | None) -> list[str]:
    if metrics is None:
        return list(scores.metrics)
    if scores.task not in metrics or metrics[scores.task] not in scores.metrics:
        raise ValueError(f"{scores.task}: metric {metrics.get(scores.task)!r} is not among {', '.join(scores.metrics)}")
    return [metrics[scores.task]]


def _assign_letters(
    scores: TaskScores,
    metric: str,
    resampling: Resampling,
    claims: pd.DataFrame | None,
    *,
    is_primary: bool,
    lower_first: bool,
) -> dict[str, str]:
    names, means = list(scores.families), scores.average_families(metric)
    values = means.mean(axis=0)
    merits = -values if lower_first else values
    if len(names) > MOST_IN_ALL_PAIRS:
        return _mark_best(scores, metric, resampling, claims, merits) if is_primary else {}
    pairs = list(combinations(names, 2))
    if claims is not None and is_primary:
        adjusted = select_pair_tests(claims, scores.task, pairs).p_adjusted
    else:
        extra = scores.estimate_extra_variance(metric).combine(scores.family_weights)
        _, adjusted = run_sign_flip_tests(
            means, n_permutations=resampling.permutations, rng=resampling.create_rng(), groups=scores.groups, extra=extra
        )
        if claims is not None:  # secondary: nothing is claimed where the primary metric shows nothing
            adjusted = np.maximum(adjusted, select_pair_tests(claims, scores.task, pairs).p_adjusted.min(initial=1.0))
    return dict(zip(names, assign_letters(names, merits, pairs, adjusted, resampling.level), strict=True))


def _mark_best(
    scores: TaskScores, metric: str, resampling: Resampling, claims: pd.DataFrame | None, merits: np.ndarray
) -> dict[str, str]:
    """Give the letter `LETTER_OF_BEST` to the best embedding, and to those that are not significantly different from it."""
    names, best = list(scores.families), int(merits.argmax())
    if claims is None:
        pairs = list_pairs(merits, scores.list_family_origins())
        _, adjusted = run_sign_flip_tests(
            scores.average_families(metric),
            n_permutations=resampling.permutations,
            rng=resampling.create_rng(),
            groups=scores.groups,
            pairs=pairs,
            extra=scores.estimate_extra_variance(metric).combine(scores.family_weights),
            are_all_tested=True,
        )
        of_best = {sum(pair) - best: p for pair, p in zip(pairs, adjusted, strict=True) if best in pair}
    else:
        others = [place for place in range(len(names)) if place != best]
        tests = select_pair_tests(claims, scores.task, [(names[best], names[each]) for each in others])
        of_best = dict(zip(others, tests.p_adjusted, strict=True))
    equal = [names[place] for place, p in of_best.items() if p > resampling.level]
    return dict.fromkeys([names[best], *equal], LETTER_OF_BEST)


def _resample_values(scores: TaskScores, resampling: Resampling) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    values, metrics = {name: matrix.mean(axis=0) for name, matrix in scores.metrics.items()}, list(scores.metrics)
    matrix = np.column_stack([scores.metrics[metric] for metric in metrics])
    resampled = bootstrap_means(matrix, n_resamples=resampling.resamples, rng=resampling.create_rng(), groups=scores.groups)
    by_metric = dict(zip(metrics, np.split(resampled, len(metrics), axis=1), strict=True))
    for metric in metrics:
        by_metric[metric] = by_metric[metric] + scores.estimate_extra_variance(metric).draw_deviations(
            resampling.resamples, resampling.create_rng()
        )
    for metric, of_metric in by_metric.items():
        if np.isfinite(find_range(metric)).all():
            number = scores.count_effective_units(metric)
            by_metric[metric] = keep_in_range(values[metric], of_metric, find_range(metric), n_groups=number)
    return {metric: (values[metric], by_metric[metric]) for metric in by_metric}
