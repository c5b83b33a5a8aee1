"""Entities as tags of tokens: IOB2 out of every common scheme, and spans out of IOB2.

All data sets are brought to **IOB2** (``B-X`` opens an entity of type X, ``I-X`` goes on with it, ``O`` is outside), by the
conventions of conlleval [1]_:

* an ``I-X`` that follows neither ``B-X`` nor ``I-X`` opens an entity. This repairs broken annotation, and it is what IOB1
  means by such a tag, so IOB1 needs no rule of its own. `find_scheme` tells the two apart;
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
    """Say whether this is ``O``, or a prefix of IOB, BIOES or BILOU with a type: ``B-Disease``."""
    return _TAG.fullmatch(text) is not None


def convert_to_iob2(tags: Sequence[str]) -> list[str]:
    """Convert the tags of a sentence to IOB2.

    Examples
    --------
    >>> convert_to_iob2(["I-X", "I-X", "O", "S-X", "B-Y", "E-Y", "I-Y"])
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


SCHEMES = ("IOB2", "IOB1", "BIOES", "BILOU", "IOE2", "IOE1")
"""Ways to tag the same entities, the usual ones first."""


def convert_from_iob2(tags: Sequence[str], scheme: str) -> list[str]:
    """Write the tags of a sentence in another scheme.

    Examples
    --------
    >>> convert_from_iob2(["B-X", "I-X", "B-X", "O"], "IOB1"), convert_from_iob2(["B-X", "I-X", "B-X", "O"], "BIOES")
    (['I-X', 'I-X', 'B-X', 'O'], ['B-X', 'E-X', 'S-X', 'O'])
    """
    made = list(tags)
    found = list_entities(tags)
    touching = {(entity.type, entity.end) for entity in found}
    touched = {(entity.type, entity.start) for entity in found}
    last, single = ("L", "U") if scheme == "BILOU" else ("E", "S")
    for kind, start, end in found:
        first_tag, last_tag = "B", "I"
        if scheme == "IOB1":
            first_tag = "B" if (kind, start) in touching else "I"
        elif scheme in ("BIOES", "BILOU"):
            last_tag = last
        elif scheme in ("IOE1", "IOE2"):
            first_tag = "I"
            last_tag = "E" if scheme == "IOE2" or (kind, end) in touched else "I"
        made[start] = f"{first_tag}-{kind}"
        if end - start > 1 or scheme in ("IOE1", "IOE2"):
            made[end - 1] = f"{last_tag}-{kind}"
        elif scheme in ("BIOES", "BILOU"):
            made[start] = f"{single}-{kind}"
    return made


def find_scheme(sentences: Sequence[Sequence[str]]) -> tuple[str, list[int]]:
    """Tell the scheme of a data set's tags: the one that most sentences follow.

    Returns
    -------
    scheme : str
        One of SCHEMES.
    broken : list of int
        Positions of the sentences whose tags do not follow it.

    Examples
    --------
    >>> find_scheme([["I-X", "B-X", "O"], ["O", "I-Y"]]), find_scheme([["B-X", "O"], ["I-X", "O"], ["B-Y", "I-Y"]])
    (('IOB1', []), ('IOB2', [1]))
    """
    best, fewest = SCHEMES[0], list(range(len(sentences)))
    iob2 = [convert_to_iob2(tags) for tags in sentences]
    for scheme in SCHEMES:
        broken = [
            position
            for position, (tags, same) in enumerate(zip(sentences, iob2, strict=True))
            if list(tags) != convert_from_iob2(same, scheme)
        ]
        if len(broken) < len(fewest):
            best, fewest = scheme, broken
        if not broken:
            break
    return best, fewest


def list_entities(tags: Sequence[str]) -> list[Entity]:
    """List the entities of a sentence with IOB2 tags, in order.

    Examples
    --------
    >>> list_entities(["B-X", "I-X", "B-X", "O", "B-Y"])
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
