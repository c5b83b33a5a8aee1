"""The MLflow run that the jobs of one run are children of: each job is a process of its own, and has a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emb_pipeline.datasets.mlflow.store import clean_tags, find_experiment, try_store

JOBS = "EMB_PIPELINE_JOBS"
"""Environment variable: the jobs that have the same value of it belong together."""
_TAG = "jobs"


def join_jobs(
    tracking_uri: str,
    experiment: str,
    jobs: str,
    name: str,
    tags: Mapping[str, str],
    *,
    artifact_location: str = "",
    reopen: bool = True,
) -> str | None:
    """Find the run of some jobs, and open it again; the first job makes it.

    Parameters
    ----------
    tracking_uri, experiment : str
        MLflow store and experiment.
    jobs : str
        The value that the jobs have in common.
    name : str
        Name of the run.
    tags : mapping of str to str
        Its tags.
    artifact_location : str
        See `find_experiment`.
    reopen : bool
        Whether it goes on; a job that MLflow takes later leaves it as it is.

    Returns
    -------
    str or None
        The run; None, after a warning, if MLflow cannot be reached.
    """

    def join() -> str:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        place = find_experiment(client, experiment, artifact_location).experiment_id
        found = _find(client, place, jobs)
        if not found:
            made = client.create_run(place, run_name=name, tags=clean_tags({**tags, _TAG: jobs})).info.run_id
            found = _find(client, place, jobs)  # another job may have made one in the same moment: the older one is it
            if found[0] != made:
                client.delete_run(made)
        if reopen:
            client.update_run(found[0], status="RUNNING")
        return found[0]

    return try_store(tracking_uri, name, join)


def _find(client: Any, experiment: str, jobs: str) -> list[str]:
    quoted = jobs.replace("'", " ")
    found = client.search_runs(
        [experiment], f"tags.{_TAG} = '{quoted}'", order_by=["attributes.start_time ASC", "attributes.run_id ASC"]
    )
    return [str(run.info.run_id) for run in found]
