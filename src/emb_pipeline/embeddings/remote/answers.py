"""Vectors and scores out of an endpoint's JSON, checked: count, order, dimension, finite values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emb_pipeline.errors import DataError

_NOT_TO_BE_TRUSTED = "report it to the service: its vectors cannot be trusted"


def read_vectors(content: Any, n_texts: int, dim: int | None, place: str) -> np.ndarray:
    """Read the vectors of an answer, in the order of the request: shape (n_texts, dim), float32.

    Parameters
    ----------
    content : any
        The JSON: ``{"data": [{"index": 0, "embedding": [...]}, ...]}``; numbers, or base64 of little-endian float32.
    n_texts : int
        Texts of the request.
    dim : int, optional
        Dimensions that the vectors must have.
    place : str
        The endpoint, for messages.

    Raises
    ------
    DataError
        Another number of vectors, an order that is none, other dimensions, or values that are not finite.
    """
    items = _find_items(content, ("data",), place)
    if len(items) != n_texts:
        raise DataError(
            place, f"gave {len(items)} vectors for {n_texts} texts", "set 'batch_texts: 1', or report it to the service"
        )
    rows = _read_order(items, place, n_texts)
    found: list[np.ndarray] = [np.empty(0)] * n_texts
    for row, item in zip(rows, items, strict=True):
        found[row] = _read_vector(item, place)
    lengths = {len(vector) for vector in found}
    if len(lengths) > 1 or (dim is not None and lengths - {dim}):
        given = ", ".join(map(str, sorted(lengths)))
        wanted = "one length" if dim is None else f"{dim}"
        raise DataError(
            place,
            f"gave vectors of {given} dimensions, not of {wanted}",
            "set 'dimensions' to what the model gives (and 'dimensions_field' to the service's name for it), or, where the "
            "model has changed, another 'as_of'",
        )
    vectors = np.stack(found)
    if not np.isfinite(vectors).all():
        raise DataError(place, "gave values that are not finite (NaN or infinite)", _NOT_TO_BE_TRUSTED)
    return vectors


def read_scores(content: Any, n_passages: int, place: str) -> np.ndarray:
    """Read the scores of an answer, in the order of the passages: shape (n_passages,), float64.

    Parameters
    ----------
    content : any
        The JSON: items with ``index`` and ``relevance_score`` (or ``score``) under ``results`` or ``data``, or a bare list.
    n_passages : int
        Passages of the request.
    place : str
        The endpoint, for messages.

    Raises
    ------
    DataError
        Not one finite score for each passage.
    """
    items = _find_items(content, ("results", "data"), place)
    if len(items) != n_passages:
        raise DataError(
            place, f"gave {len(items)} scores for {n_passages} passages", "correct 'dialect', or report it to the service"
        )
    scores = np.empty(n_passages)
    for row, item in zip(_read_order(items, place, n_passages), items, strict=True):
        score = item.get("relevance_score", item.get("score"))
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise DataError(
                place, f"gave a score that is no number: {score!r}", "correct 'dialect', or report it to the service"
            )
        scores[row] = score
    if not np.isfinite(scores).all():
        raise DataError(place, "gave scores that are not finite (NaN or infinite)", "report it to the service")
    return scores


def _find_items(content: Any, names: Sequence[str], place: str) -> list[Mapping[str, Any]]:
    items = content
    if isinstance(content, Mapping):
        items = next((content[name] for name in names if name in content), None)
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise DataError(
            place,
            f"gave an answer without a list of {names[0]!r}",
            "see that 'base_url' is that of an OpenAI-compatible service, often with /v1 at its end",
        )
    return items


def _read_order(items: Sequence[Mapping[str, Any]], place: str, n_rows: int) -> list[int]:
    """Read the row that each item belongs to. One without an index belongs where it is: Gemini leaves out the first."""
    rows = [item["index"] if item.get("index") is not None else number for number, item in enumerate(items)]
    if sorted(map(str, rows)) != sorted(map(str, range(n_rows))):
        raise DataError(
            place,
            f"gave an order that is none: index {str(rows[:8])[1:-1]} …",
            "set 'batch_texts: 1', or report it to the service",
        )
    return [int(row) for row in rows]


def _read_vector(item: Mapping[str, Any], place: str) -> np.ndarray:
    value = item.get("embedding")
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        if isinstance(value, list) and value:
            return np.array(value, dtype=np.float64).astype(np.float32).reshape(len(value))
    except (ValueError, TypeError, binascii.Error) as error:
        raise DataError(place, f"gave a vector that cannot be read ({error})", _NOT_TO_BE_TRUSTED) from error
    raise DataError(place, f"gave {type(value).__name__} where a vector should be", _NOT_TO_BE_TRUSTED)
