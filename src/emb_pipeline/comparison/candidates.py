"""The embeddings of a comparison, by their names or as objects that encode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emb_pipeline.embeddings.contextual.packaged import MINILM
from emb_pipeline.embeddings.own.function import FunctionEncoder
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.model import EmbeddingSpec

_PACKAGED: Mapping[str, Mapping[str, str]] = {"minilm": MINILM}
"""Models that an installed package carries, by a short name."""


@dataclass(frozen=True, eq=False)
class ComparedEmbedding:
    """One embedding of a comparison.

    Attributes
    ----------
    spec : EmbeddingSpec
        What it is.
    encoder : object, optional
        What encodes, where the caller gave it.
    """

    spec: EmbeddingSpec
    encoder: FunctionEncoder | None = None


def read_candidates(embeddings: Sequence[Any] | Mapping[str, Any], kind: str, *, seed: int) -> list[ComparedEmbedding]:
    """Read the embeddings that a caller names, or gives.

    Parameters
    ----------
    embeddings : sequence, or mapping of str to any
        Each a name (``"tfidf"``, ``"lsa_100"``, ``"word2vec_100"``, ``"minilm"``), a model's folder or name on the hub
        (``"org/name@revision"``), a mapping of ``method`` and ``options`` as in YAML, or an object: a function from a list
        of texts to an array, or something with a method ``encode`` that is one. A mapping gives names of their own.
    kind : str
        Kind of the task.
    seed : int
        Of what is drawn.

    Raises
    ------
    DataError
        A name that is not known, a method that the kind of task cannot use, or two embeddings of one name.
    """
    named = embeddings.items() if isinstance(embeddings, Mapping) else [(None, each) for each in embeddings]
    found = [_read(name, each, seed) for name, each in named]
    names = [each.spec.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise DataError("embeddings", f"two are called {name}", "give them names: {'mine': …, 'other': …}")
    for each in found:
        if not each.spec.supports(kind):
            raise DataError(each.spec.name, f"it has nothing that a task of the kind {kind} can use", "leave it out")
    return found


def _read(name: str | None, given: Any, seed: int) -> ComparedEmbedding:
    if isinstance(given, Mapping):
        return ComparedEmbedding(_specify(name, str(given.get("method")), dict(given.get("options") or {}), seed=seed))
    if isinstance(given, str):
        return ComparedEmbedding(_read_name(name, given, seed))
    function: Callable[[list[str]], Any] | None = getattr(given, "encode", None) or (given if callable(given) else None)
    if function is None:
        raise DataError(
            "embeddings", f"{given!r} does not encode", "give a name, a function, or an object with encode(texts)"
        )
    called = name or getattr(given, "__name__", type(given).__name__).strip("<>")
    spec = _specify(called, "function", {"function": getattr(function, "__name__", "encode").strip("<>")}, seed=seed)
    return ComparedEmbedding(spec, FunctionEncoder(function, called))


def _read_name(name: str | None, given: str, seed: int) -> EmbeddingSpec:
    if given in _PACKAGED:
        return _specify(name or given, "sentence_transformer", dict(_PACKAGED[given]), seed=seed)
    method, _, dim = given.rpartition("_")
    if given in METHODS and METHODS[given].bases is None:
        return _specify(name or given, given, {}, seed=seed)
    if method in METHODS and dim.isdecimal():
        return _specify(name or given, method, {}, seed=seed, dim=int(dim))
    if Path(given).is_dir():
        return _specify(name or Path(given).name, "sentence_transformer", {"path": given}, seed=seed)
    if "/" in given:
        model, _, revision = given.partition("@")
        options = {"hub": model, **({"revision": revision} if revision else {})}
        return _specify(name or model.rpartition("/")[2], "sentence_transformer", options, seed=seed)
    raise DataError("embeddings", f"{given!r} is not known", suggest(given, [*_PACKAGED, *METHODS]))


def _specify(name: str | None, method: str, options: dict[str, Any], *, seed: int, dim: int | None = None) -> EmbeddingSpec:
    if method not in METHODS:
        raise DataError("embeddings", f"unknown method {method!r}", suggest(method, METHODS))
    source = METHODS[method].source
    origin = {"corpus": "domain", "task": "task", "control": "control"}.get(source, "pretrained")
    key = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name or method)
    dim = options.pop("dim", dim)
    return EmbeddingSpec.model_validate(
        {"origin": origin, "key": key, "method": method, "dim": dim, "seed": seed, "options": options}
    )
