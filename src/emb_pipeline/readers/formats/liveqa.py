"""LiveQA: medical questions and answers of MedQuAD, judged by people."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.archives import read_archive_members
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, find_file
from emb_pipeline.readers.formats.json_objects import FETCH_AGAIN
from emb_pipeline.readers.options import PlacedSource


class LiveqaSource(PlacedSource):
    """Retrieval with graded judgments: TREC 2017 LiveQA's medical questions and answers of MedQuAD."""

    reader: Literal["liveqa"] = "liveqa"
    questions: str = Field(default="*.xml", min_length=1, description="the file with the questions")
    judgments: str = Field(default="*.zip", min_length=1, description="the archive with answers and judgments")
    text: Literal["answer", "question_and_answer"] = Field(
        default="answer", description="what is searched: the answer alone, or behind the question that MedQuAD has it for"
    )

    def _globs(self) -> tuple[str | None, ...]:
        return self.questions, self.judgments


@dataclass(frozen=True)
class JudgedAnswers:
    """The LiveQA medical test collection.

    Attributes
    ----------
    questions, answers : dict of str to str
        Texts by id; questions without a relevant answer are left out.
    grades : dict of (question id, answer id) to int
        0 (incorrect) to 3 (excellent).
    """

    questions: dict[str, str]
    answers: dict[str, str]
    grades: dict[tuple[str, str], int]


def read_liveqa_judgments(source: LiveqaSource, raw: Path, project: Path) -> JudgedAnswers:
    """Read the questions of TREC 2017 LiveQA's medical task, and how well answers of MedQuAD were judged to answer them.

    Grades 1 to 4 (incorrect, related, incomplete, excellent) become 0 to 3. The collection judges 168 of its pairs twice,
    and differently: the higher grade is taken.

    Raises
    ------
    DataError
        A file is damaged or not of the collection's form, an answer or question that is judged is missing or empty.
    """
    answers: dict[str, str] = {}
    judged: list[tuple[str, str, str, str]] = []
    archive = find_file(source, raw, project, source.judgments)
    for name, content in read_archive_members(archive.path):
        place = f"{archive.name}, member {name}"
        if name.endswith(".csv"):
            answers.update(_answers(decode_text(content, "utf-8", place, FETCH_AGAIN), place, source.text))
        elif name.endswith(".txt"):
            judged.extend(_judgments(decode_text(content, "utf-8", place, FETCH_AGAIN), place))
    questions_file = find_file(source, raw, project, source.questions)
    questions = _questions_of_xml(questions_file)
    grades: dict[tuple[str, str], int] = {}
    for place, question_id, grade, answer_id in judged:
        for kind, identifier, known in (("question", question_id, questions), ("answer", answer_id, answers)):
            if identifier not in known:
                raise DataError(place, f"{kind} '{identifier}' is judged, but is not there", FETCH_AGAIN)
        grades[question_id, answer_id] = max(int(grade[0]) - 1, grades.get((question_id, answer_id), 0))
    if not grades:
        raise DataError(archive.name, "there is no judgment in it", FETCH_AGAIN)
    answered = {question_id for (question_id, _), grade in grades.items() if grade}
    return JudgedAnswers(
        {name: text for name, text in questions.items() if name in answered},
        answers,
        {pair: grade for pair, grade in grades.items() if pair[0] in answered},
    )


def _answers(content: str, place: str, kept: str) -> Iterator[tuple[str, str]]:
    rows = csv.reader(io.StringIO(content, newline=""))
    if next(rows, None) != ["AnswerID", "Answer"]:
        raise DataError(f"{place}, row 1", "the header is not AnswerID,Answer", FETCH_AGAIN)
    for number, row in enumerate(rows, 2):
        where = f"{place}, row {number}"
        if len(row) != 2:
            raise DataError(where, f"it has {len(row)} fields, not 2", FETCH_AGAIN)
        question, found, answer = row[1].partition("\nAnswer:")
        if not found or not answer.strip():
            raise DataError(where, "there is no answer after 'Answer:'", FETCH_AGAIN)
        asked = question.partition("\nURL:")[0].removeprefix("Question:").strip()
        yield row[0], answer.strip() if kept == "answer" else f"{asked}\n{answer.strip()}"


def _judgments(content: str, place: str) -> Iterator[tuple[str, str, str, str]]:
    for number, line in enumerate(content.splitlines(), 1):
        where, fields = f"{place}, row {number}", line.split()
        if len(fields) != 3 or fields[1][:1] not in ("1", "2", "3", "4"):
            raise DataError(where, "it is not a question, a grade from 1 to 4 and an answer", FETCH_AGAIN)
        yield where, fields[0], fields[1], fields[2]


def _questions_of_xml(file: NamedFile) -> dict[str, str]:
    parsed = read_content(file)
    if b"<!DOCTYPE" in parsed or b"<!ENTITY" in parsed:
        raise DataError(file.name, "it declares entities of its own", "remove the DOCTYPE")
    try:
        tree = ET.fromstring(parsed)
    except ET.ParseError as error:
        raise DataError(file.name, f"it is not XML ({error})", FETCH_AGAIN) from error
    questions = {}
    for asked in tree.iter("NLM-QUESTION"):
        name = (asked.get("qid") or "").removeprefix("TQ")
        text = (asked.findtext("NLM-Summary") or "").strip()
        if not name or not text:
            raise DataError(f"{file.name}, question '{asked.get('qid')}'", "has no NLM-Summary", FETCH_AGAIN)
        questions[name] = text
    return questions
