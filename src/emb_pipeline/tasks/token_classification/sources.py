"""Sources of sentences with a tag of its own for each word."""

from __future__ import annotations

from emb_pipeline.readers.formats.conllu import ConlluSource
from emb_pipeline.readers.registry import Reader, by_name
from emb_pipeline.tasks.sequence_labeling.sources import TAGGED_ROWS, DrawnSource, TaggedIobSource


class TaggedConlluSource(DrawnSource, ConlluSource):
    """CoNLL-U (Universal Dependencies): a word per line in ten columns, a blank line between sentences.

    Words are what is tagged: lines of a token of several words (``8-9``) and of an empty node (``8.1``) are left out, as
    the format defines it.
    """


READERS = by_name(
    Reader(
        "conllu",
        TaggedConlluSource,
        examples="tasks.token_classification.reader:read_tags_of_conllu",
        first_rows="tasks.token_classification.reader:check_tags_of_conllu",
    ),
    Reader(
        "iob",
        TaggedIobSource,
        examples="tasks.token_classification.reader:read_tags_of_lines",
        first_rows="tasks.token_classification.reader:check_tags_of_lines",
    ),
    *(
        Reader(
            name,
            options,
            examples="tasks.token_classification.reader:read_tags_of_rows",
            first_rows="tasks.token_classification.reader:check_tags_of_rows",
        )
        for name, options in TAGGED_ROWS
    ),
)
"""The tagged sentences of a token classification task."""
