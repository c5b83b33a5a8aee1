"""Word vectors at rest: an Arrow IPC file that is mapped, not read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from emb_pipeline.embeddings.word_vectors import WordVectors


class WordVectorsDataset(AbstractDataset["WordVectors", "WordVectors"]):
    """The vectors of one embedding, with their provenance in the file's metadata.

    Parameters
    ----------
    filepath : str
        The ``.arrow`` file; n-gram vectors lie beside it.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = PurePosixPath(filepath)
        self.metadata = metadata

    def load(self) -> WordVectors:
        from emb_pipeline.embeddings.word_vectors import WordVectors

        return WordVectors.read(Path(self._filepath))

    def save(self, data: WordVectors) -> None:
        data.write(Path(self._filepath))

    def _exists(self) -> bool:
        return Path(self._filepath).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
