"""The look at files for sentences with a tag of its own for each word."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal, find_training_file, group_files, place_files
from emb_pipeline.tasks.sequence_labeling.guess import propose_tags

_COLUMNS = ("upos", "xpos", "deprel", "feats")


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a token classification of CoNLL-U files.

    Raises
    ------
    DataError
        A column that is named has no tags.
    """
    found = group_files(files, "treebank")
    if not found:
        return None
    source = place_files(found)
    if named.label is not None:
        if named.label not in _COLUMNS:
            raise DataError(found[0].path, f"has no column of tags '{named.label}'", suggest(named.label, _COLUMNS))
        source["column"] = named.label
    texts = {"reader": "conllu", "path": find_training_file(found, source).path, **found[0].options}
    return propose_tags(
        "token_classification", found, source, f"find the {source['column']} of each word", found[0].words, texts
    )
