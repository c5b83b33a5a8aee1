"""Questions with their answers: SQuAD's spans, PubMedQA's yes / no / maybe, LiveQA's graded judgments."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.archives import archive_members
from emb_pipeline.readers.files import NamedFile, decoded, named_files, per_file, whole_content
from emb_pipeline.readers.readings import LiveqaReading, PubmedqaReading, SquadAnswersReading, SquadReading
from emb_pipeline.text.hashing import text_hash

QUESTIONS_SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("text", pa.string()),
        ("context", pa.string()),
        ("context_id", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("answer_starts", pa.list_(pa.int64())),
        ("split", pa.string()),
    ]
)
"""``text`` is the question; an answer starts at so many characters of the context."""
FEWEST_ARTICLES = 3
"""Articles that a split into training, validation and test part needs."""
DECISIONS = ("yes", "no", "maybe")

_FETCH = "fetch or copy the file again"


@dataclass(frozen=True)
class Question:
    """A question about a paragraph, and the spans of it that people gave as answers.

    Attributes
    ----------
    place : str
        Where it stands, for messages.
    question_id, title, context_id, context, question : str
        Its name; its article; the name and the text of its paragraph; itself.
    answers : tuple of str
        As they stand in the context.
    starts : tuple of int
        The character of the context that each starts at.
    """

    place: str
    question_id: str
    title: str
    context_id: str
    context: str
    question: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]


def read_answers(reading: SquadAnswersReading, raw: Path, project: Path) -> pa.Table:
    """Questions, each with a context and the spans that answer it.

    Without files for each split, whole articles are drawn for the test and the validation part by the hash of their title,
    so that no paragraph, and no neighbour of one, stands in two parts.

    Parameters
    ----------
    reading : SquadAnswersReading
        Where they are.
    raw : Path
        Folder that public sources are fetched to.
    project : Path
        Folder that paths are relative to.

    Returns
    -------
    pa.Table
        Of schema QUESTIONS_SCHEMA.

    Raises
    ------
    DataError
        As for `squad_questions`; an id repeats, too few articles, or a part without a question.
    """
    place = str(reading.source or reading.path or reading.package)
    if reading.splits is None:
        questions = [
            question for file in named_files(reading, raw, project) for question in squad_questions(file, reading.encoding)
        ]
        split_of = _split_by_article(questions, reading, place)
        found = [(question, split_of[question.title]) for question in questions]
    else:
        found = [
            (question, split)
            for split, glob in reading.splits.items()
            for file in named_files(reading, raw, project, glob=glob)
            for question in squad_questions(file, reading.encoding)
        ]
    _require_unique(question for question, _ in found)
    if reading.max_questions is not None:
        found.sort(key=lambda pair: text_hash(pair[0].question_id))
        found = sorted(found[: reading.max_questions], key=lambda pair: pair[0].question_id)
    for split in ("train", "test"):
        if not any(part == split for _, part in found):
            raise DataError(place, f"the split '{split}' has no question", "correct 'splits', or take more questions")
    columns = zip(
        *(
            (each.question_id, each.question, each.context, each.context_id, each.answers, each.starts, split)
            for each, split in found
        ),
        strict=True,
    )
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, QUESTIONS_SCHEMA, strict=True)],
        schema=QUESTIONS_SCHEMA,
    )


@per_file
def squad_questions(file: NamedFile, encoding: str) -> Iterator[Question]:
    """The answerable questions of a file in SQuAD's format (1.1 or 2.0), in its order.

    An answer that is in its context, but not where the file says, is taken at the nearest place that it is at.

    Raises
    ------
    DataError
        The file is not JSON or not of SQuAD's form, a question is empty, has no answer and is not marked impossible, or
        has an answer that is not in its context.
    """
    for number, article in enumerate(_list(_json(file, encoding), "data", file.name), 1):
        place = f"{file.name}, article {number}"
        title = _text(article, "title", place)
        for row, paragraph in enumerate(_list(article, "paragraphs", place), 1):
            where = f"{place}, paragraph {row}"
            context = _text(paragraph, "context", where)
            for asked in _list(paragraph, "qas", where):
                question = _question(asked, where, title, f"{title}:{row}", context)
                if question is not None:
                    yield question


def check_first_rows(reading: SquadAnswersReading, raw: Path, project: Path) -> None:
    """Check the first questions of every file that is there; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `squad_questions`.
    """
    globs = [None] if reading.splits is None else list(reading.splits.values())
    for file in (file for glob in globs for file in named_files(reading, raw, project, glob=glob)):
        for _ in squad_questions(file, reading.encoding):
            pass


def squad_pairs(reading: SquadReading, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    """Place, id, question and paragraph: what a search for the paragraph is made of."""
    for file in named_files(reading, raw, project):
        for question in squad_questions(file, reading.encoding):
            yield question.place, question.question_id, question.question, question.context


def pubmedqa_examples(reading: PubmedqaReading, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """Place, id, text (question and abstract), decision and split of PubMedQA's labelled questions.

    The questions of ``test`` are the official test part; the others are there to train on.

    Raises
    ------
    DataError
        A file is not JSON or not of PubMedQA's form, a decision is none of yes, no and maybe, or the test file names a
        question that is not there or decides it otherwise.
    """
    (questions_file,) = _only(named_files(reading, raw, project, glob=reading.questions), reading.questions)
    (test_file,) = _only(named_files(reading, raw, project, glob=reading.test), reading.test)
    questions, test = (_object(_json(file, reading.encoding), file.name) for file in (questions_file, test_file))
    for name in test:
        if name not in questions:
            raise DataError(f"{test_file.name}, '{name}'", f"is not in {questions_file.name}", _FETCH)
    for name, entry in questions.items():
        place = f"{questions_file.name}, '{name}'"
        decision = _text(entry, "final_decision", place)
        if decision not in DECISIONS:
            raise DataError(place, f"final_decision '{decision}' is not among {list(DECISIONS)}", "correct it or drop it")
        if test.get(name, decision) != decision:
            raise DataError(place, f"is '{decision}', but '{test[name]}' in {test_file.name}", _FETCH)
        contexts = _list(entry, "CONTEXTS", place)
        if not contexts or not all(isinstance(part, str) and part.strip() for part in contexts):
            raise DataError(place, "CONTEXTS is not a list of texts", _FETCH)
        question = _text(entry, "QUESTION", place)
        yield (
            place,
            name,
            "\n".join([question, *(contexts if reading.abstract else [])]),
            decision,
            ("test" if name in test else "train"),
        )


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


def liveqa_judgments(reading: LiveqaReading, raw: Path, project: Path) -> JudgedAnswers:
    """Questions of TREC 2017 LiveQA's medical task, and how well answers of MedQuAD were judged to answer them.

    Grades 1 to 4 (incorrect, related, incomplete, excellent) become 0 to 3. The collection judges 168 of its pairs twice,
    and differently: the higher grade is taken.

    Raises
    ------
    DataError
        A file is damaged or not of the collection's form, an answer or question that is judged is missing or empty.
    """
    answers: dict[str, str] = {}
    judged: list[tuple[str, str, str, str]] = []
    (archive,) = _only(named_files(reading, raw, project, glob=reading.judgments), reading.judgments)
    for name, content in archive_members(archive.path):
        place = f"{archive.name}, member {name}"
        if name.endswith(".csv"):
            answers.update(_answers(decoded(content, "utf-8", place, _FETCH), place, reading.text))
        elif name.endswith(".txt"):
            judged.extend(_judgments(decoded(content, "utf-8", place, _FETCH), place))
    (questions_file,) = _only(named_files(reading, raw, project, glob=reading.questions), reading.questions)
    questions = _questions_of_xml(questions_file)
    grades: dict[tuple[str, str], int] = {}
    for place, question_id, grade, answer_id in judged:
        for kind, identifier, known in (("question", question_id, questions), ("answer", answer_id, answers)):
            if identifier not in known:
                raise DataError(place, f"{kind} '{identifier}' is judged, but is not there", _FETCH)
        grades[question_id, answer_id] = max(int(grade[0]) - 1, grades.get((question_id, answer_id), 0))
    if not grades:
        raise DataError(archive.name, "there is no judgment in it", _FETCH)
    answered = {question_id for (question_id, _), grade in grades.items() if grade}
    return JudgedAnswers(
        {name: text for name, text in questions.items() if name in answered},
        answers,
        {pair: grade for pair, grade in grades.items() if pair[0] in answered},
    )


def _question(asked: Any, place: str, title: str, context_id: str, context: str) -> Question | None:
    name = _text(asked, "id", place)
    where = f"{place}, question {name}"
    question = _text(asked, "question", where)
    answers = _list(asked, "answers", where)
    if asked.get("is_impossible"):
        return None
    if not answers:
        raise DataError(where, "it has no answer", "give one, or mark it 'is_impossible': true")
    texts, starts = [], []
    for answer in answers:
        text, start = _text(answer, "text", where), answer.get("answer_start")
        if not isinstance(start, int) or start < 0:
            raise DataError(where, f"answer_start {start!r} is not a whole number from 0 on", "count characters from 0")
        texts.append(text)
        starts.append(_found(context, text, start, where))
    return Question(where, name, title, context_id, context, question.strip(), tuple(texts), tuple(starts))


def _found(context: str, text: str, start: int, place: str) -> int:
    if context.startswith(text, start):
        return start
    places = [at for at in range(len(context)) if context.startswith(text, at)]
    if not places:
        raise DataError(place, f"the answer '{text}' is not in its context", "copy it from there, or drop the question")
    return min(places, key=lambda found: abs(found - start))


def _split_by_article(questions: Iterable[Question], reading: SquadAnswersReading, place: str) -> dict[str, str]:
    titles = sorted({question.title for question in questions}, key=text_hash)
    if len(titles) < FEWEST_ARTICLES:
        raise DataError(
            place,
            f"has {len(titles)} articles with answered questions, too few to split",
            f"give at least {FEWEST_ARTICLES}, or name files: 'splits: {{train: …, test: …}}'",
        )
    n_test = max(1, round(reading.test_share * len(titles)))
    n_validation = max(1, round(reading.validation_share * len(titles)))
    if n_test + n_validation >= len(titles):
        raise DataError(
            place, f"{len(titles)} articles leave none to train on", "lower test_share or validation_share, or add articles"
        )
    names = ["test"] * n_test + ["validation"] * n_validation + ["train"] * (len(titles) - n_test - n_validation)
    return dict(zip(titles, names, strict=True))


def _require_unique(questions: Iterable[Question]) -> None:
    places: dict[str, str] = {}
    for question in questions:
        if question.question_id in places:
            reason = f"its id was used at {places[question.question_id]}"
            raise DataError(question.place, reason, "give each question its own id")
        places[question.question_id] = question.place


def _answers(content: str, place: str, kept: str) -> Iterator[tuple[str, str]]:
    rows = csv.reader(io.StringIO(content, newline=""))
    if next(rows, None) != ["AnswerID", "Answer"]:
        raise DataError(f"{place}, row 1", "the header is not AnswerID,Answer", _FETCH)
    for number, row in enumerate(rows, 2):
        where = f"{place}, row {number}"
        if len(row) != 2:
            raise DataError(where, f"it has {len(row)} fields, not 2", _FETCH)
        question, found, answer = row[1].partition("\nAnswer:")
        if not found or not answer.strip():
            raise DataError(where, "there is no answer after 'Answer:'", _FETCH)
        asked = question.partition("\nURL:")[0].removeprefix("Question:").strip()
        yield row[0], answer.strip() if kept == "answer" else f"{asked}\n{answer.strip()}"


def _judgments(content: str, place: str) -> Iterator[tuple[str, str, str, str]]:
    for number, line in enumerate(content.splitlines(), 1):
        where, fields = f"{place}, row {number}", line.split()
        if len(fields) != 3 or fields[1][:1] not in ("1", "2", "3", "4"):
            raise DataError(where, "it is not a question, a grade from 1 to 4 and an answer", _FETCH)
        yield where, fields[0], fields[1], fields[2]


def _questions_of_xml(file: NamedFile) -> dict[str, str]:
    parsed = whole_content(file)
    if b"<!DOCTYPE" in parsed or b"<!ENTITY" in parsed:
        raise DataError(file.name, "it declares entities of its own", "remove the DOCTYPE")
    try:
        tree = ET.fromstring(parsed)
    except ET.ParseError as error:
        raise DataError(file.name, f"it is not XML ({error})", _FETCH) from error
    questions = {}
    for asked in tree.iter("NLM-QUESTION"):
        name = (asked.get("qid") or "").removeprefix("TQ")
        text = (asked.findtext("NLM-Summary") or "").strip()
        if not name or not text:
            raise DataError(f"{file.name}, question '{asked.get('qid')}'", "has no NLM-Summary", _FETCH)
        questions[name] = text
    return questions


def _json(file: NamedFile, encoding: str) -> Any:
    text = decoded(whole_content(file), encoding, file.name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(file.name, f"it is not JSON ({error})", _FETCH) from error


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(place, "it is not a JSON object", "see the format in the data set's own description")
    return value


def _list(value: Any, key: str, place: str) -> list[Any]:
    found = _object(value, place).get(key)
    if not isinstance(found, list):
        raise DataError(place, f"'{key}' is not a list", "see the format in the data set's own description")
    return found


def _text(value: Any, key: str, place: str) -> str:
    found = _object(value, place).get(key)
    if not isinstance(found, str) or not found.strip():
        raise DataError(place, f"'{key}' is empty or not a text", "fill it in or drop the entry")
    return found


def _only(files: list[NamedFile], glob: str) -> list[NamedFile]:
    if len(files) != 1:
        raise DataError(f"'{glob}'", f"matches {len(files)} files, not one", "name the file more closely")
    return files
