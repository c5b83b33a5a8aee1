"""Steps of the train stage."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.experiment import EmbeddingCell
from emb_pipeline.text.tokens import TokenCorpus


class TrainingOptions(BaseModel):
    """How a training uses the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(ge=1, le=256, description="threads of one training")


def train_vectors(corpus: TokenCorpus, cell: EmbeddingCell, training: TrainingOptions) -> tuple[WordVectors, dict[str, Any]]:
    """Train word vectors on one corpus."""
    with Footprint() as footprint:
        vectors = registry.train(
            cell.method, corpus, dim=cell.dim, options=cell.options, seed=cell.seed, workers=training.workers
        )
    return vectors, training_record(cell, vectors, footprint, corpus_tokens=corpus.n_tokens)


def load_vectors(cell: EmbeddingCell) -> tuple[WordVectors, dict[str, Any]]:
    """Load word vectors that were trained elsewhere."""
    with Footprint() as footprint:
        vectors = registry.load(cell.method, cell.options)
    return vectors, training_record(cell, vectors, footprint, corpus_tokens=None)


def training_record(
    cell: EmbeddingCell, vectors: WordVectors, footprint: Footprint, *, corpus_tokens: int | None
) -> dict[str, Any]:
    """What a training cost and gave, for MLflow and the report."""
    losses = list(vectors.provenance.get("epoch_losses", []))
    return {
        "params": {
            "origin": cell.origin,
            "method": cell.method,
            "dim": vectors.dim,
            "seed": cell.seed,
            "tuned": False,
            "corpus_tokens": corpus_tokens,
        },
        "metrics": {
            "train_seconds": footprint.seconds,
            "peak_rss_bytes": footprint.peak_rss_bytes,
            "vocabulary": len(vectors),
            "bytes": vectors.vectors.nbytes,
        },
        "series": {"loss": losses} if losses else {},
        "tags": {"options": cell.options.model_dump_json(), "provenance": dict(vectors.provenance)},
    }
