"""A guess at the time of a node that no earlier run tells, from the sizes of files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.pipeline.node import Node

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.hooks.display.plan import find_cell
from emb_pipeline.scaffold.estimate import TYPICAL, Rates, TaskSize, estimate_cell, estimate_training
from emb_pipeline.tasks.registry import KINDS

_BYTES_PER_WORD, _WORDS_PER_ITEM = 6.5, 40.0
_UNKNOWN_BYTES = 2_000_000
"""Of a source whose files are not there yet."""
_OF_CORPUS = ("documents", "sentences")
_OTHER_SECONDS, _TUNING_SECONDS_PER_ITEM = 0.5, 1.5e-3


class Guess:
    """Seconds of nodes by their method and the sizes of what they read.

    Parameters
    ----------
    parameters : mapping
        Of the use case.
    project : Path
        Folder that paths of sources are relative to.
    rates : Rates
        Of this machine, or of a typical one.

    Attributes
    ----------
    sizes : dict of str to TaskSize
        Of each task.
    words : dict of str to float
        Of each corpus.
    """

    def __init__(self, parameters: Mapping[str, Any], project: Path, rates: Rates = TYPICAL) -> None:
        self._rates = rates
        self._most_words = _list_limits(parameters)
        sample = (parameters.get("fast") or {}).get("sample") if parameters.get("pace") == "fast" else None
        self._kinds = {name: str(task["kind"]) for name, task in parameters["tasks"].items()}
        self.sizes = {name: _size_task(task["source"], project, sample) for name, task in parameters["tasks"].items()}
        self.words = {
            name: sum(_count_bytes(source, project) for source in corpus["sources"]) / _BYTES_PER_WORD
            for name, corpus in parameters["corpora"].items()
        }

    def __call__(self, node: Node) -> float:
        """Guess the seconds of a node."""
        method = next((tag for tag in node.tags if tag in METHODS), None)
        cell = find_cell(node)
        if method is None:
            return _OTHER_SECONDS + self._guess_reading(node)
        if cell is not None and self._kinds.get(cell[1]) in KINDS:
            return estimate_cell(method, self._kinds[cell[1]], self.sizes[cell[1]], self._rates, cell[0])
        corpora = (name.removeprefix("tokens@") for name in node.inputs if name.startswith("tokens@"))
        embedding = node.outputs[0].rpartition(".")[0]
        words = min(sum(self.words.get(name, 0.0) for name in corpora), self._most_words.get(embedding, math.inf))
        training = estimate_training(method, words, self._rates, embedding)
        tasks = (name.removeprefix("examples@") for name in node.inputs if name.startswith("examples@"))
        tuned_on = self.sizes.get(next(tasks, ""))
        return _OTHER_SECONDS + training + (_TUNING_SECONDS_PER_ITEM * tuned_on.n_items if tuned_on else 0.0)

    def _guess_reading(self, node: Node) -> float:
        """Guess what it takes to read a corpus, or to cut it into tokens."""
        corpora = (name.rpartition(".")[::2] for name in node.outputs)
        words = sum(self.words.get(name, 0.0) for name, leaf in corpora if leaf in _OF_CORPUS)
        return words * self._rates.per_word_read


def _list_limits(parameters: Mapping[str, Any]) -> dict[str, float]:
    """List the words that a training reads at most, by embedding, where its options say so."""
    most = (parameters.get("corpus_options") or {}).get("max_tokens") or math.inf
    limits: dict[str, float] = {}
    for origin, cells in (parameters.get("embeddings") or {}).items():
        for key, cell in cells.items():
            limits[f"{origin}.{key}"] = min(most, (cell.get("options") or {}).get("max_tokens") or math.inf)
    return limits


def _size_task(source: Any, project: Path, sample: int | None) -> TaskSize:
    words = _count_bytes(source, project) / _BYTES_PER_WORD
    n_items = words / _WORDS_PER_ITEM
    has_split = isinstance(source, Mapping) and bool({"split", "splits", "test_share"} & set(source))
    return TaskSize(min(n_items, sample or n_items), _WORDS_PER_ITEM, has_split)


def _count_bytes(source: Any, project: Path) -> float:
    """Count the bytes of the files that a source names."""
    values = source.values() if isinstance(source, Mapping) else ()
    paths = [project / value for value in values if isinstance(value, str) and "/" in value and "://" not in value]
    sizes = [_size_path(path) for path in paths if path.exists()]
    return sum(sizes) if sizes else _UNKNOWN_BYTES


def _size_path(path: Path) -> int:
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size
