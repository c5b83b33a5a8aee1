"""Read the tasks and the corpora, audit them, and keep held-out text out of the corpora.

    <task>: read ──► <task>.examples ──► audit ──► <task>.audit ──┐
                          │                                       └─► collect ──► examples@audit
                          ▼ held-out sentences
    <corpus>: read ──► <corpus>.documents ──► tokenize ──► <corpus>.sentences ──► cut ──► <corpus>.tokens ──► tokens@overlap

``examples`` and ``tokens`` are transcoded: downstream nodes take ``examples@<task>`` (the examples of one task) and
``tokens@<corpus>`` (the tokens of one corpus), so that the collapsed graph shows one item for all tasks and one for
all corpora, and every training waits until every task has been read and found evaluable.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.ingest import nodes
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "ingest"


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that reads and audits tasks and corpora."""
    tasks = [_ingest_task(task, kind) for task, kind in experiment.tasks.items()]
    corpora = [_ingest_corpus(corpus, experiment) for corpus in experiment.corpora]
    return Pipeline([*tasks, *corpora, _collect(experiment)])


def _ingest_task(task: str, kind: str) -> Pipeline:
    return pipeline(
        [
            node(nodes.read_task, ["params:definition", "params:folders"], "examples", name=f"read_{kind}"),
            node(nodes.audit_task, ["examples", "params:definition"], "audit", name=f"audit_{kind}"),
        ],
        namespace=f"{STAGE}.{task}",
        outputs={"examples": f"{task}.examples", "audit": f"{task}.audit"},
        parameters={"params:definition": f"params:tasks.{task}", "params:folders": "params:folders"},
        tags=[STAGE, task],
    )


def _ingest_corpus(corpus: str, experiment: Experiment) -> Pipeline:
    examples = {f"examples_{task}": f"{task}.examples" for task in experiment.tasks}
    sentences = {f"sentences_{other}": f"{other}.sentences" for other in experiment.corpora}
    return pipeline(
        [
            node(nodes.read_corpus, ["params:definition", "params:folders"], "documents", name="read"),
            node(
                nodes.tokenize_corpus,
                ["documents", "params:options", "params:folders", "params:workers", *examples],
                "sentences",
                name="tokenize",
            ),
            node(nodes.cut_corpus, ["own", "params:options", "params:folders", *sentences], "tokens", name="cut"),
        ],
        namespace=f"{STAGE}.{corpus}",
        inputs={"own": f"{corpus}.sentences", **examples, **sentences},
        outputs={name: f"{corpus}.{name}" for name in ("documents", "sentences", "tokens")},
        parameters={
            "params:definition": f"params:corpora.{corpus}",
            "params:options": "params:corpus_options",
            "params:folders": "params:folders",
            "params:workers": "params:training.workers",
        },
        tags=[STAGE, corpus],
    )


def _collect(experiment: Experiment) -> Pipeline:
    audits = {task: f"{task}.audit" for task in experiment.tasks}
    read = {f"examples_{task}": f"{task}.examples" for task in experiment.tasks}
    read.update({f"tokens_{corpus}": f"{corpus}.tokens" for corpus in experiment.corpora})
    return pipeline(
        [
            # With every task's tag: a run of one task evaluates it once what it is has been read again.
            node(nodes.collect_audits, {name: name for name in audits}, "audits", name="collect_audits", tags=list(audits)),
            node(nodes.measure_overlap, {name: name for name in read}, "overlap", name="measure_overlap"),
        ],
        namespace=STAGE,
        inputs={**audits, **read},
        outputs={"audits": "examples@audit", "overlap": "tokens@overlap"},
        tags=[STAGE, AGGREGATE],
    )
