"""Fingerprint of the code that computes a result: what it does, and only what is called.

A node's function is followed through names, attributes of imported modules, class bodies, decorators and annotations. Each
top-level definition that is reached counts by its syntax tree, without comments, docstrings, annotations of functions,
imports and the ``description`` of pydantic fields. The place of a definition does not count, so that a module can be moved.

Three things keep the graph small:

* a *registry* (a mapping of frozen dataclasses) is followed only to the entries that the node's parameters name;
* a method of a class is followed only where some reached code mentions its name;
* a branch for a value of a registry's field that no chosen entry has is passed over.

Words for people in a registry's entries count where they are shown alone (`words_for_people`): a new label makes a page
stale, and no training.

What cannot be resolved is followed as a whole module. Packaged files that a definition names (templates, tables) belong to
it, and so do the versions of the libraries that it uses.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from emb_pipeline.provenance.code_summary import EFFECTS, StoredSummaries, Summary
from emb_pipeline.provenance.module_reader import summarize_module
from emb_pipeline.provenance.words_for_people import Word, list_words, read_plain_fields

_WITHOUT_RESULTS = frozenset(
    "kedro kedro_datasets mlflow pydantic pydantic_core click rich tqdm typing_extensions filelock pooch requests".split()
)
"""Libraries that check, fetch, store, track or show, and compute nothing."""
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "PyYAML", "faiss": "faiss-cpu", "google": "protobuf"}
"""Distributions whose name is not that of the package."""
_PLAIN_BASES = frozenset(
    "typing.Protocol typing.Generic typing.NamedTuple typing.TypedDict abc.ABC enum.Enum enum.StrEnum "
    "pydantic.BaseModel".split()
)
"""Bases from elsewhere that call no method of a class by its name."""
_ANY = "*"


class Target(NamedTuple):
    """A top-level definition of a module, or ``Class.method``; an empty name: the statements that define nothing."""

    module: str
    name: str


class CodeFingerprint(NamedTuple):
    """Hash of the code that a function uses, and versions of the libraries."""

    code: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """The choice that a node's parameters make among the alternatives that the code offers.

    Attributes
    ----------
    entries : mapping of Target to tuple of str
        Keys of each registry; a registry that is not named is followed to all its entries.
    """

    entries: Mapping[Target, tuple[str, ...]]

    def key(self) -> tuple[Any, ...]:
        """Make the choice comparable."""
        return tuple(sorted(self.entries.items()))


NOTHING_CHOSEN = Choice({})


class CodeGraph:
    """The definitions of a package, and what each of them uses.

    Parameters
    ----------
    folder : Path
        The package's folder.
    package : str
        Its name.
    registries : mapping of Target to mapping, optional
        Registries by the name that they are defined under.
    apart : iterable of str, optional
        Packaged files that are fingerprinted elsewhere, relative to the package.
    store : Path, optional
        File that keeps the summaries of modules between runs.
    """

    def __init__(
        self,
        folder: Path,
        package: str,
        registries: Mapping[Target, Mapping[str, Any]] | None = None,
        *,
        apart: Iterable[str] = (),
        store: Path | None = None,
    ) -> None:
        self._folder, self._package = folder, package
        self._registries = dict(registries or {})
        self._files: dict[str, Path] = {}
        self._data: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if "__pycache__" in parts or not path.is_file():
                continue
            if path.suffix == ".py":
                self._files[".".join([package, *parts[:-1], *([path.stem] if path.stem != "__init__" else [])])] = path
            else:
                self._data["/".join(parts)] = path
        for name in apart:
            del self._data[name]
        self._summaries: dict[str, Summary] = {}
        self._stored = StoredSummaries(store, sorted(self._data))
        self._fingerprints: dict[Any, CodeFingerprint] = {}
        self._links: dict[Target, _Links] = {}
        self._words = {target: frozenset(list_words([*entries.values()])) for target, entries in self._registries.items()}
        self._meanings: dict[str, tuple[Target | None, str | None]] = {}

    def fingerprint(self, function: Callable[..., Any], choice: Choice = NOTHING_CHOSEN) -> CodeFingerprint:
        """Compute the fingerprint of all code and libraries that a function uses."""
        function = getattr(function, "func", function)  # of a partial
        root = Target(function.__module__, function.__qualname__.partition(".")[0])
        self._know(function)
        key = (root, choice.key())
        if key not in self._fingerprints:
            walk = _Walk(self, choice)
            walk.run(root)
            files = (hashlib.sha256(self._data[name].read_bytes()).hexdigest() for name in walk.data)
            code = hashlib.sha256("\n".join(sorted([*walk.digests, *files])).encode()).hexdigest()
            versions = {name: version for name in sorted(walk.libraries) if (version := find_version(name))}
            self._fingerprints[key] = CodeFingerprint(code, versions)
        return self._fingerprints[key]

    def reached(self, function: Callable[..., Any], choice: Choice = NOTHING_CHOSEN) -> set[str]:
        """List what a function uses, for people: definitions, packaged files, libraries."""
        self._know(function)
        walk = _Walk(self, choice)
        walk.run(Target(function.__module__, function.__qualname__))
        return {f"{module}:{name}" for module, name in walk.seen} | walk.data | walk.libraries

    def fields_read(self, function: Callable[..., Any]) -> Mapping[str, tuple[str, ...]]:
        """Find the arguments of a function of which nothing but some attributes is read, and these attributes."""
        self._know(function)
        parts = self.summary(function.__module__).parts_named(function.__qualname__)
        return parts[0].fields if len(parts) == 1 else {}

    def keep(self) -> None:
        """Write the summaries that this run made, for the next one."""
        self._stored.write()

    def _know(self, function: Callable[..., Any]) -> None:
        """Make the module of a function outside the package known."""
        module = function.__module__
        if module not in self._files:
            file = getattr(sys.modules.get(module), "__file__", None)
            if file is not None and Path(file).is_file():
                self._files[module] = Path(file)

    def summary(self, module: str) -> Summary:
        """Summarize a module."""
        if module not in self._summaries:
            path = self._files[module]
            source = path.read_bytes()
            is_package = path.stem == "__init__"
            key = hashlib.sha256(f"{module} {is_package}\n".encode() + source).hexdigest()
            found = self._stored.get(key)
            if found is None:
                found = summarize_module(source, module, is_package, self._package, self._data)
                self._stored.put(key, found)
            self._summaries[module] = found
        return self._summaries[module]

    def links(self, target: Target) -> _Links:
        """Resolve what a definition uses."""
        if target not in self._links:
            self._links[target] = self._resolve_uses(target)
        return self._links[target]

    def _resolve_uses(self, target: Target) -> _Links:
        module, name = target
        summary = self.summary(module)
        links = _Links()
        if name == _ANY:
            links.targets.extend(Target(module, each) for each in summary.parts)
            return links
        if name != EFFECTS and summary.effects is not None:
            links.targets.append(Target(module, EFFECTS))
        parts = summary.parts_named(name)
        links.digests.extend(f"{name} {part.digest}" for part in parts)
        links.data = frozenset(name for part in parts for name in part.data)
        links.mentions = frozenset(mention for part in parts for mention in part.mentions)
        links.imports_by_name = any(part.imports_by_name for part in parts)
        libraries = set()
        for dotted, guards in {use for part in parts for use in part.uses}:
            found, library = self.resolve(dotted)
            if library in sys.stdlib_module_names or library in _WITHOUT_RESULTS:
                continue
            if guards:
                links.guarded.append((found, library, guards))
            elif found is not None:
                links.targets.append(found)
            else:
                libraries.add(str(library))
        links.libraries = frozenset(libraries)
        methods = [(method, Target(module, f"{name}.{method}")) for method in summary.methods.get(name, ())]
        if methods and self.is_called_by_libraries(target):
            links.targets.extend(of_class for _, of_class in methods)
        else:
            links.methods.extend(methods)
        return links

    def resolve(self, dotted: str) -> tuple[Target | None, str | None]:
        """Find what a dotted name means: a definition (name ``*``: a whole module), or a library."""
        if dotted not in self._meanings:
            self._meanings[dotted] = self._meaning(dotted)
        return self._meanings[dotted]

    def _meaning(self, dotted: str) -> tuple[Target | None, str | None]:
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            module = ".".join(parts[:length])
            if module not in self._files:
                continue
            if length == len(parts):
                return Target(module, _ANY), None
            return self._in_module(module, parts[length])
        return None, parts[0]

    def _in_module(self, module: str, name: str) -> tuple[Target | None, str | None]:
        summary = self.summary(module)
        if name in summary.parts:
            return Target(module, name), None
        if name in summary.imports and summary.imports[name] != f"{module}.{name}":
            return self.resolve(summary.imports[name])
        return Target(module, _ANY), None

    def is_called_by_libraries(self, target: Target) -> bool:
        """Tell whether a class has a base from elsewhere that may call its methods."""
        for base in self.summary(target.module).bases.get(target.name, ()):
            found, library = self.resolve(base)
            if library is not None and base not in _PLAIN_BASES:
                return True
            if found is not None and found != target and self.is_called_by_libraries(found):
                return True
        return False

    def modules_below(self, package: str) -> list[str]:
        """List the modules of a package of this package."""
        return [module for module in self._files if module == package or module.startswith(f"{package}.")]

    def names_a_registry(self, module: str, choice: Choice) -> bool:
        """Tell whether a module holds a registry that the choice says something about, or the class of its entries."""
        return any(
            target in choice.entries and module in {target.module, *(type(entry).__module__ for entry in entries.values())}
            for target, entries in self._registries.items()
        )

    def registry(self, target: Target) -> Mapping[str, Any] | None:
        """Find the registry that is defined under a name."""
        return self._registries.get(target)

    def entry(self, target: Target, key: str) -> Any:
        """Find an entry of a registry."""
        return self._registries[target][key]

    def words_shown(self, target: Target, mentions: frozenset[str], used: Iterable[Target]) -> set[Word]:
        """Find the words for people that a definition shows: it mentions their field, and uses their registry or class."""
        near = {*used, Target(target.module, target.name.partition(".")[0])}
        return {
            word
            for registry, words in self._words.items()
            for word in words
            if word.field in mentions and (registry in near or Target(*word.owner) in near)
        }

    def dotted_name(self, package: str, place: str) -> str:
        """Find the dotted name of ``module:name``: relative to the registry's package, or else to the whole package."""
        module, _, name = place.partition(":")
        return f"{package if f'{package}.{module}' in self._files else self._package}.{module}.{name}"

    def registries_of(self, kind: str, choice: Choice) -> Iterator[tuple[str, Any]]:
        """List the chosen entries of a class, each with the package that its places are relative to."""
        for target, entries in self._registries.items():
            for name in choice.entries.get(target, tuple(entries)):
                if type(entries[name]).__name__ == kind:
                    yield target.module.rpartition(".")[0], entries[name]


