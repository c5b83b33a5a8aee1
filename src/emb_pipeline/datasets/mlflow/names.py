"""Names of metrics, params and tags as MLflow takes them, one to one."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

_REFUSED = re.compile(r"[^\w.\- :/]", re.ASCII)
_LOOKS_ESCAPED = re.compile(r"_(?=at_|x[0-9a-f]+_)")
_AT_MOST = 250


def clean_mlflow_name(name: str) -> str:
    """Write a name with the characters that MLflow takes: ``ndcg@10`` is ``ndcg_at_10``, ``f1_<b>`` is ``f1__x3c_b_x3e_``.

    Two names stay two: ``@`` becomes ``_at_``, any other refused character ``_x<code>_``, and what looks like one
    of these already is escaped itself. Names over 250 characters end in a hash.
    """
    plain = _REFUSED.sub(lambda found: _escape(found.group()), _LOOKS_ESCAPED.sub("_x5f_", name))
    if _is_no_path(plain):
        plain = plain.replace("/", "_x2f_")
    if not plain or _is_no_path(plain):  # nothing but dots
        plain = plain.replace(".", "_x2e_") or "_x_"
    if len(plain) > _AT_MOST:
        plain = f"{plain[: _AT_MOST - 17]}_{hashlib.sha256(plain.encode()).hexdigest()[:16]}"
    return plain


def _escape(character: str) -> str:
    return "_at_" if character == "@" else f"_x{ord(character):x}_"


def _is_no_path(name: str) -> bool:
    """Tell whether MLflow refuses the name as a path: ``a//b``, ``/a``, ``..``."""
    normal = posixpath.normpath(name)
    return normal != name or normal == "." or normal.startswith(("..", "/"))


def flatten_mapping(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings by their path: ``methods.word2vec.window``, 9."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten_mapping(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
