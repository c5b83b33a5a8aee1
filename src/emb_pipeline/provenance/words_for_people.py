"""Words for people in a registry's entries: labels and titles, which change no result.

They are fields of dataclasses with the metadata ``for_people``. Code shows them where it mentions such a field, and uses
the registry or the class that has it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple


class Word(NamedTuple):
    """A field with words for people: module and name of its class, and its own name."""

    owner: tuple[str, str]
    field: str


def list_words(value: Any, wanted: Container[Word] | None = None) -> dict[Word, tuple[str, ...]]:
    """List the words for people in the dataclasses of a value, by the field that holds them; all by default."""
    found: dict[Word, tuple[str, ...]] = {}
    waiting = [value]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, tuple | list):
            waiting.extend(each)
        elif is_dataclass(each) and not isinstance(each, type):
            waiting.extend(read_plain_fields(each).values())
            for of in fields(each):
                word = Word((type(each).__module__, type(each).__name__), of.name)
                if of.metadata.get("for_people") and (wanted is None or word in wanted):
                    found[word] = (*found.get(word, ()), str(getattr(each, of.name)))
    return found


def read_plain_fields(value: Any) -> dict[str, Any]:
    """Read the fields of a dataclass that hold no words for people."""
    return {each.name: getattr(value, each.name) for each in fields(value) if not each.metadata.get("for_people")}
