"""Word vectors at rest: an Arrow IPC file that is mapped, not read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.storage.failures import Failed, forget_failure, load_failure, store_failure
from emb_pipeline.storage.local_paths import require_local

if TYPE_CHECKING:
    from emb_pipeline.embeddings.static.word_vectors import WordVectors


class WordVectorsDataset(AbstractDataset["WordVectors | Failed", "WordVectors | Failed"]):
    """The vectors of one embedding, with their provenance in the file's metadata; or why they could not be made.

    Parameters
    ----------
    filepath : str
        The ``.arrow`` file; n-gram vectors are next to it.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local(filepath)
        self.metadata = metadata

    def load(self) -> WordVectors | Failed:
        from emb_pipeline.embeddings.static.word_vectors import WordVectors

        return self.failure() or WordVectors.read(Path(self._filepath))

    def save(self, data: WordVectors | Failed) -> None:
        if isinstance(data, Failed):
            return store_failure(Path(self._filepath), data)
        data.write(Path(self._filepath))
        forget_failure(Path(self._filepath))

    def failure(self) -> Failed | None:
        """Why they could not be made; None where they could."""
        return load_failure(Path(self._filepath))

    def _exists(self) -> bool:
        return Path(self._filepath).is_file() and self.failure() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
