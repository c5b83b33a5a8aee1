"""Test units as a reader sees them: a text, the right answer, and the groups that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from emb_pipeline.embeddings.method import FOR_PEOPLE

LONGEST = 300
"""Characters of a text that are shown."""
_SHORTEST_SHARE = 0.8


@dataclass(frozen=True)
class UnitDisplay:
    """A kind's way to show its test units.

    Attributes
    ----------
    describe : place
        Function of the tables of a task and of names of units that gives `ShownUnits`.
    text, answer : str
        The words for what is shown of a unit, and for what would be right.
    group : str
        The word for what units are grouped by, in the singular.
    group_metric : str
        The metric that counts in a group, with a star in place of the group's name; the primary one, if left out.
    """

    describe: str
    text: str = field(metadata=FOR_PEOPLE)
    answer: str = field(metadata=FOR_PEOPLE)
    group: str = field(default="group", metadata=FOR_PEOPLE)
    group_metric: str = ""


@dataclass(frozen=True, eq=False)
class ShownUnits:
    """Some units of a task.

    Attributes
    ----------
    texts, answers : list of str
        What is shown of each, and what would be right.
    groups : list of sequence of str
        Classes, types or other groups that each belongs to.
    classes : sequence of str
        Names of the codes that item scores have as label and prediction.
    """

    texts: list[str]
    answers: list[str]
    groups: list[Sequence[str]]
    classes: Sequence[str] = ()


def cut_text(text: str, longest: int = LONGEST) -> tuple[str, int]:
    """Cut a text at a word where it is too long; also the number of characters that this leaves out."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line, 0
    kept = line[: longest + 1].rpartition(" ")[0]
    kept = kept if len(kept) >= _SHORTEST_SHARE * longest else line[:longest]
    return kept, len(line) - len(kept)
