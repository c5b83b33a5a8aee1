"""QMSum: meetings, whole and in passages, with the turns that answer each query."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.formats.qmsum import QmsumSource, read_documents
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.formats.meetings import read_qmsum, split_turns

TURNS = [("Grad", "let us begin"), ("Prof", " "), ("Prof", "the belief net is large"), ("Grad", "it is")]
QUERIES = [("What of the net?", [["2", "2"]]), ("How did it end?", [["3", "3"], ["0", "0"]])]


def meeting(turns: Any = TURNS, queries: Any = QUERIES) -> dict[str, Any]:
    return {
        "meeting_transcripts": [{"speaker": speaker, "content": said} for speaker, said in turns],
        "specific_query_list": [{"query": text, "relevant_text_span": spans} for text, spans in queries],
        "general_query_list": [{"query": "Summarize the meeting", "answer": "…"}],
    }


def write_archive(folder: Path, **meetings: Any) -> None:
    with tarfile.open(folder / "q.tar", "w") as archive:
        for name, content in meetings.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"train/{name}.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def read(folder: Path, **options: Any) -> RetrievalTables:
    source = QmsumSource(path="q.tar", **options)
    return read_qmsum(source, folder, folder, BadRows.of(source))


def test_a_query_finds_its_meeting_and_queries_of_a_meeting_are_a_group(tmp_path: Path) -> None:
    other = meeting([("A", "what a remote control costs")], [("what of the net", [["0", "0"]])])
    write_archive(tmp_path, Bed1=meeting(), ES2=other)
    found = read(tmp_path)
    assert sorted(found.passages["text"].to_pylist()) == [
        "A: what a remote control costs",
        "Grad: let us begin\nProf: the belief net is large\nGrad: it is",
    ]
    groups = dict(zip(found.queries["text"].to_pylist(), found.queries["group"].to_pylist(), strict=True))
    assert groups == {"What of the net?": "Bed1", "How did it end?": "Bed1"}
    relevant = list(zip(*(found.qrels[name].to_pylist() for name in ("query_id", "passage_id")), strict=True))
    # The second meeting's query has the words of the first's: both meetings answer it.
    assert sorted(relevant) == [("q:Bed1/1", "p:Bed1/1"), ("q:Bed1/1", "p:ES2/1"), ("q:Bed1/2", "p:Bed1/1")]


def test_passages_are_judged_by_the_turns_that_they_share_with_a_span(tmp_path: Path) -> None:
    write_archive(tmp_path, Bed1=meeting())
    found = read(tmp_path, searched="passages", passage_words=6)
    texts = dict(zip(found.passages["passage_id"].to_pylist(), found.passages["text"].to_pylist(), strict=True))
    assert set(texts.values()) == {"Grad: let us begin", "Prof: the belief net is large", "Grad: it is"}
    queries = dict(zip(found.queries["query_id"].to_pylist(), found.queries["text"].to_pylist(), strict=True))
    graded = {
        (queries[query], texts[passage]): grade
        for query, passage, grade in zip(*found.qrels.to_pydict().values(), strict=True)
    }
    assert graded == {
        ("What of the net?", "Grad: let us begin"): 0,
        ("What of the net?", "Prof: the belief net is large"): 1,
        ("What of the net?", "Grad: it is"): 0,
        ("How did it end?", "Grad: let us begin"): 1,
        ("How did it end?", "Prof: the belief net is large"): 0,
        ("How did it end?", "Grad: it is"): 1,
    }


def test_whole_turns_fill_a_passage_up_to_its_words() -> None:
    turns = ("A: one two", "B: three", "", "A: four five six seven", "B: end")
    assert [(first, last) for first, last, _ in split_turns(turns, 5)] == [(0, 1), (3, 3), (4, 4)]
    assert [text for _, _, text in split_turns(turns, 100)] == ["\n".join(filter(None, turns))]
    assert [(first, last) for first, last, _ in split_turns(turns, 1)] == [(0, 0), (1, 1), (3, 3), (4, 4)]


def test_transcripts_are_a_corpus_and_a_sample_has_some_of_them(tmp_path: Path) -> None:
    write_archive(tmp_path, **{f"M{number}": meeting([("A", f"word {number}")], []) for number in range(40)})
    parts = []
    for low, high in ((0, 0.5), (0.5, 1)):
        source = QmsumSource(path="q.tar", sample={"low": low, "high": high})
        parts.append(dict(read_documents(source, tmp_path, tmp_path, BadRows.of(source))))
    assert parts[0] and parts[1] and not set(parts[0]) & set(parts[1])
    assert parts[0] | parts[1] == {f"M{number}": f"A: word {number}" for number in range(40)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "it is not a JSON object"),
        (meeting([("A", "")], []), "nobody says a word"),
        (meeting([("A", None)]), "turn 0: 'content' is not a text"),
        (meeting([("", "so")]), "turn 0: 'speaker' is empty"),
        (
            meeting(TURNS, [("Why?", [["2", "4"]])]),
            r"query 1: the span \['2', '4'\] is not a first and a last turn from 0 to 3",
        ),
        (meeting(TURNS, [("Why?", [["3", "2"]])]), "is not a first and a last turn"),
        (meeting(TURNS, [("Why?", [["one", "2"]])]), "is not a first and a last turn"),
        (meeting(TURNS, [("Why?", [7])]), "the span 7 is not"),
        (meeting(TURNS, [("", [["1", "2"]])]), "query 1: 'query' is empty"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    write_archive(tmp_path, Bed1=content)
    with pytest.raises(DataError, match=r"q\.tar, member train/Bed1\.json.*" + message):
        read(tmp_path)


def test_a_sample_by_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="meetings have no columns: leave 'by' out"):
        QmsumSource(path="q.tar", sample={"by": "speaker"})
