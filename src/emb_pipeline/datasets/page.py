"""The HTML report: every version kept, the newest also under one fixed name."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

from kedro.io import AbstractVersionedDataset, Version
from kedro_datasets._typing import HTMLPreview

from emb_pipeline.datasets.tables import does_path_exist, does_version_exist
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.local_paths import require_local


class PageDataset(AbstractVersionedDataset[str, str]):
    """A self-contained HTML page.

    Parameters
    ----------
    filepath : str
        ``…/report.html``; Kedro puts each version into a folder of its own below it.
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
        super().__init__(
            filepath=require_local(filepath),
            version=version,
            exists_function=does_path_exist,
            glob_function=glob.glob,
        )
        self._latest = str(require_local(latest))
        self.metadata = metadata

    def load(self) -> str:
        return Path(self._get_load_path()).read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        for target in (Path(self._get_save_path()), Path(self._latest)):
            with write_atomically(target) as path:
                path.write_text(data, encoding="utf-8")

    def preview(self) -> HTMLPreview:
        """Give the page to Kedro-Viz: it looks for this return type."""
        return HTMLPreview(self.load())

    def _exists(self) -> bool:
        return does_version_exist(self._get_load_path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "latest": self._latest, "version": self._version}
