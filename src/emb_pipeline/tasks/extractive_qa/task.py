"""The questions, contexts and answers of an extractive task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.text.spans import PlacedWords
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True, eq=False)
class ExtractiveTask:
    """Questions, each with a context and the spans of it that people gave as answers.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_questions,), str
        Names of the questions.
    questions : list of str
        What is asked.
    contexts : list of str
        The distinct contexts.
    context_of : ndarray of shape (n_questions,), int64
        Which of the contexts is the question's.
    answers : list of list of str
        The answers that people gave, one at least.
    starts : list of list of int
        The character of the context that each starts at.
    split : ndarray of shape (n_questions,), str
        ``train``, ``validation`` or ``test``.
    """

    name: str
    example_ids: np.ndarray
    questions: list[str]
    contexts: list[str]
    context_of: np.ndarray
    answers: list[list[str]]
    starts: list[list[int]]
    split: np.ndarray

    def __post_init__(self) -> None:
        for split in ("train", "test"):
            if not (self.split == split).any():
                raise DataError(f"{self.name}, split", f"no question is in '{split}'", "name a training and a test part")
        for name, answers, starts in zip(self.example_ids.tolist(), self.answers, self.starts, strict=True):
            if not answers or len(answers) != len(starts):
                raise DataError(
                    f"{self.name}, {name}", f"has {len(answers)} answers and {len(starts)} places", "give each its place"
                )

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on when it is exported."""
        return Texts([*self.contexts, *self.questions])

    @cached_property
    def words(self) -> list[PlacedWords]:
        """The words of each context."""
        return [PlacedWords.of(context) for context in self.contexts]

    @cached_property
    def question_words(self) -> list[list[str]]:
        """The words of each question."""
        return [PlacedWords.of(question).words for question in self.questions]

    @cached_property
    def spans(self) -> np.ndarray:
        """First and last word of each question's first answer: shape (n_questions, 2), int64."""
        found = [
            self.words[context].find_covering(starts[0], starts[0] + len(answers[0]))
            for context, answers, starts in zip(self.context_of.tolist(), self.answers, self.starts, strict=True)
        ]
        return np.array(found, dtype=np.int64)

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "extractive_qa") -> ExtractiveTask:
        """Build the task of a table ``questions`` (`emb_pipeline.tasks.extractive_qa.questions.QUESTIONS_SCHEMA`).

        Raises
        ------
        DataError
            No training or test part, or a question without an answer.
        """
        columns = ("example_id", "text", "context", "answers", "answer_starts", "split")
        ids, questions, contexts, answers, starts, split = (tables["questions"][column].to_pylist() for column in columns)
        number_of = {context: number for number, context in enumerate(dict.fromkeys(contexts))}
        context_of = np.array([number_of[context] for context in contexts], dtype=np.int64)
        return cls(
            name, np.array(ids, dtype=str), questions, list(number_of), context_of, answers, starts, np.array(split, str)
        )
