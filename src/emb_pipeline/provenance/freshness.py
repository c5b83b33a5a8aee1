"""Where a result comes from, and whether it still answers the question that is asked.

Every dataset has a *recipe*: a hash over the code that makes it (`code_fingerprint`), the parameters that this code is given
and reads, the files that these parameters name (`raw_files`), and the recipes of its inputs. Recipes are known before a run.
A run notes the recipes of what it is going to make in a ledger; a later run compares.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import logging
import platform
import subprocess
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import click
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel, ValidationError

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.provenance.code_fingerprint import Choice, CodeGraph, Target
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs
from emb_pipeline.readers.registry import READERS
from emb_pipeline.storage.atomic import atomic_path
from emb_pipeline.tasks.registry import KINDS

PACKAGE = "emb_pipeline"
CODE, INPUT = "code", "input"
AGGREGATE = "aggregate"
"""Tag of nodes that only gather what others made: cheap, so made again instead of refused."""
RULE = 2
"""Number of the rule that recipes are made by; entries of a ledger with another number count as stale once."""
_MACHINE_PARAMETERS = ("folders",)
_OF_THE_GRID = ("evaluate_on",)
"""What an embedding's parameters say about which cells there are, and not about any of them."""
_FINGERPRINTED_BY_ENTRY = ("readers/sources.json",)
"""Packaged files of which a node reads the entries that its parameters name."""
_METHODS = Target("emb_pipeline.embeddings.registry", "METHODS")
_KINDS = Target("emb_pipeline.tasks.registry", "KINDS")
_READERS = Target("emb_pipeline.readers.registry", "READERS")
_READERS_OF_KINDS = {
    name: Target(*f"emb_pipeline.tasks.{kind.sources}".split(":")) for name, kind in KINDS.items() if kind.sources
}
_REGISTRIES: Mapping[Target, Mapping[str, Any]] = {
    _METHODS: METHODS,
    _KINDS: KINDS,
    _READERS: READERS,
    **{target: KINDS[name].readers() for name, target in _READERS_OF_KINDS.items()},
}
_CLOCK_SLACK_SECONDS = 0.1
_STACK = (
    "kedro",
    "mlflow",
    "gensim",
    "scikit-learn",
    "scipy",
    "numpy",
    "numba",
    "pyarrow",
    "pandas",
    "bm25s",
    "torch",
    "transformers",
)
_log = logging.getLogger(__name__)


class StaleResultsError(click.ClickException):
    """A run would silently mix results of different experiments."""


