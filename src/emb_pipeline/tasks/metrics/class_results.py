"""Predictions of each test item, and what they say about each class: precision, recall, F1, and confusions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.metrics.label_doubts import find_confident_classes

_NAME = pa.dictionary(pa.int32(), pa.string())
PREDICTED = pa.schema(
    [
        ("unit_id", pa.string()),
        ("begin", pa.int32()),
        ("end", pa.int32()),
        ("label", _NAME),
        ("predicted", _NAME),
        ("probability", pa.float32()),
        ("probability_of_label", pa.float32()),
        ("likely", _NAME),
        ("probability_of_likely", pa.float32()),
    ]
)
"""One row per test text; per entity that is marked or found, with its sentence, and tokens ``begin`` to ``end - 1`` of it;
or per label that a text has or is given, where it may have several.

``label`` is null for an entity or a label that is none, ``predicted`` for one that is not found. ``probability`` is of the
prediction.
``likely``: the class that the text confidently belongs to, whatever its label (`find_confident_classes`); null without one.
"""
CLASS_RESULTS = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "embedding", "class")),
        *((name, pa.float64()) for name in ("precision", "recall", "f1")),
        *((name, pa.int64()) for name in ("n", "n_predicted")),
        *((name, pa.float64()) for name in ("recall_low", "recall_high", "confidence")),
    ]
)
"""``recall_low``, ``recall_high``: Wilson's interval of 95 %, as if no items depended on each other. ``confidence``: mean
probability of the class where it is predicted, which is the precision of a calibrated probe."""
CONFUSIONS = pa.schema([*((name, pa.string()) for name in ("task", "embedding", "label", "predicted")), ("n", pa.int64())])
"""How often a class is predicted for another one; null: no entity."""


def build_class_predictions(unit_ids: np.ndarray, classes: Sequence[str], label: np.ndarray, logs: np.ndarray) -> pa.Table:
    """Build predictions of texts, from the log probabilities of their classes.

    Parameters
    ----------
    unit_ids : ndarray of shape (n_texts,)
        Names of the texts.
    classes : sequence of str
        Their names.
    label : ndarray of shape (n_texts,)
        Codes of the true classes.
    logs : ndarray of shape (n_texts, n_classes)
        Logarithms of the probabilities.
    """
    best, rows, probabilities = logs.argmax(axis=1), np.arange(len(label)), np.exp(logs)
    likely = find_confident_classes(label, probabilities)
    return _build_table(
        unit_ids.tolist(),
        [None] * len(label),
        [None] * len(label),
        _name_codes(label, classes),
        _name_codes(best, classes),
        probabilities[rows, best],
        probabilities[rows, label],
        _name_codes(likely, classes),
        np.where(likely < 0, np.nan, probabilities[rows, likely]),
    )


def build_label_predictions(
    unit_ids: np.ndarray, labels: Sequence[str], targets: np.ndarray, predicted: np.ndarray
) -> pa.Table:
    """Build predictions of texts with any number of labels.

    Parameters
    ----------
    unit_ids : ndarray of shape (n_texts,)
        Names of the texts.
    labels : sequence of str
        Their names.
    targets, predicted : ndarray of shape (n_texts, n_labels), bool
        Labels that each text has, and those that it is given.
    """
    rows, codes = np.nonzero(targets | predicted)
    nothing = np.full(len(rows), np.nan)
    return _build_table(
        unit_ids[rows].tolist(),
        [None] * len(rows),
        [None] * len(rows),
        _name_codes(np.where(targets[rows, codes], codes, -1), labels),
        _name_codes(np.where(predicted[rows, codes], codes, -1), labels),
        nothing,
        nothing,
        _name_codes(np.full(len(rows), -1), labels),
        nothing,
    )


def build_entity_predictions(
    unit_ids: Sequence[str], types: Sequence[str], spans: Sequence[tuple[int, int, int, int | None, int | None]]
) -> pa.Table:
    """Build predictions of entities.

    Parameters
    ----------
    unit_ids : sequence of str
        Names of the sentences.
    types : sequence of str
        Names of the types.
    spans : sequence of (sentence, begin, end, label, predicted)
        Tokens ``begin`` to ``end - 1`` of a sentence, and codes of the types; None where it is no entity or not found.
    """
    nothing = np.full(len(spans), np.nan)
    columns = list(zip(*spans, strict=True)) or [()] * 5
    label, predicted = ([-1 if code is None else code for code in column] for column in columns[3:])
    return _build_table(
        [unit_ids[sentence] for sentence in columns[0]],
        list(columns[1]),
        list(columns[2]),
        _name_codes(np.array(label, dtype=np.int64), types),
        _name_codes(np.array(predicted, dtype=np.int64), types),
        nothing,
        nothing,
        _name_codes(np.full(len(spans), -1), types),
        nothing,
    )


def compute_class_results(predicted: pa.Table, task: str, embedding: str) -> pa.Table:
    """Compute precision, recall and F1 of each class that is labeled or predicted; null where nothing is counted.

    Of texts, recall is the share of a class's texts that are put into it, precision the share of those put into it that
    belong there. Of entities, both ends must be right, too.
    """
    labels, found = predicted["label"].to_pylist(), predicted["predicted"].to_pylist()
    n, n_predicted = Counter(labels), Counter(found)
    hits = Counter(label for label, each in zip(labels, found, strict=True) if label == each)
    sums: dict[str | None, float] = dict.fromkeys(found, 0.0)
    for name, probability in zip(found, predicted["probability"].to_pylist(), strict=True):
        sums[name] += math.nan if probability is None else probability
    rows = [
        {
            "task": task,
            "embedding": embedding,
            "class": name,
            "precision": hits[name] / n_predicted[name] if n_predicted[name] else None,
            "recall": hits[name] / n[name] if n[name] else None,
            "f1": 2 * hits[name] / (n[name] + n_predicted[name]),
            "n": n[name],
            "n_predicted": n_predicted[name],
            **dict(zip(("recall_low", "recall_high"), compute_wilson(hits[name], n[name]), strict=True)),
            "confidence": _keep_number(sums[name] / n_predicted[name]) if n_predicted[name] else None,
        }
        for name in sorted({*n, *n_predicted} - {None})
    ]
    return pa.Table.from_pylist(rows, schema=CLASS_RESULTS)


def compute_wilson(hits: int, n: int) -> tuple[float | None, float | None]:
    """Compute Wilson's score interval of 95 % for a share; nothing where nothing is counted [Wilson 1927, JASA 22(158)]."""
    if not n:
        return None, None
    share, square = hits / n, 1.959964**2
    center = (share + square / (2 * n)) / (1 + square / n)
    half = math.sqrt(square / n * (share * (1 - share) + square / (4 * n))) / (1 + square / n)
    return max(center - half, 0.0), min(center + half, 1.0)


def _keep_number(value: float) -> float | None:
    return None if math.isnan(value) else value


def count_confusions(predicted: pa.Table, task: str, embedding: str) -> pa.Table:
    """Count how often each class is predicted for each other one, and for itself."""
    pairs = Counter(zip(predicted["label"].to_pylist(), predicted["predicted"].to_pylist(), strict=True))
    rows = [
        {"task": task, "embedding": embedding, "label": label, "predicted": found, "n": count}
        for (label, found), count in sorted(pairs.items(), key=lambda pair: (-pair[1], str(pair[0])))
    ]
    return pa.Table.from_pylist(rows, schema=CONFUSIONS)


def _name_codes(codes: np.ndarray, names: Sequence[str]) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(names), pa.string()))


def _build_table(*columns: object) -> pa.Table:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type, from_pandas=True)
        for column, field in zip(columns, PREDICTED, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=PREDICTED)
