"""Where a result comes from, and whether it still answers the question that is asked.

Every dataset has a *recipe*: a hash over the source of the function that makes it (and of the project's modules that
this function uses), the parameters it is given, and the recipes of its inputs. Recipes follow from code and
configuration alone, so they are known before a run. A run notes the recipes of what it is going to make in a ledger;
a later run compares.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.atomic import atomic_path

PACKAGE = "emb_pipeline"
AGGREGATE = "aggregate"
"""Tag of nodes that only gather what others made: cheap, so made again instead of refused."""
_MACHINE_PARAMETERS = ("folders",)
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


def recipes(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Recipe of every dataset that the pipeline makes, by name without transcoding."""
    made: dict[str, str] = {}
    for node in pipeline.nodes:
        ingredients = [_source_fingerprint(node.func.__module__), node.func.__name__]
        for name in node.inputs:
            if name.removeprefix("params:") in _MACHINE_PARAMETERS:
                continue
            if name == "parameters" or name.startswith("params:"):
                ingredients.append(f"{_kind(name)}={json.dumps(_value(parameters, name), sort_keys=True, default=str)}")
            else:
                ingredients.append(f"{name}={made.get(_made_as(name, made), '')}")
        recipe = hashlib.sha256("\n".join(ingredients).encode()).hexdigest()
        made.update(dict.fromkeys(node.outputs, recipe))
    return made


class Ledger:
    """The recipe that each stored dataset was made by: one small JSON file per dataset.

    An entry is written before the dataset is, so a result older than its entry was never made: its run was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def announce(self, name: str, recipe: str) -> None:
        """Note that the dataset is about to be made by this recipe."""
        before = {key: value for key, value in self._read(name).items() if key != "before"}
        entry = {"recipe": recipe, "at": time.time(), "before": before or None}
        with atomic_path(self.folder / f"{name}.json") as part:
            part.write_text(json.dumps(entry))

    def vouches(self, name: str, recipe: str, written_at: float) -> bool:
        """Whether the dataset, as written at that time, was made by this recipe."""
        entry = self._read(name)
        if not entry:
            return False
        if written_at < entry["at"] - _CLOCK_SLACK_SECONDS:
            entry = entry["before"] or {"recipe": None}
        return bool(entry["recipe"] == recipe)

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else {}


def refuse_missing_inputs(pipeline: Pipeline, catalog: DataCatalog) -> None:
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
            f"make what this run builds on first: kedro run --only-missing-outputs"
        )


def prepare(
    pipeline: Pipeline,
    catalog: DataCatalog,
    recipe_of: Mapping[str, str],
    ledger: Ledger,
    *,
    only_missing: bool,
    command: str,
) -> None:
    """Refuse stale results that the run would build on; announce in the ledger what it is going to make.

    Under ``--only-missing-outputs`` stale aggregates count as missing and are made again, and so do those that gather a
    result that failed.

    Raises
    ------
    StaleResultsError
        Lists the stale results and the command that makes them again.
    """

    def is_stale(name: str) -> bool:
        if _made_as(name, recipe_of) not in recipe_of:
            return False  # nothing of ours makes it: a vector store
        return _exists(catalog, name) and not ledger.vouches(
            _made_as(name, recipe_of), recipe_of[_made_as(name, recipe_of)], _written_at(catalog, name)
        )

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
    if stale:
        raise StaleResultsError(_stale_message(stale, pipeline, command))
    for name in pipeline.all_outputs():
        if not (only_missing and _exists(catalog, name)):
            ledger.announce(name, recipe_of[name])


def _stale_message(stale: set[str], pipeline: Pipeline, command: str) -> str:
    nodes = [node for node in pipeline.nodes if stale & set(node.outputs)]
    later = {name for node in nodes for name in node.outputs}
    first = [node.name for node in nodes if not later & _ancestors(pipeline, node)]
    again = f"{command} --from-nodes {','.join(first)}" if first else command
    return (
        f"{len(stale)} results on disk were made by other parameters, code or inputs: {_listed(sorted(stale))}. "
        f"To make them and what follows from them again: {again}"
    )


def _ancestors(pipeline: Pipeline, node: Node) -> set[str]:
    return set(pipeline.to_nodes(node.name).all_outputs()) - set(node.outputs)


def _listed(names: list[str], shown: int = 12) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _data_inputs(pipeline: Pipeline) -> set[str]:
    return {name for name in pipeline.inputs() if name != "parameters" and not name.startswith("params:")}


def _made_as(name: str, made: Mapping[str, Any]) -> str:
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


def _kind(name: str) -> str:
    return name.split(":")[0] if ":" in name else name


def _value(parameters: Mapping[str, Any], name: str) -> Any:
    if name == "parameters":
        return {key: value for key, value in parameters.items() if key not in _MACHINE_PARAMETERS}
    value: Any = parameters
    for part in name.removeprefix("params:").split("."):
        value = value[part]
    return value


@cache
def _source_fingerprint(module: str) -> str:
    """Hash of a module's source and of all modules of this package that it imports, directly or not."""
    sources: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in sources and (read := _source(name)) is not None:
            sources[name], imported = read
            waiting.extend(imported)
    return hashlib.sha256(b"".join(sources[name] for name in sorted(sources))).hexdigest()


@cache
def _source(module: str) -> tuple[bytes, tuple[str, ...]] | None:
    """A module's source, and what it imports of this package; None for what is no module."""
    path = _source_path(module)
    if path is None:
        return None
    source = path.read_bytes()
    imported = list(_imports(source))
    if path.stem == "registry":  # a registry imports its implementations by name, from beside it
        imported.extend(f"{module.rpartition('.')[0]}.{file.stem}" for file in path.parent.glob("*.py"))
    return source, tuple(imported)


def _imports(source: bytes) -> Iterable[str]:
    for statement in _statements(ast.parse(source)):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names if alias.name.startswith(PACKAGE))
        elif isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith(PACKAGE):
            yield str(statement.module)
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements in a node, inner ones too: a tenth of the nodes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def _source_path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


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