class MissingInputsError(click.ClickException):
    """A part of the pipeline was asked for whose inputs were never made."""


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on; libraries that are not installed are left out."""
    found = {"python": platform.python_version(), PACKAGE: _version(PACKAGE)}
    return {name: version for name, version in {**found, **{name: _version(name) for name in _STACK}}.items() if version}


def git_state(project: Path) -> dict[str, str]:
    """Commit and whether the working tree differs from it; empty outside a repository."""
    commit = _git(project, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"git_commit": commit, "git_dirty": str(bool(_git(project, "status", "--porcelain"))).lower()}


def recipes(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    code: CodeGraph | None = None,
    hashes: FileHashes | None = None,
) -> dict[str, Recipe]:
    """Compute the recipe of every dataset that the pipeline makes, by name without transcoding.

    Parameters
    ----------
    pipeline : Pipeline
        The nodes.
    parameters : mapping
        Parameters of the use case.
    code : CodeGraph, optional
        The code to fingerprint; that of this package by default.
    hashes : FileHashes, optional
        Hashes of files that are known.
    """
    given = _Given(parameters, code or code_graph(), hashes or FileHashes())
    made: dict[str, Recipe] = {}
    for node in pipeline.nodes:
        ingredients = {"function": node.func.__name__, **given.code_of(node)}
        arguments = _arguments(node)
        for name in node.inputs:
            if name.removeprefix("params:") in _MACHINE_PARAMETERS:
                continue
            if _is_data(name):
                ingredients[f"{INPUT} {name}"] = made.get(_made_as(name, made), "")
            else:
                ingredients.update(given.value_of(node, name, arguments.get(name, "")))
        recipe = Recipe.of(ingredients)
        made.update(dict.fromkeys(node.outputs, recipe))
    return made


class Recipe(str):
    """A hash over ingredients, which it keeps to say what has changed."""

    ingredients: Mapping[str, str]

    @classmethod
    def of(cls, ingredients: Mapping[str, str]) -> Recipe:
        """Make the recipe of these ingredients, by name."""
        recipe = cls(hashlib.sha256(json.dumps(list(ingredients.items())).encode()).hexdigest())
        recipe.ingredients = {name: hashlib.sha256(value.encode()).hexdigest()[:16] for name, value in ingredients.items()}
        return recipe


def code_graph(folder: Path | None = None, store: Path | None = None) -> CodeGraph:
    """Build the graph of this package's code, or of a copy of it.

    Parameters
    ----------
    folder : Path, optional
        The copy.
    store : Path, optional
        File that keeps summaries of modules between runs.
    """
    return CodeGraph(folder or Path(__file__).parents[1], PACKAGE, _REGISTRIES, apart=_FINGERPRINTED_BY_ENTRY, store=store)


class _Given:
    """What nodes are given beside data: code, values of parameters, content of files."""

    def __init__(self, parameters: Mapping[str, Any], code: CodeGraph, hashes: FileHashes) -> None:
        self._parameters, self._code, self._hashes = parameters, code, hashes
        folders = parameters.get("folders")
        places = folders if isinstance(folders, Mapping) else {}
        self._project = Path(places.get("project", "."))
        self._raw = Path(places.get("raw", self._project))
        self._all = _named(parameters)
        self._names: dict[str, dict[str, set[str]]] = {}
        self._values: dict[tuple[str, Any, tuple[str, ...] | None], dict[str, str]] = {}

    def code_of(self, node: Node) -> dict[str, str]:
        """The code that a node's parameters choose; all that the use case chooses, where they name nothing.

        Versions of the libraries stand beside it.
        """
        chosen: dict[str, set[str]] = {key: set() for key in self._all}
        for name in node.inputs:
            if name != "parameters" and not name.startswith("params:"):
                continue
            if name not in self._names:
                self._names[name] = _named(_value(self._parameters, name))
            for key, names in self._names[name].items():
                chosen[key] |= names
        named = {key: names or self._all[key] for key, names in chosen.items()}
        entries = {_METHODS: named["method"] & set(METHODS), _KINDS: named["kind"] & set(KINDS)}
        entries = {target: names for target, names in entries.items() if names}
        choice = Choice({target: tuple(sorted(names)) for target, names in {**entries, **_readers_named(named)}.items()})
        code, versions = self._code.fingerprint(node.func, choice)
        return {CODE: code, **{f"version of {name}": version for name, version in versions.items()}}

    def value_of(self, node: Node, name: str, argument: str) -> dict[str, str]:
        """The value of a parameter, as far as the node reads it, and the content of the files that it names."""
        kind = _types_of(node.func).get(argument)
        fields = self._code.fields_read(node.func).get(argument) if kind is not None else None
        if fields is not None and kind is not None and not set(fields) <= set(kind.model_fields):
            fields = None  # a property may read any field
        key = (name, kind, fields)
        if key not in self._values:
            value = _value(self._parameters, name)
            if isinstance(value, Mapping) and fields is not None:
                value = {field: each for field, each in value.items() if field in fields}
            if name.startswith("params:embeddings"):
                value = _without(value, _OF_THE_GRID)
            shown = json.dumps(value, sort_keys=True, default=str)
            self._values[key] = {name: shown, **self._files(_value(self._parameters, name), kind, fields)}
        return self._values[key]

    def _files(self, value: Any, kind: type[BaseModel] | None, fields: tuple[str, ...] | None) -> dict[str, str]:
        if kind is None:
            return {}
        try:
            model = kind.model_validate(value)
        except ValidationError:
            return {}  # refused with the parameter's name when the node is validated
        whole = fields is None or hasattr(model, "find_files")
        read = model if whole else [getattr(model, field) for field in fields or ()]
        return fingerprint_inputs(read, self._raw, self._project, self._hashes)


def _arguments(node: Node) -> dict[str, str]:
    """The argument that each input of a node is given as."""
    inputs = node._inputs
    if isinstance(inputs, Mapping):
        return {name: argument for argument, name in inputs.items()}
    names = [inputs] if isinstance(inputs, str) else list(inputs or ())
    return dict(zip(names, inspect.signature(node.func).parameters, strict=False))


@cache
def _types_of(function: Callable[..., Any]) -> dict[str, type[BaseModel]]:
    """The arguments of a function that are pydantic models, and these."""
    try:
        hints = get_type_hints(function)
    except NameError:  # a name for type checkers alone
        return {}
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, BaseModel)}


def _named(value: Any) -> dict[str, set[str]]:
    """The methods, kinds of task and readers that parameters name."""
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


def _readers_named(named: Mapping[str, set[str]]) -> dict[Target, set[str]]:
    """The entries of each registry of readers that parameters name, and those that these read their files with.

    All entries count where no reader is named, or one of no registry: what that reads with is not known.
    """
    readers = named["reader"]
    own = {target: readers & set(_REGISTRIES[target]) for kind, target in _READERS_OF_KINDS.items() if kind in named["kind"]}
    lines = [_REGISTRIES[target][name] for target, names in own.items() for name in names]
    if not readers or readers - set(READERS) - {line.name for line in lines}:
        return {}
    nothing: dict[Target, set[str]] = {target: set() for target in _READERS_OF_KINDS.values()}
    return {**nothing, **own, _READERS: readers & set(READERS) | {name for line in lines for name in line.reads}}


def _without(value: Any, keys: Iterable[str]) -> Any:
    """A value without some keys, wherever they stand."""
    if isinstance(value, Mapping):
        return {key: _without(each, keys) for key, each in value.items() if key not in keys}
    return [_without(each, keys) for each in value] if isinstance(value, list | tuple) else value


class Ledger:
    """The recipe that each stored dataset was made by: one small JSON file per dataset.

    An entry is written before the dataset is, so a result older than its entry was never made: its run was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def announce(self, name: str, recipe: str) -> None:
        """Note that the dataset is about to be made by this recipe."""
        before = {key: value for key, value in self._read(name).items() if key != "before"}
        self._write(name, {**_entry(recipe), "at": time.time(), "before": before or None})

    def accept(self, name: str, recipe: str, reason: str) -> None:
        """Note that the dataset, as it stands, is taken for what this recipe makes, and why."""
        accepted = {"reason": reason, "at": time.time(), "instead_of": self._read(name).get("recipe")}
        self._write(name, {**_entry(recipe), "at": 0.0, "before": None, "accepted": accepted})

    def changed(self, name: str, recipe: str) -> list[str]:
        """List what differs between the noted recipe and another one, but for inputs that were made by other recipes."""
        now, then = getattr(recipe, "ingredients", {}), self._read(name).get("ingredients") or {}
        differs = [key for key in {**now, **then} if now.get(key) != then.get(key)]
        return [key for key in differs if then and not (key.startswith(f"{INPUT} ") and key in now and key in then)]

    def accepted(self) -> dict[str, str]:
        """List the datasets that were taken as they stood, with the reasons."""
        entries = {path.stem: self._read(path.stem) for path in sorted(self.folder.glob("*.json"))}
        return {name: entry["accepted"]["reason"] for name, entry in entries.items() if entry.get("accepted")}

    def vouches(self, name: str, recipe: str, written_at: float) -> bool:
        """Whether the dataset, as written at that time, was made by this recipe."""
        entry = self._read(name)
        if not entry:
            return False
        if written_at < entry["at"] - _CLOCK_SLACK_SECONDS:
            entry = entry["before"] or {"recipe": None}
        return bool(entry["recipe"] == recipe)

    def is_of_another_rule(self, name: str) -> bool:
        """Whether the entry was written when recipes were made in another way."""
        entry = self._read(name)
        return bool(entry) and entry.get("rule") != RULE

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def _write(self, name: str, entry: Mapping[str, Any]) -> None:
        with atomic_path(self.folder / f"{name}.json") as part:
            part.write_text(json.dumps(entry))


