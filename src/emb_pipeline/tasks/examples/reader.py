"""The base of the readers of examples, one for each kind of task, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.tasks.audit.left_out import audit_left_out
from emb_pipeline.text.tokenizer import Tokenizer

Tables = Mapping[str, pa.Table]

LEFT_OUT = "left_out"
"""The table with audit lines about rows that were left out when a task was read."""


class ExamplesReader:
    """Reader of the examples of one kind of task, which audits them, too, and says what is held out: a subclass for each.

    Attributes
    ----------
    source_type
        The type that the task's ``source:`` in YAML is validated with: a pydantic model, or several, of which
        ``reader:`` chooses one (`emb_pipeline.readers.registry.build_source_type` builds it of the lines of a registry).
    """

    source_type: Any

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read the tables of a task.

        Parameters
        ----------
        source : model that ``source_type`` validates
            Where the examples are.
        raw : Path
            Folder that public sources are fetched to.
        project : Path
            Folder that paths are relative to.
        name : str
            Of the task, for messages.
        sample : int, optional
            Examples to keep, about, drawn by hash (`emb_pipeline.tasks.examples.sample`); all by default. Passages that
            answer a query that is kept, and what a user took, stay whole.

        Raises
        ------
        DataError
            The examples cannot be read, or no embedding could be evaluated on them.
        """
        raise NotImplementedError

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check the first rows of every file that is there, before anything large is read.

        Called inside `emb_pipeline.readers.files.named_files.first_rows`, which stops the readers of files. Questions that
        only the whole file answers (a class with one example) are not to be asked. By default nothing is checked.

        Raises
        ------
        DataError
            A row, or several, cannot be used.
        """

    def audit(self, tables: Tables) -> pa.Table:
        """List what is to be known of the examples before a score is believed (`emb_pipeline.tasks.audit.lines.SCHEMA`)."""
        raise NotImplementedError

    def list_held_out(self, tables: Tables) -> list[str]:
        """List the texts that the task is tested on: no corpus may hold their sentences."""
        raise NotImplementedError

    def has_training_examples(self, source: Any) -> bool:
        """Say whether there will be examples that an embedding can be fine-tuned on."""
        return True

    def has_times(self, source: Any) -> bool:
        """Say whether examples that are read like this have a time."""
        return bool(getattr(source, "time", None))

    def requires(self, source: Any) -> frozenset[str] | None:
        """Say what an embedding must give for examples that are read like this; None: whatever the kind of task says."""
        return None


def build_left_out_table(bad: BadRows, kept: pa.Table, further: pa.Table | None = None) -> dict[str, pa.Table]:
    """Build the table of what was left out while examples were read, where anything was.

    Parameters
    ----------
    bad : BadRows
        Rows that were left out because of an error, or because they are empty.
    kept : pa.Table
        The rows that were not.
    further : pa.Table, optional
        Audit lines about what the reader of one format left out besides.
    """
    found = audit_left_out(bad, kept.num_rows)
    if further is not None:
        found = pa.concat_tables([found, further])
    return {LEFT_OUT: found} if found.num_rows else {}


def add_left_out(lines: pa.Table, tables: Tables) -> pa.Table:
    """Add the lines about what was left out to those of an audit."""
    return pa.concat_tables([lines, tables[LEFT_OUT]]) if LEFT_OUT in tables else lines


def find_tokenizer(source: Any) -> Tokenizer:
    """Find the tokenizer that a source chooses."""
    chosen: Tokenizer = getattr(source, "tokenizer", "default")  # what is read from docstrings has no choice
    return chosen


def require_own_words(source: Any, name: str) -> None:
    """Refuse a tokenizer for examples whose words are given.

    Raises
    ------
    DataError
        The source chooses one.
    """
    if find_tokenizer(source) != "default":
        raise DataError(name, "its words are those of the data, no tokenizer makes them", "leave 'tokenizer' out")


def list_texts_outside_training(examples: pa.Table) -> list[str]:
    """List the texts outside the training part; all of them where there is no split."""
    pairs = zip(examples["text"].to_pylist(), examples["split"].to_pylist(), strict=True)
    return [text for text, split in pairs if split != "train"]
