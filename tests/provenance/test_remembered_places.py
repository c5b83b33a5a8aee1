"""Places of modules and files that are written down somewhere: each of them is where it is said to be."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import emb_pipeline
from emb_pipeline import precompile
from emb_pipeline.provenance.code_fingerprint import CodeGraph, Target
from emb_pipeline.provenance.name_uses import _TELLING_FIELDS
from emb_pipeline.provenance.package_code import REGISTRIES, build_code_graph

PACKAGE = Path(emb_pipeline.__file__).parent
PROJECT = Path(__file__).parents[2]


@cache
def graph() -> CodeGraph:
    return build_code_graph()


def places() -> list[tuple[str, str, str]]:
    """Entry, package of its registry, and place, of every field of every registry that says ``module:name``."""
    return [
        (f"{target.name} {name} {each.name}", target.module.rpartition(".")[0], value)
        for target, entries in REGISTRIES.items()
        for name, entry in entries.items()
        if is_dataclass(entry)
        for each in fields(entry)
        if isinstance(value := getattr(entry, each.name), str) and value.count(":") == 1 and " " not in value
    ]


@pytest.mark.parametrize("target", REGISTRIES, ids=str)
def test_a_registry_is_known_by_the_name_that_it_is_defined_under(target: Target) -> None:
    assert target.name in graph().summary(target.module).parts


@pytest.mark.slow
def test_a_place_in_a_registry_is_a_definition_whose_code_counts() -> None:
    """What is not found would be passed over: its changes would make nothing stale."""
    assert len(places()) > 80
    lost = {}
    for entry, package, place in places():
        target, _ = graph().resolve(graph().dotted_name(package, place))
        if target is None or target.name != place.partition(":")[2]:
            lost[entry] = place
    assert not lost


def test_a_field_that_guards_a_branch_is_one_of_a_registry() -> None:
    known = {each.name for entries in REGISTRIES.values() for entry in entries.values() for each in fields(entry)}
    assert known >= _TELLING_FIELDS


def test_every_packaged_file_is_declared() -> None:
    declared: dict[str, list[str]] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    patterns = [(PACKAGE.parent.joinpath(*package.split(".")), globs) for package, globs in declared.items()]
    packaged = {path for folder, globs in patterns for each in globs for path in folder.glob(each)}
    there = {
        path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert there == packaged


def has_kernels(path: Path) -> bool:
    """Tell whether a module has a function that numba compiles."""

    def names(node: ast.AST) -> set[str]:
        return {getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(node)}

    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return any(names(decorator) & {"njit", "jit"} for each in functions for decorator in each.decorator_list)


@pytest.mark.slow
def test_every_kernel_is_compiled_ahead() -> None:
    kernels = {
        ".".join(["emb_pipeline", *path.relative_to(PACKAGE).with_suffix("").parts])
        for path in PACKAGE.rglob("*.py")
        if has_kernels(path)
    }
    functions: list[Any] = [value for name, value in vars(precompile).items() if name.startswith("compile_")]
    compiled = {name.partition(":")[0] for function in functions for name in graph().reached(function)}
    assert len(kernels) > 5 and kernels <= compiled
