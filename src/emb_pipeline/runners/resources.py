"""Estimates of the resources of each node, by those of jobs."""

from __future__ import annotations

from dataclasses import replace

from kedro.pipeline import Pipeline

from emb_pipeline.config.active import build_active_experiment, load_active_parameters, project_path
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.jobs.graph import build_jobs
from emb_pipeline.jobs.resources import Estimator, Resources
from emb_pipeline.pipelines.namespaces import find_namespace


def estimate_nodes(pipeline: Pipeline) -> dict[str, Resources]:
    """Estimate what each node takes: a node is a job of one step."""
    from kedro.framework.project import pipelines

    experiment, parameters = build_active_experiment(), load_active_parameters()
    estimator = Estimator(experiment, Durations.of(parameters), Guess(parameters, project_path()), parameters)
    stages = [name for name in pipelines if name != "__default__"]
    return {
        node.name: estimator.estimate(replace(job, nodes=Pipeline([node])))
        for job in build_jobs(pipeline, map(find_namespace, experiment.cells), stages)
        for node in job.nodes.nodes
    }
