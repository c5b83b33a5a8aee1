"""Item scores as matrices of units × embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.intervals.class_metrics import AVERAGED_OVER_CLASSES, OF_PREDICTIONS, count_units_by_class
from emb_pipeline.statistics.intervals.dyadic import estimate_dyadic_excess
from emb_pipeline.statistics.intervals.extra_variance import (
    ExtraVariance,
    average_columns,
    estimate_training_variance,
    fill_in,
)
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio, recover_numerators
from emb_pipeline.statistics.resampling import sum_groups

REQUIRED = ("origin", "method", "dim", "tuned", "seed", "task", "label_fraction", "unit_id", "group_id", "metric", "value")
Scores: TypeAlias = pd.DataFrame | pa.Table | Iterable[pa.Table]

CODES = ("label", "prediction")
"""Metrics that are no scores: the codes of the classes that a unit has, and is given."""
_OF_CELL = ("origin", "method", "dim", "tuned", "seed")


@dataclass(frozen=True, eq=False)
class TaskScores:
    """All embeddings of a task, scored on the same units.

    Attributes
    ----------
    task : str
        Its name.
    embeddings : list of str
        Names of the columns, in the order of the tables.
    cells : list of dict
        origin, method, dim, tuned, seed and family of each column.
    groups : ndarray of shape (n_units,)
        Number of the group that each unit is resampled with.
    metrics : dict of str to ndarray of shape (n_units, n_embeddings)
        Item scores by metric.
    labels, predictions : ndarray of shape (n_units,) and (n_units, n_embeddings), or None
        Class codes, for classification.
    training : dict of str to ExtraVariance
        By metric: what other training labels would change, where probes were fitted on resamples of them.
    denominators : dict of str to ndarray of shape (n_units, n_embeddings)
        Of ratios of sums: each unit's part in the denominator (`pseudo_values.recover_numerators` has the other).
    texts : ndarray of shape (n_units, 2), or None
        Numbers of the two texts of each unit, where units are pairs that share texts.
    units : list of str
        Name of each unit, in the order of the rows.
    """

    task: str
    embeddings: list[str]
    cells: list[dict[str, object]]
    groups: np.ndarray
    metrics: dict[str, np.ndarray]
    labels: np.ndarray | None
    predictions: np.ndarray | None
    training: dict[str, ExtraVariance] = field(default_factory=dict)
    denominators: dict[str, np.ndarray] = field(default_factory=dict)
    texts: np.ndarray | None = None
    units: list[str] = field(default_factory=list)

    def estimate_extra_variance(self, metric: str) -> ExtraVariance:
        """Variance of the embeddings' mean scores beyond that of the units."""
        of_labels = self.find_label_variance(metric)
        return of_labels if self.texts is None else of_labels + self._estimate_text_variance(metric)

    def find_label_variance(self, metric: str) -> ExtraVariance:
        """The part of it that is due to the labels that happened to be learnt from."""
        return self.training.get(metric) or ExtraVariance.create_zero(len(self.embeddings))

    def _estimate_text_variance(self, metric: str) -> ExtraVariance:
        if self.texts is None or metric not in self.metrics:
            return ExtraVariance.create_zero(len(self.embeddings))
        if metric not in self._cache:
            self._cache[metric] = estimate_dyadic_excess(self.metrics[metric], self.texts)
        return self._cache[metric]

    @cached_property
    def _cache(self) -> dict[str, ExtraVariance]:
        return {}

    def count_effective_units(self, metric: str) -> np.ndarray:
        """Effective number of units, or groups of units, that a metric is made of, for each embedding: (n_embeddings,)."""
        n_groups = int(self.groups.max()) + 1
        if metric in AVERAGED_OVER_CLASSES and self.labels is not None:
            return np.full(len(self.embeddings), min(count_units_by_class(self.labels), float(n_groups)))
        if metric not in self.denominators:
            return np.full(len(self.embeddings), float(n_groups))
        sums = sum_groups(self.denominators[metric], self.groups, n_groups)
        squares = np.maximum((sums**2).sum(axis=0), 1e-300)
        return np.asarray(np.maximum(sums.sum(axis=0) ** 2 / squares, 1.0))

    @cached_property
    def family_weights(self) -> np.ndarray:
        """Share of each embedding in each family's mean: shape (n_embeddings, n_families)."""
        return average_columns(list(self.families.values()), len(self.embeddings))

    @cached_property
    def families(self) -> dict[str, list[int]]:
        """Columns of the embeddings that differ by their seed alone, by their family: the name of the first of them.

        Those that were trained on a resample of their corpus are in none: they say how far another sample moves a score, and
        are nothing to choose.
        """
        found: dict[str, list[int]] = {}
        for column, cell in enumerate(self.cells):
            if cell["family"] is not None:
                found.setdefault(str(cell["family"]), []).append(column)
        return found

    def list_family_origins(self) -> list[str]:
        """List the origin of each family, in their order."""
        return [str(self.cells[columns[0]]["origin"]) for columns in self.families.values()]

    def average_families(self, metric: str) -> np.ndarray:
        """Item scores averaged over seeds: shape (n_units, n_families)."""
        return self._average(self.metrics[metric])

    def average_families_on(self, metric: str, is_in: np.ndarray) -> np.ndarray:
        """Scores of some units averaged over seeds, as `score_on` has them: shape (n_units, n_families)."""
        return self._average(self.score_on(metric, is_in))

    def score_on(self, metric: str, is_in: np.ndarray) -> np.ndarray:
        """Item scores of some units, whose means are the metric on these units: shape (n_units, n_embeddings).

        Ratios of sums (F1 of entities), and metrics of predicted classes, are computed again of these units alone. Metrics
        of ranked classes (AUROC) rank them among all units, and each class counts as it does in the whole. Other metrics
        that are no means of item scores are so to first order.
        """
        scores = self.metrics[metric]
        if metric in self.denominators:
            below = self.denominators[metric]
            parts = zip(recover_numerators(scores, below)[is_in].T, below[is_in].T, strict=True)
            return np.column_stack([compute_ratio(above, under) for above, under in parts])
        if self.labels is None or self.predictions is None or metric not in AVERAGED_OVER_CLASSES:
            return np.asarray(scores[is_in])
        labels = self.labels[is_in]
        if metric in OF_PREDICTIONS:
            return np.column_stack([OF_PREDICTIONS[metric](labels, predicted) for predicted in self.predictions[is_in].T])
        shares = [np.bincount(each, minlength=int(self.labels.max()) + 1) / len(each) for each in (self.labels, labels)]
        weights = np.divide(shares[0], shares[1], out=np.zeros_like(shares[0]), where=shares[1] > 0)[labels]
        means = scores.mean(axis=0)
        return np.asarray(means + (scores[is_in] - means) * weights[:, None])

    def _average(self, scores: np.ndarray) -> np.ndarray:
        return np.column_stack([scores[:, columns].mean(axis=1) for columns in self.families.values()])


