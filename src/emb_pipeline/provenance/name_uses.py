"""The names that a statement uses, each with the branches that it is used in."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from emb_pipeline.provenance.syntax import find_chain, find_last_name, is_text, resolve_chain

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


class NameUses:
    """Collects the names that a statement uses, with the guards that they are behind."""

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
        elif not is_text(node):
            if isinstance(node, ast.Call):
                self._note_call(node)
            self._visit_all(ast.iter_child_nodes(node), guards)

    def _visit_all(self, nodes: Iterable[ast.AST], guards: tuple[str, ...]) -> None:
        for node in nodes:
            self.visit(node, guards)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, guards: tuple[str, ...]) -> None:
        """Visit a function; its own variables hide what their names mean outside."""
        self.visit(node.args, guards)
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        if not isinstance(node, ast.Lambda):
            self._visit_all([*node.decorator_list, *([node.returns] if node.returns else [])], guards)
        outside, hidden = self._meanings, _find_own_variables(node.args, body)
        self._meanings = {name: meaning for name, meaning in outside.items() if name not in hidden}
        self._visit_all(body, guards)
        self._meanings = outside

    def _visit_name(self, node: ast.Attribute | ast.Name, guards: tuple[str, ...]) -> None:
        chain = find_chain(node)
        self.mentions.update(chain[1:])
        if not chain and isinstance(node, ast.Attribute):
            self.mentions.add(node.attr)
            self.visit(node.value, guards)
        elif dotted := resolve_chain(chain, self._meanings):
            self.found.add((dotted, guards))

    def _visit_branch(self, node: ast.If | ast.IfExp, guards: tuple[str, ...]) -> None:
        self.visit(node.test, guards)
        inner = (*guards, *self._find_guards(node.test))
        then, other = ([node.body], [node.orelse]) if isinstance(node, ast.IfExp) else (node.body, node.orelse)
        self._visit_all(then, inner)
        self._visit_all(other, guards)

    def _find_guards(self, test: ast.expr) -> tuple[str, ...]:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return tuple(guard for each in test.values for guard in self._find_guards(each))
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            left, value = test.left, test.comparators[0]
            if isinstance(left, ast.Attribute) and left.attr in _TELLING_FIELDS and isinstance(value, ast.Constant):
                return (f"{left.attr}={value.value!s}",)
        return ()

    def _note_call(self, node: ast.Call) -> None:
        called = find_last_name(node.func)
        constants = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if called in ("getattr", "hasattr", "attrgetter", "methodcaller"):
            self.mentions.update(constants)
        elif called in ("import_module", "__import__"):
            if constants:
                self.found.add((constants[0], ()))
            else:
                self.imports_by_name = True


def _find_own_variables(arguments: ast.arguments, body: Iterable[ast.AST]) -> set[str]:
    """Find a function's arguments and the variables that it assigns itself, outside of comprehensions."""
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


def find_fields_read(function: ast.FunctionDef) -> dict[str, tuple[str, ...]]:
    """Find the arguments of which nothing but some attributes is read, and these attributes."""
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
