"""The audit of questions with contexts and the spans that answer them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from emb_pipeline.tasks.audit.checks import NEAR_LEAKAGE_CHECKS, add_near_leakage, find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units
from emb_pipeline.text.seen import find_seen_questions
from emb_pipeline.text.spans import PlacedWords
from emb_pipeline.text.words import tokenize

CHECKS = (
    Check("questions.*", "size"),
    Check("contexts", "size"),
    Check("shared_contexts", "warning"),
    Check("duplicate_questions", "warning"),
    Check("disputed_answers", "warning"),
    Check("answers_inside_words", "warning"),
    *NEAR_LEAKAGE_CHECKS,
    *UNIT_CHECKS,
)


def audit_extractive_qa(questions: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit questions with contexts and the spans that answer them.

    Parameters
    ----------
    questions : pa.Table
        Of schema `emb_pipeline.tasks.extractive_qa.questions.QUESTIONS_SCHEMA`.
    seen : pa.Table, optional
        The test questions that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``questions.<split>``, ``contexts``, ``shared_contexts``, ``near_leakage``, ``duplicate_questions``,
        ``disputed_answers`` and
        ``answers_inside_words``.
    """
    columns = ("example_id", "text", "context", "answers", "answer_starts", "split")
    ids, texts, contexts, answers, starts, splits = (questions[column].to_pylist() for column in columns)
    lines = AuditLines(CHECKS)
    for split in dict.fromkeys(splits):
        lines.add(f"questions.{split}", splits.count(split), len(splits), f"questions of the split '{split}'")
    lines.add("contexts", len(set(contexts)), len(contexts), "distinct contexts, over the questions")
    trained = {context for context, split in zip(contexts, splits, strict=True) if split != "test"}
    tested = [row for row, split in enumerate(splits) if split == "test"]
    add_few_units(lines, len({contexts[row] for row in tested}), "contexts")
    shared = [ids[row] for row in tested if contexts[row] in trained]
    lines.add(
        "shared_contexts",
        len(shared),
        len(tested),
        "test questions whose context is trained on, too",
        shared,
    )
    found = find_seen_questions({"questions": questions}) if seen is None else seen
    add_near_leakage(lines, found, len(tested), "test questions that, or whose contexts,")
    keys = [" ".join(tokenize(text)) for text in texts]
    repeated = [ids[row] for row in find_repeated(keys)]
    lines.add(
        "duplicate_questions",
        len(repeated),
        len(ids),
        "questions that repeat an earlier one but for case",
        repeated,
    )
    disputed = [ids[row] for row in tested if len({" ".join(tokenize(answer)) for answer in answers[row]}) > 1]
    lines.add(
        "disputed_answers",
        len(disputed),
        len(tested),
        "test questions that people answered with different spans",
        disputed,
    )
    cut = [row for row in tested if not _is_on_words(contexts[row], answers[row], starts[row])]
    lines.add(
        "answers_inside_words",
        len(cut),
        len(tested),
        "test questions all of whose answers start or end inside a word: no span of words is an exact match",
        (ids[row] for row in cut),
    )
    return lines.table()


def _is_on_words(context: str, answers: Sequence[str], starts: Sequence[int]) -> bool:
    """Say if some answer is a span of whole words."""
    placed = PlacedWords.of(context)
    return any(
        placed.cut_between(*placed.find_covering(start, start + len(answer))) == answer.strip()
        for answer, start in zip(answers, starts, strict=True)
    )
