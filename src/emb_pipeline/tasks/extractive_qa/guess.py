"""The look at files for questions whose answers are words of a paragraph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal

_MOST_QUESTIONS = 2000


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose to find answers within paragraphs, of SQuAD's JSON."""
    found = [file for file in files if file.shape == "questions"]
    if not found:
        return None
    source: dict[str, Any] = {"reader": "squad", "path": found[0].path}
    notes: tuple[str, ...] = ()
    if found[0].n_items > _MOST_QUESTIONS:
        source["max_questions"] = _MOST_QUESTIONS
        notes = (f"{_MOST_QUESTIONS:,} of {found[0].n_items:,} questions, drawn by hash",)
    what = "find the words of the paragraph that answer"
    return Proposal("extractive_qa", "my_answers", source, what, 0.5, found[0].n_items, found[0].words, notes=notes)
