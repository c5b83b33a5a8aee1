"""Questions of SQuAD's files as a table, in training, validation and test part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.squad import Question, read_squad_questions
from emb_pipeline.tasks.extractive_qa.sources import SquadAnswersSource
from emb_pipeline.text.hashing import hash_text

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


def read_squad(source: SquadAnswersSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read questions, each with a context and the spans that answer it.

    Without files for each split, whole articles are drawn for the test and the validation part by the hash of their title,
    so that no paragraph, and no neighbour of one, is in two parts.

    Parameters
    ----------
    source : SquadAnswersSource
        Where they are.
    raw : Path
        Folder that public sources are fetched to.
    project : Path
        Folder that paths are relative to.
    bad : BadRows
        Takes nothing: a file of questions is whole, or it is refused.

    Returns
    -------
    pa.Table
        Of schema QUESTIONS_SCHEMA.

    Raises
    ------
    DataError
        As for `read_squad_questions`; an id repeats, too few articles, or a part without a question.
    """
    place = source.origin
    if source.splits is None:
        questions = [
            question
            for file in named_files(source, raw, project)
            for question in read_squad_questions(file, source.encoding)
        ]
        split_of = _split_by_article(questions, source, place)
        found = [(question, split_of[question.title]) for question in questions]
    else:
        found = [
            (question, split)
            for split, glob in source.splits.items()
            for file in named_files(source, raw, project, glob=glob)
            for question in read_squad_questions(file, source.encoding)
        ]
    _require_unique(question for question, _ in found)
    if source.max_questions is not None:
        found.sort(key=lambda pair: hash_text(pair[0].question_id))
        found = sorted(found[: source.max_questions], key=lambda pair: pair[0].question_id)
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


def check_squad(source: SquadAnswersSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first questions of every file that is there; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_squad_questions`.
    """
    globs = [None] if source.splits is None else list(source.splits.values())
    for file in (file for glob in globs for file in named_files(source, raw, project, glob=glob)):
        for _ in read_squad_questions(file, source.encoding):
            pass


def _split_by_article(questions: Iterable[Question], source: SquadAnswersSource, place: str) -> dict[str, str]:
    titles = sorted({question.title for question in questions}, key=hash_text)
    if len(titles) < FEWEST_ARTICLES:
        raise DataError(
            place,
            f"has {len(titles)} articles with answered questions, too few to split",
            f"give at least {FEWEST_ARTICLES}, or name files: 'splits: {{train: …, test: …}}'",
        )
    n_test = max(1, round(source.test_share * len(titles)))
    n_validation = max(1, round(source.validation_share * len(titles)))
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
