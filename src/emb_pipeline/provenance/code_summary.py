"""Summaries of modules: for each definition a hash of what it does, and what it uses.

The hash is of the syntax tree, without comments, docstrings, annotations of functions, imports and the ``description`` of
pydantic fields.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emb_pipeline.storage.atomic import atomic_path

EFFECTS = ""
"""Name of the statements of a module that define nothing."""
_PLAIN_DECORATORS = frozenset("property staticmethod classmethod cached_property abstractmethod override".split())
"""Decorators of methods that are called by their name alone."""
_TELLING_FIELDS = frozenset({"artifact"})
"""Fields of registry entries that a comparison with a constant asks for: a branch for another value is passed over."""
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


@dataclass(frozen=True)
class Part:
    """One definition: the hash of its syntax tree, and what it uses.

    Attributes
    ----------
    digest : str
        Of the normalized syntax tree.
    uses : tuple of (str, tuple of str)
        Absolute dotted names, each with the guards of the branches that it stands in.
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
        # Another version of this module, or of Python's grammar, summarizes in another way.
        self._of = [hashlib.sha256(Path(__file__).read_bytes()).hexdigest(), sys.version, *data]
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
        with atomic_path(self._path) as part:
            part.write_text(json.dumps({"of": self._of, "modules": self._used}), encoding="utf-8")


def summarize(source: bytes, module: str, is_package: bool, package: str, data: Mapping[str, Path]) -> Summary:
    tree = ast.parse(source)
    imports = _imports_of(_top_level(tree.body), module, is_package)
    names = {name for statement in _top_level(tree.body) for name in _defined(statement)}
    reader = _Reader(module, is_package, imports, names, data)
    parts: dict[str, list[Part]] = defaultdict(list)
    methods: dict[str, dict[str, list[Part]]] = {}
    bases: dict[str, tuple[str, ...]] = {}
    effects: list[ast.stmt] = []
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.ClassDef):
            shell, own = _split_class(statement)
            parts[statement.name].append(reader.part(shell))
            methods[statement.name] = {name: [reader.part(each) for each in several] for name, several in own.items()}
            bases[statement.name] = tuple(filter(None, map(reader.absolute, statement.bases)))
        elif defined := _defined(statement):
            if defined != ["__all__"]:
                part = reader.part(statement)
                for name in defined:
                    parts[name].append(part)
        elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) and not _is_text(statement):
            effects.append(statement)
    return Summary(
        imports,
        {name: tuple(each) for name, each in parts.items()},
        {name: {method: tuple(each) for method, each in own.items()} for name, own in methods.items() if own},
        bases,
        reader.part(ast.Module(body=effects, type_ignores=[])) if effects else None,
    )


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module; those inside ``if`` and ``try``, too."""
    for statement in body:
        if isinstance(statement, ast.If):
            if "__main__" in ast.dump(statement.test):
                continue
            yield from _top_level([*statement.body, *statement.orelse])
            if "TYPE_CHECKING" not in ast.dump(statement.test):
                yield ast.Expr(statement.test)
        elif isinstance(statement, ast.Try):
            inner = [each for handler in statement.handlers for each in handler.body]
            yield from _top_level([*statement.body, *inner, *statement.orelse, *statement.finalbody])
        else:
            yield statement


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement of a module defines."""
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


