"""Pairs of texts with a score of how alike they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import links
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.docstrings.options import DocstringLinksSource
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.readers.tables.rows import rows
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import require_group
from emb_pipeline.tasks.audit.units import require_units
from emb_pipeline.tasks.examples.reader import ExamplesReader, Tables, add_left_out, build_left_out_table, find_tokenizer
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.pairs.table import (
    TEXTS,
    build_pair_table,
    build_pairs_schema,
    list_both_texts,
    require_enough_pairs,
    require_filled,
)
from emb_pipeline.tasks.similarity.audit import audit_similarity
from emb_pipeline.tasks.similarity.sources import READERS
from emb_pipeline.text.texts import tokenize_tables
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    SimilaritySource: TypeAlias = Any
else:
    SimilaritySource = build_source_type(READERS.values())
"""Anything that pairs of texts with a score can be read from."""

PAIRS_SCHEMA = build_pairs_schema(pa.field("score", pa.float64()))


class SimilarityReader(ExamplesReader):
    """Scored pairs of texts: table ``pairs``."""

    source_type = SimilaritySource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read scored pairs."""
        bad = BadRows.of(source)
        pairs = draw_rows(read_similarity(source, raw, project, bad), sample, TEXTS)
        return complete_pairs(pairs, name, find_tokenizer(source)) | build_left_out_table(bad, pairs)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts and scores."""
        check_first_rows(source, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates and contradicting scores."""
        return add_left_out(audit_similarity(tables["pairs"]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List both texts of every pair."""
        return [text for column in TEXTS for text in tables["pairs"][column].to_pylist()]


def complete_pairs(pairs: pa.Table, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Cut scored pairs into words.

    Raises
    ------
    DataError
        There are too few units to resample.
    """
    require_units([frozenset(texts) for texts in list_both_texts(pairs)], name, "pairs")
    return tokenize_tables({"pairs": pairs}, tokenizer)


def read_similarity(source: SimilaritySource, raw: Path, project: Path, bad: BadRows | None = None) -> pa.Table:
    """Read pairs of texts with a score.

    Parameters
    ----------
    source : SimilaritySource
        Where they are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the source says.

    Returns
    -------
    pa.Table
        pair_id, text_a, text_b: string, score: float64, and group and time, where the source names columns for them.

    Raises
    ------
    DataError
        A text is empty, a score is empty or no number, there are fewer than ten pairs or all scores are equal, or a file is
        missing, damaged or not what the source says.
    """
    with bad or BadRows.of(source) as bad:
        found: pa.Table = READERS[source.reader].read_examples(source, raw, project, bad)
    return found


def check_first_rows(source: SimilaritySource, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_similarity`, except for what only the whole can tell.
    """
    with BadRows.of(source) as bad:
        READERS[source.reader].check_first_rows(source, raw, project, bad)


def read_scored_rows(source: Any, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the pairs of rows with two texts and a score."""
    pairs = list(_read_pairs(source, raw, project, bad))
    bad.raise_all()
    require_enough_pairs(len(pairs), source, "scored")
    if len({pair[3] for pair in pairs}) == 1:
        raise DataError(source.origin, f"gives every pair the score {pairs[0][3]:g}", "check which column is the score")
    return build_pair_table(pairs, PAIRS_SCHEMA, source)


def check_scored_rows(source: Any, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in _read_pairs(source, raw, project, bad):
        pass


def read_linked_summaries(source: DocstringLinksSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read summaries of functions that name one another, and others."""
    table = docstrings.build_docstring_table(source.packages, raw / docstrings.CACHE)
    return links.build_linked_summaries(table, max_links=source.max_links, min_tokens=source.min_tokens).cast(PAIRS_SCHEMA)


def _read_pairs(
    source: Any, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str, str, float, str | None, datetime | None]]:
    times = TimeColumn(source.time)
    further = [*([source.group] if source.group else []), *times.columns]
    for file in named_files(source, raw, project):
        for number, (text_a, text_b, score, *given) in rows(
            file,
            source,
            (source.text_a, source.text_b, source.score, *further),
            bad,
            texts_in=(source.text_a, source.text_b),
        ):
            place = f"{file.name}, row {number}"
            if source.unscored == "leave_out" and not score.strip():
                bad.leave_out_empty(place)
                continue
            if bad.leaves_out_empty and not (text_a.strip() and text_b.strip()):
                bad.leave_out_empty(place)
                continue
            try:
                require_filled({source.text_a: text_a, source.text_b: text_b}, place)
                found = _score(score, place, source.score)
                group = require_group(given[0], place) if source.group else None
                time = times.parse(given[-1] if given else "", place)
            except DataError as error:
                bad.take(error)
                continue
            yield f"{file.name}:{number}", text_a.strip(), text_b.strip(), found, group, time


def _score(value: str, place: str, column: str) -> float:
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(
            place, f"{column} {value!r} is no number", "correct it, or say 'unscored: leave_out' if it is empty on purpose"
        )
    return score
