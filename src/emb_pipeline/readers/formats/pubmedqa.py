"""PubMedQA: research questions with their abstracts, answered yes, no or maybe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import find_file
from emb_pipeline.readers.formats.json_objects import FETCH_AGAIN, list_of, read_json, require_object, require_text
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.options import PlacedSource


class PubmedqaSource(PlacedSource):
    """Classification: PubMedQA's research questions with their abstracts, answered yes, no or maybe."""

    reader: Literal["pubmedqa"] = "pubmedqa"
    questions: str = Field(default="ori_pqal.json", min_length=1, description="the file with the labelled questions")
    test: str = Field(default="test_ground_truth.json", min_length=1, description="the file that names the test part")
    encoding: str = Field(default="utf-8", description="encoding of both files")
    abstract: bool = Field(default=True, description="put the abstract behind the question; false: the question alone")

    def _globs(self) -> tuple[str | None, ...]:
        return self.questions, self.test


DECISIONS = ("yes", "no", "maybe")


def read_labeled_texts(source: PubmedqaSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the labeled questions: a text is a question with its abstract, a label the decision.

    The questions of ``test`` are the official test part; the others are there to train on.

    Raises
    ------
    DataError
        A file is not JSON or not of PubMedQA's form, a decision is none of yes, no and maybe, or the test file names a
        question that is not there or decides it otherwise.
    """
    questions_file = find_file(source, raw, project, source.questions)
    test_file = find_file(source, raw, project, source.test)
    questions, test = (require_object(read_json(file, source.encoding), file.name) for file in (questions_file, test_file))
    for name in test:
        if name not in questions:
            raise DataError(f"{test_file.name}, '{name}'", f"is not in {questions_file.name}", FETCH_AGAIN)
    for name, entry in questions.items():
        place = f"{questions_file.name}, '{name}'"
        decision = require_text(entry, "final_decision", place)
        if decision not in DECISIONS:
            raise DataError(place, f"final_decision '{decision}' is not among {list(DECISIONS)}", "correct it or drop it")
        if test.get(name, decision) != decision:
            raise DataError(place, f"is '{decision}', but '{test[name]}' in {test_file.name}", FETCH_AGAIN)
        contexts = list_of(entry, "CONTEXTS", place)
        if not contexts or not all(isinstance(part, str) and part.strip() for part in contexts):
            raise DataError(place, "CONTEXTS is not a list of texts", FETCH_AGAIN)
        question = require_text(entry, "QUESTION", place)
        yield (
            place,
            name,
            "\n".join([question, *(contexts if source.abstract else [])]),
            decision,
            "test" if name in test else "train",
            None,
        )
