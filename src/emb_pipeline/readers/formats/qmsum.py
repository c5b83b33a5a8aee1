"""QMSum: transcripts of meetings, with queries and the turns that answer each, JSON in a tar archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.archives import read_tar_members
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.formats.json_objects import list_of, parse_json, require_object, require_text
from emb_pipeline.readers.options import HashRange, PlacedSource, without_columns


class QmsumSource(PlacedSource):
    """QMSum's meetings (JSON in a tar archive): queries, and what answers them; as a corpus, the transcripts.

    Queries of equal words are one query, and queries of one meeting are a group.
    """

    reader: Literal["qmsum"] = "qmsum"
    searched: Literal["meetings", "passages"] = Field(
        default="meetings",
        description="what is searched: whole transcripts, or passages of them; all passages of a query's own meeting are "
        "judged, so that 'rank: judged' searches in that meeting alone",
    )
    passage_words: int = Field(
        default=200, ge=1, le=100_000, description="passages: words at most, in whole turns; a longer turn is one passage"
    )
    sample: HashRange | None = Field(default=None, description="meetings to take, by hash; all by default")
    max_queries: int | None = Field(
        default=None, ge=1, description="queries to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further queries, of other meetings, that embeddings may be fine-tuned on"
    )

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        return without_columns(sample, "meetings")


class MeetingQuery(NamedTuple):
    """A query about a part of a meeting: ``spans`` are first and last turn, from 0 on, of what answers it."""

    place: str
    number: int
    text: str
    spans: tuple[tuple[int, int], ...]


class Meeting(NamedTuple):
    """One meeting: ``turns`` are ``speaker: what is said``, or empty where nothing is."""

    place: str
    name: str
    turns: tuple[str, ...]
    queries: tuple[MeetingQuery, ...]

    @property
    def transcript(self) -> str:
        """All turns, each on a line."""
        return "\n".join(filter(None, self.turns))


def read_documents(source: QmsumSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream name and transcript of each meeting."""
    for meeting in read_sampled_meetings(source, raw, project):
        yield meeting.name, meeting.transcript


def read_sampled_meetings(source: QmsumSource, raw: Path, project: Path) -> Iterator[Meeting]:
    """Stream the meetings that the source takes."""
    for file in named_files(source, raw, project):
        for meeting in read_meetings(file):
            if source.sample is None or source.sample.draws(meeting.name):
                yield meeting


@per_file
def read_meetings(file: NamedFile) -> Iterator[Meeting]:
    """Stream the meetings of a tar of QMSum's JSON files, in its order.

    Queries about the whole of a meeting, which no turns answer, are left out.

    Raises
    ------
    DataError
        A file is not JSON or not of QMSum's form, a meeting has no words, or a span is not within its turns.
    """
    for name, content in read_tar_members(file.path):
        if not name.endswith(".json"):
            continue
        place = f"{file.name}, member {name}"
        meeting = parse_json(decode_text(content, "utf-8", place), place)
        rows = list_of(meeting, "meeting_transcripts", place)
        turns = tuple(_read_turn(row, f"{place}, turn {number}") for number, row in enumerate(rows))
        if not any(turns):
            raise DataError(place, "nobody says a word", "fetch or copy the archive again")
        asked = enumerate(list_of(meeting, "specific_query_list", place), 1)
        queries = tuple(_read_query(query, f"{place}, query {number}", number, turns) for number, query in asked)
        yield Meeting(place, PurePosixPath(name).stem, turns, queries)


def _read_turn(row: Any, place: str) -> str:
    said = require_object(row, place).get("content")
    if not isinstance(said, str):
        raise DataError(place, "'content' is not a text", "see the format in the data set's own description")
    return f"{require_text(row, 'speaker', place)}: {said.strip()}" if said.strip() else ""


def _read_query(query: Any, place: str, number: int, turns: Sequence[str]) -> MeetingQuery:
    spans = tuple(_read_span(span, place, len(turns)) for span in list_of(query, "relevant_text_span", place))
    return MeetingQuery(place, number, require_text(query, "query", place).strip(), spans)


def _read_span(span: Any, place: str, n_turns: int) -> tuple[int, int]:
    try:
        first, last = (int(turn) for turn in span)
    except (TypeError, ValueError):
        first, last = -1, -1
    if not 0 <= first <= last < n_turns:
        raise DataError(
            place,
            f"the span {span!r} is not a first and a last turn from 0 to {n_turns - 1}",
            "correct 'relevant_text_span', or drop the query",
        )
    return first, last
