"""Project settings."""

import logging
import os
import warnings

from emb_pipeline import hooks
from emb_pipeline.config.active import (
    ExperimentContext,
    find_artifact_location,
    find_tracking_uri,
    find_vector_store,
    resolve_in_project,
)
from emb_pipeline.config.loader import ExperimentConfigLoader
from emb_pipeline.redaction import redact_logs

# Progress bars of libraries would fill the log of a run; who wants them sets TQDM_DISABLE=0.
os.environ.setdefault("TQDM_DISABLE", "1")
# MLflow logs how it sets up its database.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
# What libraries warn of goes to the log file (conf/logging.yml), not into the console between the lines of a run.
logging.captureWarnings(True)
redact_logs()
# Kedro 1.7 with omegaconf 2.4: Kedro's to change, and said at every command otherwise.
warnings.filterwarnings("ignore", message=r"register_new_resolver\(\) is deprecated")
# Namespaced names with dots are what our mappings are made of.
warnings.filterwarnings("ignore", message="One or more dataset names contain '.' characters")

HOOKS = hooks.HOOKS

# Tracking is our own (docs/decisions/0002-own-tracking.md), and so is the run status that Kedro-Viz shows
# (docs/decisions/0021-kedro-structure.md); nothing reports usage to anybody.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-telemetry", "kedro-viz")

CONTEXT_CLASS = ExperimentContext
CONFIG_LOADER_CLASS = ExperimentConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"parameters": ["parameters*", "parameters*/**", "**/parameters*"]},
    "custom_resolvers": {
        "in_project": resolve_in_project,
        "tracking_uri": find_tracking_uri,
        "artifact_location": find_artifact_location,
        "vector_store": find_vector_store,
    },
    # A use case says only what differs; its grid (globals) replaces the whole of base's.
    "merge_strategy": {"parameters": "soft"},
}
