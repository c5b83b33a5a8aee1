"""The HTML report: every version kept, the newest also under one fixed name."""

from __future__ import annotations

from typing import Any

from kedro.io import Version
from kedro_datasets._typing import HTMLPreview

from emb_pipeline.datasets.placed import PlacedVersions, take_filepath
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.places import find_place


class PageDataset(PlacedVersions):
    """A self-contained HTML page.

    Parameters
    ----------
    filepath : str
        ``…/report.html``, a path or a URL; Kedro puts each version into a folder of its own below it.
    latest : str
        Where the newest version is also found.
    version : Version, optional
        Set by Kedro for an entry with ``versioned: true``.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(
        self, *, filepath: str, latest: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, version=version, metadata=metadata)
        self._latest = str(take_filepath(latest))

    def load(self) -> str:
        with self._use() as path:
            return path.read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        for target in (self._write(), find_place(self._latest).write()):
            with target as path, write_atomically(path) as part:
                part.write_text(data, encoding="utf-8")

    def preview(self) -> HTMLPreview:
        """Give the page to Kedro-Viz: it looks for this return type."""
        return HTMLPreview(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "latest": self._latest, "version": self._version}
