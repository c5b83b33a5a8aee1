"""Tables of the report that no step makes: they are put together from the scores of all origins and from the corpora."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from emb_pipeline.diagnostics.neighbors import measure_overlaps
from emb_pipeline.reporting.tables import COLUMNS, CORPORA, OTHER_CORPUS, SAMPLE, SAMPLES, SEED
from emb_pipeline.statistics.costs import OF_TRAINING
from emb_pipeline.statistics.embedding_facts import FACTS, RESAMPLING, match_corpora
from emb_pipeline.text.tokens import TokenCorpus

CONCATENATED = ("cells", "checks", "neighbors", "confusions")
"""Tables of each origin that `gather_tables` takes, those of all origins one below the other."""
GATHERED = frozenset({"checks", "neighbors", "overlaps", "confusions", "embeddings", "corpora"})
"""Tables of the report that `gather_tables` puts together."""
STORED = tuple(name for name in COLUMNS if name not in GATHERED)
"""Tables of the report that are datasets, by their name."""


def gather_tables(
    of_origins: Mapping[str, pd.DataFrame], facts: pd.DataFrame, corpora: Mapping[str, TokenCorpus]
) -> dict[str, pd.DataFrame]:
    """Put together those tables of the report that no dataset holds.

    Parameters
    ----------
    of_origins : mapping of str to DataFrame
        The tables that `CONCATENATED` names.
    facts : DataFrame
        What each embedding is.
    corpora : mapping of str to TokenCorpus
        By name.
    """
    neighbors = of_origins["neighbors"]
    pairs = pair_comparable(list(neighbors["embedding"].unique()), facts, match_corpora(facts))
    shared = measure_overlaps(neighbors[~neighbors["probe"]], list(zip(pairs["first"], pairs["second"], strict=True)))
    return {
        "checks": of_origins["checks"],
        "neighbors": neighbors,
        "overlaps": shared.merge(pairs, on=["first", "second"], validate="one_to_one").merge(
            facts[["embedding", "origin", "key"]].rename(columns={"embedding": "of"}), on="of", validate="many_to_one"
        ),
        "confusions": of_origins["confusions"],
        "embeddings": select_trained(of_origins["cells"]).merge(
            facts[list(FACTS)].drop(columns="origin"), on="embedding", how="left"
        ),
        "corpora": pd.DataFrame([describe_corpus(name, corpus) for name, corpus in corpora.items()], columns=list(CORPORA)),
    }


def pair_comparable(known: Sequence[str], facts: pd.DataFrame, pairs: Iterable[tuple[str, str]] = ()) -> pd.DataFrame:
    """Pair embeddings that differ in one thing alone, with the columns ``first``, ``second``, ``differs_in`` and ``of``.

    An embedding and its repetitions, on other seeds or samples; two such samples; and ``pairs`` of two corpora.
    """
    rows = facts.set_index("embedding", drop=False).reindex(list(known)).dropna(subset="embedding").to_dict("records")
    seeds = [(row["family"], row["embedding"], SEED) for row in rows if row["family"] != row["embedding"]]
    sampled = [row for row in rows if row["derivation"] == RESAMPLING]
    samples = [(row["base"], row["embedding"], SAMPLE) for row in sampled]
    between = [
        (one["embedding"], other["embedding"], SAMPLES, one["base"])
        for one, other in combinations(sampled, 2)
        if one["base"] == other["base"]
    ]
    twins = [(*pair, OTHER_CORPUS, pair[0]) for pair in pairs]
    found = [*((*each, each[0]) for each in (*seeds, *samples)), *between, *twins]
    table = pd.DataFrame(found, columns=["first", "second", "differs_in", "of"])
    return table[table[["first", "second", "of"]].isin(set(known)).all(axis=1)].reset_index(drop=True)


def select_trained(cells: pd.DataFrame) -> pd.DataFrame:
    """Select one row per embedding that was trained or loaded, with what that cost."""
    axes = ["embedding", "origin", "method", "dim", "corpus_tokens", "vocabulary", "options"]
    costs = [*OF_TRAINING, "final_loss"]
    return cells[cells["vocabulary"].notna()].drop_duplicates("embedding")[axes + costs].reset_index(drop=True)


def describe_corpus(name: str, corpus: TokenCorpus) -> dict[str, Any]:
    """Give size and fingerprint of a corpus."""
    return {
        "corpus": name,
        "documents": corpus.n_documents,
        "sentences": corpus.n_sentences,
        "tokens": corpus.n_tokens,
        "vocabulary": corpus.manifest["n_types"],
        "held_out_sentences_removed": corpus.n_held_out_sentences,
        "fingerprint": corpus.fingerprint,
    }
