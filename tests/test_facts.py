"""What an embedding is stands in its specification, and in the tables that figures are drawn from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.facts import build_embedding_facts, list_embeddings
from emb_pipeline.statistics.embedding_facts import add_origins, match_corpora, pair_derived

METHODS = {"word2vec": {}, "reduced": {}, "counter_fitted": {}, "static_file": {}, "lsa": {}, "fine_tuned_vectors": {}}
GRID: dict[str, Any] = {
    "corpora": ["domain", "generic"],
    "methods": {"word2vec": [50, 100]},
    "seeds": {"word2vec_100": [1]},
    "baselines": ["lsa_20"],
    "pretrained": {"glove_50": {"options": {"path": "x.txt", "format": "glove_text"}}},
    "derived": {
        "domain.small": {"method": "reduced", "of": "domain.word2vec_100", "options": {"dims": 25}},
        "generic.small": {"method": "reduced", "of": "generic.word2vec_100", "options": {"dims": 25}},
        "domain.bits": {"method": "reduced", "of": "domain.word2vec_100", "options": {"precision": "int8"}},
        "domain.repaired": {
            "method": "counter_fitted",
            "of": "domain.word2vec_100",
            "options": {"synonyms": [["a", "b"]], "antonyms": [["a", "c"]]},
        },
    },
    "corrupted": [
        {"of": "domain.word2vec_100", "typos": [0.3]},
        {"of": "generic.word2vec_100", "typos": [0.3]},
    ],
    "resampled": [{"of": "domain.word2vec_100", "bootstraps": 1}],
    "fine_tune": [{"base": "domain.word2vec_100", "tasks": ["topic"]}],
    "tasks": ["topic"],
}


@pytest.fixture(scope="module")
def facts() -> pd.DataFrame:
    return build_embedding_facts(list_embeddings(expand_grid(GRID, METHODS))).set_index("embedding")


@pytest.mark.parametrize(
    ("embedding", "base", "derivation", "curve"),
    [
        ("domain.word2vec_100", None, None, "domain word2vec"),
        ("domain.word2vec_100_seed1", None, None, "domain word2vec"),
        ("task.lsa_20", None, None, "task lsa"),
        ("pretrained.glove_50", None, None, None),
        ("domain.small", "domain.word2vec_100", "reduction", "domain.word2vec_100 by pca"),
        ("domain.bits", "domain.word2vec_100", "reduction", "domain.word2vec_100 by pca, int8"),
        ("domain.repaired", "domain.word2vec_100", "repair", None),
        ("domain.word2vec_100_typos_30", "domain.word2vec_100", "corruption", None),
        ("domain.word2vec_100_bootstrap1", "domain.word2vec_100", "resampling", None),
        ("domain.word2vec_100_tuned_topic", "domain.word2vec_100", "fine_tuning", None),
    ],
)
def test_what_an_embedding_is_made_from_and_which_line_it_is_on(
    facts: pd.DataFrame, embedding: str, base: str | None, derivation: str | None, curve: str | None
) -> None:
    row = facts.loc[embedding].astype(object).where(facts.loc[embedding].notna(), None)
    assert (row["base"], row["derivation"], row["curve"]) == (base, derivation, curve)


def test_a_key_that_looks_like_another_embedding_says_nothing_of_what_it_is() -> None:
    vectors = {"options": {"path": "x.txt", "format": "glove_text"}}
    grid = {
        "corpora": ["domain"],
        "methods": {"word2vec": [50]},
        "pretrained": {"domain_2": vectors, "word2vec_50_seed1": vectors, "shuffled_typos_30": vectors},
        "controls": ["random_50", "shuffled_tfidf"],
        "tasks": ["topic"],
    }
    known = build_embedding_facts(list_embeddings(expand_grid(grid, {**METHODS, "random": {}, "tfidf": {}})))
    facts = known.set_index("key")
    for key in ("domain_2", "word2vec_50_seed1", "shuffled_typos_30"):
        row = facts.loc[key]
        assert (row["origin"], row["embedding"], row["family"]) == ("pretrained", f"pretrained.{key}", f"pretrained.{key}")
        assert row[["base", "derivation", "corruption", "corruption_level", "curve"]].isna().all()
    assert list(facts.index[facts["shuffled_labels"]]) == ["shuffled_tfidf"]
    table = add_origins(pd.DataFrame({"embedding": ["pretrained.domain_2", "control.random_50"]}), known)
    assert list(table["origin"]) == ["pretrained", "control"]


def test_an_embedding_and_its_further_seeds_are_one_family(facts: pd.DataFrame) -> None:
    repeated = facts[facts["family"] != facts.index]
    assert dict(repeated["family"]) == {
        f"{each}.word2vec_100_seed1": f"{each}.word2vec_100" for each in ("domain", "generic")
    }


def test_the_corruption_of_a_training_text_has_its_kind_and_level(facts: pd.DataFrame) -> None:
    corrupted = facts[facts["corruption"].notna()]
    assert list(corrupted.index) == ["domain.word2vec_100_typos_30", "generic.word2vec_100_typos_30"]
    assert set(corrupted["corruption"]) == {"typos"} and set(corrupted["corruption_level"]) == {0.3}


def test_matched_pairs_are_those_that_a_corpus_alone_determines() -> None:
    """Corrupted, reduced and tuned copies of a pair are no further pairs."""
    facts = build_embedding_facts(list_embeddings(expand_grid(GRID, METHODS)))
    assert match_corpora(facts) == [(f"domain.word2vec_{dim}", f"generic.word2vec_{dim}") for dim in (50, 100)]
    assert match_corpora(facts[facts["origin"] != "generic"]) == []


def test_each_copy_is_held_against_what_it_was_made_from_except_resamples(facts: pd.DataFrame) -> None:
    pairs = pair_derived(facts.reset_index())
    assert set(pairs) == {"reduction", "repair", "corruption", "fine_tuning"}
    assert ("domain.word2vec_100_typos_30", "domain.word2vec_100") in pairs["corruption"]


def test_names_that_look_like_repetitions_are_names_like_any_other() -> None:
    files = {name: {"options": {"path": "x.txt", "format": "glove_text"}} for name in ("glove_seed1", "glove_seed2")}
    facts = build_embedding_facts(list_embeddings(expand_grid({**GRID, "pretrained": files}, METHODS))).set_index(
        "embedding"
    )
    assert {facts.loc[f"pretrained.{name}", "family"] for name in files} == {f"pretrained.{name}" for name in files}