def read_task_scores(
    item_scores: Scores, *, label_fraction: float = 1.0, training_draws: pa.Table | None = None
) -> Iterator[TaskScores]:
    """The tasks of item-score tables, one after the other.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Columns `REQUIRED`, and ``embedding`` where a name is not ``<origin>.<method>_<dim>``. ``family``: the embedding
        that a further seed repeats, or its own name; null where it is in none. Without it, each is a family of its own.
    label_fraction : float
        Scores of embeddings that learnt from this share of the labels; a task without any is left out.
    training_draws : Table of embedding, task, metric, unit_id, values, optional
        Scores by probes that learnt from resamples of all labels (`emb_pipeline.tasks.scores.TRAINING_DRAWS`).

    Raises
    ------
    ValueError
        A missing column; two scores of one unit; units that one embedding of a task has and another lacks; groups or
        labels that two embeddings disagree on.
    """
    tables = list_tables(item_scores)
    if not tables:
        raise ValueError("no table of item scores was given")
    by_task: dict[str, dict[str, _Cell]] = {}
    names = _Names()
    for table in tables:
        for cell in _read_cells(table, label_fraction, names):
            cells = by_task.setdefault(cell.task, {})
            if cell.embedding in cells:
                cells[cell.embedding].add(cell)
            else:
                cells[cell.embedding] = cell
    for task, cells in by_task.items():
        yield _align_cells(task, cells, names, training_draws)


def list_tables(item_scores: Scores) -> list[pa.Table]:
    """Item scores, however they are given, as Arrow tables."""
    if isinstance(item_scores, pd.DataFrame):
        item_scores = pa.Table.from_pandas(item_scores, preserve_index=False)
    return [item_scores] if isinstance(item_scores, pa.Table) else list(item_scores)


class _Names:
    """Numbers for the names of units and groups, the same in every table."""

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}

    def number_names(self, column: pa.ChunkedArray) -> np.ndarray:
        """The number of each name."""
        codes, words = _encode_column(column)
        numbers = [self._number_of.setdefault(word, len(self._number_of)) for word in words]
        made: np.ndarray = np.array(numbers, dtype=np.int64)[codes]
        return made

    def look_up(self, numbers: np.ndarray) -> list[str]:
        """The names again."""
        return [self._words[number] for number in numbers.tolist()]

    def rank_names(self, numbers: np.ndarray) -> np.ndarray:
        """Places of these names in the order of all."""
        ranks: np.ndarray = self._rank[numbers]
        return ranks

    @cached_property
    def _words(self) -> list[str]:
        return list(self._number_of)

    @cached_property
    def _rank(self) -> np.ndarray:
        rank = np.empty(len(self._words), dtype=np.int64)
        rank[sorted(range(len(rank)), key=self._words.__getitem__)] = np.arange(len(rank))
        return rank


