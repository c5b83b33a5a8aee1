from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from emb_pipeline.embeddings.protocols import Searcher, TaskEncoder, TextEncoder
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.char_tfidf import CharTfidf, WordCharTfidf
from emb_pipeline.embeddings.sparse.options import (
    CharTfidfOptions,
    LsaOptions,
    OneHotOptions,
    TfidfOptions,
    WordCharTfidfOptions,
)
from emb_pipeline.embeddings.sparse.word_counts import Lsa, OneHot, Tfidf
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.words import tokenize

TRAINING = ["the cat sat on the mat", "the dog sat", "a cat and a dog and a cat", "mats for cats"]
TEST = ["the unseen cat sat sat", "nothing known here", ""]


def in_the_order_of(reference: TfidfVectorizer, terms: list[str]) -> list[int]:
    return [reference.vocabulary_[term] for term in terms]


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("max_ngram", [1, 2])
@pytest.mark.parametrize("min_df", [1, 2])
def test_tfidf_equals_scikit_learn(sublinear: bool, max_ngram: int, min_df: int) -> None:
    reference = TfidfVectorizer(
        tokenizer=tokenize,
        token_pattern=None,
        lowercase=False,
        sublinear_tf=sublinear,
        ngram_range=(1, max_ngram),
        min_df=min_df,
    ).fit(TRAINING)
    ours = Tfidf(TfidfOptions(sublinear=sublinear, max_ngram=max_ngram, min_df=min_df)).fit(Texts(TRAINING))
    assert sorted(ours.terms) == sorted(reference.vocabulary_)
    for texts in (TRAINING, TEST):
        expected = reference.transform(texts).toarray()[:, in_the_order_of(reference, ours.terms)]
        np.testing.assert_allclose(ours.encode(texts).toarray(), expected, rtol=1e-5, atol=1e-7)


def test_only_the_training_part_of_shared_counts_is_learned_from() -> None:
    everything = Texts([*TRAINING, *TEST])
    everything.ngrams  # counted once for all texts, before the split
    training, test = everything.take(np.arange(4)), everything.take(np.arange(4, 7))
    from_slices, from_scratch = Tfidf().fit(training), Tfidf().fit(Texts(TRAINING))
    assert "unseen" not in from_slices.terms
    assert sorted(from_slices.terms) == sorted(from_scratch.terms)
    order = [from_scratch.terms.index(term) for term in from_slices.terms]
    np.testing.assert_allclose(from_slices.encode(test).toarray(), from_scratch.encode(TEST).toarray()[:, order], rtol=1e-6)


def test_a_misspelt_word_shares_character_ngrams_with_the_right_one() -> None:
    encoder = CharTfidf(CharTfidfOptions(min_n=3, max_n=3, min_df=1)).fit(Texts(["galaxy", "camera"]))
    assert encoder.dim == 12  # " ga", "gal", "ala", "lax", "axy", "xy ", and six of the other
    right, wrong, unknown = encoder.encode(["galaxy", "galaxi", "?"]).toarray()
    assert right @ wrong == pytest.approx(np.sqrt(4 / 6))  # four of six, all of one weight
    assert not unknown.any()
    assert Tfidf().fit(Texts(["galaxy", "camera"])).encode(["galaxi"]).nnz == 0


def test_character_ngrams_do_not_cross_words_and_rare_ones_are_dropped() -> None:
    texts = Texts(["ab cd", "ab ce"])
    every = CharTfidf(CharTfidfOptions(min_n=2, max_n=2, min_df=1)).fit(texts)
    assert set(every.vectorizer.vocabulary_) == {" a", "ab", "b ", " c", "cd", "d ", "ce", "e "}
    common = CharTfidf(CharTfidfOptions(min_n=2, max_n=2, min_df=2)).fit(texts)
    assert set(common.vectorizer.vocabulary_) == {" a", "ab", "b ", " c"}


def test_an_empty_range_of_ngrams_is_refused() -> None:
    with pytest.raises(ValueError, match="min_n = 4 is more than max_n = 3"):
        CharTfidfOptions(min_n=4, max_n=3)


def test_one_hot_says_which_known_words_a_text_holds() -> None:
    encoder = OneHot().fit(Texts(["b a a", "c b"]))
    assert encoder.terms == ["b", "a", "c"]
    encoded = encoder.encode(["a a x", "c b", ""])
    assert isinstance(encoded, sp.csr_array)
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded.toarray(), [[0, 1, 0], [1, 0, 1], [0, 0, 0]])


