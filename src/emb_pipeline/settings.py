"""Project settings."""

from kedro.config import OmegaConfigLoader

from emb_pipeline.experiment import evaluated_tasks, expand_grid
from emb_pipeline.hooks import ActiveProject, Console, Freshness, ParentRun, in_project, tracking_uri

# Hooks run last-in-first-out: the active project is remembered before anything asks for it.
HOOKS = (Console(), ParentRun(), Freshness(), ActiveProject())

# Tracking is our own (docs/decisions/0002-own-tracking.md); nothing reports usage to anybody.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-telemetry", "kedro-viz")

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"parameters": ["parameters*", "parameters*/**", "**/parameters*"]},
    "custom_resolvers": {
        "expand_grid": expand_grid,
        "evaluated_tasks": evaluated_tasks,
        "in_project": in_project,
        "tracking_uri": tracking_uri,
    },
}