@dataclass(eq=False)
class _Cell:
    task: str
    embedding: str
    fields: dict[str, object]
    metrics: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]  # units, groups, values, weights

    def add(self, other: _Cell) -> None:
        """Metrics of the same cell from another table."""
        for metric, scores in other.metrics.items():
            if metric in self.metrics:
                raise ValueError(f"{self.task}, {self.embedding}: {metric} is given twice; give cells names of their own")
            self.metrics[metric] = scores


def _read_cells(table: pa.Table, label_fraction: float, names_of_units: _Names) -> Iterator[_Cell]:
    missing = [column for column in REQUIRED if column not in table.column_names]
    if missing:
        raise ValueError(f"item scores lack the column(s) {', '.join(missing)}")
    table = table.filter(pc.equal(pc.fill_null(table["label_fraction"], 1.0), label_fraction))
    names = table["embedding"] if "embedding" in table.column_names else _build_names(table)
    keys = [_encode_column(column) for column in (table["task"], names, table["metric"])]
    units, groups = (names_of_units.number_names(table[column]) for column in ("unit_id", "group_id"))
    values = table["value"].to_numpy()
    weights = np.full(len(values), np.nan)
    if "weight" in table.column_names:
        weights = pc.cast(table["weight"], pa.float64()).to_numpy()
    cells: dict[tuple[str, str], _Cell] = {}
    combined = keys[0][0]
    for codes, words in keys[1:]:
        combined = combined * len(words) + codes
    n_cells = math.prod(len(words) for _, words in keys)
    order = np.argsort(combined.astype(np.min_scalar_type(n_cells)), kind="stable")  # by radix: 16 bits are enough
    of_cells = np.split(order, np.flatnonzero(np.diff(combined[order])) + 1) if len(order) else []
    # A look into a table of thousands of parts goes through all of them: one for all cells.
    known = [name for name in (*_OF_CELL, "family") if name in table.column_names]
    facts = table.select(known).take(pa.array([rows[0] for rows in of_cells], pa.int64())).to_pylist()
    for rows, fields in zip(of_cells, facts, strict=True):
        first = int(rows[0])
        task, embedding, metric = (words[codes[first]] for codes, words in keys)
        fields["dim"] = None if fields["dim"] is None else int(fields["dim"])
        fields.setdefault("family", embedding)
        cell = cells.setdefault((task, embedding), _Cell(task, embedding, fields, {}))
        cell.metrics[metric] = (units[rows], groups[rows], values[rows], weights[rows])
    yield from cells.values()


