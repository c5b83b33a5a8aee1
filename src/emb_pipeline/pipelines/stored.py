"""Embeddings of the grid as an earlier stage left them, for the stages that go through several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders


def stored_encoder(
    cell: EmbeddingSpec, cells: Mapping[str, EmbeddingSpec], folders: Folders, bases: dict[str, Any] | None = None
) -> Any:
    """The encoder of an embedding; what it has encoded before is not encoded again.

    Parameters
    ----------
    cell : EmbeddingSpec
        The embedding.
    cells : mapping of str to EmbeddingSpec
        All embeddings by name: it may be made from another one.
    folders : Folders
        Where they are.
    bases : dict, optional
        Encoders that others are made from, by name; new ones are added. A model is loaded once where several calls share it.
    """
    place = folders.models / cell.origin / cell.key
    text = None
    if cell.adds_to_base and cell.base:
        known = {} if bases is None else bases
        if cell.base not in known:
            known[cell.base] = stored_encoder(cells[cell.base], cells, folders, known)
        text = known[cell.base]
    return registry.encoder(
        cell.method,
        options=cell.options,
        dim=cell.dim,
        seed=cell.seed,
        vectors=WordVectors.read(place / "vectors.arrow") if cell.artifact == "vectors" else None,
        model=EncoderFolder.read(place / "encoder") if cell.artifact == "encoder" else None,
        encodings=folders.encodings,
        text=text,
    )
