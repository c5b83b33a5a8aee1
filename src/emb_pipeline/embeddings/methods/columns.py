"""Methods for the columns of a table, fitted on a task's training rows."""

from __future__ import annotations

from emb_pipeline.embeddings.columns.options import (
    ColumnOptions,
    CooccurrenceOptions,
    EntityOptions,
    GloveColumnsOptions,
    OneHotColumnsOptions,
    SkipGramColumnsOptions,
    TargetOptions,
)
from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.methods.supports import COLUMNS

_ROWS = "columns.values:RowEncoder"
LINES = (
    Method(
        "one_hot_columns",
        "one-hot columns",
        OneHotColumnsOptions,
        "task",
        COLUMNS,
        "columns.sparse:OneHotColumns",
        has_dim=False,
        export=_ROWS,
        sparse=True,
    ),
    Method(
        "hashed_columns",
        "hashed columns",
        ColumnOptions,
        "task",
        COLUMNS,
        "columns.sparse:HashedColumns",
        sparse=True,
        export=_ROWS,
    ),
    Method(
        "ordinal_columns",
        "ordinal columns",
        ColumnOptions,
        "task",
        COLUMNS,
        "columns.target:OrdinalColumns",
        has_dim=False,
        export=_ROWS,
    ),
    Method(
        "target_columns",
        "target encoding",
        TargetOptions,
        "task",
        COLUMNS,
        "columns.target:TargetColumns",
        has_dim=False,
        export=_ROWS,
    ),
    Method(
        "entity_columns",
        "entity embeddings",
        EntityOptions,
        "task",
        COLUMNS,
        "columns.entity:EntityColumns",
        has_dim=False,
        export=_ROWS,
    ),
    Method(
        "cooccurrence_columns",
        "co-occurring values",
        CooccurrenceOptions,
        "task",
        COLUMNS,
        "columns.cooccurrence:CooccurrenceColumns",
        has_dim=False,
        export=_ROWS,
    ),
    Method(
        "word2vec_columns",
        "Word2Vec of rows",
        SkipGramColumnsOptions,
        "task",
        COLUMNS,
        "columns.word_vectors:SkipGramColumns",
        has_dim=False,
        export=_ROWS,
    ),
    Method(
        "glove_columns",
        "GloVe of rows",
        GloveColumnsOptions,
        "task",
        COLUMNS,
        "columns.word_vectors:GloveColumns",
        has_dim=False,
        export=_ROWS,
    ),
)
