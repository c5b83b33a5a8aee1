"""The leaderboard and its comparisons, from stored item scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from emb_pipeline.statistics.comparisons import COMPARISONS, paired_comparisons
from emb_pipeline.statistics.intervals import bootstrap_macro_f1, bootstrap_means, macro_f1, percentile_interval
from emb_pipeline.statistics.letters import letters_of_comparisons
from emb_pipeline.statistics.score_tables import LOWER_IS_BETTER, TaskScores, task_scores, without_seed

LEADERBOARD = pa.schema([
    ("use_case", pa.string()), ("task", pa.string()), ("kind", pa.string()), ("origin", pa.string()),
    ("method", pa.string()), ("dim", pa.int32()), ("embedding", pa.string()), ("tuned", pa.bool_()), ("seed", pa.int64()),
    ("metric", pa.string()), ("value", pa.float64()), ("ci_low", pa.float64()), ("ci_high", pa.float64()), ("n", pa.int64()),
    ("letters", pa.string()), ("primary", pa.bool_()), ("train_seconds", pa.float64()), ("encode_seconds", pa.float64()),
    ("fit_seconds", pa.float64()), ("bytes_per_item", pa.float64()), ("mlflow_run_id", pa.string()),
])
COSTS = pa.schema([
    ("task", pa.string()), ("embedding", pa.string()), ("train_seconds", pa.float64()), ("encode_seconds", pa.float64()),
    ("fit_seconds", pa.float64()), ("bytes_per_item", pa.float64()), ("mlflow_run_id", pa.string()),
])
"""One row per cell; columns other than task and embedding may be missing or null."""

TASK_COMPARISONS = pa.schema([("task", pa.string()), ("metric", pa.string()), *COMPARISONS])
SEED_VARIANCE = pa.schema([
    ("task", pa.string()), ("metric", pa.string()), ("embedding", pa.string()), ("n_seeds", pa.int64()),
    ("mean", pa.float64()), ("standard_deviation", pa.float64()), ("lowest", pa.float64()), ("highest", pa.float64()),
])
ORIGIN_EFFECTS = pa.schema([
    ("task", pa.string()), ("metric", pa.string()), ("method", pa.string()), ("dim", pa.int32()), ("domain", pa.float64()),
    ("generic", pa.float64()), ("difference", pa.float64()), ("ci_low", pa.float64()), ("ci_high", pa.float64()),
    ("p", pa.float64()), ("p_adjusted", pa.float64()), ("n", pa.int64()),
])
Scores = pa.Table | Iterable[pa.Table]


def leaderboard(item_scores: Scores, *, use_case: str, kinds: Mapping[str, str], primary_metrics: Mapping[str, str],
                costs: pa.Table | None = None, compared: pa.Table | None = None, n_resamples: int = 2000,
                n_permutations: int = 4999, level: float = 0.05, seed: int = 0) -> pa.Table:
    """One row per cell and metric: value, interval, letters, cost.

    Parameters
    ----------
    item_scores : Table or iterable of Table
        Item scores of all cells.
    use_case : str
        Written on each row.
    kinds : mapping of str to str
        Kind of each task.
    primary_metrics : mapping of str to str
        Primary metric of each kind.
    costs : Table of schema COSTS, optional
        Costs of cells.
    compared : Table, optional
        What `comparisons` gave for these scores, to save making it again.
    n_resamples, n_permutations : int
        Bootstrap resamples; sign flips.
    level : float
        Pairs with an adjusted p of at most this get different letters; intervals cover ``1 - level``.
    seed : int
        Of the resamples.

    Returns
    -------
    Table of schema LEADERBOARD
        Sorted by task, the primary metric first, then the best embedding first.

    Raises
    ------
    ValueError
        Units that one embedding of a task has and another lacks, or a task without a kind.

    Notes
    -----
    Embeddings that differ by their seed alone have a row each, with the letters of their common mean. ``macro_f1``
    is no mean of item scores, so it has intervals, but neither tests nor letters.
    """
    tasks = list(task_scores(item_scores))
    if compared is None:
        compared = _comparisons(tasks, n_resamples=n_resamples, n_permutations=n_permutations, level=level, seed=seed)
    letters = _letters(tasks, compared, level)
    cost_of = {(row["task"], row["embedding"]): row for row in costs.to_pylist()} if costs is not None else {}
    rows = []
    for scores in tasks:
        if scores.task not in kinds:
            raise ValueError(f"task {scores.task!r} has no kind; known tasks: {', '.join(kinds)}")
        kind = kinds[scores.task]
        for metric, (values, resampled) in _resampled_values(scores, n_resamples, seed).items():
            for column, (embedding, cell) in enumerate(zip(scores.embeddings, scores.cells, strict=True)):
                interval = percentile_interval(values[column], resampled[:, column], 1 - level)
                cost = cost_of.get((scores.task, embedding), {})
                rows.append({
                    "use_case": use_case, "task": scores.task, "kind": kind, **cell, "embedding": embedding,
                    "metric": metric, "value": interval.value, "ci_low": interval.low, "ci_high": interval.high,
                    "n": len(scores.groups), "letters": letters.get((scores.task, metric, without_seed(embedding))),
                    "primary": metric == primary_metrics[kind],
                    **{field: cost.get(field) for field in COSTS.names if field not in ("task", "embedding")},
                })
    rows.sort(key=lambda row: (row["task"], not row["primary"], row["metric"], -_merit(row["metric"], row["value"]),
                               row["embedding"]))
    return pa.Table.from_pylist(rows, schema=LEADERBOARD)


def comparisons(item_scores: Scores, *, n_resamples: int = 2000, n_permutations: int = 4999, level: float = 0.05,
                seed: int = 0) -> pa.Table:
    """All pairs of embeddings on each task and metric; see `paired_comparisons`.

    Embeddings that differ by their seed alone are one embedding here: the mean of their item scores.

    Returns
    -------
    Table of schema TASK_COMPARISONS
        ``p_adjusted`` holds for all pairs of a task and metric together.
    """
    return _comparisons(list(task_scores(item_scores)), n_resamples=n_resamples, n_permutations=n_permutations,
                        level=level, seed=seed)


def domain_against_generic(item_scores: Scores, *, n_resamples: int = 2000, n_permutations: int = 4999, level: float = 0.05,
                           seed: int = 0) -> pa.Table:
    """What domain text brings: the same method and dimension trained on the domain and on the generic corpus.

    Returns
    -------
    Table of schema ORIGIN_EFFECTS
        Paired differences domain - generic with interval and p; ``p_adjusted`` holds for all methods and dimensions of
        a task and metric together. Seeds are averaged.
    """
    rows = []
    for scores in task_scores(item_scores):
        names = list(scores.families)
        pairs = [(names.index(f"domain.{key}"), names.index(f"generic.{key}")) for origin, _, key in
                 (name.partition(".") for name in names) if origin == "domain" and f"generic.{key}" in names]
        if not pairs:
            continue
        first_columns = [columns[0] for columns in scores.families.values()]
        for metric in scores.metrics:
            means = scores.family_means(metric)
            table = paired_comparisons(means, names, n_resamples=n_resamples, n_permutations=n_permutations,
                                       rng=np.random.default_rng(seed), groups=scores.groups, level=1 - level, pairs=pairs)
            for (domain, generic), row in zip(pairs, table.to_pylist(), strict=True):
                cell = scores.cells[first_columns[domain]]
                rows.append({"task": scores.task, "metric": metric, "method": cell["method"], "dim": cell["dim"],
                             "domain": float(means[:, domain].mean()), "generic": float(means[:, generic].mean()),
                             **{name: row[name] for name in ("difference", "ci_low", "ci_high", "p", "p_adjusted", "n")}})
    return pa.Table.from_pylist(rows, schema=ORIGIN_EFFECTS)


def seed_variance(item_scores: Scores) -> pa.Table:
    """How much luck in training is worth: the spread of a metric over training seeds, on the same units.

    It is the other kind of uncertainty: intervals say what other test units would do, this what another seed would do.

    Returns
    -------
    Table of schema SEED_VARIANCE
        One row per embedding with at least two seeds; the deviation is the sample's (``n - 1``).
    """
    rows = []
    for scores in task_scores(item_scores):
        for metric, values in _values(scores).items():
            for name, columns in scores.families.items():
                if len(columns) > 1:
                    of_seeds = values[columns]
                    rows.append({"task": scores.task, "metric": metric, "embedding": name, "n_seeds": len(columns),
                                 "mean": of_seeds.mean(), "standard_deviation": of_seeds.std(ddof=1),
                                 "lowest": of_seeds.min(), "highest": of_seeds.max()})
    return pa.Table.from_pylist(rows, schema=SEED_VARIANCE)


def _comparisons(tasks: list[TaskScores], *, n_resamples: int, n_permutations: int, level: float, seed: int) -> pa.Table:
    tables = [TASK_COMPARISONS.empty_table()]
    for scores in tasks:
        for metric in scores.metrics:
            table = paired_comparisons(scores.family_means(metric), list(scores.families), n_resamples=n_resamples,
                                       n_permutations=n_permutations, rng=np.random.default_rng(seed), groups=scores.groups,
                                       level=1 - level)
            stamps = [pa.repeat(pa.scalar(text), table.num_rows) for text in (scores.task, metric)]
            tables.append(pa.table([*stamps, *table.columns], schema=TASK_COMPARISONS))
    return pa.concat_tables(tables)


def _letters(tasks: list[TaskScores], compared: pa.Table, level: float) -> dict[tuple[str, str, str], str]:
    letters: dict[tuple[str, str, str], str] = {}
    rows: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in compared.select(["task", "metric", "embedding_a", "embedding_b", "p_adjusted"]).to_pylist():
        rows.setdefault((row["task"], row["metric"]), []).append(row)
    for scores in tasks:
        for metric in scores.metrics:
            names, of_metric = list(scores.families), rows.get((scores.task, metric), [])
            merits = _merit(metric, scores.family_means(metric).mean(axis=0))
            pairs = [(str(row["embedding_a"]), str(row["embedding_b"])) for row in of_metric]
            adjusted = np.array([row["p_adjusted"] for row in of_metric], dtype=np.float64)
            for name, own in zip(names, letters_of_comparisons(names, merits, pairs, adjusted, level), strict=True):
                letters[scores.task, metric, name] = own
    return letters


def _values(scores: TaskScores) -> dict[str, np.ndarray]:
    values = {metric: matrix.mean(axis=0) for metric, matrix in scores.metrics.items()}
    if scores.labels is not None and scores.predictions is not None:
        values["macro_f1"] = np.array([macro_f1(scores.labels, system) for system in scores.predictions.T])
    return values


def _resampled_values(scores: TaskScores, n_resamples: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    values, metrics = _values(scores), list(scores.metrics)
    matrix = np.column_stack([scores.metrics[metric] for metric in metrics])
    resampled = bootstrap_means(matrix, n_resamples=n_resamples, rng=np.random.default_rng(seed), groups=scores.groups)
    by_metric = dict(zip(metrics, np.split(resampled, len(metrics), axis=1), strict=True))
    if scores.labels is not None and scores.predictions is not None:
        by_metric["macro_f1"] = bootstrap_macro_f1(scores.labels, scores.predictions, n_resamples=n_resamples,
                                                   rng=np.random.default_rng(seed), groups=scores.groups)
    return {metric: (values[metric], by_metric[metric]) for metric in by_metric}


def _merit(metric: str, value: np.ndarray | float) -> np.ndarray | float:
    return -value if metric in LOWER_IS_BETTER else value
