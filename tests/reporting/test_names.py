"""Readable names follow from facts; what an embedding is called says nothing of what it is."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest
from markupsafe import Markup
from rich.padding import Padding
from rich.table import Table

from emb_pipeline.reporting.console import draw_leaderboards
from emb_pipeline.reporting.findings import embedding, name_fully
from emb_pipeline.reporting.markdown import write_leaderboard
from emb_pipeline.reporting.names import name_embeddings
from emb_pipeline.reporting.registry import SECTIONS
from emb_pipeline.reporting.report import render_section
from emb_pipeline.reporting.section import Section
from tests.reporting.tiny import BASELINE, DENSE, OTHER, TINY, tiny_report

CONFUSING = {
    "control.random_100": "a.task_bm25_domain",
    DENSE: "control.shuffled_02",
    OTHER: "domain.word2vec_0100",
    BASELINE: "z.domain_2",
}
"""Names that look like others, each as long as the one that it replaces and in the same order: both move figures."""


def new_name(value: object) -> object:
    return ", ".join(CONFUSING.get(each, each) for each in value.split(", ")) if isinstance(value, str) else value


def rename(table: pd.DataFrame) -> pd.DataFrame:
    return table.apply(lambda column: column.map(new_name))


def restore(text: str) -> str:
    for name, confusing in CONFUSING.items():
        text = text.replace(confusing, name)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_names_that_look_like_others_change_nothing_on_the_page_but_themselves(section: Section) -> None:
    plain = render_section(section, tiny_report())
    renamed = render_section(section, tiny_report(**{name: rename(table) for name, table in TINY.items()}))
    assert plain is not None and renamed is not None
    assert restore(renamed) == plain


def test_controls_come_last_in_markdown_and_dim_on_the_console_whatever_they_are_called() -> None:
    board = rename(TINY["leaderboard"])
    assert restore(write_leaderboard(board)) == write_leaderboard(TINY["leaderboard"])
    assert styles(board) == styles(TINY["leaderboard"])


def facts(**of: Mapping[str, object]) -> pd.DataFrame:
    """Facts of embeddings by key; what is left out is that of a grid's own."""
    rows = []
    for key, given in of.items():
        origin = str(given.get("origin", "domain"))
        rows.append({"embedding": f"{origin}.{key}", "origin": origin, "key": key, "family": f"{origin}.{key}", **given})
    return pd.DataFrame(rows)


WORD2VEC = {"method": "word2vec", "dim": 100}
MADE = {"base": "domain.word2vec_100", "bases": "domain.word2vec_100"}
MODEL = {"origin": "pretrained", "method": "sentence_transformer"}


