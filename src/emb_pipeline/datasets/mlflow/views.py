"""The saved view of a task's MLflow experiment: its runs as a sorted leaderboard with chosen columns.

MLflow's page reads it from a tag of the experiment: JSON, deflated, in base 64. A link opens it that names the tag.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name

LEADERBOARD = "leaderboard"
"""Tag of the runs that the last leaderboard of a use case is made of: the use case."""
LOCAL_PAGE = "http://127.0.0.1:5000"
"""Where ``mlflow ui`` shows a store without a server."""
_TAG = "mlflow.sharedViewState."
_DEFLATED = "deflate;"
_COSTS = ("latency_ms_p50", "encode_seconds", "train_seconds", "bytes_per_item")
_NAME = "attributes.`Run Name`"
_NAME_WIDTH, _WIDTH = 240, 96


@dataclass(frozen=True)
class View:
    """A leaderboard of one task.

    Attributes
    ----------
    use_case : str
        Names the view; its runs alone are shown.
    metric : str
        What the runs are sorted by, the best first.
    costs : sequence of str
        Costs that its runs have.
    """

    use_case: str
    metric: str
    costs: Sequence[str] = _COSTS

    @property
    def tag(self) -> str:
        """The tag of the experiment that holds it."""
        return f"{_TAG}{clean_mlflow_name(self.use_case)}"

    def encode(self) -> str:
        """Write it as MLflow's page reads it."""
        written = json.dumps(self.describe(), separators=(",", ":"))
        return _DEFLATED + base64.b64encode(zlib.compress(written.encode())).decode()

    def describe(self) -> dict[str, Any]:
        """Describe filter, order and columns: name, score with its interval, method, dimensions and costs."""
        primary = clean_mlflow_name(self.metric)
        scores = [f"metrics.`{name}`" for name in (primary, *name_bounds(primary))]
        axes = [f"params.`{name}`" for name in ("method", "dim", "origin")]
        costs = [f"metrics.`{name}`" for name in _COSTS if name in self.costs]
        columns = [*scores, *axes, *costs, "attributes.`Dataset`", "attributes.`Models`"]
        return {
            "searchFilter": f"tags.{LEADERBOARD} = '{self.use_case}'",
            "orderByKey": scores[0],
            "orderByAsc": False,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "modelVersionFilter": "All Runs",
            "datasetsFilter": [],
            "selectedColumns": columns,
            "columnOrder": [_NAME, *columns],
            "columnWidths": {_NAME: _NAME_WIDTH, **dict.fromkeys([*scores, *axes, *costs], _WIDTH)},
            "runsHiddenMode": "SHOW_ALL",
        }


def decode_view(value: str) -> dict[str, Any]:
    """Read a view as MLflow's page does."""
    return dict(json.loads(zlib.decompress(base64.b64decode(value.removeprefix(_DEFLATED)))))


def name_bounds(metric: str) -> tuple[str, str]:
    """Name the bounds of a metric's interval."""
    return f"{metric}_low", f"{metric}_high"


def link_view(tracking_uri: str, experiment_id: str, use_case: str) -> str:
    """Link to a view on the page of an MLflow server, or on that of ``mlflow ui`` for a store of files."""
    parts = urlsplit(tracking_uri)
    page = LOCAL_PAGE
    if parts.scheme in ("http", "https"):
        page = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    key = quote(clean_mlflow_name(use_case))
    return f"{page}/#/experiments/{experiment_id}/runs?viewStateShareKey={key}&workflowType=machine_learning"
