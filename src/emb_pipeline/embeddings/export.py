"""A fitted text encoder as a folder that another program can read: Arrow tables, safetensors and JSON, no pickles."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.compress.reduced import Quantisation, ReducedEncoder
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.distilled import StaticEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import MODEL, EncoderFolder
from emb_pipeline.embeddings.marked import MarkedEncoder
from emb_pipeline.embeddings.options import CharTfidfOptions, EncoderOptions
from emb_pipeline.embeddings.protocols import RoleEncoder, StoredTextEncoder, TextEncoder
from emb_pipeline.embeddings.sparse.char_tfidf import CharTfidfEncoder, WordCharEncoder
from emb_pipeline.embeddings.sparse.word_counts import BagEncoder, LsaEncoder, TfidfWeighing, presence
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.random_vectors import RandomVectors
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.storage.matrices import column_matrix, matrix_column
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet

MANIFEST = "embedding.json"
_REMEDY = "export the embedding again"
_VECTORS, _TERMS, _DIRECTIONS, _ENCODER = "vectors.arrow", "terms.parquet", "directions.parquet", "encoder"
_BASE, _AXES = "base", "axes.parquet"
_WORDS, _CHARACTERS = "words", "characters"


def write_encoder(encoder: TextEncoder | RoleEncoder, folder: Path) -> None:
    """Write an encoder so that `read_encoder` gives one with the same vectors.

    Word vectors become one Arrow file, terms and their weights a Parquet file, a transformer's files are copied: the folder
    needs nothing else of this machine.

    Parameters
    ----------
    encoder : TextEncoder
        Pooled word vectors, a bag of words, TF-IDF (of words or characters), LSA, a transformer, distilled vectors, or one
        of these reduced.
    folder : Path
        A new folder.

    Raises
    ------
    ValueError
        An encoder that there is no format for.
    """
    if isinstance(encoder, StoredTextEncoder):
        encoder = encoder.unstored
    for kind, (type_, write, _) in _FORMATS.items():
        if isinstance(encoder, type_):
            folder.mkdir(parents=True)
            manifest = {"format": kind, **write(encoder, folder)}
            write_json(manifest, folder / MANIFEST)
            return
    raise ValueError(f"there is no format for a {type(encoder).__name__}")


def read_encoder(folder: Path) -> TextEncoder | RoleEncoder:
    """The encoder of a folder that `write_encoder` made.

    Raises
    ------
    DataError
        No such folder, or not one that was finished.
    """
    manifest = read_json(folder / MANIFEST, _REMEDY)
    if manifest.get("format") not in _FORMATS:
        raise DataError(str(folder / MANIFEST), f"names no known format: {manifest.get('format')!r}", _REMEDY)
    _, _, read = _FORMATS[manifest["format"]]
    try:
        made: TextEncoder | RoleEncoder = read(folder, manifest)
    except (KeyError, TypeError, ValueError) as error:  # files of another embedding, or of another version
        if isinstance(error, DataError):
            raise
        raise DataError(str(folder), f"its files do not belong together ({error})", _REMEDY) from error
    return made


def _write_pooled(encoder: PooledEncoder, folder: Path) -> dict[str, Any]:
    if isinstance(encoder.vectors, RandomVectors):
        raise ValueError("random vectors are a control and are not exported")
    if encoder.component is not None:
        raise ValueError("a common direction that was fitted on texts is not exported")
    vectors = encoder.vectors
    if not isinstance(vectors, WordVectors):
        raise ValueError(f"there is no format for a {type(vectors).__name__}")
    vectors.write(folder / _VECTORS)
    return {"pooling": encoder.pooling, "dim": vectors.dim}


def _read_pooled(folder: Path, manifest: Mapping[str, Any]) -> PooledEncoder:
    return PooledEncoder(WordVectors.read(folder / _VECTORS), manifest["pooling"])


def _write_bag(encoder: BagEncoder, folder: Path) -> dict[str, Any]:
    weigh = encoder.weigh
    idf = weigh.idf if isinstance(weigh, TfidfWeighing) else np.ones(encoder.dim, dtype=np.float32)
    write_parquet(pa.table({"term": pa.array(encoder.terms), "idf": pa.array(idf)}), folder / _TERMS)
    weighing = "tfidf" if isinstance(weigh, TfidfWeighing) else "presence"
    sublinear = weigh.sublinear if isinstance(weigh, TfidfWeighing) else False
    return {"weighing": weighing, "sublinear": sublinear, "max_ngram": encoder.max_ngram, "dim": encoder.dim}


def _read_bag(folder: Path, manifest: Mapping[str, Any]) -> BagEncoder:
    table = read_parquet(folder / _TERMS, columns=("term", "idf"), remedy=_REMEDY)
    weigh: Callable[[sp.csr_array], sp.csr_array] = presence
    if manifest["weighing"] == "tfidf":
        weigh = TfidfWeighing(table["idf"].to_numpy(), manifest["sublinear"])
    return BagEncoder(table["term"].to_pylist(), manifest["max_ngram"], weigh)


def _write_characters(encoder: CharTfidfEncoder, folder: Path) -> dict[str, Any]:
    ngrams = encoder.ngrams
    write_parquet(pa.table({"term": pa.array(ngrams), "idf": pa.array(encoder.idf)}), folder / _TERMS)
    return {"options": encoder.options.model_dump(mode="json"), "dim": encoder.dim}


def _read_characters(folder: Path, manifest: Mapping[str, Any]) -> CharTfidfEncoder:
    table = read_parquet(folder / _TERMS, columns=("term", "idf"), remedy=_REMEDY)
    options = CharTfidfOptions(**manifest["options"])
    return CharTfidfEncoder.of_ngrams(options, table["term"].to_pylist(), table["idf"].to_numpy())


def _write_words_and_characters(encoder: WordCharEncoder, folder: Path) -> dict[str, Any]:
    write_encoder(encoder.words, folder / _WORDS)
    write_encoder(encoder.characters, folder / _CHARACTERS)
    return {"dim": encoder.dim}


def _read_words_and_characters(folder: Path, manifest: Mapping[str, Any]) -> WordCharEncoder:
    return WordCharEncoder(
        cast(BagEncoder, read_encoder(folder / _WORDS)), cast(CharTfidfEncoder, read_encoder(folder / _CHARACTERS))
    )


def _write_lsa(encoder: LsaEncoder, folder: Path) -> dict[str, Any]:
    write_parquet(pa.table({"direction": matrix_column(encoder.directions)}), folder / _DIRECTIONS)
    return {**_write_bag(encoder.tfidf, folder), "dim": encoder.dim}


def _read_lsa(folder: Path, manifest: Mapping[str, Any]) -> LsaEncoder:
    directions = column_matrix(read_parquet(folder / _DIRECTIONS, columns=("direction",), remedy=_REMEDY)["direction"])
    return LsaEncoder(_read_bag(folder, manifest), directions)


def _write_transformer(encoder: ContextualEncoder, folder: Path) -> dict[str, Any]:
    _copy_model(encoder.folder, folder / _ENCODER)
    return {"options": encoder.options.model_dump(mode="json", include=set(EncoderOptions.model_fields)), "dim": encoder.dim}


def _read_transformer(folder: Path, manifest: Mapping[str, Any]) -> ContextualEncoder:
    return ContextualEncoder(EncoderFolder.read(folder / _ENCODER), EncoderOptions(**manifest["options"]))


def _write_static(encoder: StaticEncoder, folder: Path) -> dict[str, Any]:
    _copy_model(encoder.folder, folder / _ENCODER)
    return {"dim": encoder.dim}


def _read_static(folder: Path, manifest: Mapping[str, Any]) -> StaticEncoder:
    return StaticEncoder(EncoderFolder.read(folder / _ENCODER))


def _write_reduced(encoder: ReducedEncoder, folder: Path) -> dict[str, Any]:
    write_encoder(encoder.base, folder / _BASE)
    axes = np.vstack([encoder.mean, encoder.axes.T])
    ranges = np.vstack([[0, 0], np.stack([encoder.quantisation.low, encoder.quantisation.high], axis=1)]).astype(np.float32)
    columns = {"axis": matrix_column(axes), "low": pa.array(ranges[:, 0]), "high": pa.array(ranges[:, 1])}
    write_parquet(pa.table(columns), folder / _AXES)
    return {"precision": encoder.quantisation.precision, "dim": encoder.dim}


def _read_reduced(folder: Path, manifest: Mapping[str, Any]) -> ReducedEncoder:
    table = read_parquet(folder / _AXES, columns=("axis", "low", "high"), remedy=_REMEDY)
    axes = column_matrix(table["axis"])
    low, high = (table[name].to_numpy()[1:] for name in ("low", "high"))
    stored = Quantisation(manifest["precision"], low, high)
    return ReducedEncoder(read_encoder(folder / _BASE), axes[0], np.ascontiguousarray(axes[1:].T), stored)


def _write_marked(encoder: MarkedEncoder, folder: Path) -> dict[str, Any]:
    write_encoder(encoder.base, folder / _BASE)
    return {"dim": encoder.dim}


def _read_marked(folder: Path, manifest: Mapping[str, Any]) -> MarkedEncoder:
    return MarkedEncoder(read_encoder(folder / _BASE))


def _copy_model(encoder: EncoderFolder, folder: Path) -> None:
    """The model's own files, and their description, in a folder that can be moved."""
    shutil.copytree(encoder.model_path, folder / MODEL, ignore=shutil.ignore_patterns(".*", "*.onnx"))
    EncoderFolder.write(
        folder,
        format=encoder.format,
        dim=encoder.dim,
        vocabulary=encoder.vocabulary,
        input=encoder.input,
        provenance=encoder.provenance,
    )


_FORMATS: dict[str, tuple[type[Any], Callable[[Any, Path], dict[str, Any]], Callable[[Path, Mapping[str, Any]], Any]]] = {
    "word_vectors": (PooledEncoder, _write_pooled, _read_pooled),
    "bag_of_words": (BagEncoder, _write_bag, _read_bag),
    "character_ngrams": (CharTfidfEncoder, _write_characters, _read_characters),
    "words_and_characters": (WordCharEncoder, _write_words_and_characters, _read_words_and_characters),
    "lsa": (LsaEncoder, _write_lsa, _read_lsa),
    "transformer": (ContextualEncoder, _write_transformer, _read_transformer),
    "static": (StaticEncoder, _write_static, _read_static),
    "reduced": (ReducedEncoder, _write_reduced, _read_reduced),
    "marked": (MarkedEncoder, _write_marked, _read_marked),
}
"""Of each format: what it is of, what writes it, and what reads it."""
