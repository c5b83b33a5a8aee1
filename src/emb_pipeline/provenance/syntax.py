"""Small questions about syntax trees, and the form of them that a hash is taken of."""

from __future__ import annotations

import ast
from collections.abc import Mapping


def find_last_name(node: ast.expr) -> str:
    """Find the last name of ``a.b.c``; empty for what is no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_text(statement: ast.AST) -> bool:
    """Tell whether a statement is a docstring, or a text below an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def find_chain(node: ast.AST) -> list[str]:
    """Find the names of ``a.b.c``; empty for what does not start with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def resolve_chain(chain: list[str], meanings: Mapping[str, str]) -> str | None:
    """Find the absolute dotted name of a chain; None where its first name has no meaning outside."""
    return ".".join([meanings[chain[0]], *chain[1:]]) if chain and chain[0] in meanings else None


def normalize_syntax(statement: ast.AST) -> ast.AST:
    """Take away what has no effect on results; the tree itself is changed."""
    normalized: ast.AST = _Normalized().visit(statement)
    return normalized


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
        return None if is_text(node) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if find_last_name(node.func) == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)
