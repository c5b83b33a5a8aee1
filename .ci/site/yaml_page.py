"""The page of everything that may be written into a use case's YAML."""

from __future__ import annotations

from collections.abc import Mapping

from option_tables import about, find_models, list_options
from pydantic import BaseModel

from emb_pipeline.deployment.options import DeployOptions
from emb_pipeline.diagnostics.options import DiagnosisOptions
from emb_pipeline.efficiency.latency import LatencyOptions
from emb_pipeline.efficiency.matrix_options import MatrixOptions
from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.experiment.choosing import ChoosingOptions
from emb_pipeline.experiment.fast import FastRun
from emb_pipeline.experiment.model import CorpusDefinition, CorpusOptions, Folders, TaskDefinition
from emb_pipeline.experiment.parameters import MachineOptions, Parameters
from emb_pipeline.experiment.schema import Grid
from emb_pipeline.pipelines.train.nodes import TrainingOptions
from emb_pipeline.readers.options import PlacedSource, Source
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.tasks.cutoffs.options import CutoffOptions

SECTIONS: Mapping[str, type[BaseModel]] = {
    "grid": Grid,
    "fast": FastRun,
    "choosing": ChoosingOptions,
    "corpora": CorpusDefinition,
    "corpus_options": CorpusOptions,
    "task_definitions": TaskDefinition,
    "training": TrainingOptions,
    "diagnosis": DiagnosisOptions,
    "vector_search": VectorSearchOptions,
    "matrix_operations": MatrixOptions,
    "latency": LatencyOptions,
    "decision": DecisionOptions,
    "report": ReportOptions,
    "cutoffs": CutoffOptions,
    "drift": DriftOptions,
    "deploy": DeployOptions,
    "folders": Folders,
    "machine": MachineOptions,
}
"""The sections that have options of their own, and the model of each."""
ELSEWHERE = {
    "methods": "The options of each method, by its name: [methods](methods.md). They hold for all embeddings of the method.",
    "evaluation": "The options of each kind, by its name: [kinds of task](kinds.md). They hold for all tasks of the kind.",
}
"""The sections that have a page of their own."""
_HEAD = """# YAML

This page is written from the code. A use case is a folder `conf/<use case>/`, laid over `conf/base/`.
Its files hold the sections below, in any file whose name begins with `parameters`; the grid is in `globals.yml`.
[Your own data](../your-own-data.md) shows them in use.

Nothing that you write is silently ignored. An unknown name is refused, with the nearest known one.
"""


def write_page() -> str:
    """Write the page: a line for each section, then the options of each."""
    parts = [_HEAD, *list_options(Parameters, links={model: f"see [`{name}`](#{name})" for name, model in SECTIONS.items()})]
    for name, text in ELSEWHERE.items():
        parts += ["", f"## `{name}`", "", text]
    for name, model in SECTIONS.items():
        below = [each for each in find_models(model) if not issubclass(each, Source | PlacedSource)]
        links = {each: f"see [below](#{name}-{each.__name__.lower()})" for each in below}
        parts += ["", f"## `{name}`", "", about(model), "", *list_options(model, links=links)]
        for each in below:
            parts += ["", f"### {_title(each)} {{ #{name}-{each.__name__.lower()} }}", "", about(each), ""]
            parts += list_options(each, links=links)
    return "\n".join(parts) + "\n"


def _title(model: type[BaseModel]) -> str:
    name = model.__name__.removesuffix("Options")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize()
