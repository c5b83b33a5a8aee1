"""Hooks around a run, one a file."""

from emb_pipeline.hooks.active_project import ActiveProject
from emb_pipeline.hooks.console import Console
from emb_pipeline.hooks.failed_cells import FailedCells
from emb_pipeline.hooks.first_rows import FirstRows
from emb_pipeline.hooks.freshness import Freshness
from emb_pipeline.hooks.parent_run import ParentRun
from emb_pipeline.hooks.requirements import Requirements

HOOKS = (FailedCells(), Console(), ParentRun(), FirstRows(), Freshness(), Requirements(), ActiveProject())
"""Kedro calls the last one first: the active project is remembered before anything asks for it."""
