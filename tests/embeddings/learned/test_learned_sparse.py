"""Learned sparse vectors equal the library's, are encoded once, and can be exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.learned.learned_sparse import LearnedSparseEncoder
from emb_pipeline.embeddings.learned.options import LearnedSparseOptions
from emb_pipeline.embeddings.protocols import details_of, similarity_of
from emb_pipeline.embeddings.retrieval.vector_searcher import VectorSearcher
from emb_pipeline.errors import DataError

from ..contextual.tiny_models import save_model, save_transformer
from .tiny_models import TEXTS, save_inference_free, save_masked_model, save_splade

pytestmark = pytest.mark.slow
PROMPTS = {"query": "find: ", "document": "read: "}


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_splade(tmp_path_factory.mktemp("splade"), prompts=PROMPTS)


@pytest.fixture(scope="module")
def inference_free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_inference_free(tmp_path_factory.mktemp("inference_free"))


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_masked_model(tmp_path_factory.mktemp("masked") / "model")


def build(model: Path, folder: Path, store: Path | None = None, **options: Any) -> Any:
    given = LearnedSparseOptions(path=model, batch_tokens=64, **options)
    found = factory.load_encoder("learned_sparse", given, folder / "encoder")
    return factory.build_encoder("learned_sparse", given, artifact=found, encodings=store)


def open_library_model(model: Path) -> Any:
    from sentence_transformers import SparseEncoder

    return SparseEncoder(str(model), device="cpu")


@pytest.mark.parametrize("kind", ["splade", "inference_free", "masked"])
def test_vectors_equal_the_librarys_in_every_role(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = request.getfixturevalue(kind)
    encoder, library = build(model, tmp_path), open_library_model(model)
    ways = {"query": library.encode_query, "passage": library.encode_document, "text": library.encode}
    for role, encode in ways.items():
        vectors, expected = encoder.encode(TEXTS, role=role), encode(TEXTS, convert_to_sparse_tensor=False).numpy()
        assert isinstance(vectors, sp.csr_array) and vectors.dtype == np.float32
        np.testing.assert_allclose(vectors.toarray(), expected, atol=1e-4)
        assert 0 < vectors.nnz == np.count_nonzero(expected) < vectors.shape[0] * vectors.shape[1]
    asked, read = (ways[role](TEXTS) for role in ("query", "passage"))
    ours = encoder.encode(TEXTS, role="query") @ encoder.encode(TEXTS, role="passage").T
    np.testing.assert_allclose(ours.toarray(), library.similarity(asked, read).numpy(), atol=1e-3)
    assert similarity_of(encoder) == "dot"


def test_only_the_largest_weights_are_kept(splade: Path, tmp_path: Path) -> None:
    library = open_library_model(splade)
    vectors = build(splade, tmp_path, max_active_dims=5).encode(TEXTS, role="passage")
    expected = library.encode_document(TEXTS, convert_to_sparse_tensor=False, max_active_dims=5).numpy()
    np.testing.assert_allclose(vectors.toarray(), expected, atol=1e-4)
    assert np.diff(vectors.indptr).max() == 5


def test_a_text_is_encoded_once_in_each_role(splade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = build(splade, tmp_path, tmp_path / "store")
    assert isinstance(stored, StoredEncoder)
    first = {role: stored.encode(TEXTS, role=role) for role in ("query", "passage")}
    np.testing.assert_array_equal(first["query"].toarray(), stored.unstored.encode(TEXTS, role="query").toarray())
    assert abs(first["query"] - first["passage"]).max() > 0.01
    monkeypatch.setattr(LearnedSparseEncoder, "encode", None)
    later = StoredEncoder(LearnedSparseEncoder(stored.unstored.folder, stored.unstored.options), tmp_path / "store")
    for role, vectors in first.items():
        np.testing.assert_array_equal(later.encode(TEXTS[::-1], role=role).toarray(), vectors[::-1].toarray())


def test_another_option_has_a_store_of_its_own(splade: Path, tmp_path: Path) -> None:
    usual = build(splade, tmp_path / "a")
    for change in ({"max_active_dims": 5}, {"passage_prompt": ""}, {"max_length": 8}):
        assert build(splade, tmp_path / str(change), **change).fingerprint("passage") != usual.fingerprint("passage")


def test_a_length_of_yours_cuts_queries_that_are_looked_up_and_passages(inference_free: Path, tmp_path: Path) -> None:
    short, usual = build(inference_free, tmp_path / "a", max_length=8), build(inference_free, tmp_path / "b")
    for role in ("query", "passage"):
        changed = np.abs((short.encode(TEXTS, role=role) - usual.encode(TEXTS, role=role)).toarray()).max(axis=1) > 1e-4
        assert changed.tolist() == short.cuts(TEXTS, role).tolist()
        assert changed.any() and not changed.all()


def test_a_search_ranks_by_the_librarys_products(inference_free: Path, tmp_path: Path) -> None:
    encoder, library = build(inference_free, tmp_path), open_library_model(inference_free)
    index = VectorSearcher(encoder).index(TEXTS[:5])
    found = index.search_scored(TEXTS[:2], 5)
    products = library.similarity(library.encode_query(TEXTS[:2]), library.encode_document(TEXTS[:5])).numpy()
    expected = np.take_along_axis(products, found.passages, axis=1)
    assert (np.diff(expected, axis=1) <= 1e-4).all()
    vectors = encoder.encode(TEXTS[:5], role="passage")
    assert bytes_per_vector(vectors) * 5 == 8 * vectors.nnz + 4 * 6  # values, indices, and where rows start


def test_an_exported_encoder_gives_equal_vectors(splade: Path, tmp_path: Path) -> None:
    stored = build(splade, tmp_path, tmp_path / "store", max_active_dims=7, query_prompt="look for ")
    write_embedding(stored, tmp_path / "bundle")
    again = read_embedding(tmp_path / "bundle")
    for role in ("query", "text"):
        np.testing.assert_array_equal(again.encode(TEXTS, role=role).toarray(), stored.encode(TEXTS, role=role).toarray())
    assert details_of(again)["prompts"]["query"] == {"prompt": "look for ", "from": "yours"}


def test_a_model_without_weights_of_words_is_refused(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    plain = save_transformer(tmp_path / "plain", "bert")
    dense = save_model(tmp_path / "dense", "bert", lambda dim: [Pooling(dim)])
    for model, kind in ((plain, "BertModel"), (dense, "SentenceTransformer")):
        with pytest.raises(DataError, match=f"gives no weights to words: it is a {kind}.*sentence_transformer"):
            factory.require("learned_sparse", LearnedSparseOptions(path=model))
        with pytest.raises(DataError, match="gives no weights to words"):
            build(model, tmp_path)
