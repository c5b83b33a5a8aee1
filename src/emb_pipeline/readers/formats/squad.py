"""Questions, paragraphs and answers of SQuAD's JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import NamedFile, per_file
from emb_pipeline.readers.formats.json_objects import list_of, read_json, require_text


@dataclass(frozen=True)
class Question:
    """A question about a paragraph, and the spans of it that people gave as answers.

    Attributes
    ----------
    place : str
        Where it is, for messages.
    question_id, title, context_id, context, question : str
        Its name; its article; the name and the text of its paragraph; itself.
    answers : tuple of str
        As they are in the context.
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


@per_file
def read_squad_questions(file: NamedFile, encoding: str) -> Iterator[Question]:
    """Stream the answerable questions of a file in SQuAD's format (1.1 or 2.0), in its order.

    An answer that is in its context, but not where the file says, is taken at the nearest place that it is at.

    Raises
    ------
    DataError
        The file is not JSON or not of SQuAD's form, a question is empty, has no answer and is not marked impossible, or
        has an answer that is not in its context.
    """
    for number, article in enumerate(list_of(read_json(file, encoding), "data", file.name), 1):
        place = f"{file.name}, article {number}"
        title = require_text(article, "title", place)
        for row, paragraph in enumerate(list_of(article, "paragraphs", place), 1):
            where = f"{place}, paragraph {row}"
            context = require_text(paragraph, "context", where)
            for asked in list_of(paragraph, "qas", where):
                question = _question(asked, where, title, f"{title}:{row}", context)
                if question is not None:
                    yield question


def _question(asked: Any, place: str, title: str, context_id: str, context: str) -> Question | None:
    name = require_text(asked, "id", place)
    where = f"{place}, question {name}"
    question = require_text(asked, "question", where)
    answers = list_of(asked, "answers", where)
    if asked.get("is_impossible"):
        return None
    if not answers:
        raise DataError(where, "it has no answer", "give one, or mark it 'is_impossible': true")
    texts, starts = [], []
    for answer in answers:
        text, start = require_text(answer, "text", where), answer.get("answer_start")
        if not isinstance(start, int) or start < 0:
            raise DataError(where, f"answer_start {start!r} is not a whole number from 0 on", "count characters from 0")
        texts.append(text)
        starts.append(_find_answer(context, text, start, where))
    return Question(where, name, title, context_id, context, question.strip(), tuple(texts), tuple(starts))


def _find_answer(context: str, text: str, start: int, place: str) -> int:
    if context.startswith(text, start):
        return start
    places = [at for at in range(len(context)) if context.startswith(text, at)]
    if not places:
        raise DataError(place, f"the answer '{text}' is not in its context", "copy it from there, or drop the question")
    return min(places, key=lambda found: abs(found - start))
