"""The embeddings whose vectors are searched for a task's passages, and their searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.embeddings.stored_encoders import StoredEncoder
from emb_pipeline.statistics.embedding_facts import list_candidate_embeddings
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES, SearchCosts


def search_with_best(
    costs: SearchCosts,
    names: Sequence[str],
    failed: set[str],
    encoders: Mapping[str, StoredEncoder],
    options: VectorSearchOptions,
    encodings: Path,
    store: Any = None,
) -> pd.DataFrame:
    """Search exactly, and with each index, over the vectors of the first dense embedding, or of those that were asked for.

    Parameters
    ----------
    costs : SearchCosts
        Searches of the task.
    names : sequence of str
        Embeddings, the best first.
    failed : set of str
        Embeddings that are not compared with them.
    encoders : mapping
        References to all embeddings, by name.
    options : VectorSearchOptions
        Indexes, and which embeddings to search with.
    encodings : Path
        Store of what was encoded before.
    store : context manager, optional
        A vector store, where an index needs one.
    """
    loaded = ((name, encoders[name].load(encodings)) for name in names)
    dense = ((name, encoder) for name, encoder in loaded if options.embeddings or costs.is_dense(encoder))
    searched = list(dense if options.embeddings else islice(dense, 1))
    there = [name for name in encoders if name not in failed]
    words, sparse = ([name for name in named if name in there] for named in (options.words, options.sparse))
    beside = [name for name in options.beside if name in there and name not in {*dict(searched), *sparse}]
    rows = [costs.exact(name, encoders[name].load(encodings)) for name in beside]
    with nullcontext() if store is None else store:
        for name, encoder in searched:
            rows += costs.of_indexes(name, encoder, store) if options.indexes else [costs.exact(name, encoder)]
        if store is not None:
            rows += [row for name in sparse for row in costs.of_sparse(name, encoders[name].load(encodings), store.words)]
            for name in words:
                rows += costs.of_words(name, encoders[name].load(encodings), store.words, searched[0] if searched else None)
    return make_table(rows, SEARCHES)


def rank_embeddings(
    cells: pd.DataFrame, facts: pd.DataFrame, task: str, metric: str, options: VectorSearchOptions
) -> list[str]:
    """List the embeddings that were asked for; where none was, those that give vectors of texts, best on the task first.

    Raises
    ------
    ValueError
        One that was asked for was not evaluated on the task, or gives no vectors of texts.
    """
    rows = cells[(cells["task"] == task) & (cells["metric"] == metric)]
    known = rows.loc[rows["embedding"].isin(set(facts.loc[facts["gives_text_vectors"], "embedding"])), "embedding"]
    unknown = [name for name in options.embeddings if name not in set(known)]
    if unknown:
        raise ValueError(
            f"vector_search.embeddings: {unknown[0]} has no vectors of the texts of {task}; "
            f"those that have: {', '.join(sorted(known))}"
        )
    if options.embeddings:
        return list(options.embeddings)
    values = rows[rows["embedding"].isin(set(known) & list_candidate_embeddings(facts))]
    means = values.groupby("family", sort=False)["value"].mean()
    return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]
