"""Entities as tags of tokens: IOB2 out of every common scheme, and spans out of IOB2.

All data sets are brought to **IOB2** (``B-X`` opens an entity of type X, ``I-X`` goes on with it, ``O`` is outside), by the
conventions of conlleval [1]_:

* an ``I-X`` that follows neither ``B-X`` nor ``I-X`` opens an entity. This mends broken annotation, and it is what IOB1
  means by such a tag, so IOB1 needs no rule of its own;
* ``E-X`` and ``L-X`` are the last token of an entity, ``S-X`` and ``U-X`` an entity of one token (BIOES, BILOU); what
  follows them opens a new entity.

References
----------
.. [1] Tjong Kim Sang & De Meulder (2003), Introduction to the CoNLL-2003 shared task; the script conlleval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

OUTSIDE = "O"
_TAG = re.compile(r"O|[BIELSU]-\S(?:.*\S)?")
_ENDING, _SINGLE = frozenset("ELSU"), frozenset("SU")


class Entity(NamedTuple):
    """Type and place of an entity: tokens ``start`` to ``end - 1``."""

    type: str
    start: int
    end: int


def is_tag(text: str) -> bool:
    """Whether this is ``O``, or a prefix of IOB, BIOES or BILOU with a type: ``B-Disease``."""
    return _TAG.fullmatch(text) is not None


def to_iob2(tags: Sequence[str]) -> list[str]:
    """The tags of a sentence in IOB2.

    Examples
    --------
    >>> to_iob2(["I-X", "I-X", "O", "S-X", "B-Y", "E-Y", "I-Y"])
    ['B-X', 'I-X', 'O', 'B-X', 'B-Y', 'I-Y', 'B-Y']
    """
    made = []
    open_type: str | None = None
    for tag in tags:
        prefix, _, kind = tag.partition("-")
        if prefix == OUTSIDE:
            made.append(OUTSIDE)
            open_type = None
            continue
        goes_on = prefix not in _SINGLE and prefix != "B" and kind == open_type
        made.append(f"{'I' if goes_on else 'B'}-{kind}")
        open_type = None if prefix in _ENDING else kind
    return made


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence with IOB2 tags, in order.

    Examples
    --------
    >>> entities(["B-X", "I-X", "B-X", "O", "B-Y"])
    [Entity(type='X', start=0, end=2), Entity(type='X', start=2, end=3), Entity(type='Y', start=4, end=5)]
    """
    found: list[Entity] = []
    start = 0
    for position, tag in enumerate([*tags, OUTSIDE]):
        if position and tags[position - 1] != OUTSIDE and not tag.startswith("I-"):
            found.append(Entity(tags[start][2:], start, position))
        if tag.startswith("B-"):
            start = position
    return found
