"""How much of a task's text word vectors know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.factory import build_encoder
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.reporting.sections.summary.coverage import describe_coverage
from emb_pipeline.tasks.coverage import Coverage, measure_coverage
from emb_pipeline.text.texts import Texts, tokenize_tables

VECTORS = WordVectors(["the", "Cat", "sat"], np.array([9, 4, 1]), np.arange(6, dtype=np.float32).reshape(3, 2))
TEXTS = {"examples": pa.table({"text": ["The cat, the dog", "A dog sat"], "label": ["x", "y"]})}


@pytest.mark.parametrize("tables", [TEXTS, tokenize_tables(TEXTS)], ids=["plain", "tokenised"])
def test_shares_of_running_and_of_different_words_are_counted(tables: dict[str, pa.Table]) -> None:
    # the cat the dog a dog sat: 4 of 7 words and 3 of 5 different ones are known
    assert measure_coverage(PooledEncoder(VECTORS), tables) == Coverage(
        tokens=pytest.approx(4 / 7), types=pytest.approx(3 / 5), unknown=["dog", "a"]
    )


def test_queries_and_passages_count_together() -> None:
    tables = {"queries": pa.table({"text": ["cat"]}), "passages": pa.table({"text": ["dog cat"]})}
    found = measure_coverage(PooledEncoder(VECTORS), tables)
    assert found is not None and (found.tokens, found.types) == (pytest.approx(2 / 3), 0.5)


def test_a_token_of_a_tagged_sentence_is_known_if_a_word_in_it_is() -> None:
    sentences = pa.table({"tokens": [["The", "cat-like", "thing", "--"], ["thing"]], "tags": [["O"] * 4, ["O"]]})
    found = measure_coverage(PooledEncoder(VECTORS), {"sentences": sentences})
    assert found == Coverage(tokens=pytest.approx(0.5), types=pytest.approx(2 / 3), unknown=["thing"])


def test_embeddings_on_top_of_word_vectors_know_what_these_know_and_others_have_no_vocabulary() -> None:
    base = PooledEncoder(VECTORS)
    reduced = Reduced(ReducedOptions(dims=1), base).fit(Texts(["the cat", "sat"]))
    found = [measure_coverage(each, TEXTS) for each in (base, reduced)]
    assert found[0] == found[1] is not None
    random = measure_coverage(build_encoder("random", RandomOptions(), dim=2), TEXTS)
    assert random is not None and (random.tokens, random.types) == (1.0, 1.0)
    assert measure_coverage(build_encoder("tfidf", TfidfOptions()), TEXTS) is None


def test_low_coverage_is_a_warning_in_the_answer() -> None:
    rows = pd.DataFrame(
        {
            "embedding": ["pretrained.glove", "domain.word2vec_100", "task.tfidf", "control.random_100"],
            "origin": ["pretrained", "domain", "task", "control"],
            "known_tokens": [0.325, 0.99, None, 0.1],
        }
    )
    finding = describe_coverage(rows)
    assert finding is not None and finding.tone == "warning"
    assert "pretrained.glove knows 32.5 % of this task’s words." in finding.text.striptags()
    assert describe_coverage(rows[1:]) is None and describe_coverage(rows.drop(columns="known_tokens")) is None