@pytest.mark.parametrize(
    ("key", "given", "readable", "short"),
    [
        ("word2vec_100", WORD2VEC, "Word2Vec, 100 dimensions, trained on your text", "Word2Vec 100 · your text"),
        ("bm25", {"origin": "task", "method": "bm25"}, "BM25, fitted on the task's own data", "BM25"),
        ("small_model", MODEL, "small model, Sentence Transformer, trained elsewhere", "small model"),
        ("random_50", {"origin": "control", "method": "random", "dim": 50}, "random vectors, 50 dimensions, control", None),
        (
            "shuffled_tfidf",
            {"origin": "control", "method": "tfidf", "shuffled_labels": True},
            "TF-IDF, shuffled labels, control",
            None,
        ),
        (
            "word2vec_100_tuned_topic",
            {**WORD2VEC, **MADE, "derivation": "fine_tuning"},
            "Word2Vec, 100 dimensions, trained on your text, tuned on the labels of topic",
            "Word2Vec 100 · your text · tuned on topic",
        ),
        (
            "word2vec_100_typos_50",
            {**WORD2VEC, **MADE, "derivation": "corruption", "corruption": "typos", "corruption_level": 0.5},
            "Word2Vec, 100 dimensions, trained on your text, 50\u202f% typos",
            "Word2Vec 100 · your text · 50\u202f% typos",
        ),
        (
            "small",
            {**MADE, "method": "reduced", "dim": 32, "derivation": "reduction", "curve": "domain.word2vec_100 by pca, int8"},
            "Word2Vec, 100 dimensions, trained on your text, cut to 32 dimensions, stored in 8 bits",
            "Word2Vec 100 · your text · cut to 32 · 8 bits",
        ),
        (
            "fused",
            {"bases": "task.bm25, domain.word2vec_100", "base": "task.bm25", "method": "fusion", "derivation": "fusion"},
            "BM25 + Word2Vec 100 (your text), fused",
            None,
        ),
        (
            "ranked",
            {
                "bases": "domain.word2vec_100, task.bm25",
                "base": "domain.word2vec_100",
                "method": "reranker",
                "derivation": "reranking",
            },
            "BM25, reranked by Word2Vec 100 (your text)",
            None,
        ),
    ],
)
def test_a_name_says_what_an_embedding_is(key: str, given: Mapping[str, object], readable: str, short: str | None) -> None:
    of = {"word2vec_100": WORD2VEC, "bm25": {"origin": "task", "method": "bm25"}, key: given}
    name = name_embeddings(facts(**of), pd.DataFrame({"task": ["topic"]}))[f"{given.get('origin', 'domain')}.{key}"]
    assert (name.readable, name.short) == (
        readable,
        short or readable.replace(", 50 dimensions", " 50").replace(", ", " · "),
    )


def test_an_embedding_that_was_made_from_one_without_a_row_has_a_name_from_what_is_known() -> None:
    made = {"base": "domain.weighted", "bases": "domain.weighted", "derivation": "fine_tuning", "method": "learned_sparse"}
    names = name_embeddings(facts(weighted_tuned_topic=made), pd.DataFrame({"task": ["topic"]}))
    assert names["domain.weighted_tuned_topic"].short == "weighted · your text · tuned on topic"


def test_two_embeddings_never_have_the_same_name() -> None:
    made = {**MADE, "method": "reduced", "dim": 32, "derivation": "reduction"}
    twins = facts(word2vec_100=WORD2VEC, first_half=made, other_half=made, BM_25={"origin": "a"}, BM__25={"origin": "a"})
    named = name_embeddings(twins).values()
    assert len({name.readable for name in named}) == len({name.short for name in named}) == 5
    assert [name.short for name in named][1] == "Word2Vec 100 · your text · cut to 32 (first half)"


def test_each_medium_writes_a_name_in_its_own_way_and_escapes_it() -> None:
    names = name_embeddings(facts(word2vec_100=WORD2VEC, **{"<b>": MODEL}))
    sentence = Markup("{} &gt; <strong>{}</strong> &gt; {}").format(
        embedding("domain.word2vec_100"), name_fully("pretrained.<b>"), embedding("domain.<i>")
    )
    assert names.write_markdown(sentence) == (
        "Word2Vec 100 · your text (`domain.word2vec_100`) > "
        "&lt;b&gt;, Sentence Transformer, trained elsewhere (`pretrained.<b>`) > `domain.<i>`"
    )
    assert (
        names.write_text(sentence)
        == "Word2Vec 100 · your text > <b>, Sentence Transformer, trained elsewhere (pretrained.<b>) > domain.<i>"
    )
    assert names.write_html(sentence) == (
        '<span class="name" title="Word2Vec, 100 dimensions, trained on your text · domain.word2vec_100">'
        "Word2Vec 100 · your text</span> &gt; <strong>"
        '<span class="name" title="pretrained.&lt;b&gt;">&lt;b&gt;, Sentence Transformer, trained elsewhere</span></strong> '
        "&gt; <code>domain.&lt;i&gt;</code>"
    )


def styles(board: pd.DataFrame) -> list[object]:
    tables = [part.renderable for part in draw_leaderboards(board).renderables if isinstance(part, Padding)]
    return [row.style for table in tables if isinstance(table, Table) for row in table.rows]
