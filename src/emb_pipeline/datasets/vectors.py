"""Word vectors at rest: an Arrow IPC file that is mapped, not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.datasets.placed import Placed, take_filepath
from emb_pipeline.storage.failures import Failed

if TYPE_CHECKING:
    from emb_pipeline.embeddings.static.word_vectors import WordVectors


class WordVectorsDataset(Placed, AbstractDataset["WordVectors | Failed", "WordVectors | Failed"]):
    """The vectors of one embedding, with their provenance in the file's metadata; or why they could not be made.

    Parameters
    ----------
    filepath : str
        The ``.arrow`` file, a path or a URL; n-gram vectors are next to it.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self.metadata = metadata

    def load(self) -> WordVectors | Failed:
        from emb_pipeline.embeddings.static.word_vectors import WordVectors

        if failed := self.failure():
            return failed
        with self.place.use() as path:
            vectors = WordVectors.read(path)
            self.place.keep_for(vectors)
        return vectors

    def save(self, data: WordVectors | Failed) -> None:
        if isinstance(data, Failed):
            return self.place.store_failure(data)
        from emb_pipeline.embeddings.static.word_vectors import name_subwords

        with self.place.write(companions=(name_subwords(self._filepath.name),)) as path:
            data.write(path)
        self.place.forget_failure()

    def _exists(self) -> bool:
        return self.place.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
