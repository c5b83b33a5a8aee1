from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.embeddings import protocols
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder, inverse_document_frequency
from emb_pipeline.embeddings.static.random_vectors import RandomVectors, build_random_encoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.text import texts as texts_module
from emb_pipeline.text.texts import Texts
from tests.embeddings.conftest import CorpusOf

VECTORS = WordVectors(["common", "rare"], np.array([999, 1]), np.array([[1, 0], [0, 1]], dtype=np.float32))


def test_the_mean_counts_repeated_words_and_skips_unknown_ones() -> None:
    encoded = PooledEncoder(VECTORS, "mean").encode(["Common common rare unheard"])
    np.testing.assert_allclose(encoded, [[2 / 3, 1 / 3]], rtol=1e-6)
    assert encoded.dtype == np.float32


def test_a_text_without_a_known_word_is_the_zero_vector() -> None:
    for rule in ("mean", "idf", "sif"):
        np.testing.assert_array_equal(PooledEncoder(VECTORS, rule).encode(["unheard", ""]), np.zeros((2, 2)))


def test_idf_is_that_of_a_text_of_100_words() -> None:
    # 1 - (1 - 0.01)^100 = 0.6340, and -ln of it = 0.4557; a word of share 1 stands in every text
    np.testing.assert_allclose(inverse_document_frequency(np.array([0.01, 1.0, 0.0])), [0.455757, 0.0, 0.0], atol=1e-5)


def test_idf_pooling_weighs_by_corpus_counts_and_not_by_the_texts() -> None:
    encoder_ = PooledEncoder(VECTORS, "idf")
    rare, common = inverse_document_frequency(np.array([0.001, 0.999]))
    expected = [[common / (common + rare), rare / (common + rare)]]
    np.testing.assert_allclose(encoder_.encode(["common rare"]), expected, rtol=1e-5)
    np.testing.assert_array_equal(encoder_.encode(["common rare", "common", "common"])[:1], encoder_.encode(["common rare"]))


def test_sif_takes_the_direction_of_the_average_text_away() -> None:
    encoder_ = PooledEncoder(VECTORS, "sif")
    weights = 1e-3 / (1e-3 + np.array([0.999, 0.001]))
    direction = np.array([0.999, 0.001]) * weights
    direction /= np.linalg.norm(direction)
    mean = weights / weights.sum()
    np.testing.assert_allclose(encoder_.encode(["common rare"])[0], mean - (mean @ direction) * direction, rtol=1e-4)


def test_pooling_equals_a_loop_over_words() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(20)]
    vectors = WordVectors(words, np.arange(20, 0, -1), rng.normal(size=(20, 5)).astype(np.float32))
    documents = [list(rng.choice([*words, "unknown"], size=rng.integers(1, 12))) for _ in range(10)]
    known = [[vectors.vectors[vectors.index[word]] for word in document if word in vectors] for document in documents]
    by_hand = [np.mean(rows or [np.zeros(5)], axis=0) for rows in known]
    encoded = PooledEncoder(vectors).encode([" ".join(document) for document in documents])
    np.testing.assert_allclose(encoded, by_hand, rtol=1e-4, atol=1e-6)


def test_several_encoders_share_one_tokenising(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenised: list[str] = []
    tokenize = texts_module.tokenize
    monkeypatch.setattr(texts_module, "tokenize", lambda text: tokenised.append(text) or tokenize(text))
    texts = Texts(["common rare", "rare"])
    for vectors in (VECTORS, RandomVectors(4, 0, {}), RandomVectors(8, 1, {})):
        PooledEncoder(vectors).encode(texts)
        PooledEncoder(vectors).encode(texts.take(np.array([1])))
    assert tokenised == ["common rare", "rare"]


def test_single_tokens_get_the_mean_of_the_words_in_them() -> None:
    vectors = PooledEncoder(VECTORS, "idf").encode_words(["Common-rare", "?", "rare"])
    np.testing.assert_allclose(vectors, [[0.5, 0.5], [0, 0], [0, 1]])


def test_a_pooled_encoder_keeps_both_contracts() -> None:
    assert isinstance(PooledEncoder(VECTORS), protocols.TextEncoder)
    assert isinstance(PooledEncoder(VECTORS), protocols.WordEncoder)
    assert not isinstance(PooledEncoder(VECTORS), protocols.TaskEncoder)


def test_random_vectors_depend_on_token_and_seed_alone() -> None:
    vectors, _ = RandomVectors(6, 3, {}).lookup(["a", "b"])
    again, _ = RandomVectors(6, 3, {"b": 5}).lookup(["b"])
    other, _ = RandomVectors(6, 4, {}).lookup(["b"])
    np.testing.assert_array_equal(vectors[1:], again)
    assert not np.allclose(vectors[1:], other)
    # pinned, so that the control is the same on every machine and in every version
    np.testing.assert_allclose(vectors[0, :3], [-0.8379003, 0.2365080, -0.1461298], rtol=1e-5)


def test_random_vectors_are_normal_with_variance_one_over_dim() -> None:
    vectors, _ = RandomVectors(50, 0, {}).lookup([f"w{number}" for number in range(5000)])
    assert abs(vectors.mean()) < 1e-3
    assert vectors.var() * 50 == pytest.approx(1, abs=0.02)
    assert (vectors**4).mean() * 50**2 == pytest.approx(3, abs=0.1)
    assert abs(np.corrcoef(vectors, rowvar=False) - np.eye(50)).max() < 0.08


def test_a_random_control_pools_by_counts_only_where_there_is_a_corpus(corpus_of: CorpusOf) -> None:
    with pytest.raises(ValueError, match="random vectors have no word counts for pooling 'idf'"):
        build_random_encoder(RandomOptions(pooling="idf"), dim=4, seed=0)
    weighted = build_random_encoder(RandomOptions(pooling="idf"), dim=4, seed=0, tokens=corpus_of("the the the the cat"))
    plain = build_random_encoder(RandomOptions(pooling="mean"), dim=4, seed=0)
    assert weighted.dim == plain.dim == 4
    assert not np.allclose(weighted.encode(["the cat"]), plain.encode(["the cat"]))
