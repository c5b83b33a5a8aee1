"""Steps of the train stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.atomic import temporary_path
from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.experiment import EmbeddingCell, Folders
from emb_pipeline.text.tokens import TokenCorpus

Trained = tuple[WordVectors, dict[str, Any]]
TrainedEncoder = tuple[EncoderFolder, dict[str, Any]]


class TrainingOptions(BaseModel):
    """How a training uses the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(ge=1, le=256, description="threads of one training")


def train_vectors(corpus: TokenCorpus, cell: EmbeddingCell, training: TrainingOptions) -> Trained:
    """Train word vectors on one corpus."""
    with Footprint() as footprint:
        vectors = registry.train(
            cell.method, corpus, dim=cell.dim, options=cell.options, seed=cell.seed, workers=training.workers
        )
    return vectors, vectors_record(cell, vectors, footprint, corpus.n_tokens)


def load_vectors(cell: EmbeddingCell) -> Trained:
    """Load word vectors that were trained elsewhere."""
    with Footprint() as footprint:
        vectors = registry.load(cell.method, cell.options)
    return vectors, vectors_record(cell, vectors, footprint, None)


def train_encoder(
    corpus: TokenCorpus, cell: EmbeddingCell, folders: Folders, base: EncoderFolder | None = None
) -> TrainedEncoder:
    """Train an encoder on one corpus, from nothing or from another encoder on."""
    with Footprint() as footprint:
        encoder = registry.train_encoder(
            cell.method,
            corpus,
            dim=cell.dim,
            options=cell.options,
            seed=cell.seed,
            folder=temporary_path(folders.scratch / "encoder"),
            checkpoints=folders.scratch / "checkpoints" / f"{cell.name}-{corpus.fingerprint[:12]}",
            base=base,
        )
    return encoder, encoder_record(cell, encoder, footprint, corpus.n_tokens)


def load_encoder(cell: EmbeddingCell, folders: Folders) -> TrainedEncoder:
    """Find an encoder that was trained elsewhere."""
    with Footprint() as footprint:
        encoder = registry.load_encoder(cell.method, cell.options, temporary_path(folders.scratch / "encoder"))
    return encoder, encoder_record(cell, encoder, footprint, None)


def derive_encoder(base: EncoderFolder, cell: EmbeddingCell, folders: Folders) -> TrainedEncoder:
    """Make an encoder from another one."""
    with Footprint() as footprint:
        encoder = registry.derive_encoder(cell.method, base, cell.options, temporary_path(folders.scratch / "encoder"))
    return encoder, encoder_record(cell, encoder, footprint, None)


def vectors_record(
    cell: EmbeddingCell, vectors: WordVectors, footprint: Footprint, corpus_tokens: int | None
) -> dict[str, Any]:
    """What training word vectors cost and gave."""
    return _record(
        cell,
        footprint,
        dim=vectors.dim,
        corpus_tokens=corpus_tokens,
        vocabulary=len(vectors),
        n_bytes=vectors.vectors.nbytes,
        losses=vectors.provenance.get("epoch_losses", []),
        provenance=dict(vectors.provenance),
    )


def encoder_record(
    cell: EmbeddingCell, encoder: EncoderFolder, footprint: Footprint, corpus_tokens: int | None
) -> dict[str, Any]:
    """What training an encoder cost and gave."""
    return _record(
        cell,
        footprint,
        dim=encoder.dim,
        corpus_tokens=corpus_tokens,
        vocabulary=encoder.vocabulary,
        n_bytes=encoder.n_bytes,
        losses=[loss for _, loss in encoder.provenance.get("losses", [])],
        provenance=dict(encoder.provenance),
        perplexities={
            name: encoder.provenance[name]
            for name in ("perplexity", "perplexity_before")
            if encoder.provenance.get(name) is not None
        },
    )


def _record(
    cell: EmbeddingCell,
    footprint: Footprint,
    *,
    dim: int,
    corpus_tokens: int | None,
    vocabulary: int | None,
    n_bytes: int,
    losses: Sequence[float],
    provenance: dict[str, Any],
    perplexities: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What a training cost and gave, for MLflow and the report."""
    return {
        "params": {
            "origin": cell.origin,
            "method": cell.method,
            "dim": dim,
            "seed": cell.seed,
            "tuned": False,
            "corpus_tokens": corpus_tokens,
        },
        "metrics": {
            "train_seconds": footprint.seconds,
            "peak_rss_bytes": footprint.peak_rss_bytes,
            "vocabulary": vocabulary,
            "bytes": n_bytes,
            **(perplexities or {}),
        },
        "series": {"loss": list(losses)} if losses else {},
        "tags": {"options": cell.options.model_dump_json(), "provenance": provenance},
    }
