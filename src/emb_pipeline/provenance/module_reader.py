"""The reading of a module's source: its syntax tree becomes a summary."""

from __future__ import annotations

import ast
import builtins
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from emb_pipeline.provenance.code_summary import Part, Summary
from emb_pipeline.provenance.name_uses import NameUses, find_fields_read
from emb_pipeline.provenance.syntax import find_chain, find_last_name, is_text, normalize_syntax, resolve_chain

_PLAIN_DECORATORS = frozenset("property staticmethod classmethod cached_property abstractmethod override".split())
"""Decorators of methods that are called by their name alone."""


def summarize_module(source: bytes, module: str, is_package: bool, package: str, data: Mapping[str, Path]) -> Summary:
    """Summarize the source of a module."""
    tree = ast.parse(source)
    imports = _list_imports(_list_statements(tree.body), module, is_package)
    names = {name for statement in _list_statements(tree.body) for name in _list_names(statement)}
    reader = _Reader(module, is_package, imports, names, data)
    parts: dict[str, list[Part]] = defaultdict(list)
    methods: dict[str, dict[str, list[Part]]] = {}
    bases: dict[str, tuple[str, ...]] = {}
    effects: list[ast.stmt] = []
    for statement in _list_statements(tree.body):
        if isinstance(statement, ast.ClassDef):
            shell, own = _split_class(statement)
            parts[statement.name].append(reader.read_part(shell))
            methods[statement.name] = {name: [reader.read_part(each) for each in several] for name, several in own.items()}
            bases[statement.name] = tuple(filter(None, map(reader.resolve, statement.bases)))
        elif defined := _list_names(statement):
            if defined != ["__all__"]:
                part = reader.read_part(statement)
                for name in defined:
                    parts[name].append(part)
        elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) and not is_text(statement):
            effects.append(statement)
    return Summary(
        imports,
        {name: tuple(each) for name, each in parts.items()},
        {name: {method: tuple(each) for method, each in own.items()} for name, own in methods.items() if own},
        bases,
        reader.read_part(ast.Module(body=effects, type_ignores=[])) if effects else None,
    )


def _list_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module; those inside ``if`` and ``try``, too."""
    for statement in body:
        if isinstance(statement, ast.If):
            if "__main__" in ast.dump(statement.test):
                continue
            yield from _list_statements([*statement.body, *statement.orelse])
            if "TYPE_CHECKING" not in ast.dump(statement.test):
                yield ast.Expr(statement.test)
        elif isinstance(statement, ast.Try):
            inner = [each for handler in statement.handlers for each in handler.body]
            yield from _list_statements([*statement.body, *inner, *statement.orelse, *statement.finalbody])
        else:
            yield statement


def _list_names(statement: ast.stmt) -> list[str]:
    """List the names that a statement of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    elif sys.version_info >= (3, 12) and isinstance(statement, ast.TypeAlias):
        targets = [statement.name]
    else:
        return []
    flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [each.id for each in flat if isinstance(each, ast.Name)] if all(isinstance(e, ast.Name) for e in flat) else []


def _list_imports(statements: Iterable[ast.AST], module: str, is_package: bool) -> dict[str, str]:
    found = {}
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(statement, ast.ImportFrom):
            start = statement.module or ""
            if statement.level:
                parents = module.split(".") if is_package else module.split(".")[:-1]
                kept = parents[: len(parents) - statement.level + 1]
                start = ".".join([*kept, *([start] if start else [])])
            for alias in statement.names:
                found[alias.asname or alias.name] = start if alias.name == "*" else f"{start}.{alias.name}"
    return found


def _split_class(statement: ast.ClassDef) -> tuple[ast.ClassDef, dict[str, list[ast.stmt]]]:
    """Split off the methods of a class that are called by their names alone."""
    own: dict[str, list[ast.stmt]] = defaultdict(list)
    rest: list[ast.stmt] = []
    for each in statement.body:
        plain = (
            isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and not (each.name.startswith("__") and each.name.endswith("__"))
            and not each.name.startswith("model_")
            and all(find_last_name(decorator) in _PLAIN_DECORATORS for decorator in each.decorator_list)
        )
        if plain and isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            own[each.name].append(each)
        else:
            rest.append(each)
    shell = ast.ClassDef(
        name=statement.name,
        bases=statement.bases,
        keywords=statement.keywords,
        body=rest,
        decorator_list=statement.decorator_list,
    )
    if sys.version_info >= (3, 12):
        shell.type_params = statement.type_params
    return shell, own


class _Reader:
    """The reading of one module's statements into parts."""

    def __init__(
        self, module: str, is_package: bool, imports: Mapping[str, str], names: set[str], data: Mapping[str, Path]
    ) -> None:
        self._module, self._is_package = module, is_package
        self._imports, self._names, self._data = imports, names, data

    def read_part(self, statement: ast.AST) -> Part:
        uses = NameUses(self._find_meanings(statement))
        uses.visit(statement, ())
        data = {name for text in uses.texts for name in self._find_data(text)}
        read = find_fields_read(statement) if isinstance(statement, ast.FunctionDef) else {}
        digest = hashlib.sha256(ast.dump(normalize_syntax(statement), annotate_fields=False).encode()).hexdigest()[:24]
        found, mentions = tuple(sorted(uses.found)), tuple(sorted(uses.mentions))
        return Part(digest, found, mentions, tuple(sorted(data)), uses.imports_by_name, read)

    def resolve(self, node: ast.expr) -> str | None:
        """Find the absolute dotted name of an expression; None for what has none, and for what is built in."""
        if isinstance(node, ast.Subscript):
            node = node.value
        chain = find_chain(node)
        return resolve_chain(chain, self._find_meanings(None)) if chain and not hasattr(builtins, chain[0]) else None

    def _find_meanings(self, statement: ast.AST | None) -> dict[str, str]:
        """Find what a name at the start of an expression means."""
        own = {name: f"{self._module}.{name}" for name in self._names}
        inner = _list_imports(ast.walk(statement), self._module, self._is_package) if statement is not None else {}
        return {**self._imports, **own, **inner}

    def _find_data(self, text: str) -> Iterator[str]:
        """Find the packaged files that a text names: a file with its kind next to it, or a folder without modules."""
        for name, path in self._data.items():
            folder, _, file = name.rpartition("/")
            if f"/{name}".endswith(f"/{text}"):
                kind = file.partition(".")[2]
                beside = (other for other in self._data if other.rpartition("/")[0] == folder)
                yield from (other for other in beside if other.rpartition("/")[2].partition(".")[2] == kind)
            elif f"/{folder}".endswith(f"/{text}") and not any(each.suffix == ".py" for each in path.parent.iterdir()):
                yield name
