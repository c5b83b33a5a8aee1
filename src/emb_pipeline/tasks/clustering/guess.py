"""The look at files for texts with a class that clusters can be held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.classification import guess
from emb_pipeline.tasks.proposal import Named, Proposal

_NAMES = frozenset({"cluster", "cluster_id", "clusters"})


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a clustering of texts that have a class; a label called ``cluster`` makes it likelier than a classification.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    labels = [column.name for file in files for column in file.columns if column.name.casefold() in _NAMES]
    label = named.label or next(iter(labels), None)
    found = guess.find_labeled_texts(files, replace(named, label=label))
    if found is None:
        return None
    is_likely = label is not None and label.casefold() in _NAMES
    what = f"cluster texts, and hold the clusters against their classes ({found.what})"
    return replace(found, kind="clustering", what=what, confidence=0.95 if is_likely else 0.3)
