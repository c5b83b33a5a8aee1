"""Keys of YAML, and names written as values, that have a new name: an old one works for one minor version, logged once.

What is renamed is one line of `RENAMED`. Everything behind the loading of files sees new names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.experiment.problems import ParametersError


class Renamed(NamedTuple):
    """One key, or one value, that has a new name.

    Attributes
    ----------
    section : str
        Path of what holds the key, or of the value, with ``*`` for any name or place in a list: ``task_definitions.*``.
    old, new : str
        Its names.
    """

    section: str
    old: str
    new: str


RENAMED: tuple[Renamed, ...] = (
    Renamed("grid", "spoilt", "corrupted"),
    Renamed("task_definitions.*.kind", "sequence_labelling", "sequence_labeling"),
    Renamed("evaluation", "sequence_labelling", "sequence_labeling"),
    Renamed("task_definitions.*", "reading", "source"),
    Renamed("task_definitions.*.source", "source", "download"),
    Renamed("corpora.*", "readings", "sources"),
    Renamed("corpora.*.sources.*", "source", "download"),
    Renamed("evaluation.*", "standardise", "standardize"),
    Renamed("evaluation.*", "unlabelled_texts", "unlabeled_texts"),
    Renamed("task_definitions.*.evaluation", "standardise", "standardize"),
    Renamed("task_definitions.*.evaluation", "unlabelled_texts", "unlabeled_texts"),
    *(
        Renamed(section, old, new)
        for section in (
            "methods.*",
            "methods.*.ease",
            "methods.*.item_knn",
            "grid.pretrained.*.options",
            "grid.derived.*.options",
        )
        for old, new in (
            ("normalise", "normalize"),
            ("regularisations", "regularizations"),
            ("neighbours", "neighbors"),
            ("neighbour_distance", "neighbor_distance"),
            ("neighbour_weight", "neighbor_weight"),
        )
    ),
    Renamed("diagnosis.similarity.*", "source", "download"),
    Renamed("diagnosis.analogies.*", "source", "download"),
)
"""Applied in this order: a section's path is written with new names."""


def rename_keys(
    written: Mapping[str, Any], log: Callable[[str], None], renamed: Sequence[Renamed] = RENAMED
) -> dict[str, Any]:
    """Give the keys of one file their new names.

    Parameters
    ----------
    written : mapping
        As it was parsed, with references that are not resolved yet.
    log : callable
        Takes a sentence about each line of ``renamed`` that was needed.
    renamed : sequence of Renamed
        The keys that have a new name.

    Raises
    ------
    ParametersError
        A section has both names of a key.
    """
    found: Any = written
    for line in renamed:
        changed = _rename(found, line.section.split("."), line, line.section)
        if changed is not found:
            log(f"{line.section}: '{line.old}' is called '{line.new}' now; the old name works for one minor version more")
        found = changed
    return dict(found)


def _rename(node: Any, path: Sequence[str], line: Renamed, place: str) -> Any:
    """Rename a key below a node; what needs no change is returned as it is."""
    if not path:
        return line.new if node == line.old else _rename_key(node, line, place)
    key, *rest = path
    keys = _keys(node) if key == "*" else [key] if isinstance(node, Mapping) and key in node else []
    changed = {key: after for key in keys if (after := _rename(node[key], rest, line, place)) is not node[key]}
    if not changed:
        return node
    if isinstance(node, Mapping):
        return {key: changed.get(key, value) for key, value in node.items()}
    return [changed.get(key, value) for key, value in enumerate(node)]


def _keys(node: Any) -> Sequence[Any]:
    return list(node) if isinstance(node, Mapping) else range(len(node)) if isinstance(node, list) else ()


def _rename_key(node: Any, line: Renamed, place: str) -> Any:
    if not isinstance(node, Mapping) or line.old not in node:
        return node
    if line.new in node:
        raise ParametersError(
            [
                EmbPipelineError(
                    place,
                    f"'{line.old}' is the old name of '{line.new}', and both are written",
                    f"leave '{line.old}' out",
                )
            ]
        )
    return {line.new if key == line.old else key: value for key, value in node.items()}