def test_terms_below_min_df_are_dropped_and_none_left_is_an_error() -> None:
    assert OneHot(OneHotOptions(min_df=2)).fit(Texts(["b a a", "c b"])).terms == ["b"]
    with pytest.raises(ValueError, match="none of the terms of 2 training texts stands in min_df = 3 of them"):
        OneHot(OneHotOptions(min_df=3)).fit(Texts(["b a a", "c b"]))


def test_lsa_spans_what_scikit_learn_finds() -> None:
    encoder = Lsa(LsaOptions(), dim=2, seed=0).fit(Texts(TRAINING))
    reference = TruncatedSVD(2, random_state=0, n_iter=5).fit_transform(encoder.tfidf.encode(TRAINING))
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    ours = encoder.encode(TRAINING)
    np.testing.assert_allclose(ours @ ours.T, reference @ reference.T, atol=1e-4)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(encoder.encode(["nothing"]), [[0, 0]])


def test_lsa_of_more_dimensions_than_texts_is_tfidf_turned(caplog: pytest.LogCaptureFixture) -> None:
    encoder = Lsa(LsaOptions(min_df=1), dim=100, seed=0).fit(Texts([*TRAINING, TRAINING[0]]))
    assert encoder.dim == len(TRAINING) and "LSA of 100 dimensions" in caplog.text  # one text is there twice
    tfidf, ours = encoder.tfidf.encode(TRAINING).toarray(), encoder.encode(TRAINING)
    np.testing.assert_allclose(ours @ ours.T, tfidf @ tfidf.T, atol=1e-5)


def test_the_same_seed_gives_the_same_lsa() -> None:
    first, again = (Lsa(LsaOptions(), dim=2, seed=3).fit(Texts(TRAINING)).encode(TEST) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_bm25_ranks_by_the_formula() -> None:
    rng = np.random.default_rng(0)
    passages = [" ".join(rng.choice(list("abcdefgh"), size=rng.integers(1, 20))) for _ in range(30)]
    k1, b = 1.2, 0.6
    lengths = np.array([len(passage.split()) for passage in passages])

    def scores(term: str) -> np.ndarray:
        frequency = np.array([passage.split().count(term) for passage in passages])
        held = (frequency > 0).sum()
        return (
            np.log(1 + (30 - held + 0.5) / (held + 0.5))
            * frequency
            / (frequency + k1 * (1 - b + b * lengths / lengths.mean()))
        )

    found = Bm25(Bm25Options(k1=k1, b=b)).index(passages).search(["A h?"], k=30)[0]
    assert sorted(found) == list(range(30))
    assert (np.diff((scores("a") + scores("h"))[found]) < 1e-5).all()


def test_what_bm25_finds_among_equal_scores_does_not_follow_the_order_of_the_passages() -> None:
    passages = [f"cat {word}" for word in "abcdefghij"] + ["dog"]
    queries = ["cat", "unknown", "", "the cat"]
    found = Bm25().index(passages).search(queries, k=5)
    again = Bm25().index(passages[::-1]).search(queries, k=5)
    assert [[passages[place] for place in row] for row in found] == [
        [passages[::-1][place] for place in row] for row in again
    ]
    assert 10 not in found[0]
    assert len({tuple(row) for row in found.tolist()}) == 4  # each query has an order of its own


def test_bm25_finds_no_more_passages_than_there_are() -> None:
    assert Bm25().index(["dog", "cat"]).search(["cat"], k=10).tolist() == [[1, 0]]


def test_the_contracts_are_kept() -> None:
    for task_encoder in (OneHot(), Tfidf(), Lsa(dim=2)):
        assert isinstance(task_encoder, TaskEncoder)
        assert isinstance(task_encoder.fit(Texts(TRAINING)), TextEncoder)
    assert isinstance(Bm25(), Searcher)


def test_words_and_characters_are_both_of_scikit_learns_vectorizers_at_equal_weight() -> None:
    options = WordCharTfidfOptions(
        words=TfidfOptions(max_ngram=1), characters=CharTfidfOptions(min_n=2, max_n=4, min_df=1, sublinear=False)
    )
    encoder = WordCharTfidf(options).fit(Texts(TRAINING))
    words = TfidfVectorizer(tokenizer=tokenize, token_pattern=None, lowercase=False, sublinear_tf=True).fit(TRAINING)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit(TRAINING)
    vectors = encoder.encode(TEST).toarray()
    assert vectors.dtype == np.float32 and encoder.dim == vectors.shape[1] == len(words.idf_) + len(characters.idf_)
    both = [
        words.transform(TEST).toarray()[:, in_the_order_of(words, encoder.words.terms)],
        characters.transform(TEST).toarray(),
    ]
    np.testing.assert_allclose(vectors, np.hstack(both) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, np.sqrt(0.5), 0], atol=1e-6)
