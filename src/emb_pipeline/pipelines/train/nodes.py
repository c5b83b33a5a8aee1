"""Steps of the train stage."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.corrupt.resamples import resample_corpus
from emb_pipeline.corrupt.training_text import corrupt_corpus
from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.experiment.schema import Resample, Spoiling
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.storage.atomic import temporary_path
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

_COMPILED: list[tuple[str, Any, int]] = []
"""Methods, with options and threads, that this process has compiled."""
Trained = tuple[WordVectors, dict[str, Any]]
TrainedEncoder = tuple[EncoderFolder, dict[str, Any]]


class TrainingOptions(BaseModel):
    """How a training uses the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workers: int = Field(ge=1, le=256, description="threads of one training")


@contain_failures(2)
def train_vectors(corpus: TokenCorpus, cell: EmbeddingSpec, training: TrainingOptions, folders: Folders) -> Trained:
    """Train word vectors on one corpus, as it is, spoilt on purpose, or drawn from it anew."""
    scratch = temporary_path(folders.scratch / "changed_text")
    try:
        text = learnt_from(corpus, cell, scratch)
        _compile(cell, training.workers, folders.scratch)
        with Footprint() as footprint:
            vectors = registry.train(
                cell.method,
                text,
                dim=cell.dim,
                options=cell.options,
                seed=cell.seed,
                workers=training.workers,
                checkpoints=_checkpoints(folders, cell, text),
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return vectors, training_record(cell, vectors, footprint, text.n_tokens)


def _compile(cell: EmbeddingSpec, workers: int, scratch: Path) -> None:
    """Train on next to nothing first: what compiling a method takes is not what its first embedding costs."""
    compiled = (cell.method, cell.options, workers)
    if compiled in _COMPILED:
        return
    folder = temporary_path(scratch / "compile")
    fewer = {"epochs": 1, "min_count": 1}
    options = cell.options.model_copy(update={name: value for name, value in fewer.items() if hasattr(cell.options, name)})
    try:
        tokens = write_tokens([("0", "a b c a b c a b c")], folder)
        registry.train(cell.method, tokens, dim=cell.dim, options=options, seed=cell.seed, workers=workers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _COMPILED.append(compiled)


def learnt_from(corpus: TokenCorpus, cell: EmbeddingSpec, folder: Path) -> TokenCorpus:
    """What an embedding is trained on: the corpus, or a changed copy in the folder."""
    match cell.changed_text:
        case Spoiling(kind=kind, dose=dose):
            return corrupt_corpus(corpus, folder, kind, dose, seed=cell.seed)
        case Resample(number=number):
            return resample_corpus(corpus, folder, number, seed=cell.seed)
    return corpus


def _checkpoints(folders: Folders, cell: EmbeddingSpec, corpus: TokenCorpus) -> Path:
    """Where a training that is killed leaves what the next one goes on from."""
    return folders.scratch / "checkpoints" / f"{cell.name}-{corpus.fingerprint[:12]}"


@contain_failures(2)
def load_vectors(cell: EmbeddingSpec) -> Trained:
    """Load word vectors that were trained elsewhere."""
    with Footprint() as footprint:
        vectors = registry.load(cell.method, cell.options)
    return vectors, training_record(cell, vectors, footprint)


@contain_failures(2)
def train_encoder(
    corpus: TokenCorpus, cell: EmbeddingSpec, folders: Folders, base: EncoderFolder | None = None
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
            checkpoints=_checkpoints(folders, cell, corpus),
            base=base,
        )
    return encoder, training_record(cell, encoder, footprint, corpus.n_tokens)


@contain_failures(2)
def load_encoder(cell: EmbeddingSpec, folders: Folders) -> TrainedEncoder:
    """Find an encoder that was trained elsewhere."""
    with Footprint() as footprint:
        encoder = registry.load_encoder(cell.method, cell.options, temporary_path(folders.scratch / "encoder"))
    return encoder, training_record(cell, encoder, footprint)


@contain_failures(2)
def derive_encoder(base: EncoderFolder, cell: EmbeddingSpec, folders: Folders) -> TrainedEncoder:
    """Make an encoder from another one."""
    with Footprint() as footprint:
        encoder = registry.derive_encoder(cell.method, base, cell.options, temporary_path(folders.scratch / "encoder"))
    return encoder, training_record(cell, encoder, footprint)


@contain_failures(2)
def derive_vectors(base: WordVectors, cell: EmbeddingSpec) -> Trained:
    """Make word vectors from other ones."""
    with Footprint() as footprint:
        vectors = registry.derive_vectors(cell.method, base, cell.options)
    return vectors, training_record(cell, vectors, footprint)


def training_record(
    cell: EmbeddingSpec,
    trained: WordVectors | EncoderFolder,
    footprint: Footprint,
    corpus_tokens: int | None = None,
    losses: Sequence[float] | None = None,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """What a training cost and gave, for MLflow and the report; losses are the trained embedding's own by default."""
    provenance = dict(trained.provenance)
    if isinstance(trained, WordVectors):
        vocabulary, n_bytes, own_losses = len(trained), trained.vectors.nbytes, provenance.get("epoch_losses", [])
    else:
        vocabulary, n_bytes = trained.vocabulary, trained.n_bytes
        own_losses = [loss for _, loss in provenance.get("losses", [])]
    series = list(own_losses if losses is None else losses)
    perplexities = {name: provenance.get(name) for name in ("perplexity", "perplexity_before")}
    return {
        "params": {
            "origin": cell.origin,
            "method": cell.method,
            "dim": trained.dim,
            "seed": cell.seed,
            "tuned": cell.tuned_on is not None,
            "corpus_tokens": corpus_tokens,
        },
        "metrics": {
            "train_seconds": footprint.seconds,
            "peak_rss_bytes": footprint.peak_rss_bytes,
            "vocabulary": vocabulary,
            "bytes": n_bytes,
            **{name: value for name, value in perplexities.items() if value is not None},
            **(counts or {}),
        },
        "series": {"loss": series} if series else {},
        "tags": {"options": (cell.tuning or cell.options).model_dump_json(), "provenance": provenance},
    }