def _encode_column(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    encoded = pc.dictionary_encode(column)
    array = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return array.indices.to_numpy(zero_copy_only=False).astype(np.int64), array.dictionary.to_pylist()


def _build_names(table: pa.Table) -> pa.ChunkedArray:
    stem = pc.binary_join_element_wise(*(pc.cast(table[name], pa.string()) for name in ("origin", "method")), ".")
    with_dim = pc.binary_join_element_wise(stem, pc.cast(pc.cast(table["dim"], pa.int64()), pa.string()), "_")
    return pc.if_else(pc.is_null(table["dim"]), stem, with_dim)


def _align_cells(task: str, cells: Mapping[str, _Cell], names: _Names, training_draws: pa.Table | None = None) -> TaskScores:
    reference_name, reference = next(iter(cells.items()))
    units, groups = _sort_units(task, reference_name, next(iter(reference.metrics)), reference, names)
    columns: dict[str, list[np.ndarray]] = {metric: [] for metric in reference.metrics}
    below: dict[str, list[np.ndarray]] = {metric: [] for metric in reference.metrics}
    for name, cell in cells.items():
        if set(cell.metrics) != set(columns):
            differing = sorted(set(cell.metrics) ^ set(columns))
            raise ValueError(f"{task}: {name} and {reference_name} differ in their metrics ({', '.join(differing)})")
        for metric, (of_units, of_groups, values, weights) in cell.metrics.items():
            order = np.argsort(names.rank_names(of_units), kind="stable")
            _require_same_units(task, reference_name, units, name, of_units[order], names)
            if not np.array_equal(of_groups[order], groups):
                raise ValueError(f"{task}: {name} and {reference_name} disagree on the groups of units")
            if not np.isfinite(values).all():
                (first,) = names.look_up(of_units[~np.isfinite(values)][:1])
                raise ValueError(f"{task}, {name}: {metric} of unit {first} is not a number")
            columns[metric].append(values[order])
            below[metric].append(weights[order])
    scores = {metric: np.column_stack(values) for metric, values in columns.items() if metric not in CODES}
    labels = predictions = None
    if all(metric in columns for metric in CODES):
        of_cells, predictions = (np.column_stack(columns[metric]).astype(np.int64) for metric in CODES)
        labels = of_cells[:, 0]
        unlike = np.flatnonzero((of_cells != labels[:, None]).any(axis=0))
        if len(unlike):
            raise ValueError(f"{task}: {list(cells)[unlike[0]]} and {reference_name} disagree on the labels of units")
    codes = np.unique(names.rank_names(groups), return_inverse=True)[1]
    names_of_units = names.look_up(units)
    training = (
        {}
        if training_draws is None
        else _estimate_training_variances(training_draws, task, list(cells), names_of_units, codes)
    )
    fields = [cell.fields for cell in cells.values()]
    stacked = {metric: np.column_stack(below[metric]) for metric in scores}
    denominators = {metric: matrix for metric, matrix in stacked.items() if np.isfinite(matrix).all()}
    texts = _number_texts(names.look_up(groups))
    return TaskScores(
        task, list(cells), fields, codes, scores, labels, predictions, training, denominators, texts, names_of_units
    )


def _number_texts(groups: Sequence[str]) -> np.ndarray | None:
    """Numbers of the two texts of pairs whose groups name them, with a tab between; None where they do not."""
    sides = [group.split("\t") for group in groups]
    if not sides or any(len(parts) != 2 for parts in sides):
        return None
    numbers: np.ndarray = np.unique(sides, return_inverse=True)[1].reshape(-1, 2)
    return numbers


def _estimate_training_variances(
    draws: pa.Table, task: str, embeddings: Sequence[str], units: Sequence[str], groups: np.ndarray
) -> dict[str, ExtraVariance]:
    """Variance over training sets of each metric that has draws; embeddings without draws are given what is usual."""
    of_task = draws.filter(pc.equal(draws["task"], task))
    found = {}
    place_of = {unit: place for place, unit in enumerate(units)}
    for metric in pc.unique(of_task["metric"]).to_pylist():
        of_metric = of_task.filter(pc.equal(of_task["metric"], metric))
        drawn, of_names = {}, _split_by_embedding(of_metric)
        for name in embeddings:
            rows = of_names.get(name)
            if rows is None:
                continue
            places = [place_of.get(unit, -1) for unit in rows["unit_id"].to_pylist()]
            if sorted(places) != list(range(len(units))):
                raise ValueError(f"{task}, {name}: the draws of {metric} are not those of the units that were scored")
            values = rows["values"].combine_chunks()
            values = values.flatten().to_numpy(zero_copy_only=False).reshape(len(places), -1)
            drawn[name] = values[np.argsort(places)].T
        n_draws = min((len(each) for each in drawn.values()), default=0)
        if n_draws > 1:
            stacked = np.stack([each[:n_draws] for each in drawn.values()], axis=2)
            known = estimate_training_variance(stacked, groups, int(groups.max()) + 1)
            found[metric] = fill_in(known, [embeddings.index(name) for name in drawn], len(embeddings))
    return found


def _split_by_embedding(table: pa.Table) -> dict[str, pa.Table]:
    """Split a table by embedding, the order of its rows kept: one look through the table for all of them."""
    codes, names = _encode_column(table["embedding"])
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
    ordered = table.take(pa.array(order)).combine_chunks()
    return {name: ordered.slice(start, end - start) for name, start, end in zip(names, ends, ends[1:], strict=False)}


def _sort_units(task: str, name: str, metric: str, cell: _Cell, names: _Names) -> tuple[np.ndarray, np.ndarray]:
    units, groups, *_ = cell.metrics[metric]
    order = np.argsort(names.rank_names(units), kind="stable")
    units = units[order]
    repeated = np.flatnonzero(units[1:] == units[:-1])
    if len(repeated):
        (first,) = names.look_up(units[repeated[:1]])
        raise ValueError(f"{task}, {name}: unit {first} has two scores of {metric}")
    return units, groups[order]


def _require_same_units(
    task: str, reference_name: str, reference: np.ndarray, name: str, units: np.ndarray, names: _Names
) -> None:
    if np.array_equal(units, reference):
        return
    for lacking, there, having, all_units in (
        (name, units, reference_name, reference),
        (reference_name, reference, name, units),
    ):
        missing = sorted(names.look_up(np.setdiff1d(all_units, there)))
        if missing:
            shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            raise ValueError(f"{task}: {lacking} lacks {len(missing)} unit(s) that {having} has: {shown}")
    raise ValueError(f"{task}, {name}: a unit has two scores of one metric")


def make_table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a table with these columns and types."""
    return pd.DataFrame(list(rows), columns=list(columns)).astype(dict(columns))