def _entry(recipe: str) -> dict[str, Any]:
    return {"rule": RULE, "recipe": recipe, "ingredients": getattr(recipe, "ingredients", {})}


def refuse_missing_inputs(pipeline: Pipeline, catalog: DataCatalog, command: str = "kedro run") -> None:
    """Stop before a part of the pipeline starts whose inputs were never made.

    Raises
    ------
    MissingInputsError
        Names them, and the command that makes them.
    """
    missing = [name for name in sorted(_data_inputs(pipeline)) if not (_exists(catalog, name) or _has_failed(catalog, name))]
    if missing:
        raise MissingInputsError(
            f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not there yet; "
            f"make what this run builds on first: {command} --only-missing-outputs"
        )


def prepare(
    pipeline: Pipeline,
    catalog: DataCatalog,
    recipe_of: Mapping[str, str],
    ledger: Ledger,
    *,
    only_missing: bool,
    command: str,
    whole: Pipeline | None = None,
    accept: str = "",
) -> None:
    """Refuse stale results that the run would build on; announce in the ledger what it is going to make.

    Under ``--only-missing-outputs`` stale aggregates count as missing and are made again, and so do those that gather a
    result that failed.

    Parameters
    ----------
    pipeline : Pipeline
        What is going to run.
    catalog : DataCatalog
        Its data.
    recipe_of : mapping
        Recipe of each dataset.
    ledger : Ledger
        Recipes of what is on disk.
    only_missing : bool
        Whether what exists is kept.
    command : str
        The command that runs the whole use case, for messages.
    whole : Pipeline, optional
        All nodes of the use case; those of the run by default.
    accept : str
        Why stale results are to be taken as they are; empty: they are refused.

    Raises
    ------
    StaleResultsError
        Lists the stale results and the command that makes them again.
    """

    def is_stale(name: str) -> bool:
        made_as = _made_as(name, recipe_of)
        if made_as not in recipe_of:
            return False  # nothing of ours makes it: a vector store
        return _exists(catalog, name) and not ledger.vouches(made_as, recipe_of[made_as], _written_at(catalog, name))

    stale = {name for name in _data_inputs(pipeline) if is_stale(name)}
    if only_missing:
        for name in _gathered_from_failures(pipeline, catalog):
            _count_as_missing(catalog, name)
        for node in pipeline.nodes:
            outdated = {name for name in node.outputs if is_stale(name)}
            if AGGREGATE in node.tags:
                for name in outdated:
                    _count_as_missing(catalog, name)
            else:
                stale |= outdated
    if stale and accept:
        for name in sorted({_made_as(name, recipe_of) for name in stale}):
            ledger.accept(name, recipe_of[name], accept)
        _log.warning("%d stale results are accepted (%s): %s", len(stale), accept, _listed(sorted(stale)))
    elif stale:
        again = _command_to_remake(command, whole or pipeline, lambda name: is_stale(name) or not _exists(catalog, name))
        raise StaleResultsError(_stale_message(stale, recipe_of, ledger, again))
    for name in pipeline.all_outputs():
        if not (only_missing and _exists(catalog, name)):
            ledger.announce(name, recipe_of[name])


