"""The look at files for sentences with a tag for each word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal, find_training_file, group_files, is_split, place_files

_KIND = "sequence_labeling"
_TOKENS, _TAGS = ("tokens", "words"), ("tags", "ner_tags", "labels", "ner")
_WORDS = 20.0
"""Words of a sentence, for an estimate."""
_TEST_SHARE = 0.25


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a sequence labeling: of IOB files, or of rows with a list of words and a list of tags.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    tagged = group_files(files, "tagged_words")
    if tagged:
        source = place_files(tagged)
        texts = {"reader": "iob", "path": find_training_file(tagged, source).path, **tagged[0].options}
        return propose_tags(_KIND, tagged, source, "find the tagged words of a sentence", tagged[0].words, texts)
    tables = group_files(files, "rows")
    lists = [column for column in (tables[0].columns if tables else ()) if column.is_list]
    if len(lists) < 2:
        return None
    tokens = named.text[0] if named.text else next((each.name for each in lists if each.name in _TOKENS), lists[0].name)
    others = [column.name for column in lists if column.name != tokens]
    tags = named.label or next((name for name in others if name in _TAGS), others[0])
    for name in (tokens, tags):
        tables[0].find_column(name)
    source = {**place_files(tables), "tokens": tokens, "tags": tags}
    split = next((column for column in tables[0].columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    return propose_tags(_KIND, tables, source, f"find the words that {tags} marks", _WORDS)


def propose_tags(
    kind: str,
    files: Sequence[Described],
    source: dict[str, Any],
    what: str,
    words: float,
    texts: Mapping[str, Any] | None = None,
) -> Proposal:
    """Propose a task of tagged sentences, of this kind; where no split is named, a part is drawn."""
    notes: tuple[str, ...] = ()
    if "splits" not in source and "split" not in source:
        source["test_share"] = _TEST_SHARE
        notes = (f"there is no split: {_TEST_SHARE:.0%} of the sentences, drawn by hash, are tested on",)
    n_items = sum(file.n_items for file in files)
    return Proposal(kind, "my_tags", source, what, 0.95, n_items, words, texts, notes=notes)
