"""Figures of Plotly at rest, each as one JSON file."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import plotly.io as pio
from kedro_datasets._typing import PlotlyPreview

from emb_pipeline.datasets.placed import PlacedVersions
from emb_pipeline.storage.atomic import write_atomically


class FigureDataset(PlacedVersions):
    """One figure."""

    def load(self) -> go.Figure:
        with self._use() as path:
            return pio.from_json(path.read_text(encoding="utf-8"))

    def save(self, data: go.Figure) -> None:
        with self._write() as target, write_atomically(target) as path:
            data.write_json(path)

    def preview(self) -> PlotlyPreview:
        """Give the figure to Kedro-Viz: it looks for this return type."""
        with self._use() as path:
            return PlotlyPreview(json.loads(path.read_text(encoding="utf-8")))
