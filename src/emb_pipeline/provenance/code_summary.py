"""Summaries of modules: for each definition a hash of what it does, and what it uses."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emb_pipeline.storage.atomic import write_atomically

EFFECTS = ""
"""Name of the statements of a module that define nothing."""


@dataclass(frozen=True)
class Part:
    """One definition: the hash of its syntax tree, and what it uses.

    Attributes
    ----------
    digest : str
        Of the normalized syntax tree.
    uses : tuple of (str, tuple of str)
        Absolute dotted names, each with the guards of the branches that it is in.
    mentions : tuple of str
        Attribute names.
    data : tuple of str
        Packaged files that it names, relative to the package.
    imports_by_name : bool
        It imports modules whose names are not known here.
    fields : mapping of str to tuple of str
        Of a function: the arguments of which nothing but these attributes is read.
    """

    digest: str
    uses: tuple[tuple[str, tuple[str, ...]], ...]
    mentions: tuple[str, ...]
    data: tuple[str, ...]
    imports_by_name: bool = False
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """A module: its definitions, the methods of its classes, what it imports."""

    imports: Mapping[str, str]
    parts: Mapping[str, tuple[Part, ...]]
    methods: Mapping[str, Mapping[str, tuple[Part, ...]]]
    bases: Mapping[str, tuple[str, ...]]
    effects: Part | None

    def parts_named(self, name: str) -> tuple[Part, ...]:
        if name == EFFECTS:
            return (self.effects,) if self.effects is not None else ()
        group, _, method = name.partition(".")
        return self.methods.get(group, {}).get(method, ()) if method else self.parts.get(name, ())

    def as_json(self) -> list[Any]:
        def plain(part: Part) -> list[Any]:
            return [part.digest, part.uses, part.mentions, part.data, part.imports_by_name, dict(part.fields)]

        return [
            dict(self.imports),
            {name: [plain(part) for part in parts] for name, parts in self.parts.items()},
            {
                name: {method: [plain(part) for part in parts] for method, parts in each.items()}
                for name, each in self.methods.items()
            },
            dict(self.bases),
            plain(self.effects) if self.effects is not None else None,
        ]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Summary:
        def part(plain: list[Any]) -> Part:
            digest, uses, mentions, data, by_name, read = plain
            guarded = tuple((name, tuple(guards)) for name, guards in uses)
            return Part(digest, guarded, tuple(mentions), tuple(data), by_name, {key: tuple(of) for key, of in read.items()})

        imports, parts, methods, bases, effects = stored
        return cls(
            imports,
            {name: tuple(map(part, each)) for name, each in parts.items()},
            {
                name: {method: tuple(map(part, several)) for method, several in each.items()}
                for name, each in methods.items()
            },
            {name: tuple(each) for name, each in bases.items()},
            part(effects) if effects is not None else None,
        )


class StoredSummaries:
    """Summaries of modules on disk, by the hash of their source."""

    def __init__(self, path: Path | None, data: list[str]) -> None:
        self._path = path
        # Another version of the modules next to this one, or of Python's grammar, summarizes in another way.
        own = b"".join(each.read_bytes() for each in sorted(Path(__file__).parent.glob("*.py")))
        self._of = [hashlib.sha256(own).hexdigest(), sys.version, *data]
        self._used: dict[str, Any] = {}
        self._changed = False
        self._found: dict[str, Any] = {}
        if path is not None:
            try:
                stored = json.loads(path.read_text(encoding="utf-8"))
                self._found = stored["modules"] if stored["of"] == self._of else {}
            except (OSError, ValueError, KeyError, TypeError):
                self._found = {}

    def get(self, key: str) -> Summary | None:
        if key not in self._found:
            return None
        try:
            summary = Summary.from_json(self._found[key])
        except (ValueError, TypeError, AttributeError):
            return None
        self._used[key] = self._found[key]
        return summary

    def put(self, key: str, summary: Summary) -> None:
        self._used[key] = summary.as_json()
        self._changed = True

    def write(self) -> None:
        if self._path is None or not self._changed:
            return
        with write_atomically(self._path) as part:
            part.write_text(json.dumps({"of": self._of, "modules": self._used}), encoding="utf-8")