def _stale_message(stale: set[str], recipe_of: Mapping[str, str], ledger: Ledger, again: str) -> str:
    made_as = sorted({_made_as(name, recipe_of) for name in stale})
    if all(map(ledger.is_of_another_rule, made_as)):
        what = "were noted by an earlier version, which did not look at the content of raw files"
    else:
        what = "were made by other parameters, code, raw files, library versions or inputs"
    causes = {
        f"the code behind {name.rpartition('.')[0] or name}" if cause == CODE else cause.removeprefix("params:")
        for name in made_as
        for cause in ledger.changed(name, recipe_of[name])
    }
    return (
        f"{len(stale)} results on disk {what}: {_listed(sorted(stale))}. "
        f"{f'What differs: {_listed(sorted(causes), 6)}. ' if causes else ''}"
        f"To make them and what follows from them again: {again}\n"
        "To use them as they are, run the same command again with --accept-stale '<reason>'."
    )


def _command_to_remake(command: str, whole: Pipeline, is_wanted: Callable[[str], bool]) -> str:
    """The command that makes all wanted datasets and what follows from them: it starts at the first of their nodes."""
    first: list[Node] = []
    made: set[str] = set()
    for node in whole.nodes:
        inputs = {name for each in node.inputs for name in (each, each.partition("@")[0], _made_as(each, ()))}
        follows = bool(made & inputs)
        if not follows and any(is_wanted(name) for name in node.outputs):
            first.append(node)
            follows = True
        if follows:
            made |= {part for name in node.outputs for part in (name, name.partition("@")[0])}
    roots = {node.name for node in whole.nodes if not any(_is_data(name) for name in node.inputs)}
    names = [node.name for node in first]
    return command if roots <= set(names) else f"{command} --from-nodes {','.join(names)}"


