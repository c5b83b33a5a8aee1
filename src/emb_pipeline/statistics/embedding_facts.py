"""Questions to the table of embeddings: which are repetitions, pairs, candidates or sizes of each other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

FINE_TUNING, CORRUPTION, RESAMPLING, VARIANT = "fine_tuning", "corruption", "resampling", "variant"
CONTROL = "control"
"""The origin of controls."""
BASES_SEPARATOR = ", "
FACTS = {
    "embedding": "string",
    "origin": "string",
    "key": "string",
    "family": "string",
    "base": "string",
    "bases": "string",
    "derivation": "string",
    "corruption": "string",
    "corruption_level": "float64",
    "curve": "string",
    "shuffled_labels": "bool",
}
"""Columns of the leaderboard. ``key``: the name below the origin. ``family``: the embedding that this one repeats with
another seed, or its own name. ``base`` and ``derivation``: the embedding that this one was made from, or like, and how; both
missing for one of the grid itself. ``bases``: all that it was made from, where there are several. ``corruption`` and its
level (0 to 1): what was done to its training text. ``curve``: those with the same one are one embedding in several
dimensions. ``shuffled_labels``: whether probes learn from permuted labels."""
EMBEDDING_FACTS = {
    **FACTS,
    "method": "string",
    "dim": "Int64",
    "source": "string",
    "tuned_on": "string",
    "is_reduced": "bool",
    "gives_text_vectors": "bool",
    "can_be_exported": "bool",
}
"""Columns of the table of embeddings. ``source``: what its method learns from. ``tuned_on``: the task whose labels it was
fine-tuned on. ``dim`` is missing where a task fixes it."""


def read_facts(table: pa.Table) -> pd.DataFrame:
    """Read the table of embeddings, with the types of its columns."""
    facts: pd.DataFrame = table.to_pandas().astype(EMBEDDING_FACTS)
    return facts


def add_origins(table: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Add a column with the origin of each row's embedding."""
    origins = dict(zip(facts["embedding"], facts["origin"], strict=True))
    return table.assign(origin=table["embedding"].map(origins).astype("string"))


def select_trained_on_corpus(facts: pd.DataFrame) -> pd.DataFrame:
    """Select what a corpus alone determines: neither tuned, nor trained on changed text, nor made from another one."""
    return facts[(facts["source"] == "corpus") & facts["derivation"].isna()]


def select_first_seeds(facts: pd.DataFrame) -> pd.DataFrame:
    """Select embeddings that repeat no other one with a seed of their own."""
    return facts[facts["family"] == facts["embedding"]]


def match_corpora(facts: pd.DataFrame) -> list[tuple[str, str]]:
    """Pair embeddings of one method and dimension, trained on the domain and on the generic corpus as they are."""
    trained = select_first_seeds(select_trained_on_corpus(facts))
    rows = zip(trained["origin"], trained["method"], trained["dim"], trained["embedding"], strict=True)
    names = {(origin, method, None if dim is pd.NA else dim): name for origin, method, dim, name in rows}
    pairs = [
        (name, names.get(("generic", method, dim))) for (origin, method, dim), name in names.items() if origin == "domain"
    ]
    return [(name, twin) for name, twin in pairs if twin is not None]


def pair_derived(facts: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Pair embeddings with what they were made from, or like from worse text, by how."""
    made = facts[facts["base"].notna() & (facts["derivation"] != RESAMPLING)]
    return {
        str(factor): [
            (name, base)
            for name, bases in zip(rows["embedding"], rows["bases"], strict=True)
            for base in bases.split(BASES_SEPARATOR)
        ]
        for factor, rows in made.groupby("derivation", sort=False)
    }


def list_controls(facts: pd.DataFrame) -> set[str]:
    """List the families of controls."""
    return set(facts.loc[facts["origin"] == CONTROL, "family"])


def list_candidates(facts: pd.DataFrame) -> set[str]:
    """List the families that could be deployed: no control, and none whose training text was changed on purpose."""
    return set(facts.loc[(facts["origin"] != CONTROL) & ~_has_changed_text(facts), "family"])


def list_candidate_embeddings(facts: pd.DataFrame) -> set[str]:
    """List the embeddings that could be deployed, each seed by its own name."""
    return set(facts.loc[(facts["origin"] != CONTROL) & ~_has_changed_text(facts), "embedding"])


def list_exportable(facts: pd.DataFrame) -> set[str]:
    """List the embeddings that give vectors of texts outside a run, too."""
    return set(facts.loc[facts["can_be_exported"], "embedding"])


def find_tuned_tasks(facts: pd.DataFrame) -> dict[str, set[str]]:
    """Find the tasks whose labels each embedding has learned from, by itself or by what it was made from."""
    known = facts.set_index("embedding")[["bases", "tuned_on"]].to_dict("index")

    def find(name: Hashable) -> set[str]:
        row = known[name]
        before = row["bases"].split(BASES_SEPARATOR) if isinstance(row["bases"], str) else []
        own = {str(row["tuned_on"])} if isinstance(row["tuned_on"], str) else set()
        return own.union(*(find(base) for base in before if base in known))

    return {str(name): find(name) for name in known}


def group_sizes(facts: pd.DataFrame) -> dict[str, list[str]]:
    """Group embeddings that are one in several sizes: a method's dimensions on a corpus; one and what it was reduced to."""
    trained = set(select_trained_on_corpus(facts)["embedding"])
    families: dict[str, list[str]] = {}
    for row in facts.to_dict("records"):
        if row["is_reduced"]:
            families.setdefault(f"{row['base']}, reduced", [row["base"]]).append(row["embedding"])
        elif row["embedding"] in trained:
            families.setdefault(f"{row['origin']}.{row['method']}", []).append(row["family"])
    return {family: list(dict.fromkeys(names)) for family, names in families.items() if len(set(names)) > 1}


def find_pretrained_languages(facts: pd.DataFrame, measured: pd.DataFrame) -> dict[str, str]:
    """Find the languages of the pretrained model that each embedding is, or is made from: empty where its card names none.

    Embeddings that have learned from the user's own text alone are left out. ``measured`` is the table of cells.
    """
    named = measured.dropna(subset="languages").drop_duplicates("embedding").set_index("embedding")["languages"].to_dict()
    known = facts.set_index("embedding")[["bases", "source"]].to_dict("index")
    found = {}
    for name in known:
        roots = [root for root in _find_roots(name, known) if known[root]["source"] == "pretrained"]
        languages = [language for root in roots for language in str(named.get(root, "")).split(BASES_SEPARATOR)]
        if roots:
            found[str(name)] = str(named.get(name, BASES_SEPARATOR.join(filter(None, dict.fromkeys(languages)))))
    return found


def _find_roots(name: Hashable, known: Mapping[Hashable, Mapping[Hashable, Any]]) -> list[Hashable]:
    """Find the embeddings that one goes back to: itself, where it is made from no other one."""
    bases = known[name]["bases"]
    of_grid = [base for base in (bases.split(BASES_SEPARATOR) if isinstance(bases, str) else ()) if base in known]
    return [root for base in of_grid for root in _find_roots(base, known)] or [name]


def _has_changed_text(facts: pd.DataFrame) -> pd.Series:
    return facts["derivation"].isin([CORRUPTION, RESAMPLING])
