"""Near-duplicates among the texts of examples, and test texts that are seen in training."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.text.columns import ROW_AS_TEXT
from emb_pipeline.text.seen import NOTHING_SEEN, SEEN, add_near_groups, find_seen_classification
from emb_pipeline.text.texts import tokenize_tables
from emb_pipeline.text.tokenizer import Tokenizer


def find_copies(examples: pa.Table, tokenizer: Tokenizer) -> dict[str, pa.Table]:
    """Cut examples into words, and find the clusters of near-duplicates and the test texts that are seen in training.

    Rows of a table that are their own text are no copies of each other where they differ in a value: nothing is looked for.
    """
    tables = tokenize_tables({"examples": examples}, tokenizer)
    if ROW_AS_TEXT in examples.column_names:
        return {**tables, SEEN: NOTHING_SEEN}
    tables = add_near_groups(tables)
    return {**tables, SEEN: find_seen_classification(tables)}
