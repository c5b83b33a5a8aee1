"""Embeddings of the grid as an earlier stage left them, for the stages that go through several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.experiment import EmbeddingCell, Folders


def stored_encoder(cell: EmbeddingCell, cells: Mapping[str, EmbeddingCell], folders: Folders) -> Any:
    """The encoder of an embedding; what it has encoded before is not encoded again."""
    place = folders.models / cell.origin / cell.key
    return registry.encoder(
        cell.method,
        options=cell.options,
        dim=cell.dim,
        seed=cell.seed,
        vectors=WordVectors.read(place / "vectors.arrow") if cell.artefact == "vectors" else None,
        model=EncoderFolder.read(place / "encoder") if cell.artefact == "encoder" else None,
        encodings=folders.encodings,
        text=stored_encoder(cells[cell.base], cells, folders) if cell.adds_to_base and cell.base else None,
    )
