"""Encoders as folders: what is read gives the vectors of what was written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings import export
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.sparse.char_tfidf import CharTfidf, WordCharTfidf
from emb_pipeline.embeddings.sparse.options import CharTfidfOptions, LsaOptions, OneHotOptions, TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Lsa, OneHot, Tfidf
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.random_vectors import build_random_encoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.text.texts import Texts

TEXTS = Texts(["wet sand and wet moss", "dry sand", "grey stone, dry moss", "wet stone and sand", "moss"])
NEW = ["wet dry wet stone", "unheard words", "sandy mosses"]
VECTORS = WordVectors(
    ["sand", "wet", "dry", "stone"],
    np.array([5, 4, 2, 1], dtype=np.int64),
    np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
)
ENCODERS: dict[str, Callable[[], object]] = {
    "word vectors": lambda: PooledEncoder(VECTORS, "idf"),
    "one_hot": lambda: OneHot(OneHotOptions()).fit(TEXTS),
    "tfidf": lambda: Tfidf(TfidfOptions(sublinear=True, max_ngram=2)).fit(TEXTS),
    "char_tfidf": lambda: CharTfidf(CharTfidfOptions(min_n=2, max_n=3, min_df=2)).fit(TEXTS),
    "word_char_tfidf": lambda: WordCharTfidf().fit(TEXTS),
    "reduced": lambda: Reduced(ReducedOptions(dims=2, precision="int8"), PooledEncoder(VECTORS, "mean")).fit(TEXTS),
    "lsa": lambda: Lsa(LsaOptions(min_df=1), dim=2, seed=1).fit(TEXTS),
}


def _dense(vectors: object) -> np.ndarray:
    return vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_read_gives_the_same_vectors(name: str, tmp_path: Path) -> None:
    encoder = ENCODERS[name]()
    export.write_embedding(encoder, tmp_path / "written")  # type: ignore[arg-type]
    shutil.move(tmp_path / "written", tmp_path / "elsewhere")
    read = export.read_embedding(tmp_path / "elsewhere")
    expected = _dense(encoder.encode([*TEXTS, *NEW]))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(_dense(read.encode([*TEXTS, *NEW])), expected)
    assert expected.any() and read.dim == expected.shape[1]


def test_no_file_is_a_pickle(tmp_path: Path) -> None:
    for name, make in ENCODERS.items():
        export.write_embedding(make(), tmp_path / name)  # type: ignore[arg-type]
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".arrow", ".parquet"}


def test_a_control_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="random vectors are a control"):
        export.write_embedding(build_random_encoder(RandomOptions(), dim=4, seed=0), tmp_path / "random")


def test_a_folder_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    with pytest.raises(DataError, match=r"embedding.json: is missing; export the embedding again"):
        export.read_embedding(tmp_path / "half")


def test_a_transformer_comes_with_its_files_and_its_prompts(tiny_transformer: Path, tmp_path: Path) -> None:
    from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
    from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
    from emb_pipeline.embeddings.contextual.sentence_transformer import load
    from emb_pipeline.embeddings.encodings.store import StoredEncoder

    options = SentenceTransformerOptions(path=tiny_transformer, query_prompt="query ", pooling="mean")
    encoder = ContextualEncoder(load(options, tmp_path / "loaded"), options)
    export.write_embedding(StoredEncoder(encoder, tmp_path / "store"), tmp_path / "written")
    shutil.rmtree(tmp_path / "loaded")
    read = export.read_embedding(tmp_path / "written")
    for role in ("query", "passage"):
        np.testing.assert_allclose(read.encode(["wet sand"], role=role), encoder.encode(["wet sand"], role=role))  # type: ignore
    assert (tmp_path / "written" / "encoder" / "model" / "model.safetensors").is_file()
