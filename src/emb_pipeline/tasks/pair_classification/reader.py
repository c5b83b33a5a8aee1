"""Pairs of texts with one of two labels, each checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.readers.splits import list_split_files, split_name
from emb_pipeline.readers.tables.rows import require_named_split, rows
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import identifier, require_group
from emb_pipeline.tasks.audit.units import require_units
from emb_pipeline.tasks.examples.reader import ExamplesReader, Tables, add_left_out, build_left_out_table, find_tokenizer
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.pair_classification.audit import audit_pair_classification
from emb_pipeline.tasks.pair_classification.sources import READERS
from emb_pipeline.tasks.pairs.table import (
    TEXTS,
    build_pair_table,
    build_pairs_schema,
    list_both_texts,
    require_enough_pairs,
    require_filled,
)
from emb_pipeline.text.texts import tokenize_tables
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    PairSource: TypeAlias = Any
else:
    PairSource = build_source_type(READERS.values())
"""Anything that labeled pairs can be read from."""

PAIRS_SCHEMA = build_pairs_schema(pa.field("is_positive", pa.bool_()), pa.field("split", pa.string()))


class PairClassificationReader(ExamplesReader):
    """Pairs of texts with a label: table ``pairs``."""

    source_type = PairSource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read labeled pairs; each part has pairs of both labels."""
        bad = BadRows.of(source)
        with bad:
            found: pa.Table = READERS[source.reader].read_examples(source, raw, project, bad)
        pairs = draw_rows(found, sample, TEXTS, ("is_positive", "split"))
        return complete_labeled_pairs(pairs, name, find_tokenizer(source)) | build_left_out_table(bad, pairs)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts, labels and splits."""
        with BadRows.of(source) as bad:
            READERS[source.reader].check_first_rows(source, raw, project, bad)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates, contradicting labels, and texts of both parts."""
        return add_left_out(audit_pair_classification(tables["pairs"]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List both texts of the pairs outside the training part; of all pairs where folds are drawn."""
        pairs = tables["pairs"]
        sides = zip(list_both_texts(pairs), pairs["split"].to_pylist(), strict=True)
        return [text for texts, split in sides if split != "train" for text in texts]


def complete_labeled_pairs(pairs: pa.Table, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Cut labeled pairs into words.

    Raises
    ------
    DataError
        A part of the official split has pairs of one label alone, or none; or there are too few units to resample.
    """
    splits, positive = pairs["split"].to_pylist(), pairs["is_positive"].to_pylist()
    for part in ("train", "test") if any(splits) else (None,):
        labels = {
            label
            for label, split in zip(positive, splits, strict=True)
            if part is None or (split == "test") == (part == "test")
        }
        if len(labels) < 2:
            where = "the task" if part is None else f"the split '{part}'"
            found = "has no pair" if not labels else f"has {'positive' if True in labels else 'negative'} pairs alone"
            raise DataError(name, f"{where} {found}", "check the label column, 'positive' and the splits")
    tested = [split == "test" or not any(splits) for split in splits]
    units = [frozenset(texts) for texts, test in zip(list_both_texts(pairs), tested, strict=True) if test]
    require_units(units, name, "pairs")
    return tokenize_tables({"pairs": pairs}, tokenizer)


def read_labeled_pairs(source: Any, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the pairs of rows with two texts and a label."""
    found = list(_read_pairs(source, raw, project, bad))
    bad.raise_all()
    require_enough_pairs(len(found), source, "labeled")
    if not any(pair[3] for pair in found):
        reason = f"no pair has the label '{source.positive}'"
        raise DataError(source.origin, reason, "name the label of the pairs that mean the same: 'positive: …'")
    return build_pair_table(found, PAIRS_SCHEMA, source)


def check_labeled_pairs(source: Any, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in _read_pairs(source, raw, project, bad):
        pass


def _read_pairs(
    source: Any, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str, str, bool, str | None, str | None, datetime | None]]:
    negative: dict[str, str] = {}
    places: dict[str, str] = {}
    times = TimeColumn(source.time)
    further = [name for name in (source.id, source.split_column, source.group, source.time) if name is not None]
    columns = (source.text_a, source.text_b, source.label, *further)
    for split_of_files, glob in list_split_files(source.splits):
        for file in named_files(source, raw, project, glob=glob):
            require_named_split(file, source)
            for number, (text_a, text_b, label, *rest) in rows(
                file, source, columns, bad, texts_in=(source.text_a, source.text_b)
            ):
                place, given = f"{file.name}, row {number}", dict(zip(further, rest, strict=True))
                label = label.strip()
                if bad.leaves_out_empty and not (text_a.strip() and text_b.strip() and label):
                    bad.leave_out_empty(place)
                    continue
                try:
                    require_filled({source.text_a: text_a, source.text_b: text_b, source.label: label}, place)
                    if label != source.positive and label not in negative and negative:
                        known = f"'{source.positive}' and '{next(iter(negative))}'"
                        raise DataError(
                            place,
                            f"label '{label}' is a third one, after {known}",
                            "correct it or drop the row, or say which pairs are positive: 'positive: …'",
                        )
                    pair_id = f"{file.name}:{number}" if source.id is None else identifier(given[source.id])
                    if pair_id in places:
                        raise DataError(place, f"id '{pair_id}' was used by {places[pair_id]}", "give each pair its own id")
                    split = split_name(given[source.split_column], place) if source.split_column else split_of_files
                    group = None if source.group is None else require_group(given[source.group], place)
                    time = times.parse(given.get(source.time), place)
                except DataError as error:
                    bad.take(error)
                    continue
                if label != source.positive:
                    negative.setdefault(label, place)
                places[pair_id] = place
                yield pair_id, text_a.strip(), text_b.strip(), label == source.positive, split, group, time
