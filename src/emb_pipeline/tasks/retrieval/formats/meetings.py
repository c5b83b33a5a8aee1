"""Queries about meetings: the transcript, or the passages of it, that answer each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.formats.qmsum import Meeting, QmsumSource, read_sampled_meetings
from emb_pipeline.tasks.retrieval.formats.answers import tables_of_answers
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables


class Passage(NamedTuple):
    """Consecutive turns of a meeting, from the first to the last."""

    first: int
    last: int
    text: str


def read_qmsum(source: QmsumSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read the queries of QMSum, with whole transcripts or with passages of them."""
    meetings = read_sampled_meetings(source, raw, project)
    if source.searched == "meetings":
        return tables_of_answers((pair for meeting in meetings for pair in _pair_with_meeting(meeting)), source)
    pairs = (pair for meeting in meetings for pair in _pair_with_passages(meeting, source.passage_words))
    return tables_of_answers(pairs, source)


def split_turns(turns: tuple[str, ...], n_words: int) -> list[Passage]:
    """Join consecutive turns to passages of at most so many words; a longer turn is a passage of its own.

    Examples
    --------
    >>> split_turns(("A: so", "", "B: yes it is"), 4)
    [Passage(first=0, last=0, text='A: so'), Passage(first=2, last=2, text='B: yes it is')]
    """
    passages: list[Passage] = []
    room = 0
    for number, turn in enumerate(turns):
        length = len(turn.split())
        if not length:
            continue
        if passages and length <= room:
            first, _, text = passages[-1]
            passages[-1] = Passage(first, number, f"{text}\n{turn}")
            room -= length
        else:
            passages.append(Passage(number, number, turn))
            room = n_words - length
    return passages


def _pair_with_meeting(meeting: Meeting) -> Iterator[tuple[str, str, str, str, float, str, str]]:
    transcript = meeting.transcript
    for query in meeting.queries:
        yield query.place, f"{meeting.name}/{query.number}", query.text, transcript, 1, "test", meeting.name


def _pair_with_passages(meeting: Meeting, n_words: int) -> Iterator[tuple[str, str, str, str, float, str, str]]:
    passages = split_turns(meeting.turns, n_words)
    for query in meeting.queries:
        for number, (start, end, text) in enumerate(passages, 1):
            grade = any(first <= end and start <= last for first, last in query.spans)
            yield query.place, f"{meeting.name}/{query.number}/{number}", query.text, text, grade, "test", meeting.name