class _Links:
    """A definition whose uses are resolved."""

    def __init__(self) -> None:
        self.digests: list[str] = []
        self.targets: list[Target] = []
        self.guarded: list[tuple[Target | None, str | None, tuple[str, ...]]] = []
        self.methods: list[tuple[str, Target]] = []
        self.libraries: frozenset[str] = frozenset()
        self.mentions: frozenset[str] = frozenset()
        self.data: frozenset[str] = frozenset()
        self.imports_by_name = False


class _Walk:
    """One pass through the graph."""

    def __init__(self, graph: CodeGraph, choice: Choice) -> None:
        self._graph, self._choice = graph, choice
        self._chosen = [graph.entry(target, key) for target, keys in choice.entries.items() for key in keys]
        self.seen: set[Target] = set()
        self.digests: set[str] = set()
        self.data: set[str] = set()
        self.libraries: set[str] = set()
        self._entries: list[tuple[str, Any]] = []
        self._shown: set[Word] = set()
        self._mentioned: set[str] = set()
        self._unmentioned: dict[str, list[Target]] = defaultdict(list)
        self._todo: list[Target] = []

    def run(self, root: Target) -> None:
        self._reach(root)
        while self._todo:
            self._follow(self._todo.pop())
        self.digests |= {f"words of {name} {list_words(entry, self._shown)}" for name, entry in self._entries}

    def _reach(self, target: Target) -> None:
        if target not in self.seen:
            self.seen.add(target)
            self._todo.append(target)

    def _follow(self, target: Target) -> None:
        entries = self._graph.registry(target)
        if entries is not None:
            self._reach(Target(target.module, EFFECTS))
            self._follow_entries(entries, self._choice.entries.get(target, tuple(entries)))
            return
        links = self._graph.links(target)
        self.digests.update(links.digests)
        self.data.update(links.data)
        self.libraries |= links.libraries
        self._reach_all(links.targets)
        used = [*links.targets, *(found for found, _, _ in links.guarded if found is not None)]
        self._shown |= self._graph.words_shown(target, links.mentions, used)
        for found, library, guards in links.guarded:
            if all(map(self._is_open, guards)):
                self._reach_all([found] if found is not None else ())
                self.libraries |= {library} if library is not None else set()
        for mention in links.mentions - self._mentioned:
            self._mentioned.add(mention)
            self._reach_all(self._unmentioned.pop(mention, ()))
        for method, of_class in links.methods:
            if method in self._mentioned:
                self._reach(of_class)
            else:
                self._unmentioned[method].append(of_class)
        if links.imports_by_name and not self._graph.names_a_registry(target.module, self._choice):
            package = target.module.rpartition(".")[0]
            self._reach_all(Target(other, _ANY) for other in self._graph.modules_below(package))
        if "." in target.name:
            self._follow_places(target.name.partition(".")[0], links.mentions)

    def _reach_all(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self._reach(target)

    def _reach_name(self, dotted: str) -> None:
        target, _ = self._graph.resolve(dotted)
        if target is not None:
            self._reach(target)

    def _is_open(self, guard: str) -> bool:
        """Tell whether a branch can be taken: a chosen entry has its value of a field."""
        name, _, value = guard.partition("=")
        values = [getattr(entry, name) for entry in self._chosen if hasattr(entry, name)]
        return not values or value in values

    def _follow_entries(self, entries: Mapping[str, Any], chosen: Iterable[str]) -> None:
        for name in chosen:
            entry = entries[name]
            self._reach_name(f"{type(entry).__module__}.{type(entry).__name__}")
            self._entries.append((name, entry))
            values = read_plain_fields(entry) if is_dataclass(entry) else entry
            plain = {key: value for key, value in values.items() if not _is_place(value)}
            self.digests.add(f"entry {name} {_render(plain)}")
            for value in plain.values():
                for each in value if isinstance(value, tuple | list | set | frozenset) else [value]:
                    if callable(each) and hasattr(each, "__qualname__"):
                        self._reach_name(f"{each.__module__}.{each.__qualname__}")

    def _follow_places(self, kind: str, mentions: frozenset[str]) -> None:
        """Follow the fields with ``module:name`` that a method of a registry's entries mentions: it loads what is there."""
        for package, entry in self._graph.registries_of(kind, self._choice):
            for each in fields(entry):
                value = getattr(entry, each.name)
                if each.name in mentions and _is_place(value):
                    self._reach_name(self._graph.dotted_name(package, value))


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and ":" in value and all(map(str.isidentifier, value.replace(":", ".").split(".")))


def _render(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__} {_render(read_plain_fields(value))}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_render(each)}" for key, each in sorted(value.items())) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_render, value))) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_render, value)) + "]"
    return str(getattr(value, "__qualname__", None) or repr(value))


@cache
def find_version(package: str) -> str:
    """Find the version of the distribution that an import name belongs to; empty where it is not installed."""
    for name in dict.fromkeys((_DISTRIBUTIONS.get(package, package), package)):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""
