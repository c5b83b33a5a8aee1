"""Texts with a class, which is used to judge clusters, and never to make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.reader import ClassificationReader


class ClusteringReader(ClassificationReader):
    """Texts with a class: table ``examples``."""

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read texts with a class."""
        _refuse_features(source, name)
        return super().read(source, raw, project, name, sample)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts, classes and splits."""
        _refuse_features(source, source.origin)
        super().check_first_rows(source, raw, project)

    def requires(self, source: Any) -> frozenset[str] | None:
        """Require vectors of texts."""
        return None


def _refuse_features(source: Any, place: str) -> None:
    if getattr(source, "features", None) is not None:
        raise DataError(place, "'features' are columns that a label is learned from, and nothing is", "leave 'features' out")
