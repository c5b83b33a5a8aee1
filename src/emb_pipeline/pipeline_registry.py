"""Project pipelines: one per stage, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel

from emb_pipeline.config.active import build_active_experiment, check_sections
from emb_pipeline.pipelines import decide, deploy, diagnose, evaluate, fine_tune, ingest, measure, report, train
from emb_pipeline.pipelines.stage_alone import gather_artifacts

STAGES = (ingest, train, fine_tune, evaluate, diagnose, measure, decide, report)
"""What ``kedro run`` makes, in order; ``deploy`` is asked for by name."""


def register_pipelines() -> dict[str, Pipeline]:
    """Register the pipelines of the active use case.

    Returns
    -------
    dict
        A mapping from stage names (and ``__default__``, the whole run but for ``deploy``) to ``Pipeline`` objects. A stage
        by itself takes, and leaves, all artifacts of an origin as one dataset (`emb_pipeline.pipelines.stage_alone`).
    """
    experiment = build_active_experiment()
    stages = {stage.__name__.rpartition(".")[2]: stage.create_pipeline(experiment=experiment) for stage in (*STAGES, deploy)}
    whole = Pipeline(each for name, each in stages.items() if name != "deploy")
    check_sections(_find_section_models([*whole.nodes, *stages["deploy"].nodes]))
    alone = {name: gather_artifacts(name, steps, experiment) for name, steps in stages.items()}
    return {**alone, "__default__": whole}


def _find_section_models(nodes: Iterable[Node]) -> dict[str, type[BaseModel]]:
    """The models that nodes take whole sections of the parameters as: ``{"report": ReportOptions, …}``."""
    one_for_each_function = {node.func: node for node in nodes}
    types = TypeExtractor({"": Pipeline(one_for_each_function.values())}).extract_types_from_pipelines()
    return {name: model for name, model in types.items() if "." not in name and issubclass(model, BaseModel)}
