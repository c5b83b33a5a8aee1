"""Queries, passages and the judgments between them, from any of their sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.tasks.examples.reader import ExamplesReader, Tables, add_left_out, build_left_out_table, find_tokenizer
from emb_pipeline.tasks.retrieval.audit import audit_retrieval, require_evaluable
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.tasks.retrieval.sources import READERS
from emb_pipeline.text.seen import SEEN, find_seen_queries
from emb_pipeline.text.texts import tokenize_tables
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    RetrievalSource: TypeAlias = Any
else:
    RetrievalSource = build_source_type(READERS.values())
"""Anything that queries, passages and judgments can be read from."""

EXCLUDED = "excluded"
"""The table with pairs of a query and a passage that no ranking shows."""


class RetrievalReader(ExamplesReader):
    """Queries, passages and judgments: tables ``queries``, ``passages`` and ``qrels``."""

    source_type = RetrievalSource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read queries and passages; something is relevant to some query."""
        bad = BadRows.of(source)
        found = read_retrieval(source, raw, project, bad).draw(sample)
        left_out = build_left_out_table(bad, found.qrels, found.left_out)
        return complete_collection(found, name, find_tokenizer(source)) | left_out

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check queries, passages and judgments."""
        check_first_rows(source, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates and missing judgments."""
        seen = tables[SEEN] if self._has_training_queries(tables) else None
        return add_left_out(audit_retrieval(_select_evaluated(tables), seen), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List the queries that are evaluated; passages are the collection that is searched."""
        return list(_select_evaluated(tables).queries["text"].to_pylist())

    def has_training_examples(self, source: Any) -> bool:
        """Say if training queries are asked for by number, marked in a column, or in files of their own."""
        in_files = set(getattr(source, "splits", None) or ()) - {"test"} or getattr(source, "training", None)
        return bool(getattr(source, "training_queries", 0) or getattr(source, "split", None) or in_files)

    @staticmethod
    def _has_training_queries(tables: Tables) -> bool:
        queries = tables["queries"]
        return "split" in queries.column_names and bool(set(queries["split"].to_pylist()) - {None, "test"})


def complete_collection(found: RetrievalTables, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Find the queries that are seen in training.

    Raises
    ------
    DataError
        No embedding could be evaluated on them; see `emb_pipeline.tasks.retrieval.audit.require_evaluable`.
    """
    require_evaluable(found.evaluated(), name)
    tables = {"queries": found.queries, "passages": found.passages, "qrels": found.qrels}
    if found.excluded is not None:
        tables[EXCLUDED] = found.excluded
    tables = tokenize_tables(tables, tokenizer)
    return {**tables, SEEN: find_seen_queries(tables)}


def read_retrieval(source: RetrievalSource, raw: Path, project: Path, bad: BadRows | None = None) -> RetrievalTables:
    """Read queries, passages and the judgments between them.

    Parameters
    ----------
    source : RetrievalSource
        Where they are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the source says.

    Returns
    -------
    RetrievalTables

    Raises
    ------
    DataError
        A text is empty, an id repeats, a judgment names an unknown query or passage, there is nothing to retrieve, or a
        file is missing, damaged or not what the source says.
    """
    with bad or BadRows.of(source) as bad:
        found: RetrievalTables = READERS[source.reader].read_examples(source, raw, project, bad)
    return found


def check_first_rows(source: RetrievalSource, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_retrieval`, except for what only the whole can tell.
    """
    with BadRows.of(source) as bad:
        READERS[source.reader].check_first_rows(source, raw, project, bad)


def _select_evaluated(tables: Tables) -> RetrievalTables:
    parts = (tables["queries"], tables["passages"], tables["qrels"], tables.get(EXCLUDED))
    return RetrievalTables(*parts).evaluated()
