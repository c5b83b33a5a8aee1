"""Compare all scores, and write the report.

    <origin>.scores ──► leaderboard, comparisons, origin_effects ──┐
    tasks@audit, corpora@overlap ──► audit ────────────────────────┼──► figures ──► report_page
                                                                   └──────────────►
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment import Experiment
from emb_pipeline.pipelines.report import nodes
from emb_pipeline.provenance import AGGREGATE

STAGE = "report"


def build(experiment: Experiment) -> Pipeline:
    """The report stage of an experiment."""
    scores = [f"{origin}_scores" for origin in experiment.origins]
    compared = {"options": "params:report", **{name: name for name in scores}}
    tables = ["leaderboard", "comparisons", "origin_effects", "audit"]
    figures = [f"{name}_figure" for name in nodes.FIGURES]
    steps = [
        node(nodes.make_leaderboard, {"use_case": "params:use_case", **compared}, "leaderboard", name="make_leaderboard"),
        node(nodes.compare_embeddings, compared, "comparisons", name="compare_embeddings"),
        node(nodes.compare_origins, compared, "origin_effects", name="compare_origins"),
        node(nodes.make_audit, ["audits", "overlap"], "audit", name="make_audit"),
        *(
            node(function, inputs, f"{name}_figure", name=f"draw_{name}")
            for name, (function, inputs) in nodes.FIGURES.items()
        ),
        node(
            nodes.write_page,
            {name: name for name in [*tables, *figures, *scores, "parameters"]},
            "report_page",
            name="write_page",
        ),
    ]
    return pipeline(
        steps,
        namespace=STAGE,
        inputs={
            "audits": "tasks@audit",
            "overlap": "corpora@overlap",
            **{f"{origin}_scores": f"{origin}.scores" for origin in experiment.origins},
        },
        outputs={*tables, *figures, "report_page"},
        parameters={name: name for name in ("parameters", "params:report", "params:use_case")},
        tags=[STAGE, AGGREGATE],
    )
