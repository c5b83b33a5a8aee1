"""Sentences of the page, and how names are written in them.

A sentence is written only where its tables hold what it needs, and says "not significantly different" where a test did not
separate two embeddings, which is not the same as "equal". Names from the user's configuration are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from emb_pipeline.reporting.names import READABLE, mark

_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One sentence or two.

    Attributes
    ----------
    text : Markup
        Safe HTML; embeddings are marked (`embedding`), and each medium writes their names in its own way.
    tone : {'lead', 'plain', 'warning'}
        How it is set: a warning says that a number should not be trusted yet.
    """

    text: Markup
    tone: Literal["lead", "plain", "warning"] = "plain"


def code(name: object) -> Markup:
    """Write what is no embedding as YAML, tables and commands have it."""
    return Markup("<code>{}</code>").format(str(name))


def embedding(technical: object) -> Markup:
    """Name an embedding, in short."""
    return mark(technical)


def name_fully(technical: object) -> Markup:
    """Name an embedding with all that it is."""
    return mark(technical, READABLE)


def names(embeddings: Sequence[object]) -> Markup:
    """Write the first few names, and how many more."""
    if len(embeddings) <= _NAMED + 1:
        return join_parts([embedding(each) for each in embeddings])
    return join_parts([*(embedding(each) for each in embeddings[:_NAMED]), f"{len(embeddings) - _NAMED} more"])


def join_parts(parts: Iterable[Markup | str]) -> Markup:
    each = [Markup("{}").format(part) for part in parts]
    if len(each) < 2:
        return each[0] if each else Markup()
    return Markup(", ").join(each[:-1]) + Markup(" and ") + each[-1]


def count_all(count: int) -> str:
    return "both" if count == 2 else f"all {count}"
