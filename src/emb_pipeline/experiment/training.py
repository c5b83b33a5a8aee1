"""The training of one embedding: its text, the compilation before it, and the record of what it cost."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emb_pipeline.corrupt.resamples import resample_corpus
from emb_pipeline.corrupt.training_text import corrupt_corpus
from emb_pipeline.efficiency.footprint import Footprint
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.schema import Corruption, Resample
from emb_pipeline.storage.atomic import build_temporary_path
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

_COMPILED: list[tuple[str, Any, int]] = []
"""Methods, with options and threads, that this process has compiled."""


def choose_training_text(corpus: TokenCorpus, cell: EmbeddingSpec, folder: Path) -> TokenCorpus:
    """Choose the text that an embedding is trained on: the corpus, or a changed copy in the folder."""
    match cell.changed_text:
        case Corruption(kind=kind, level=level):
            return corrupt_corpus(corpus, folder, kind, level, seed=cell.seed)
        case Resample(number=number):
            return resample_corpus(corpus, folder, number, seed=cell.seed)
    return corpus


def request_training(cell: EmbeddingSpec, corpus: TokenCorpus, **more: Any) -> TrainingRequest[Options]:
    """Ask for the training of an embedding, given the corpus and the places and workers of this machine."""
    return TrainingRequest(corpus, cell.options, dim=cell.dim, seed=cell.seed, **more)


def compile_method(cell: EmbeddingSpec, workers: int, scratch: Path) -> None:
    """Train on next to nothing first: what compiling a method takes is not what its first embedding costs."""
    compiled = (cell.method, cell.options, workers)
    if compiled in _COMPILED:
        return
    folder = build_temporary_path(scratch / "compile")
    fewer = {"epochs": 1, "min_count": 1}
    options = cell.options.model_copy(update={name: value for name, value in fewer.items() if hasattr(cell.options, name)})
    try:
        tokens = write_tokens([("0", "a b c a b c a b c")], folder)
        request = replace(request_training(cell, tokens, workers=workers), options=options)
        factory.train(cell.method, request)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _COMPILED.append(compiled)


def build_training_record(
    cell: EmbeddingSpec,
    trained: WordVectors | EncoderFolder,
    footprint: Footprint,
    corpus_tokens: int | None = None,
    losses: Sequence[float] | None = None,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Build the record of a training, for MLflow and the report; losses are the trained embedding's own by default."""
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
