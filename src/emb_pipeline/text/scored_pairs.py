"""From files to pairs of texts with a score of how alike they are."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa

from emb_pipeline.text import docstrings, links
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import named_files
from emb_pipeline.text.readings import DocstringLinksReading, SimilarityReading, origin_of
from emb_pipeline.text.tables import rows

PAIRS_SCHEMA = pa.schema(
    [("pair_id", pa.string()), ("text_a", pa.string()), ("text_b", pa.string()), ("score", pa.float64())]
)
FEWEST_PAIRS = 10
"""Pairs below which a correlation says nothing."""


def read_similarity(reading: SimilarityReading, raw: Path, project: Path) -> pa.Table:
    """Pairs of texts with a score.

    Parameters
    ----------
    reading : SimilarityReading
        Where they are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.

    Returns
    -------
    pa.Table
        pair_id, text_a, text_b: string, score: float64.

    Raises
    ------
    DataError
        A text is empty, a score is empty or no number, there are fewer than ten pairs or all scores are equal, or a file is
        missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringLinksReading):
        table = docstrings.docstring_table(reading.packages, raw / docstrings.CACHE)
        return links.linked_summaries(table, max_links=reading.max_links, min_tokens=reading.min_tokens).cast(PAIRS_SCHEMA)
    pairs: list[tuple[str, str, str, float]] = []
    for file in named_files(reading, raw, project):
        for number, (text_a, text_b, score) in rows(file, reading, (reading.text_a, reading.text_b, reading.score)):
            place = f"{file.name}, row {number}"
            if reading.unscored == "leave_out" and not score.strip():
                continue
            for column, text in ((reading.text_a, text_a), (reading.text_b, text_b)):
                if not text.strip():
                    raise DataError(place, f"{column} is empty", "fill it in or drop the row")
            pairs.append((f"{file.name}:{number}", text_a.strip(), text_b.strip(), _score(score, place, reading.score)))
    if len(pairs) < FEWEST_PAIRS:
        raise DataError(origin_of(reading), f"has {len(pairs)} scored pairs", f"give at least {FEWEST_PAIRS}")
    if len({score for *_, score in pairs}) == 1:
        raise DataError(origin_of(reading), f"gives every pair the score {pairs[0][3]:g}", "check which column is the score")
    return pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(zip(*pairs, strict=True), PAIRS_SCHEMA, strict=True)],
        schema=PAIRS_SCHEMA,
    )


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
