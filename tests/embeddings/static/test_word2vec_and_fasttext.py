from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.embeddings.static import fasttext, gensim_models, word2vec
from emb_pipeline.embeddings.static.options import FastTextOptions, Word2VecOptions
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus
from tests.embeddings.conftest import CorpusOf

COMMON = {"epochs": 5, "min_count": 1, "sample": 0.0}
METHODS = [
    pytest.param(method, options.model_copy(update={"backend": backend}), id=f"{name}-{backend}")
    for name, method, options in (
        ("word2vec", word2vec, Word2VecOptions(**COMMON)),
        ("cbow", word2vec, Word2VecOptions(**COMMON, architecture="cbow")),
        ("fasttext", fasttext, FastTextOptions(**COMMON, buckets=1000)),
    )
    for backend in ("native", "gensim")
]


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_one_worker_and_one_seed_give_the_same_bits(method, options, animals_and_tools: TokenCorpus) -> None:
    first, again, other = (
        method.train(TrainingRequest(animals_and_tools, dim=8, options=options, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_deterministic_overrides_the_number_of_workers(method, options, animals_and_tools: TokenCorpus) -> None:
    steady = options.model_copy(update={"deterministic": True})
    alone, many = (
        method.train(TrainingRequest(animals_and_tools, dim=8, options=steady, seed=1, workers=workers))
        for workers in (1, 3)
    )
    np.testing.assert_array_equal(alone.vectors, many.vectors)


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_vectors_come_with_the_corpus_counts_commonest_first(method, options, corpus_of: CorpusOf) -> None:
    vectors = method.train(TrainingRequest(corpus_of("a a a b b c", "a b"), dim=4, options=options, seed=1))
    assert list(zip(vectors.tokens, vectors.counts, strict=True)) == [("a", 4), ("b", 3), ("c", 1)]
    assert vectors.vectors.shape == (3, 4)
    assert vectors.vectors.dtype == np.float32


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_rare_words_get_no_vector(method, options, corpus_of: CorpusOf) -> None:
    frequent = options.model_copy(update={"min_count": 2})
    assert method.train(TrainingRequest(corpus_of("a a a b b c"), dim=4, options=frequent, seed=1)).tokens == ["a", "b"]


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_a_corpus_without_frequent_words_is_refused_with_the_way_out(method, options, corpus_of: CorpusOf) -> None:
    strict = options.model_copy(update={"min_count": 10})
    with pytest.raises(DataError, match="0 of 2 words occur min_count = 10 times or more; lower min_count"):
        method.train(TrainingRequest(corpus_of("a b"), dim=4, options=strict, seed=1))


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_each_epoch_is_announced(method, options, animals_and_tools: TokenCorpus) -> None:
    seen: list[int] = []
    method.train(
        TrainingRequest(animals_and_tools, dim=4, options=options, seed=1, on_epoch=lambda epoch, loss: seen.append(epoch))
    )
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_the_record_says_how_to_make_the_vectors_again(method, options, animals_and_tools: TokenCorpus) -> None:
    record = method.train(TrainingRequest(animals_and_tools, dim=4, options=options, seed=7)).provenance
    assert record["options"] == options.model_dump()
    assert (record["seed"], record["dim"], record["workers"]) == (7, 4, 1)
    assert record["corpus_fingerprint"] == animals_and_tools.fingerprint
    assert record["versions"]["numba" if options.backend == "native" else "gensim"]
    assert record["train_seconds"] > 0


def test_words_that_share_contexts_come_close(animals_and_tools: TokenCorpus) -> None:
    options = Word2VecOptions(epochs=20, min_count=1, sample=0.0)
    vectors = word2vec.train(TrainingRequest(animals_and_tools, dim=8, options=options, seed=1))
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    cat, dog, saw = (unit[vectors.index[word]] for word in ("cat", "dog", "saw"))
    assert cat @ dog > cat @ saw


def test_an_unknown_word_gets_the_mean_of_its_ngrams_as_gensim_has_it(animals_and_tools: TokenCorpus) -> None:
    from gensim.models import FastText

    options = FastTextOptions(**COMMON, buckets=1000, backend="gensim")
    request = TrainingRequest(animals_and_tools, options, dim=8)
    vectors = fasttext.train(request)
    _, model = gensim_models.train(FastText, "fasttext", request, min_n=3, max_n=6, bucket=1000)
    unused = np.setdiff1d(np.arange(1000), vectors.subwords.buckets)
    model.wv.vectors_ngrams[unused] = 0  # numbers that were never trained: gensim leaves them random
    found, counts = vectors.lookup(["hammers"])
    np.testing.assert_allclose(found[0], model.wv.get_vector("hammers"), rtol=1e-5)
    assert counts.tolist() == [1]


def test_an_unknown_word_without_a_known_ngram_has_no_vector(corpus_of: CorpusOf) -> None:
    vectors = fasttext.train(
        TrainingRequest(corpus_of("cat dog cat"), dim=8, options=FastTextOptions(**COMMON, buckets=100_000), seed=1)
    )
    assert vectors.lookup(["zebu"])[1].tolist() == [0]
    assert len(vectors.subwords.buckets) == 12  # of <cat> and <dog>: 3 of three letters, 2 of four, 1 of five


def test_a_known_word_keeps_its_own_vector(animals_and_tools: TokenCorpus) -> None:
    vectors = fasttext.train(
        TrainingRequest(animals_and_tools, dim=8, options=FastTextOptions(**COMMON, buckets=1000), seed=1)
    )
    found, counts = vectors.lookup(["cat"])
    np.testing.assert_array_equal(found[0], vectors.vectors[vectors.index["cat"]])
    assert counts[0] == vectors.counts[vectors.index["cat"]]
