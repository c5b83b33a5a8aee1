"""Encoders at rest: a folder with the model, or with the place where an installed one is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.failures import Failed, forget_failure, load_failure, store_failure
from emb_pipeline.storage.local_paths import require_local

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder


class EncoderDataset(AbstractDataset["EncoderFolder | Failed", "EncoderFolder | Failed"]):
    """One encoder, with its provenance in ``encoder.json``; or why it could not be made.

    A node writes into a scratch folder; saving gives it its final name.

    Parameters
    ----------
    filepath : str
        The folder.
    metadata : dict, optional
        Anything for other tools.
    """

    MANIFEST = "encoder.json"

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local(filepath)
        self.metadata = metadata

    def load(self) -> EncoderFolder | Failed:
        from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder

        return self.failure() or EncoderFolder.read(Path(self._filepath))

    def save(self, data: EncoderFolder | Failed) -> None:
        if isinstance(data, Failed):
            return store_failure(Path(self._filepath), data)
        with write_atomically(Path(self._filepath)) as folder:
            data.move_to(folder)
        forget_failure(Path(self._filepath))

    def failure(self) -> Failed | None:
        """Why it could not be made; None where it could."""
        return load_failure(Path(self._filepath))

    def _exists(self) -> bool:
        return (Path(self._filepath) / self.MANIFEST).is_file() and self.failure() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
