"""Fewer numbers, fewer bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.decomposition import PCA

from emb_pipeline.embeddings.compress.options import Precision, ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.protocols import StoredTextEncoder, TaskEncoder
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

TEXTS = Texts([f"text {row}" for row in range(200)])


class Fixed:
    """Vectors by the number in the text, with variance in a few directions."""

    dim = 12

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.vectors = (rng.normal(size=(200, 12)) * np.geomspace(3, 0.1, 12) + 0.5).astype(np.float32)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return self.vectors[[int(text.split()[1]) for text in texts]]


def test_the_numbers_are_the_principal_components_of_the_training_texts() -> None:
    base = Fixed()
    train = TEXTS.take(np.arange(150))
    encoder = Reduced(ReducedOptions(dims=4), base).fit(train)
    expected = PCA(4).fit(base.vectors[:150]).transform(base.vectors)
    found = encoder.encode(list(TEXTS))
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)
    assert (encoder.dim, encoder.bytes_per_item) == (4, 16.0)


def test_fewer_dimensions_are_a_prefix_of_more() -> None:
    few, many = (Reduced(ReducedOptions(dims=dims), Fixed()).fit(TEXTS).encode(list(TEXTS)) for dims in (3, 7))
    np.testing.assert_allclose(few, many[:, :3], atol=1e-5)


def test_a_matryoshka_prefix_is_the_first_numbers_as_they_are() -> None:
    base = Fixed()
    encoder = Reduced(ReducedOptions(dims=5, by="prefix"), base).fit(TEXTS)
    np.testing.assert_array_equal(encoder.encode(list(TEXTS)), base.vectors[:, :5])


@pytest.mark.parametrize(
    ("precision", "size", "error"),
    [("float32", 48.0, 0.0), ("float16", 24.0, 0.005), ("int8", 12.0, 0.05), ("binary", 1.5, None)],
)
def test_stored_numbers_are_read_back_as_well_as_their_bits_allow(
    precision: Precision, size: float, error: float | None
) -> None:
    base = Fixed()
    encoder = Reduced(ReducedOptions(by="prefix", precision=precision), base).fit(TEXTS)
    passages, queries = encoder.encode(list(TEXTS)), encoder.encode(list(TEXTS), role="query")
    assert encoder.bytes_per_item == size
    np.testing.assert_array_equal(queries, base.vectors)
    if error is None:
        np.testing.assert_array_equal(passages, np.where(base.vectors > 0, 1, -1))
    else:
        span = base.vectors.max(axis=0) - base.vectors.min(axis=0)
        assert (np.abs(passages - base.vectors) <= error * span + 1e-7).all()


def test_eight_bits_are_256_even_steps_over_the_training_range() -> None:
    encoder = Reduced(ReducedOptions(by="prefix", precision="int8"), Fixed()).fit(TEXTS)
    values = np.unique(encoder.encode(list(TEXTS))[:, 0])
    steps = np.diff(values) / ((encoder.quantisation.high[0] - encoder.quantisation.low[0]) / 255)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)
    beyond = encoder.quantisation.read_back(np.full((1, 12), 1e6, dtype=np.float32))
    np.testing.assert_allclose(beyond[0], encoder.quantisation.high, rtol=1e-5)


def test_it_fits_where_encoders_fit() -> None:
    reduced = Reduced(ReducedOptions(dims=2), Fixed())
    assert isinstance(reduced, TaskEncoder) and isinstance(reduced.fit(TEXTS), StoredTextEncoder)


def test_a_text_is_encoded_once_and_its_time_remembered() -> None:
    class Counting(Fixed):
        encoded = 0

        def encode(self, texts: Sequence[str]) -> np.ndarray:
            self.encoded += len(texts)
            return super().encode(texts)

    base = Counting()
    encoder = Reduced(ReducedOptions(dims=2), base).fit(TEXTS.take(np.arange(50)))
    texts = list(TEXTS)
    _, seconds = encode_texts(encoder, texts, "texts")
    assert base.encoded == 50 + 200 and seconds > 0


def test_a_small_variance_beside_a_large_mean_is_found() -> None:
    base = Fixed()
    base.vectors = base.vectors + np.float32(100)
    found = Reduced(ReducedOptions(dims=3), base).fit(TEXTS).encode(list(TEXTS))
    expected = PCA(3).fit_transform(base.vectors.astype(np.float64))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=2e-3)


def test_what_cannot_be_reduced_is_refused() -> None:
    with pytest.raises(ValueError, match="an embedding of 12 numbers cannot be reduced to 13"):
        Reduced(ReducedOptions(dims=13), Fixed()).fit(TEXTS)
    with pytest.raises(ValueError, match="sparse vectors are not reduced"):
        Reduced(ReducedOptions(dims=2), Tfidf(TfidfOptions())).fit(TEXTS)


def test_retrieval_counts_the_bytes_of_stored_passages() -> None:
    import scipy.sparse as sp

    qrels = sp.csr_array(np.eye(20, 200, dtype=np.float32))
    names = np.array([f"p{row}" for row in range(200)])
    task = RetrievalTask("find", names[:20], TEXTS.take(np.arange(20)), names, TEXTS, qrels)
    whole, few = (
        evaluate_retrieval(task, Reduced(ReducedOptions(by="prefix", precision=each), Fixed()), RetrievalOptions())
        for each in ("float32", "binary")
    )
    assert (whole.bytes_per_item, few.bytes_per_item) == (48.0, 1.5)
    assert whole.metrics["ndcg@10"] == 1.0 > few.metrics["ndcg@10"] > 0.2
