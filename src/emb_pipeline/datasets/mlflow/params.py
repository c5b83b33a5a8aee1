"""Hyper-parameters and data of a record, as MLflow filters and compares them."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name, flatten_mapping
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.redaction import redact

_LONGEST_PARAM, _LONGEST_DIGEST = 6000, 36
_FROM_CORPUS = "corpus"
"""Source of a method that learns from a corpus (`Method.source`); its origin is the name of the corpus."""


def list_params(record: Mapping[str, Any]) -> dict[str, str]:
    """List the hyper-parameters of a record by flat names, each as text: ``method``, ``dim``, ``window``, ``probe.folds``.

    One name has one meaning in all runs. A method's option has its own name. Where two methods use a name for different
    kinds of values, the one that the registry has first keeps it, the other one's is ``<method>.<option>``. Options of
    fine-tuning begin with ``tuning.``, those of a task's evaluation with ``probe.``.
    """
    axes = dict(record.get("params", {}))
    method = str(axes.get("method", ""))
    options = _read_options(record)
    is_tuning = "task" not in record and axes.get("tuned") is True
    given: dict[str, Any] = {}
    if method in METHODS and METHODS[method].source == _FROM_CORPUS:
        given["corpus"] = axes.get("origin")
    for name, value in options.items():
        given[f"tuning.{name}" if is_tuning else name_option(method, name)] = value
    given["probe"] = record.get("probe") or {}
    flat = {**dict(flatten_mapping(given)), **axes}
    named = {clean_mlflow_name(name): redact(_write(value)) for name, value in flat.items() if value is not None}
    return {name: _cut(value) for name, value in named.items()}


def name_option(method: str, option: str) -> str:
    """Name a method's option among those of all methods."""
    return f"{method}.{option}" if option in _list_misfits().get(method, frozenset()) else option


def list_inputs(record: Mapping[str, Any], use_case: str) -> list[dict[str, Any]]:
    """List the data that a record is about, each with name, digest, source and sizes: a task's examples, or a corpus.

    Parameters
    ----------
    record : mapping
        Of an evaluation (its ``inputs``) or a training (its ``provenance``).
    use_case : str
        Names the folder of a corpus.
    """
    provenance = record.get("tags", {}).get("provenance") or {}
    digest = provenance.get("corpus_fingerprint") if isinstance(provenance, Mapping) else None
    found = [{**each, "digest": cut_digest(each["digest"])} for each in record.get("inputs", ())]
    if digest:
        corpus = record["params"]["origin"]
        found.append(
            {
                "name": f"{corpus} corpus",
                "digest": cut_digest(digest),
                "source": f"data/03_primary/{use_case}/corpora/{corpus}/tokens",
                "profile": {"tokens": provenance.get("corpus_tokens")},
                "columns": [],
                "context": "training",
            }
        )
    return found


def cut_digest(digest: str) -> str:
    """Cut a fingerprint to the length that MLflow takes."""
    return digest[:_LONGEST_DIGEST]


def _read_options(record: Mapping[str, Any]) -> dict[str, Any]:
    written = record.get("tags", {}).get("options")
    return dict(json.loads(written)) if isinstance(written, str) and written.startswith("{") else {}


def _write(value: Any) -> str:
    return json.dumps(value) if isinstance(value, list | tuple) else str(value)


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST_PARAM else f"{value[: _LONGEST_PARAM - 3]}..."


@cache
def _list_misfits() -> dict[str, frozenset[str]]:
    """List the options of each method whose name an earlier one uses for another kind of values."""
    first: dict[str, frozenset[Any]] = {}
    misfits = {}
    for name, method in METHODS.items():
        kinds = {option: frozenset(_list_kinds(field.annotation)) for option, field in method.options.model_fields.items()}
        misfits[name] = frozenset(
            option for option, values in kinds.items() if not first.setdefault(option, values) & values and values
        )
    return misfits


def _list_kinds(annotation: Any) -> Iterator[Any]:
    """Yield the kinds of values that an option takes: its literals, numbers, or the type."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        yield from inner
    elif get_origin(annotation) is Annotated:
        yield from _list_kinds(inner[0])
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list, dict):
        for each in inner:
            yield from _list_kinds(each)
    elif annotation in (int, float):
        yield float
    elif annotation not in (type(None), Ellipsis):
        yield annotation
