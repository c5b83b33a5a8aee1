"""The code of this package as a graph, and the part of it that parameters choose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emb_pipeline.embeddings import registry as methods
from emb_pipeline.provenance.code_fingerprint import Choice, CodeGraph, Target
from emb_pipeline.readers import registry as readers
from emb_pipeline.tasks import registry as kinds

_PACKAGE, _FOLDER = "emb_pipeline", Path(__file__).parents[1]
_FINGERPRINTED_BY_ENTRY = ("readers/public_data/sources.json",)
"""Packaged files of which a node reads the entries that its parameters name."""
_METHODS = Target(methods.__name__, "METHODS")
_KINDS = Target(kinds.__name__, "KINDS")
_READERS = Target(readers.__name__, "READERS")
_READERS_OF_KINDS = {
    name: Target(*f"{_PACKAGE}.tasks.{kind.readers}".split(":")) for name, kind in kinds.KINDS.items() if kind.readers
}
REGISTRIES: Mapping[Target, Mapping[str, Any]] = {
    _METHODS: methods.METHODS,
    _KINDS: kinds.KINDS,
    _READERS: readers.READERS,
    **{target: kinds.KINDS[name].load_readers() for name, target in _READERS_OF_KINDS.items()},
}
"""Every registry, by the name that it is defined under."""


def build_code_graph(folder: Path = _FOLDER, store: Path | None = None) -> CodeGraph:
    """Build the graph of this package's code, or of a copy of it.

    Parameters
    ----------
    folder : Path, optional
        The copy.
    store : Path, optional
        File that keeps summaries of modules between runs.
    """
    return CodeGraph(folder, _PACKAGE, REGISTRIES, apart=_FINGERPRINTED_BY_ENTRY, store=store)


def find_names(value: Any) -> dict[str, set[str]]:
    """Find the methods, kinds of task and readers that parameters name, by the keys that they are named with."""
    found: dict[str, set[str]] = {"method": set(), "kind": set(), "reader": set()}
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            for key, names in found.items():
                if isinstance(each.get(key), str):
                    names.add(each[key])
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)
    return found


def choose_entries(named: Mapping[str, set[str]]) -> Choice:
    """Choose the entries of the registries that these names mean; a registry of which nothing is named counts whole."""
    entries = {_METHODS: named["method"] & set(methods.METHODS), _KINDS: named["kind"] & set(kinds.KINDS)}
    entries = {target: names for target, names in entries.items() if names}
    return Choice({target: tuple(sorted(names)) for target, names in {**entries, **_choose_readers(named)}.items()})


def _choose_readers(named: Mapping[str, set[str]]) -> dict[Target, set[str]]:
    """Choose the entries of each registry of readers, and those that these read their files with.

    All entries count where no reader is named, or one of no registry: what that reads with is not known.
    """
    chosen = named["reader"]
    own = {target: chosen & set(REGISTRIES[target]) for kind, target in _READERS_OF_KINDS.items() if kind in named["kind"]}
    lines = [REGISTRIES[target][name] for target, names in own.items() for name in names]
    if not chosen or chosen - set(readers.READERS) - {line.name for line in lines}:
        return {}
    nothing: dict[Target, set[str]] = {target: set() for target in _READERS_OF_KINDS.values()}
    needed = {name for line in lines for name in line.reads}
    return {**nothing, **own, _READERS: chosen & set(readers.READERS) | needed}
