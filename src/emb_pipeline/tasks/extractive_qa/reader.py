"""Questions, contexts and the spans that answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.tasks.audit.units import require_units
from emb_pipeline.tasks.examples.reader import ExamplesReader, Tables, require_own_words
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.extractive_qa.audit import audit_extractive_qa
from emb_pipeline.tasks.extractive_qa.sources import READERS
from emb_pipeline.text.seen import SEEN, find_seen_questions


class ExtractiveReader(ExamplesReader):
    """Questions, contexts and the spans that answer them: table ``questions``."""

    source_type = build_source_type(READERS.values())

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read questions with their contexts and answers."""
        require_own_words(source, name)
        require_packages(name, "torch")
        questions = READERS[source.reader].read_examples(source, raw, project, BadRows.of(source))
        questions = draw_rows(questions, sample, ("context",), ("split",))
        contexts = list(zip(questions["context"].to_pylist(), questions["split"].to_pylist(), strict=True))
        for part in ("train", "test"):
            require_units([context for context, split in contexts if split == part], name, f"contexts in '{part}'")
        return {"questions": questions, SEEN: find_seen_questions({"questions": questions})}

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check questions and answers."""
        READERS[source.reader].check_first_rows(source, raw, project, BadRows.of(source))

    def audit(self, tables: Tables) -> pa.Table:
        """Find leakage, answers that words cannot hit, several answers."""
        return audit_extractive_qa(tables["questions"], tables[SEEN])

    def list_held_out(self, tables: Tables) -> list[str]:
        """List questions outside the training part, and their contexts."""
        table = tables["questions"]
        rows = zip(*(table[column].to_pylist() for column in ("text", "context", "split")), strict=True)
        return list(dict.fromkeys(text for *texts, split in rows if split != "train" for text in texts))
