"""The run of the pipeline that a record belongs to: known to every process, and kept with what MLflow has not taken yet."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PARENT_RUN = "EMB_PIPELINE_PARENT_RUN"
"""Environment variable: the parent run in MLflow; unset where MLflow did not take it."""
INHERITED = "EMB_PIPELINE_PARENT_TAGS"
"""Environment variable: tags that the runs of cells have, too, as JSON: who started it, at which commit, its run key."""
RUN_KEY = "run_key"
"""Tag of a parent run and of the runs below it: they find each other by it, in whatever order MLflow takes them."""


@dataclass(frozen=True)
class Origin:
    """The run of the pipeline that made a record.

    Attributes
    ----------
    key : str
        The run key; empty outside of a run.
    parent : str
        Its run in MLflow; empty where MLflow did not take it.
    tags : mapping of str to str
        Tags that the runs of its cells have, too.
    ended : int
        When the record was made: milliseconds since 1970.
    """

    key: str = ""
    parent: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    ended: int = 0

    @classmethod
    def of_this_run(cls) -> Origin:
        """Read the origin of a record that is made now, in this process."""
        tags = json.loads(os.environ.get(INHERITED) or "{}")
        return cls(tags.get(RUN_KEY, ""), os.environ.get(PARENT_RUN, ""), tags, int(time.time() * 1000))

    def to_json(self) -> dict[str, Any]:
        """Turn it into JSON values."""
        return asdict(self)
