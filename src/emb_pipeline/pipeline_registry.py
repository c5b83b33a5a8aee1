"""Project pipelines: one per stage, and all of them together."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from emb_pipeline.config import active_parameters
from emb_pipeline.experiment import experiment_from
from emb_pipeline.pipelines import decide, diagnose, evaluate, fine_tune, ingest, measure, report, train


def register_pipelines() -> dict[str, Pipeline]:
    """Register the pipelines of the active use case.

    Returns
    -------
    dict
        A mapping from stage names (and ``__default__``, the whole run but for ``deploy``) to ``Pipeline`` objects.
    """
    experiment = experiment_from(active_parameters())
    stages = {
        "ingest": ingest.build(experiment),
        "train": train.build(experiment),
        "fine_tune": fine_tune.build(experiment),
        "evaluate": evaluate.build(experiment),
        "diagnose": diagnose.build(experiment),
        "measure": measure.build(experiment),
        "decide": decide.build(experiment),
        "report": report.build(experiment),
    }
    return {**stages, "__default__": Pipeline(stages.values()), "deploy": decide.build_export(experiment)}
