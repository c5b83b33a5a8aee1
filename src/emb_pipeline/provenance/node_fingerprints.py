"""Fingerprints of the results of a pipeline's nodes, known before a run.

The ingredients of a result are the code that makes it (`code_fingerprint`), the parameters that this code reads, the files
that these parameters name (`raw_files`), and the fingerprints of its inputs.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Container, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import BaseModel, ValidationError

from emb_pipeline.provenance.code_fingerprint import CodeGraph
from emb_pipeline.provenance.fingerprint import CODE, INPUT, Fingerprint
from emb_pipeline.provenance.package_code import build_code_graph, choose_entries, find_names
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs

_MACHINE_PARAMETERS = ("folders", "training.workers")
"""Those that no result depends on. A training, whose vectors may depend on its threads, takes all of ``training``."""
_OF_THE_GRID = ("evaluate_on",)
"""Of an embedding's parameters those that say which cells there are, and nothing about any of them."""


def fingerprint_results(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    *,
    code: CodeGraph | None = None,
    hashes: FileHashes | None = None,
) -> dict[str, Fingerprint]:
    """Compute the fingerprint of every dataset that the pipeline makes, by name without transcoding.

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
    given = _Given(parameters, code or build_code_graph(), hashes or FileHashes())
    made: dict[str, Fingerprint] = {}
    for node in pipeline.nodes:
        ingredients = {"function": node.func.__name__, **given.fingerprint_code(node)}
        arguments = _list_arguments(node)
        for name in node.inputs:
            if name.removeprefix("params:") in _MACHINE_PARAMETERS:
                continue
            if is_data(name):
                ingredients[f"{INPUT} {name}"] = made.get(find_output(name, made), "")
            else:
                ingredients.update(given.read_parameter(node, name, arguments.get(name, "")))
        made.update(dict.fromkeys(node.outputs, Fingerprint.of(ingredients)))
    return made


def is_data(name: str) -> bool:
    """Tell whether an input of a node is a dataset, and no parameter."""
    return name != "parameters" and not name.startswith("params:")


def find_output(name: str, made: Container[str] = ()) -> str:
    """Find the output that an input is read from.

    ``examples@subpackage`` is what ``subpackage.examples`` wrote; ``domain.trainings@glove_100.vectors`` is what
    ``domain.glove_100.vectors`` wrote.
    """
    if name in made or "@" not in name:
        return name
    group, part = name.split("@")
    origin, dot, _ = group.partition(".")
    return f"{origin}.{part}" if dot else f"{part}.{group}"


class _Given:
    """All that nodes are given besides data: code, values of parameters, content of files."""

    def __init__(self, parameters: Mapping[str, Any], code: CodeGraph, hashes: FileHashes) -> None:
        self._parameters, self._code, self._hashes = parameters, code, hashes
        folders = parameters.get("folders")
        places = folders if isinstance(folders, Mapping) else {}
        self._project = Path(places.get("project", "."))
        self._raw = Path(places.get("raw", self._project))
        self._all = find_names(parameters)
        self._names: dict[str, dict[str, set[str]]] = {}
        self._values: dict[tuple[str, Any, tuple[str, ...] | None], dict[str, str]] = {}

    def fingerprint_code(self, node: Node) -> dict[str, str]:
        """Fingerprint the code that a node's parameters choose, with the versions of the libraries.

        Where they name nothing, that is all that the use case chooses.
        """
        chosen: dict[str, set[str]] = {key: set() for key in self._all}
        for name in node.inputs:
            if is_data(name):
                continue
            if name not in self._names:
                self._names[name] = find_names(_find_value(self._parameters, name))
            for key, names in self._names[name].items():
                chosen[key] |= names
        choice = choose_entries({key: names or self._all[key] for key, names in chosen.items()})
        code, versions = self._code.fingerprint(node.func, choice)
        return {CODE: code, **{f"version of {name}": version for name, version in versions.items()}}

    def read_parameter(self, node: Node, name: str, argument: str) -> dict[str, str]:
        """Read the value of a parameter, as far as the node reads it, and the content of the files that it names."""
        kind = _find_models(node.func).get(argument)
        fields = self._code.fields_read(node.func).get(argument) if kind is not None else None
        if fields is not None and kind is not None and not set(fields) <= set(kind.model_fields):
            fields = None  # a property may read any field
        key = (name, kind, fields)
        if key not in self._values:
            value = _find_value(self._parameters, name)
            if isinstance(value, Mapping) and fields is not None:
                value = {field: each for field, each in value.items() if field in fields}
            if name.startswith("params:embeddings"):
                value = _drop_keys(value, _OF_THE_GRID)
            shown = json.dumps(value, sort_keys=True, default=str)
            self._values[key] = {name: shown, **self._fingerprint_files(_find_value(self._parameters, name), kind, fields)}
        return self._values[key]

    def _fingerprint_files(self, value: Any, kind: type[BaseModel] | None, fields: tuple[str, ...] | None) -> dict[str, str]:
        if kind is None:
            return {}
        try:
            model = kind.model_validate(value)
        except ValidationError:
            return {}  # refused with the parameter's name when the node is validated
        whole = fields is None or hasattr(model, "find_files")
        read = model if whole else [getattr(model, field) for field in fields or ()]
        return fingerprint_inputs(read, self._raw, self._project, self._hashes)


def _list_arguments(node: Node) -> dict[str, str]:
    """List the argument that each input of a node is given as: Kedro orders the inputs by the signature."""
    return dict(zip(node.inputs, inspect.signature(node.func).parameters, strict=False))


@cache
def _find_models(function: Callable[..., Any]) -> dict[str, type[BaseModel]]:
    """Find the arguments of a function that are pydantic models, and these."""
    try:
        hints = get_type_hints(function)
    except NameError:  # a name for type checkers alone
        return {}
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, BaseModel)}


def _find_value(parameters: Mapping[str, Any], name: str) -> Any:
    if name == "parameters":
        return {key: value for key, value in parameters.items() if key not in _MACHINE_PARAMETERS}
    value: Any = parameters
    for part in name.removeprefix("params:").split("."):
        value = value[part]
    return value


def _drop_keys(value: Any, keys: Iterable[str]) -> Any:
    """Drop some keys from a value, wherever they are in it."""
    if isinstance(value, Mapping):
        return {key: _drop_keys(each, keys) for key, each in value.items() if key not in keys}
    return [_drop_keys(each, keys) for each in value] if isinstance(value, list | tuple) else value
