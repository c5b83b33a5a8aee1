"""The encoder of a model's folder: this project's own where it is shown to be right, sentence-transformers itself else."""

from __future__ import annotations

from pathlib import Path

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.library_encoder import LibraryEncoder
from emb_pipeline.embeddings.contextual.models.saved_modules import explain_library_path
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.encodings.store import StoredEncoder


def build_stored_encoder(
    options: EncoderOptions, artifact: EncoderFolder, encodings: Path | None = None
) -> ContextualEncoder | LibraryEncoder | StoredEncoder:
    """Encode with a transformer; given a store, a text is encoded once."""
    if encodings is None:
        return open_encoder(artifact, options)
    return StoredEncoder(open_encoder(artifact, options, encodings / "converted"), encodings)


def open_encoder(
    folder: EncoderFolder, options: EncoderOptions, cache: Path | None = None
) -> ContextualEncoder | LibraryEncoder:
    """Open the encoder of a folder, with what encodes it as its maker meant it.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : EncoderOptions
        How text vectors are made.
    cache : Path, optional
        Where a model that is converted for ONNX Runtime is kept.

    Raises
    ------
    DataError
        As for `ContextualEncoder` and `LibraryEncoder`.
    """
    reason = explain_library_path(folder.model_path)
    if reason is None:
        return ContextualEncoder(folder, options, cache)
    return LibraryEncoder(folder, options, reason)