def _listed(names: list[str], shown: int = 12) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _data_inputs(pipeline: Pipeline) -> set[str]:
    return set(filter(_is_data, pipeline.inputs()))


def _is_data(name: str) -> bool:
    return name != "parameters" and not name.startswith("params:")


def _made_as(name: str, made: Container[str]) -> str:
    """The output that an input is read from: ``tasks@subpackage`` is what ``subpackage.examples`` wrote."""
    if name in made or "@" not in name:
        return name
    group, part = name.split("@")
    return f"{part}.{'examples' if group == 'tasks' else 'tokens'}"


def _has_failed(catalog: DataCatalog, name: str) -> bool:
    """Whether an earlier run stored a failure in place of this result: steps that take it go on without it."""
    failure = getattr(catalog.get(name), "failure", None)
    return failure is not None and failure() is not None


def _gathered_from_failures(pipeline: Pipeline, catalog: DataCatalog) -> Iterator[str]:
    """Results that gather others, one of which failed in an earlier run and is made again now."""
    again: set[str] = set()
    for node in pipeline.nodes:  # in an order in which inputs come before what is made of them
        failed = any(_has_failed(catalog, name) for name in node.outputs)
        if failed or again & set(node.inputs):
            again.update(node.outputs)
            if AGGREGATE in node.tags:
                yield from node.outputs


def _exists(catalog: DataCatalog, name: str) -> bool:
    dataset = catalog.get(name)
    found = bool(dataset.exists()) if dataset is not None else False
    if dataset is not None:
        dataset.release()  # a versioned dataset remembers the version it has seen, and would load that one for ever
    return found


def _written_at(catalog: DataCatalog, name: str) -> float:
    dataset: Any = catalog.get(name)
    load_path = getattr(dataset, "_get_load_path", None)
    path = Path(str(load_path() if load_path else dataset._filepath))
    dataset.release()
    manifest = path / "manifest.json"
    return (manifest if manifest.is_file() else path).stat().st_mtime


def _count_as_missing(catalog: DataCatalog, name: str) -> None:
    dataset: Any = catalog.get(name)
    dataset.exists = _no  # the runner asks the instance; a module-level function survives pickling


def _no() -> bool:
    return False


def _value(parameters: Mapping[str, Any], name: str) -> Any:
    if name == "parameters":
        return {key: value for key, value in parameters.items() if key not in _MACHINE_PARAMETERS}
    value: Any = parameters
    for part in name.removeprefix("params:").split("."):
        value = value[part]
    return value


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
