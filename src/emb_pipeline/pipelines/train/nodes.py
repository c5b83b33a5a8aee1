"""Steps of the train stage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.experiment.training import build_training_record, choose_training_text, compile_method, request_training
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.storage.atomic import build_temporary_path
from emb_pipeline.text.tokens import TokenCorpus

Trained = tuple[WordVectors, dict[str, Any]]
TrainedEncoder = tuple[EncoderFolder, dict[str, Any]]


class TrainingOptions(BaseModel):
    """Use of the machine by a training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(ge=1, le=256, description="threads of one training")


@contain_failures(2)
def train_vectors(corpus: TokenCorpus, cell: EmbeddingSpec, training: TrainingOptions, folders: Folders) -> Trained:
    """Train word vectors on one corpus, as it is, corrupted on purpose, or on a resample of it."""
    scratch = build_temporary_path(folders.scratch / "changed_text")
    try:
        text = choose_training_text(corpus, cell, scratch)
        compile_method(cell, training.workers, folders.scratch)
        with Footprint() as footprint:
            checkpoints = _name_checkpoints(folders, cell, text)
            request = request_training(cell, text, workers=training.workers, checkpoints=checkpoints)
            vectors = factory.train(cell.method, request)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return vectors, build_training_record(cell, vectors, footprint, text.n_tokens)


def _name_checkpoints(folders: Folders, cell: EmbeddingSpec, corpus: TokenCorpus) -> Path:
    """Name the folder of the checkpoints that a training resumes from."""
    return folders.scratch / "checkpoints" / f"{cell.name}-{corpus.fingerprint[:12]}"


@contain_failures(2)
def load_vectors(cell: EmbeddingSpec) -> Trained:
    """Load word vectors that were trained elsewhere."""
    with Footprint() as footprint:
        vectors = factory.load(cell.method, cell.options)
    return vectors, build_training_record(cell, vectors, footprint)


@contain_failures(2)
def train_encoder(
    corpus: TokenCorpus, cell: EmbeddingSpec, folders: Folders, base: EncoderFolder | None = None
) -> TrainedEncoder:
    """Train an encoder on one corpus, from nothing or from another encoder on."""
    with Footprint() as footprint:
        request = request_training(
            cell,
            corpus,
            folder=build_temporary_path(folders.scratch / "encoder"),
            checkpoints=_name_checkpoints(folders, cell, corpus),
            base=base.path if base else None,
        )
        encoder = factory.train_encoder(cell.method, request)
    return encoder, build_training_record(cell, encoder, footprint, corpus.n_tokens)


@contain_failures(2)
def load_encoder(cell: EmbeddingSpec, folders: Folders, base: EncoderFolder | None = None) -> TrainedEncoder:
    """Find an encoder that was trained elsewhere, or copy the one of the grid that its training starts from."""
    with Footprint() as footprint:
        folder = build_temporary_path(folders.scratch / "encoder")
        encoder = factory.load_encoder(cell.method, cell.options, folder, base=base)
    return encoder, build_training_record(cell, encoder, footprint)


@contain_failures(2)
def derive_encoder(base: EncoderFolder, cell: EmbeddingSpec, folders: Folders) -> TrainedEncoder:
    """Make an encoder from another one."""
    with Footprint() as footprint:
        encoder = factory.derive_encoder(cell.method, base, cell.options, build_temporary_path(folders.scratch / "encoder"))
    return encoder, build_training_record(cell, encoder, footprint)


@contain_failures(2)
def make_cross_encoder(cell: EmbeddingSpec, folders: Folders, base: EncoderFolder | None = None) -> TrainedEncoder:
    """Find the cross-encoder of a reranker, or make one of an encoder, to be fine-tuned."""
    with Footprint() as footprint:
        folder = build_temporary_path(folders.scratch / "encoder")
        encoder = factory.make_cross_encoder(cell.method, cell.options, folder, base=base, seed=cell.seed)
    return encoder, build_training_record(cell, encoder, footprint)


@contain_failures(2)
def derive_vectors(base: WordVectors, cell: EmbeddingSpec) -> Trained:
    """Make word vectors from other ones."""
    with Footprint() as footprint:
        vectors = factory.derive_vectors(cell.method, base, cell.options)
    return vectors, build_training_record(cell, vectors, footprint)
