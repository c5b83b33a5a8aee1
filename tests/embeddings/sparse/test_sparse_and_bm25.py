from __future__ import annotations

import sys
from typing import get_args

import bm25s
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from emb_pipeline.embeddings.protocols import Searcher, TaskEncoder, TextEncoder
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.hits import NOTHING
from emb_pipeline.embeddings.retrieval.options import STOP_WORDS, Bm25Options, Stemmer, Variant
from emb_pipeline.embeddings.retrieval.terms import list_stop_words
from emb_pipeline.embeddings.retrieval.variants import FORMULAS
from emb_pipeline.embeddings.sparse.char_tfidf import CharTfidf, WordCharTfidf
from emb_pipeline.embeddings.sparse.options import (
    CharTfidfOptions,
    LsaOptions,
    OneHotOptions,
    TfidfOptions,
    WordCharTfidfOptions,
)
from emb_pipeline.embeddings.sparse.word_counts import Lsa, OneHot, Tfidf
from emb_pipeline.errors import DataError
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


WORDS = np.array(["a", "running", "runs", "the", "b1", "c", "cats", "cat", "of", "rare"])


def draw_passages(n: int = 40) -> list[str]:
    rng = np.random.default_rng(1)
    share = np.array([8, 3, 3, 20, 2, 5, 2, 2, 9, 0.3])  # "the" is in more than half of them: Robertson's idf is cut at 0
    return [" ".join(rng.choice(WORDS, size=rng.integers(1, 25), p=share / share.sum())) for _ in range(n)] + [""]


@pytest.mark.parametrize("variant", get_args(Variant))
def test_each_variant_scores_as_bm25s_does_with_each_k1_and_b(variant: Variant) -> None:
    passages, query = draw_passages(), ["cat", "the", "the", "rare", "running"]
    with_delta: dict[str, float] = {"delta": 0.7} if FORMULAS[variant].absent else {}
    index = Bm25(Bm25Options(variant=variant, **with_delta)).index(passages)  # type: ignore[arg-type]
    for k1, b in [(1.5, 0.75), (0.9, 0.0), (3.0, 1.0), (0.01, 0.5)]:
        reference = bm25s.BM25(k1=k1, b=b, method=variant, dtype="float64", **with_delta)
        reference.index([tokenize(passage) for passage in passages], show_progress=False)
        expected, ours = reference.get_scores(query), index.at({"k1": k1, "b": b}).weights.get_scores(query)
        if reference.nonoccurrence_array is not None:  # the score of a passage without any of these words
            expected = expected - reference.nonoccurrence_array[reference.get_tokens_ids(query)].sum()
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
        assert len(np.unique(ours.round(4))) > 5


def test_variants_differ_in_the_order_that_they_give() -> None:
    passages, orders = draw_passages(), {}
    for variant in get_args(Variant):
        index = Bm25(Bm25Options(variant=variant, k1=1.5, b=0.75)).index(passages)
        orders[variant] = tuple(index.search(["cat the running of"], k=12)[0])
        assert (index.search_scored(["cat"], k=len(passages)).scores == NOTHING).any()  # in passages without the word
    assert len(set(orders.values())) >= 4


def test_delta_is_the_authors_own_unless_it_is_given_and_refused_where_the_formula_has_none() -> None:
    assert [Bm25Options(variant=each).least_worth for each in ("bm25+", "bm25l", "lucene")] == [1.0, 0.5, 0.0]  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"delta has no place in the variant lucene; leave it out, or choose bm25\+ or bm25l"
    ):
        Bm25Options(delta=0.5)


def test_stop_words_are_left_out_of_passages_and_queries() -> None:
    passages = ["the cat of the house", "a dog", "the the the of", "house of cards"]
    index = Bm25(Bm25Options(stop_words="english", k1=1.5, b=0.75)).index(passages)
    reference = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
    reference.index([["cat", "house"], ["dog"], [], ["house", "cards"]], show_progress=False)
    assert "the" not in index.weights.vocab_dict
    np.testing.assert_allclose(index.weights.get_scores(["house"]), reference.get_scores(["house"]), rtol=1e-5)
    assert index.search(["the the dog of"], k=1).tolist() == [[1]]
    own = Bm25(Bm25Options(stop_words=("Cat", "house"), k1=1.5, b=0.75)).index(passages)  # type: ignore[arg-type]
    assert {"cat", "house"}.isdisjoint(own.weights.vocab_dict) and "the" in own.weights.vocab_dict


def test_passages_without_a_word_to_search_by_are_refused_with_a_way_out() -> None:
    with pytest.raises(DataError, match=r"none of 2 passages .*; set methods\.bm25\.stop_words to none"):
        Bm25(Bm25Options(stop_words="english")).index(["the", "of the"])
    assert Bm25(Bm25Options(stop_words="none")).index(["the", "of the"]).search(["of"], k=1).tolist() == [[1]]
    with pytest.raises(DataError, match="leave bm25 out of the grid"):
        Bm25().index(["?", ""])


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("englisch", "there is no list of stop words 'englisch'; did you mean 'english'"),
        (
            ("of course",),
            "'of course' is not one token .* drop nothing; write its tokens of, course each",
        ),
        (("?",), "is not one token of a text, so it would drop nothing; leave it out"),
    ],
)
def test_stop_words_that_drop_nothing_are_refused(written: str | tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Bm25Options(stop_words=written)


def test_each_list_of_stop_words_drops_words_of_its_language() -> None:
    sizes = {name: len(list_stop_words(Bm25Options(stop_words=name))) for name in STOP_WORDS}
    assert sizes.pop("none") == 0 and min(sizes.values()) >= 33
    assert {"und", "der"} <= list_stop_words(Bm25Options(stop_words="german"))


def test_words_of_one_stem_find_each_other() -> None:
    snowballstemmer = pytest.importorskip("snowballstemmer")
    assert set(get_args(Stemmer)) - {"none"} <= set(snowballstemmer.algorithms())
    passages = draw_passages()
    index = Bm25(Bm25Options(stem="english", stop_words="english", k1=1.2, b=0.5)).index(Texts(passages))
    stemmer, dropped = snowballstemmer.stemmer("english"), {"a", "the", "of"}
    reference = bm25s.BM25(k1=1.2, b=0.5, method="lucene")
    stems = [stemmer.stemWords([token for token in tokenize(text) if token not in dropped]) for text in passages]
    reference.index(stems, show_progress=False)
    np.testing.assert_allclose(index.weights.get_scores(["run", "cat"]), reference.get_scores(["run", "cat"]), rtol=1e-5)
    np.testing.assert_array_equal(index.search(["running"], k=9), index.at({"k1": 1.2, "b": 0.5}).search(["running"], k=9))
    assert set(index.search(["runs"], k=5)[0]) <= {row for row, text in enumerate(passages) if "run" in text}
    german = Bm25(Bm25Options(stem="german")).index(["die Häuser", "ein Baum"])
    assert german.search(["haus"], k=1).tolist() == [[0]]


def test_a_stemmer_that_is_not_installed_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    monkeypatch.setattr("sys.path", [])  # nothing can be found
    METHODS["bm25"].require(Bm25Options())
    with pytest.raises(DataError, match=r"pip install 'emb_pipeline\[stemming\]'"):
        METHODS["bm25"].require(Bm25Options(stem="english"))


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
