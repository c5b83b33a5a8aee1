"""Hooks around a run, one a file."""

from emb_pipeline.hooks.api_keys import ApiKeys
from emb_pipeline.hooks.console import Console
from emb_pipeline.hooks.display import Display
from emb_pipeline.hooks.failed_cells import FailedCells
from emb_pipeline.hooks.first_rows import FirstRows
from emb_pipeline.hooks.freshness import Freshness
from emb_pipeline.hooks.object_storage import ObjectStorage
from emb_pipeline.hooks.requirements import Requirements
from emb_pipeline.hooks.room import Room
from emb_pipeline.hooks.tracking.login import MlflowLogin
from emb_pipeline.hooks.tracking.parent_run import ParentRun
from emb_pipeline.hooks.tracking.run_status import RunStatus

HOOKS = (
    FailedCells(),
    RunStatus(),
    Console(),
    ParentRun(),
    FirstRows(),
    Freshness(),
    Requirements(),
    Room(),
    MlflowLogin(),
    ApiKeys(),
    ObjectStorage(),
    Display(),
)
"""Kedro calls the last one first."""
