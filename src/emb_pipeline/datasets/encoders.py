"""Encoders at rest: a folder with the model, or with the place where an installed one is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.datasets.placed import Placed, take_filepath
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.failures import Failed

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder


class EncoderDataset(Placed, AbstractDataset["EncoderFolder | Failed", "EncoderFolder | Failed"]):
    """One encoder, with its provenance in ``encoder.json``; or why it could not be made.

    A node writes into a scratch folder; saving gives it its final name. A model that stays where it is installed is copied
    into an object store: other machines need not have it.

    Parameters
    ----------
    filepath : str
        The folder, a path or a URL.
    metadata : dict, optional
        Anything for other tools.
    """

    MANIFEST = "encoder.json"

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self.metadata = metadata

    def load(self) -> EncoderFolder | Failed:
        from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder

        if failed := self.failure():
            return failed
        with self.place.use() as path:
            encoder = EncoderFolder.read(path)
            self.place.keep_for(encoder)
        return encoder

    def save(self, data: EncoderFolder | Failed) -> None:
        if isinstance(data, Failed):
            return self.place.store_failure(data)
        with self.place.write() as path, write_atomically(path) as folder:
            if self.place.is_shared and data.is_installed_elsewhere:
                data.copy_to(folder)
                shutil.rmtree(data.path, ignore_errors=True)
            else:
                data.move_to(folder)
        self.place.forget_failure()

    def _exists(self) -> bool:
        return self.place.exists(self.MANIFEST)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
