"""Compare all scores, and write the report.

<origin>.scores ──► claims ──► leaderboard, comparisons, effects, learning curves ─┐
examples@audit, tokens@overlap ──► audit; examples@<task> ──► without_seen, rare_values ───┼──► figures ──► report_page
<origin>.scores, examples@<task> ──► pair_outcomes, item_examples ─────────────────┤
                                 ├─► label_purity ──► closeness ───────────────────┤
                                 ├─► cutoffs (with decision) ──────────────────────┤
                                 └─► periods, period_choices ──────────────────────┤
decision, relaxations, sizes (of decide), vector_search ──────────────────────────┘

What requests take is in the leaderboard; all of it waits for what `measure` times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kedro.pipeline import Pipeline, node, pipeline
from kedro.pipeline.node import Node

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.report import closeness, cutoffs, figures, items, nodes, page, periods, vectors
from emb_pipeline.pipelines.timed import EMBEDDING_FACTS, REQUEST_TIMES, name_last_timed
from emb_pipeline.provenance.reuse import AGGREGATE
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.recommendation.tables import SHOWN_TABLES
from emb_pipeline.tasks.registry import KINDS

STAGE = "report"
INTERNAL = ("claims", "label_purity", "purity_units")
"""Tables that other steps of this stage read, and the page does not."""
VECTORS = "_user_item_vectors"
"""End of the names of what is kept of a task's users and items; the page is not given the vectors."""


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that compares all scores, draws the figures and writes the page."""
    scores = {f"scores_{origin}": f"{origin}.scores" for origin in experiment.origins}
    tasks = {f"task_{task}": f"examples@{task}" for task in experiment.tasks}
    definitions = {f"definition_{task}": f"params:tasks.{task}" for task in experiment.tasks}
    steps = [
        *_tables(scores, tasks),
        *_closeness(scores, tasks, definitions),
        _cutoffs(scores, tasks, definitions),
        _over_time(scores, tasks),
        *_examine_vectors(experiment, scores),
        *_figures(experiment),
    ]
    drawn = [name for step in steps for name in step.outputs if name not in INTERNAL and not name.endswith(VECTORS)]
    corpora = {f"corpus_{corpus}": f"tokens@{corpus}" for corpus in experiment.corpora}
    decided = {
        name: name for name in ("decision", "relaxations", "budget_choices", "sizes", "vector_search", "matrix_operations")
    }
    shown = [*drawn, *decided, "joint_choice", *scores, *corpora]
    run = {
        "use_case": "params:use_case",
        "seed": "params:seed",
        "options": "params:report",
        "diagnosis": "params:diagnosis",
        "methods": "params:methods",
        "facts": "embedding_facts",
        **definitions,
    }
    writing = node(page.write_page, {**run, **{name: name for name in shown}}, "report_page", name="write_page")
    return pipeline(
        [*steps, writing],
        namespace=STAGE,
        inputs={
            "audits": "examples@audit",
            "overlap": "tokens@overlap",
            **tasks,
            "embedding_facts": EMBEDDING_FACTS,
            "request_times": REQUEST_TIMES,
            "last_timed": name_last_timed(experiment),
            **decided,
            **scores,
            **corpora,
        },
        outputs={*drawn, "report_page"},
        parameters=_parameters([*steps, writing]),
        tags=[STAGE, AGGREGATE],
    )


def _tables(scores: Mapping[str, str], tasks: Mapping[str, str]) -> list[Node]:
    measured = {"options": "params:report", **{name: name for name in scores}}
    compared = {**measured, "claims": "claims"}
    grid = {"facts": "embedding_facts"}
    return [
        node(
            nodes.test_differences,
            {**grid, **measured, "after": "last_timed"},
            ["claims", "any_difference"],
            name="test_differences",
        ),
        node(
            nodes.collect_class_results,
            {"after": "last_timed", **{name: name for name in scores}},
            "class_results",
            name="collect_class_results",
        ),
        node(
            nodes.collect_failures,
            {"after": "last_timed", **{name: name for name in scores}},
            "failures",
            name="collect_failures",
        ),
        node(nodes.list_rounds, ["params:choosing", "last_timed"], "rounds", name="list_rounds"),
        node(
            nodes.make_leaderboard,
            {
                "use_case": "params:use_case",
                "times": "request_times",
                "failures": "failures",
                "rounds": "rounds",
                **grid,
                **compared,
            },
            "leaderboard",
            name="make_leaderboard",
        ),
        node(nodes.compare_embeddings, compared, "comparisons", name="compare_embeddings"),
        node(
            items.keep_scored_units,
            {**grid, **{name: name for name in (*scores, *tasks)}, "after": "last_timed"},
            "scored_units",
            name="keep_scored_units",
        ),
        node(
            items.compare_on_items,
            {**grid, **measured, **{name: name for name in tasks}, "after": "last_timed"},
            ["pair_outcomes", "item_examples"],
            name="compare_on_items",
        ),
        node(
            items.list_label_errors,
            {**grid, **measured, **{name: name for name in tasks}, "after": "last_timed"},
            ["label_errors", "without_label_errors", "label_errors_file"],
            name="list_label_errors",
        ),
        node(nodes.measure_effects, {**grid, **compared}, "effects", name="measure_effects"),
        node(
            nodes.measure_factors,
            {**grid, **compared},
            ["variance_shares", "factor_effects", "effects_across_tasks"],
            name="measure_factors",
        ),
        node(
            nodes.measure_learning_curves,
            {**grid, **compared},
            ["learning_curves", "crossovers", "zero_shot"],
            name="measure_learning_curves",
        ),
        node(nodes.make_audit, ["audits", "overlap"], "audit", name="make_audit"),
        node(
            nodes.measure_without_seen,
            {**measured, **{name: name for name in tasks}, "after": "last_timed"},
            "without_seen",
            name="measure_without_seen",
        ),
        node(
            nodes.measure_rare_values,
            {**measured, **{name: name for name in tasks}, "after": "last_timed"},
            "rare_values",
            name="measure_rare_values",
        ),
        node(
            nodes.measure_agreement,
            {**measured, **{name: name for name in tasks}, "after": "last_timed"},
            ["agreement", "agreement_pairs"],
            name="measure_agreement",
        ),
        node(
            nodes.measure_transfers,
            {**measured, **{name: name for name in tasks}, "after": "last_timed"},
            ["transfers", "transfer_pairs"],
            name="measure_transfers",
        ),
        node(
            nodes.make_word_map,
            {"after": "last_timed", **{name: name for name in scores}},
            "word_map",
            name="make_word_map",
        ),
    ]


def _closeness(scores: Mapping[str, str], tasks: Mapping[str, str], definitions: Mapping[str, str]) -> list[Node]:
    purity = {"folders": "params:folders", "facts": "embedding_facts", "after": "last_timed", **definitions}
    purity |= {name: name for name in (*scores, *tasks)}
    takes = {"options": "params:report", "decision": "params:decision", "facts": "embedding_facts"}
    takes |= {"purity": "label_purity", "purity_units": "purity_units", **{name: name for name in scores}}
    return [
        node(closeness.measure_label_purity, purity, ["label_purity", "purity_units"], name="measure_label_purity"),
        node(closeness.measure_closeness, takes, ["closeness", "closeness_savings"], name="measure_closeness"),
    ]


def _cutoffs(scores: Mapping[str, str], tasks: Mapping[str, str], definitions: Mapping[str, str]) -> Node:
    takes = {"options": "params:cutoffs", "report": "params:report", "folders": "params:folders"}
    takes |= {"facts": "embedding_facts", "decision": "decision", "after": "last_timed", **definitions}
    takes |= {name: name for name in (*scores, *tasks)}
    return node(cutoffs.measure_cutoffs, takes, "cutoffs", name="measure_cutoffs")


def _over_time(scores: Mapping[str, str], tasks: Mapping[str, str]) -> Node:
    takes = {"options": "params:drift", "report": "params:report", "decision": "params:decision"}
    takes |= {"facts": "embedding_facts", "times": "request_times", "decided": "decision", "after": "last_timed"}
    takes |= {name: name for name in (*scores, *tasks)}
    return node(periods.measure_over_time, takes, ["periods", "period_choices"], name="measure_over_time")


def _examine_vectors(experiment: Experiment, scores: Mapping[str, str]) -> list[Node]:
    examined = [task for task, kind in experiment.tasks.items() if KINDS[kind].examine]
    takes = {"folders": "params:folders", "seed": "params:seed", "after": "last_timed", **{name: name for name in scores}}
    steps = [
        node(
            vectors.examine_vectors,
            {**takes, "task": f"task_{task}", "definition": f"params:tasks.{task}"},
            f"{task}{VECTORS}",
            name=f"examine_{task}",
        )
        for task in examined
    ]
    gathered = {"after": "last_timed", **{task: f"{task}{VECTORS}" for task in examined}}
    return [*steps, node(vectors.collect_vectors, gathered, list(SHOWN_TABLES), name="collect_vectors")]


def _figures(experiment: Experiment) -> list[Node]:
    of_tasks = [step for task, kind in experiment.tasks.items() for step in _figures_of(experiment, task, KINDS[kind])]
    return [
        *of_tasks,
        node(figures.draw_origins, ["effects", "params:report"], "origins_figure", name="draw_origins"),
        node(figures.draw_factors, ["factor_effects", "params:report"], "factors_figure", name="draw_factors"),
        node(figures.draw_closeness, "closeness", "closeness_figure", name="draw_closeness"),
        node(figures.draw_matrices, ["matrix_operations", "last_timed"], "matrices_figure", name="draw_matrices"),
        node(figures.draw_word_map, "word_map", "word_map_figure", name="draw_word_map"),
    ]


def _figures_of(experiment: Experiment, task: str, kind: Kind) -> list[Node]:
    name = f"params:tasks.{task}.name"
    drawn = [f"{task}_{figure}_figure" for figure in figures.TASK_FIGURES]
    steps = [node(figures.draw_task, ["leaderboard", name, "audit"], drawn, name=f"draw_{task}")]
    if task in experiment.curves:
        of_curve = ["learning_curves", "zero_shot", name, f"params:tasks.{task}.kind"]
        steps.append(node(figures.draw_learning_curve, of_curve, f"{task}_curve_figure", name=f"draw_{task}_curve"))
    if "search" in kind.requires:
        steps.append(node(figures.draw_search, ["vector_search", name], f"{task}_search_figure", name=f"draw_{task}_search"))
    if task in experiment.timed:
        over_time = ["periods", "period_choices", name]
        steps.append(node(figures.draw_periods, over_time, f"{task}_periods_figure", name=f"draw_{task}_periods"))
    if task in experiment.corrupted_on:
        steps.append(
            node(figures.draw_corruption, ["effects", name], f"{task}_corruption_figure", name=f"draw_{task}_corruption")
        )
    return steps


def _parameters(steps: Iterable[Node]) -> set[str]:
    return {name for step in steps for name in step.inputs if name.startswith("params:")}
