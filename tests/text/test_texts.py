"""Tokens of texts: found once, stored with the task, counted without tokenising again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from emb_pipeline.datasets.tables import TablesDataset
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text import texts as module
from emb_pipeline.text.texts import Texts, TokenIds, take_texts, tokenize_tables
from emb_pipeline.text.words import tokenize

TEXTS = ["", "New York, New York", "a", "York's New tower", "...", "new york tower"]


def test_tokens_are_those_of_the_tokeniser() -> None:
    assert Texts(TEXTS).tokens == [tokenize(text) for text in TEXTS]


@pytest.mark.parametrize("max_ngram", [1, 2])
def test_counts_are_those_of_scikit_learn(max_ngram: int) -> None:
    reference = CountVectorizer(analyzer="word", tokenizer=tokenize, ngram_range=(1, max_ngram), token_pattern=None)
    expected = reference.fit_transform(TEXTS).toarray()
    counted = Texts(TEXTS).terms if max_ngram == 1 else Texts(TEXTS).ngrams
    order = [counted.vocabulary.index(term) for term in reference.get_feature_names_out()]
    assert len(order) == len(counted.vocabulary)
    np.testing.assert_array_equal(counted.counts.toarray()[:, order], expected)


@pytest.mark.parametrize("made_before", [(), ("token_ids",), ("terms", "ngrams")])
def test_some_of_the_texts_have_their_own_counts(made_before: tuple[str, ...]) -> None:
    everything = Texts(TEXTS)
    for name in made_before:
        getattr(everything, name)
    part, alone = everything.take(np.array([5, 0, 3])), Texts([TEXTS[5], TEXTS[0], TEXTS[3]])
    assert part.tokens == alone.tokens
    for counted, expected in ((part.terms, alone.terms), (part.ngrams, alone.ngrams)):
        occurring = np.flatnonzero(counted.counts.sum(axis=0))
        assert sorted(counted.vocabulary[column] for column in occurring) == sorted(expected.vocabulary)
        order = [counted.vocabulary.index(term) for term in expected.vocabulary]
        np.testing.assert_array_equal(counted.counts.toarray()[:, order], expected.counts.toarray())


def test_stored_tokens_serve_every_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the task is written, no evaluation tokenises one of its texts again."""
    queries = pa.table({"query_id": ["q1", "q2"], "text": ["new york", "towers, tall"]})
    passages = pa.table({"passage_id": ["p1", "p2", "p3"], "text": ["York is new", "a tall tower", ""]})
    qrels = pa.table({"query_id": ["q1", "q2"], "passage_id": ["p1", "p2"], "relevance": [1, 1]})
    stored = TablesDataset(filepath=str(tmp_path / "examples"))
    stored.save(tokenize_tables({"queries": queries, "passages": passages, "qrels": qrels}))
    monkeypatch.setattr(module, "tokenize", lambda _: pytest.fail("tokenised again"))
    task = KINDS["retrieval"].create_task(stored.load())
    assert task.queries.tokens == [["new", "york"], ["towers", "tall"]]
    assert task.passages.take(np.array([2, 0])).tokens == [[], ["york", "is", "new"]]
    assert task.passages.ngrams.counts.sum() == 3 + 3 + 2 + 2


def test_a_slice_of_a_table_keeps_its_own_tokens() -> None:
    tables = tokenize_tables({"examples": pa.table({"text": TEXTS})})
    part = take_texts({**tables, "examples": tables["examples"].slice(3, 2)}, "examples")
    assert part.tokens == [tokenize(text) for text in TEXTS[3:5]]


def test_tokens_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="2 texts and tokens of 1"):
        Texts(["a", "b"], TokenIds.of(["a"]))