def _imports_of(statements: Iterable[ast.AST], module: str, is_package: bool) -> dict[str, str]:
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
    """A class without the methods that are called by their names alone, and these."""
    own: dict[str, list[ast.stmt]] = defaultdict(list)
    rest: list[ast.stmt] = []
    for each in statement.body:
        plain = (
            isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and not (each.name.startswith("__") and each.name.endswith("__"))
            and not each.name.startswith("model_")
            and all(_last_name(decorator) in _PLAIN_DECORATORS for decorator in each.decorator_list)
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


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_text(statement: ast.AST) -> bool:
    """Whether a statement is a docstring, or a text below an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class _Reader:
    """Turns statements of a module into parts."""

    def __init__(
        self, module: str, is_package: bool, imports: Mapping[str, str], names: set[str], data: Mapping[str, Path]
    ) -> None:
        self._module, self._is_package = module, is_package
        self._imports, self._names, self._data = imports, names, data

    def part(self, statement: ast.AST) -> Part:
        uses = _Uses(self._meanings(statement))
        uses.visit(statement, ())
        data = {name for text in uses.texts for name in self._data_named(text)}
        read = _fields_read(statement) if isinstance(statement, ast.FunctionDef) else {}
        digest = hashlib.sha256(ast.dump(_Normalized().visit(statement), annotate_fields=False).encode()).hexdigest()[:24]
        found, mentions = tuple(sorted(uses.found)), tuple(sorted(uses.mentions))
        return Part(digest, found, mentions, tuple(sorted(data)), uses.imports_by_name, read)

    def absolute(self, node: ast.expr) -> str | None:
        """The absolute dotted name of an expression; None for what has none, and for what is built in."""
        if isinstance(node, ast.Subscript):
            node = node.value
        chain = _chain(node)
        return _absolute(chain, self._meanings(None)) if chain and not hasattr(builtins, chain[0]) else None

    def _meanings(self, statement: ast.AST | None) -> dict[str, str]:
        """What a name at the start of an expression means."""
        own = {name: f"{self._module}.{name}" for name in self._names}
        inner = _imports_of(ast.walk(statement), self._module, self._is_package) if statement is not None else {}
        return {**self._imports, **own, **inner}

    def _data_named(self, text: str) -> Iterator[str]:
        """Packaged files that a text names: with a file those of its kind beside it, or all of a folder without modules."""
        for name, path in self._data.items():
            folder, _, file = name.rpartition("/")
            if f"/{name}".endswith(f"/{text}"):
                kind = file.partition(".")[2]
                beside = (other for other in self._data if other.rpartition("/")[0] == folder)
                yield from (other for other in beside if other.rpartition("/")[2].partition(".")[2] == kind)
            elif f"/{folder}".endswith(f"/{text}") and not any(each.suffix == ".py" for each in path.parent.iterdir()):
                yield name


def _fields_read(function: ast.FunctionDef) -> dict[str, tuple[str, ...]]:
    """The arguments that are read by attributes alone, with these."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    read: dict[str, set[str]] = {argument.arg: set() for argument in arguments}
    whole: set[str] = set()
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            read.get(node.value.id, set()).add(node.attr)
            continue
        if isinstance(node, ast.Name):
            whole.add(node.id)
        waiting.extend(ast.iter_child_nodes(node))
    return {name: tuple(sorted(attributes)) for name, attributes in read.items() if name not in whole}


def _chain(node: ast.AST) -> list[str]:
    """``a.b.c`` as its names; empty for what does not start with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _absolute(chain: list[str], meanings: Mapping[str, str]) -> str | None:
    return ".".join([meanings[chain[0]], *chain[1:]]) if chain and chain[0] in meanings else None


class _Uses:
    """Collects the names that a statement uses, with the guards that they stand behind."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._meanings = meanings
        self.found: set[tuple[str, tuple[str, ...]]] = set()
        self.mentions: set[str] = set()
        self.texts: set[str] = set()
        self.imports_by_name = False

    def visit(self, node: ast.AST, guards: tuple[str, ...]) -> None:
        if isinstance(node, ast.Attribute | ast.Name):
            self._visit_name(node, guards)
        elif isinstance(node, ast.If | ast.IfExp):
            self._visit_branch(node, guards)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and 0 < len(node.value) < 100 and not node.value.isspace():
                self.texts.add(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            self._visit_function(node, guards)
        elif not _is_text(node):
            if isinstance(node, ast.Call):
                self._note_call(node)
            self._visit_all(ast.iter_child_nodes(node), guards)

    def _visit_all(self, nodes: Iterable[ast.AST], guards: tuple[str, ...]) -> None:
        for node in nodes:
            self.visit(node, guards)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, guards: tuple[str, ...]) -> None:
        """A function's own variables hide what their names mean outside."""
        self.visit(node.args, guards)
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        if not isinstance(node, ast.Lambda):
            self._visit_all([*node.decorator_list, *([node.returns] if node.returns else [])], guards)
        outside, hidden = self._meanings, _own_variables(node.args, body)
        self._meanings = {name: meaning for name, meaning in outside.items() if name not in hidden}
        self._visit_all(body, guards)
        self._meanings = outside

    def _visit_name(self, node: ast.Attribute | ast.Name, guards: tuple[str, ...]) -> None:
        chain = _chain(node)
        self.mentions.update(chain[1:])
        if not chain and isinstance(node, ast.Attribute):
            self.mentions.add(node.attr)
            self.visit(node.value, guards)
        elif dotted := _absolute(chain, self._meanings):
            self.found.add((dotted, guards))

    def _visit_branch(self, node: ast.If | ast.IfExp, guards: tuple[str, ...]) -> None:
        self.visit(node.test, guards)
        inner = (*guards, *self._guard_of(node.test))
        then, other = ([node.body], [node.orelse]) if isinstance(node, ast.IfExp) else (node.body, node.orelse)
        self._visit_all(then, inner)
        self._visit_all(other, guards)

    def _guard_of(self, test: ast.expr) -> tuple[str, ...]:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return tuple(guard for each in test.values for guard in self._guard_of(each))
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            left, value = test.left, test.comparators[0]
            if isinstance(left, ast.Attribute) and left.attr in _TELLING_FIELDS and isinstance(value, ast.Constant):
                return (f"{left.attr}={value.value!s}",)
        return ()

    def _note_call(self, node: ast.Call) -> None:
        called = _last_name(node.func)
        constants = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if called in ("getattr", "hasattr", "attrgetter", "methodcaller"):
            self.mentions.update(constants)
        elif called in ("import_module", "__import__"):
            if constants:
                self.found.add((constants[0], ()))
            else:
                self.imports_by_name = True


def _own_variables(arguments: ast.arguments, body: Iterable[ast.AST]) -> set[str]:
    """A function's arguments and the variables that it assigns, without those of functions and comprehensions inside."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {argument.arg for argument in every if argument is not None}
    shared: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            shared.update(node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))
    return found - shared


class _Normalized(ast.NodeTransformer):
    """Takes away what has no effect on results."""

    def __init__(self) -> None:
        self._in_class = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for argument in every:
            if argument is not None:
                argument.annotation = None
        node.returns = None
        outside, self._in_class = self._in_class, False
        self.generic_visit(node)
        self._in_class = outside
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outside, self._in_class = self._in_class, True
        self.generic_visit(node)
        self._in_class = outside
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self._in_class:  # its fields
            return self.generic_visit(node)
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _last_name(node.func) == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)
