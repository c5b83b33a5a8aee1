"""The HTML report of one use case: one file that needs nothing else, not even a network.

plotly.js, style and figures are all inside. A content security policy forbids the page to load anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from emb_pipeline.names import without_seed
from emb_pipeline.redaction import redact
from emb_pipeline.reporting import figures, wording
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.class_view import class_view
from emb_pipeline.reporting.coverage_findings import coverage_finding, cut_finding
from emb_pipeline.reporting.curve_findings import curve_findings
from emb_pipeline.reporting.decision_findings import (
    COST_NAMES,
    MARGINS,
    corrected_text,
    cost_text,
    decision_findings,
    standing_text,
    worthless_text,
)
from emb_pipeline.reporting.diagnosis import diagnosis_view
from emb_pipeline.reporting.difference_findings import difference_finding, label_finding
from emb_pipeline.reporting.factor_findings import OF_ANY_TASK, across_findings, factor_findings
from emb_pipeline.reporting.failed_cells import failed_cells, failure_finding
from emb_pipeline.reporting.findings import (
    Finding,
    Result,
    findings,
    overall_findings,
    result,
    sample_finding,
    sample_ranges,
    seed_finding,
    seed_ranges,
)
from emb_pipeline.reporting.rows import Contrast
from emb_pipeline.reporting.search_findings import search_findings
from emb_pipeline.reporting.size_findings import pip_losses, size_findings
from emb_pipeline.reporting.theme import DARK_COLOURS, in_order, look

_Row = Mapping[Hashable, Any]
_CLASS_LINE = re.compile(r"class\..+")
CORPUS_COLUMNS = ("corpus", "documents", "sentences", "tokens", "vocabulary", "held_out_sentences_removed", "fingerprint")
EMBEDDING_COLUMNS = (
    "embedding",
    "origin",
    "dim",
    "corpus_tokens",
    "vocabulary",
    "train_seconds",
    "peak_rss_bytes",
    "bytes",
    "final_loss",
)
SPOILING = "spoiling"
DERIVATIONS = {
    "further_training": "Trained further on another corpus",
    "distillation": "Distilled into static vectors",
    "reduction": "Fewer numbers, or fewer bits for each",
    "repair": "Repaired with synonyms and antonyms",
    "hybrid": "Mixed with a recommender that learns from interactions",
    SPOILING: "Trained on less text, on shuffled words or on misspelt ones: what poor training costs",
    "fine_tuning": "Fine-tuned on a task’s labels, scored on that task and on the others",
}
LATENCIES = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99")
"""Metrics that stand among the costs."""
NOTABLE_SHARE = 0.01
"""Share from which a fault in the data is marked as serious."""


@dataclass(frozen=True)
class Chart:
    """A figure and what stands for it where it cannot be seen."""

    identifier: str
    json: Markup
    height: int
    label: str
    caption: str


def report_page(
    *,
    run: Mapping[str, Any],
    leaderboard: pd.DataFrame,
    comparisons: pd.DataFrame,
    origins: pd.DataFrame,
    audit: pd.DataFrame,
    embeddings: pd.DataFrame,
    corpora: pd.DataFrame,
    derived: pd.DataFrame | None = None,
    shares: pd.DataFrame | None = None,
    factors: pd.DataFrame | None = None,
    across: pd.DataFrame | None = None,
    differences: pd.DataFrame | None = None,
    learning: Collection[str] = (),
    curves: pd.DataFrame | None = None,
    crossovers: pd.DataFrame | None = None,
    checks: pd.DataFrame | None = None,
    neighbours: pd.DataFrame | None = None,
    overlaps: pd.DataFrame | None = None,
    word_map: pd.DataFrame | None = None,
    decision: pd.DataFrame | None = None,
    relaxations: pd.DataFrame | None = None,
    joint_choice: pd.DataFrame | None = None,
    sizes: pd.DataFrame | None = None,
    searches: pd.DataFrame | None = None,
    failures: pd.DataFrame | None = None,
    class_results: pd.DataFrame | None = None,
    confusions: pd.DataFrame | None = None,
    without_seen: pd.DataFrame | None = None,
    level: float = 0.05,
    drawn: Mapping[str, go.Figure] | None = None,
) -> str:
    """Write the report of a use case.

    Parameters
    ----------
    run : mapping
        use_case, git_commit, dirty, created, versions, command, tracking_uri, seed, kedro_run_id,
        tasks ({task: {kind, definition, evaluation}}), methods ({method: options}), probe_words (those that the user named).
        Whatever is missing is left out.
    leaderboard : DataFrame
        One row per cell and metric; at least one primary value.
    comparisons, origins, audit, embeddings, corpora : DataFrame
        Tests between embeddings, domain against generic, data audit, cost of each trained embedding with its facts
        (``base``, ``corruption``), corpora.
        Any of them may be empty.
    derived : DataFrame, optional
        Embeddings against those that they were made from, with the ``factor``: further training or distillation.
    shares, factors : DataFrame, optional
        What explains the differences between trained embeddings, and what one level of a factor changes against another.
    learning : collection of str
        Tasks on which something is fitted on labels.
    across, differences : DataFrame, optional
        The latter on average over tasks; and whether embeddings differ at all.
    curves, crossovers : DataFrame, optional
        Scores by number of labels, and embeddings against the one that is best with all labels.
    checks, neighbours, overlaps : DataFrame, optional
        What word vectors know by themselves, the nearest words of some words, and how many of them two embeddings share.
    word_map : DataFrame, optional
        Words in two dimensions, of `emb_pipeline.diagnostics.word_map.side_by_side`.
    decision, relaxations, joint_choice : DataFrame, optional
        Which embedding to deploy, and what larger budgets would buy.
    sizes : DataFrame, optional
        For embeddings of several sizes, which is the smallest that is good enough.
    searches : DataFrame, optional
        What exact and approximate vector search cost and lose.
    failures : DataFrame, optional
        Cells that could not be evaluated, and why.
    class_results, confusions : DataFrame, optional
        Precision, recall and F1 of each class, and how often one is predicted for another.
    without_seen : DataFrame, optional
        Scores with and without the test units whose text was seen in training.
    level : float
        Error rate of the tests; intervals are taken to be at ``1 - level``.
    drawn : mapping of str to Figure, optional
        Figures that are there already: ``<task>_leaderboard``, ``_methods``, ``_dimension``, ``_cost``, ``_curve``,
        ``_search``, ``_dose``, ``origins``, ``factors`` and ``word_map``. What is missing is drawn.

    Returns
    -------
    str
        A complete HTML document of about 5 MB, nearly all of it plotly.js.
    """
    order = [*map(str, run.get("tasks") or {}), *pick.tasks_of(leaderboard)]
    origins, audit = _in_order(origins, "task", order), _in_order(audit, "scope", order)
    results = [
        result(task, leaderboard, comparisons, origins, audit, level=level, margin=_margin(decision, task))
        for task in sorted(pick.tasks_of(leaderboard), key=order.index)
    ]
    context = {
        "run": run,
        "tracking_uri": redact(str(run.get("tracking_uri") or "")),
        "level": level,
        "confidence": f"{100 * (1 - level):g}",
        "overall": [*_what_failed(failures), *_whether_any_differ(differences, learning, level), *overall_findings(results)],
        "classes": {}
        if class_results is None or confusions is None
        else {each.task: view for each in results if (view := class_view(each, class_results, confusions))},
        "failed": [] if failures is None else failed_cells(failures),
        "tasks": [_task(each, leaderboard, audit, run, drawn or {}, decision) for each in results],
        "overview": _overview(results) if len(results) > 1 else None,
        "origins": _origins(origins, level, (drawn or {}).get("origins")),
        "origins_missing": _origins_missing(leaderboard),
        "factors": None
        if shares is None or factors is None
        else _factors(shares, factors, across, order, level, (drawn or {}).get("factors")),
        "curves": [] if curves is None else _curves(curves, crossovers, order, run, drawn or {}),
        "diagnosis": None
        if checks is None or neighbours is None or overlaps is None
        else diagnosis_view(checks, neighbours, overlaps, _training_tokens(embeddings), _on_less_text(embeddings)),
        "word_map": None if word_map is None else _word_map(word_map, (drawn or {}).get("word_map")),
        "decision": [] if decision is None or relaxations is None else _decision(decision, relaxations, joint_choice),
        "sizes": [] if sizes is None else _sizes(sizes, checks, order),
        "searches": [] if searches is None else _searches(searches, order, drawn or {}),
        "derived": [] if derived is None else _derived(derived, level, drawn or {}),
        "legend": [(origin, look(origin)) for origin in in_order(leaderboard["origin"].astype(str))],
        "grid": _grid(leaderboard),
        "corpora": _records(corpora, CORPUS_COLUMNS),
        "corpora_differ": _differ_in_size(corpora),
        "audit": _audit(audit),
        "without_seen": {} if without_seen is None else _without_seen(without_seen),
        "embeddings": _records(embeddings, EMBEDDING_COLUMNS),
        "methods": {str(name): _json(options) for name, options in (run.get("methods") or {}).items()},
        "versions": {str(name): str(version) for name, version in (run.get("versions") or {}).items()},
        "style": Markup(_packaged("report.css")),
        "dark_colours": Markup(json.dumps(DARK_COLOURS)),
        "script": Markup(_packaged("report.js")),
        "plotly": Markup(get_plotlyjs()),
    }
    return _environment().get_template("report.html.j2").render(context)


def _what_failed(failures: pd.DataFrame | None) -> list[Finding]:
    found = None if failures is None else failure_finding(failures)
    return [] if found is None else [found]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_packaged),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(wording=wording, look=look)
    environment.filters.update(
        count=wording.count_text,
        seconds=wording.seconds_text,
        bytes=wording.bytes_text,
        share=wording.share_text,
        number=wording.number_text,
        present=_is_present,
        shortened=wording.shortened,
    )
    return environment


def _packaged(name: str) -> str:
    return files("emb_pipeline.reporting").joinpath(name).read_text(encoding="utf-8")


def _task(
    each: Result,
    leaderboard: pd.DataFrame,
    audit: pd.DataFrame,
    run: Mapping[str, Any],
    drawn: Mapping[str, go.Figure],
    decision: pd.DataFrame | None = None,
) -> dict[str, Any]:
    definition = (run.get("tasks") or {}).get(each.task) or {}
    ceiling = each.ceiling if each.metric == "accuracy" else None
    return {
        "name": each.task,
        "anchor": _anchor(each.task),
        "kind": each.kind.replace("_", " "),
        "size": each.items,
        "metric": wording.metric_name(each.metric),
        "definition": _definition(definition.get("definition")),
        "findings": [*_answer(each, decision), *filter(None, [coverage_finding(each.rows), cut_finding(each.rows)])],
        "board": _board(each, leaderboard),
        "chart": _chart(
            drawn.get(f"{each.task}_leaderboard") or figures.leaderboard_figure(leaderboard, each.task, ceiling=ceiling),
            f"leaderboard-{each.task}",
            f"{wording.metric_name(each.metric)} of every embedding on {each.task} with its interval, best "
            "first. The table below holds the same numbers.",
            f"{wording.metric_name(each.metric)} with intervals; letters: significance groups.",
        ),
        "methods": _methods_chart(each, leaderboard, drawn),
        "dimensions": _dimensions_chart(each, leaderboard, drawn),
        "costs": _cost_charts(each, leaderboard, drawn),
        "repetitions": [
            (
                each.task,
                name,
                again,
                count,
                wording.value_text(low, each.metric),
                wording.value_text(high, each.metric),
                wording.distance_text(high - low, each.metric),
            )
            for again, ranges in (("other seeds", seed_ranges(each)), ("resamples of its corpus", sample_ranges(each)))
            for name, count, low, high in ranges
        ],
        "repetition_findings": [found for found in (seed_finding(each), sample_finding(each)) if found is not None],
    }


def _answer(each: Result, decision: pd.DataFrame | None) -> list[Finding]:
    """The sentences of a task; before all that nothing is worth having, and behind the highest score what it is worth."""
    found = findings(each)
    if decision is None or each.leader is None:
        return found
    rows = decision[decision["task"] == each.task]
    worthless = worthless_text(rows)
    of_leader = rows[rows["embedding"] == without_seed(str(each.leader["embedding"]))].to_dict("records")
    if of_leader and math.isclose(of_leader[0]["value"], each.leader["value"], abs_tol=1e-6):  # of as many labels
        found[0] = replace(found[0], text=found[0].text + corrected_text(of_leader[0]))
    return [*([Finding(worthless, "warning")] if worthless else []), *found]


def _board(each: Result, leaderboard: pd.DataFrame) -> dict[str, Any]:
    """The leaderboard table of a task: rows of plain text, and which of them lead."""
    secondary = [metric for metric in pick.secondary_metrics(leaderboard, each.task) if metric not in LATENCIES]
    leading = {without_seed(str(row["embedding"])) for row in each.leading()}
    cells = leaderboard[leaderboard["task"] == each.task].drop_duplicates(["embedding", "metric"])
    of_cell = {(str(row["embedding"]), str(row["metric"])): row for row in cells.to_dict("records")}
    lines: list[dict[str, Any]] = []
    for row in each.rows.to_dict("records"):
        name = str(row["embedding"])
        behind = None if each.leader is None else each.contrast(row, each.leader)
        others = [of_cell.get((name, metric), {}) for metric in secondary]
        lines.append(
            {
                "embedding": name,
                "origin": str(row["origin"]),
                "leads": without_seed(name) in leading,
                "value": wording.value_text(row["value"], each.metric),
                "interval": wording.interval_text(row["ci_low"], row["ci_high"], each.metric),
                "letters": _text(row["letters"]),
                **_behind(behind, each.metric),
                "secondary": [
                    (
                        wording.value_text(other.get("value"), metric),
                        wording.interval_text(other.get("ci_low"), other.get("ci_high"), metric),
                        _text(other.get("letters")),
                    )
                    for metric, other in zip(secondary, others, strict=True)
                ],
                "train": wording.seconds_text(row["train_seconds"]),
                "encode": wording.seconds_text(row["encode_seconds"]),
                "fit": wording.seconds_text(row["fit_seconds"]),
                "tune": wording.seconds_text(row.get("tune_seconds")),
                "bytes": wording.bytes_text(row["bytes_per_item"]),
                "known": wording.share_text(row.get("known_tokens")),
                "latencies": [
                    wording.milliseconds_text(of_cell.get((name, metric), {}).get("value")) for metric in LATENCIES
                ],
            }
        )
    return {
        "secondary": [wording.metric_name(metric) for metric in secondary],
        "lines": lines,
        "secondary_intervals": any(interval for line in lines for _, interval, _ in line["secondary"]),
        "compared": any(line["behind"] for line in lines),
        "points": bool(wording.points(each.metric)),
        "served": any((line["embedding"], LATENCIES[0]) in of_cell for line in lines),
    }


def _behind(contrast: Contrast | None, metric: str) -> dict[str, str]:
    if contrast is None:
        return {"behind": "", "behind_interval": "", "p": ""}
    return {
        "behind": wording.difference_text(contrast.difference, metric).removesuffix(" points"),
        "behind_interval": wording.interval_text(contrast.low, contrast.high, metric),
        "p": wording.p_text(contrast.p).removeprefix("p ").removeprefix("= "),
    }


def _training_tokens(embeddings: pd.DataFrame) -> dict[str, float]:
    known = embeddings if embeddings.empty else embeddings[embeddings["corpus_tokens"].notna()]
    return {} if known.empty else dict(zip(known["embedding"], known["corpus_tokens"].astype(float), strict=True))


def _on_less_text(embeddings: pd.DataFrame) -> dict[str, list[str]]:
    """The copies of each embedding that were trained on a part of its text."""
    if embeddings.empty:
        return {}
    parts = embeddings[embeddings["corruption"] == "less_text"]
    return {str(base): list(rows["embedding"]) for base, rows in parts.groupby("base", sort=False)}


def _overview(results: Sequence[Result]) -> dict[str, Any]:
    """Embeddings by tasks, those that lead most tasks first, then by their mean standing on a task."""
    standing: dict[str, list[float]] = {}
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    origin_of: dict[str, str] = {}
    for each in results:
        leading = {str(row["embedding"]) for row in each.leading()}
        for place, row in enumerate(each.distinct.to_dict("records")):
            name = str(row["embedding"])
            origin_of[name] = str(row["origin"])
            standing.setdefault(name, []).append(place / max(1, len(each.distinct) - 1))
            cells[name, each.task] = {"value": wording.value_text(row["value"], each.metric), "leads": name in leading}
    leads = {name: sum(cell["leads"] for (of, _), cell in cells.items() if of == name) for name in standing}
    order = sorted(standing, key=lambda name: (-leads[name], sum(standing[name]) / len(standing[name]), name))
    return {
        "tasks": [(each.task, wording.metric_name(each.metric)) for each in results],
        "lines": [(name, origin_of[name], [cells.get((name, each.task)) for each in results]) for name in order],
    }


def _margin(decision: pd.DataFrame | None, task: str) -> float | None:
    """How much worse than the best is good enough on a task."""
    if decision is None or decision.empty:
        return None
    found = decision.loc[decision["task"] == task, "margin"].dropna()
    return None if found.empty else float(found.iloc[0])


def _origins(origins: pd.DataFrame, level: float, drawn: go.Figure | None) -> dict[str, Any] | None:
    if origins.empty:
        return None
    adjusted = "p_adjusted" in origins.columns
    lines = [
        {**_effect(row, level, {1: "domain", -1: "generic", 0: "no significant difference"}), "name": pick.pair_name(row)}
        for row in origins.to_dict("records")
    ]
    chart = _chart(
        drawn or figures.origins_figure(origins, level=level),
        "origins",
        "Difference between domain and generic embeddings with intervals, by task, method and dimension. The "
        "table below holds the same numbers.",
        "Each point: the same method and dimension, trained on domain text minus trained on generic text.",
    )
    return {"lines": lines, "chart": chart, "adjusted": adjusted}


def _effect(row: Mapping[Hashable, Any], level: float, verdicts: Mapping[int, str]) -> dict[str, Any]:
    return {
        "task": row["task"],
        "metric": wording.metric_name(row["metric"]),
        "difference": wording.difference_text(row["difference"], row["metric"]),
        "interval": wording.interval_text(row["ci_low"], row["ci_high"], row["metric"]),
        "p": wording.p_text(row.get("p_adjusted", row["p"])),
        "verdict": verdicts[pick.effect_direction(row, level)],
        "n": wording.count_text(row["n"]),
    }


def _derived(derived: pd.DataFrame, level: float, drawn: Mapping[str, go.Figure]) -> list[dict[str, Any]]:
    """A table for each way that embeddings were made from others: what it changed on each task."""
    verdicts = {1: "better", -1: "worse", 0: "no significant difference"}
    return [
        {
            "title": DERIVATIONS[factor],
            "charts": _dose_charts(derived[derived["factor"] == factor], drawn) if factor == SPOILING else [],
            "lines": [
                {
                    **_effect(row, level, verdicts),
                    "name": row["embedding_a"],
                    "base": row["embedding_b"],
                    "values": [wording.value_text(row[name], row["metric"]) for name in ("value_b", "value_a")],
                }
                for row in derived[derived["factor"] == factor].to_dict("records")
            ],
        }
        for factor in DERIVATIONS
        if (derived["factor"] == factor).any()
    ]


def _dose_charts(rows: pd.DataFrame, drawn: Mapping[str, go.Figure]) -> list[Chart]:
    """What spoilt training text costs on each task, by dose; none where nothing was spoilt."""
    tasks = [str(task) for task in dict.fromkeys(rows["task"])]
    found = {task: drawn.get(f"{task}_dose") or figures.dose_figure(rows, task) for task in tasks}
    return [
        _chart(
            figure,
            f"doses-{task}",
            f"What less text, shuffled words and misspelt words cost on {task}, by dose. The table holds the same numbers.",
            f"{task}: minus what the same embedding reaches from the text as it is.",
        )
        for task, figure in found.items()
        if figure.data
    ]


def _origins_missing(leaderboard: pd.DataFrame) -> str:
    trained = set(leaderboard["origin"]) - {"task", "control", "pretrained"}
    if not trained:
        return "No embedding was trained on a corpus in this run."
    if "generic" not in trained:
        return "The grid has no generic corpus, so there is nothing to hold the domain's own text against."
    return "No method and dimension was trained on both corpora, so there is no matched pair."


def _methods_chart(each: Result, leaderboard: pd.DataFrame, drawn: Mapping[str, go.Figure]) -> Chart | None:
    shared = figures.shared_dimension(leaderboard, each.task)
    if shared is None:
        return None
    return _chart(
        drawn.get(f"{each.task}_methods") or figures.methods_figure(leaderboard, each.task),
        f"methods-{each.task}",
        f"Methods on {each.task} at {shared} dimensions, by origin. The leaderboard table holds the numbers.",
        f"{each.task}: every embedding of {shared} dimensions that is no copy of another (reduced, fine-tuned, or trained "
        "on changed text).",
    )


def _dimensions_chart(each: Result, leaderboard: pd.DataFrame, drawn: Mapping[str, go.Figure]) -> Chart | None:
    figure = drawn.get(f"{each.task}_dimension") or figures.dimension_figure(leaderboard, each.task)
    if not figure.data:
        return None
    return _chart(
        figure,
        f"dimensions-{each.task}",
        f"{wording.metric_name(each.metric)} on {each.task} against the number of dimensions. The leaderboard "
        "table holds the numbers.",
        f"{each.task}: a line per origin and method, and per embedding that was reduced; sparse baselines and the best "
        "control as level lines.",
    )


def _whether_any_differ(differences: pd.DataFrame | None, learning: Collection[str], level: float) -> list[Finding]:
    found = [] if differences is None else [difference_finding(differences, level), label_finding(differences, learning)]
    return [each for each in found if each is not None]


def _factors(
    shares: pd.DataFrame,
    factors: pd.DataFrame,
    across: pd.DataFrame | None,
    order: Sequence[str],
    level: float,
    drawn: go.Figure | None,
) -> dict[str, Any] | None:
    """Sentences of each task and of all, the forest plot, and the numbers; None where the grid holds no crossing."""
    if factors.empty:
        return None
    factors = _in_order(factors, "task", order)
    overall = figures.overall_effects(factors)
    return {
        "findings": [] if across is None else across_findings(across, level),
        "across": [] if across is None else [_across(row, level) for row in across.to_dict("records")],
        "tasks": [
            (task, factor_findings(shares[shares["task"] == task], rows, level))
            for task, rows in factors.groupby("task", sort=False)
        ],
        "chart": _chart(
            drawn or figures.factors_figure(overall, level=level),
            "factors",
            "Differences between levels of a factor with intervals, by task. The table below holds the same numbers.",
            "Each point: one level of a factor minus another, averaged over all else that both occur with.",
        ),
        "lines": [
            {
                **_effect(row, level, {1: str(row["level_a"]), -1: str(row["level_b"]), 0: "no significant difference"}),
                "name": figures.factor_label(row),
                "design": row["design"],
            }
            for row in [*overall.to_dict("records"), *factors[factors["instead_of"] != ""].to_dict("records")]
        ],
    }


def _across(row: Mapping[Hashable, Any], level: float) -> dict[str, Any]:
    metric = OF_ANY_TASK
    return {
        "name": figures.factor_label(row),
        "design": row["design"],
        "cells": [
            wording.count_text(row["tasks"]),
            wording.difference_text(row["difference"], metric).removesuffix(" points"),
            wording.interval_text(row["ci_low"], row["ci_high"], metric),
            wording.p_text(row["p_adjusted"]),
            wording.interval_text(row["sample_low"], row["sample_high"], metric),
            wording.share_text(row["i_squared"]),
            f"{wording.difference_text(row['lowest'], metric).removesuffix(' points')} ({row['lowest_task']})",
            f"{wording.difference_text(row['highest'], metric).removesuffix(' points')} ({row['highest_task']})",
        ],
        "told": bool(pick.effect_direction(row, level)),
    }


def _curves(
    curves: pd.DataFrame,
    crossovers: pd.DataFrame | None,
    order: Sequence[str],
    run: Mapping[str, Any],
    drawn: Mapping[str, go.Figure],
) -> list[dict[str, Any]]:
    """For each task with a learning curve: its chart, sentences, and numbers."""
    made = []
    for task, rows in _in_order(curves, "task", order).groupby("task", sort=False):
        crossing = None if crossovers is None else crossovers[crossovers["task"] == task]
        definition = (run.get("tasks") or {}).get(task) or {}
        labels = wording.label_name(definition.get("kind", ""))
        unlabelled_texts = (definition.get("evaluation") or {}).get("unlabelled_texts")
        metric = str(rows["metric"].iloc[0])
        counts = sorted(set(rows["n_labels"].astype(int)))
        values = {(row["embedding"], int(row["n_labels"])): row for row in rows.to_dict("records")}
        names = rows[rows["n_labels"] == counts[-1]].sort_values("value", ascending=False)["embedding"]
        made.append(
            {
                "task": task,
                "findings": curve_findings(rows, crossing, labels=labels, unlabelled_texts=unlabelled_texts),
                "chart": _chart(
                    drawn.get(f"{task}_curve") or figures.learning_curve_figure(rows, str(task), labels),
                    f"curve-{task}",
                    f"{wording.metric_name(metric)} on {task} by number of {labels}. "
                    "The table below holds the same numbers.",
                    f"{task}: the best embedding of each origin, and those that lead somewhere. All are in the table.",
                ),
                "labels": labels,
                "counts": counts,
                "metric": wording.metric_name(metric),
                "lines": [
                    (
                        name,
                        str(name).split(".", 1)[0],
                        [wording.value_text(values[name, count]["value"], metric) for count in counts],
                        wording.difference_text(values[name, counts[-1]]["doubling"], metric),
                    )
                    for name in names
                ],
            }
        )
    return made


def _sizes(sizes: pd.DataFrame, checks: pd.DataFrame | None, order: Sequence[str]) -> list[dict[str, Any]]:
    """For each task: a sentence for each embedding of several sizes, and a line for each size."""
    losses = {} if checks is None else pip_losses(checks)
    return [
        {
            "task": task,
            "metric": wording.metric_name(str(rows["metric"].iloc[0])),
            "findings": size_findings(rows),
            "lines": [
                {
                    "family": row["family"],
                    "embedding": row["embedding"],
                    "origin": str(row["embedding"]).split(".", 1)[0],
                    "chosen": row["chosen"],
                    "cells": [
                        wording.count_text(row["dim"]),
                        wording.bytes_text(row["bytes_per_item"]),
                        wording.value_text(row["value"], row["metric"]),
                        wording.difference_text(row["difference_to_best"], row["metric"]),
                        wording.difference_text(row["bound"], row["metric"]) if row["embedding"] != row["best"] else "",
                        wording.number_text(losses.get(row["embedding"])),
                    ],
                }
                for row in rows.to_dict("records")
            ],
        }
        for task, rows in _in_order(sizes, "task", order).groupby("task", sort=False)
    ]


def _searches(searches: pd.DataFrame, order: Sequence[str], drawn: Mapping[str, go.Figure]) -> list[dict[str, Any]]:
    """For each task that was searched: sentences, the indexes' curves, and a line for each setting."""
    made = []
    for task, rows in _in_order(searches, "task", order).groupby("task", sort=False):
        metric = str(rows["metric"].iloc[0])
        figure = drawn.get(f"{task}_search") or figures.search_figure(rows, str(task))
        made.append(
            {
                "task": task,
                "metric": wording.metric_name(metric),
                "findings": search_findings(rows),
                "chart": _chart(
                    figure,
                    f"search-{task}",
                    f"Queries a second against recall for each index on {task}. The table below holds the same numbers.",
                    f"{task}: a line for each index, a point for each setting of its search parameter.",
                )
                if figure.data
                else None,
                "lines": [
                    {
                        "embedding": row["embedding"],
                        "origin": str(row["embedding"]).split(".", 1)[0],
                        "setting": pick.setting_text(row),
                        "recommended": row["recommended"],
                        "cells": [
                            wording.share_text(row["recall"]),
                            wording.value_text(row["value"], metric),
                            wording.difference_text(-row["loss"], metric),
                            wording.milliseconds_text(row["latency_ms_p50"]),
                            wording.milliseconds_text(row["latency_ms_p95"]),
                            wording.count_text(row["queries_per_second"]),
                            wording.seconds_text(row["build_seconds"]),
                            wording.bytes_text(row["bytes_per_item"]),
                            wording.bytes_text(row["index_bytes"]),
                            wording.share_text(row["filtered_recall"]),
                            wording.milliseconds_text(row["filtered_latency_ms_p50"]),
                        ],
                    }
                    for row in rows.to_dict("records")
                ],
            }
        )
    return made


def _word_map(word_map: pd.DataFrame, drawn: go.Figure | None) -> Chart | None:
    """Words in two dimensions, with what such a picture may be read for; None without any."""
    if word_map.empty:
        return None
    words = word_map.groupby("embedding", sort=False)["word"].agg(set)
    kept = word_map.groupby("embedding", sort=False)["kept"].mean()
    return _chart(
        drawn or figures.word_map_figure(word_map),
        "word-map",
        f"Words of {' and '.join(words.index)} in two dimensions. The table of nearest words holds what the lines show.",
        f"{max(map(len, words)):,} words, placed by t-SNE, which keeps together what is near in the embedding as far as it "
        f"can: {' and '.join(map(wording.share_text, kept))} of a word’s ten nearest are among its ten nearest here, too. "
        "Near means alike, mostly; far means little, and so do the size of a group and the width of a gap. Lines lead from "
        "your words to those nearest to them by cosine: a long one is a neighbour that two dimensions could not keep near. "
        f"{_turned(words)}All points with their neighbours are in word_map.parquet, for other tools.",
    )


def _turned(words: pd.Series) -> str:
    """What was done to the panels behind the first, by the words of each."""
    if len(words) < 2:
        return ""
    which = "The second panel is" if len(words) == 2 else "All panels but the first are"
    shared = ", ".join(f"{len(words.iloc[0] & others):,}" for others in words.iloc[1:])
    return f"{which} turned and mirrored onto the first by the words in common ({shared}), and not stretched. "


def _decision(decision: pd.DataFrame, relaxations: pd.DataFrame, joint_choice: pd.DataFrame | None) -> list[dict[str, Any]]:
    """For each task, and all together: the sentences, and the candidates with what they cost."""
    rows_of = dict(iter(decision.groupby("task", sort=False)))
    costs = [name for name in COST_NAMES if name in decision.columns and decision[name].notna().any()]
    return [
        {
            "task": task,
            "findings": found,
            "costs": [COST_NAMES[name] for name in costs],
            "lines": [
                {
                    "embedding": row["embedding"],
                    "origin": str(row["embedding"]).split(".", 1)[0],
                    "chosen": row["chosen"],
                    "value": f"{row['value']:.1f}"
                    if row["metric"] == MARGINS
                    else wording.value_text(row["value"], row["metric"]),
                    "verdict": _verdict(row),
                    "costs": [cost_text(name, row[name]) for name in costs],
                }
                for row in rows_of[task].to_dict("records")
            ],
        }
        for task, found in decision_findings(decision, relaxations, joint_choice)
    ]


def _verdict(row: Mapping[Hashable, Any]) -> str:
    standing = standing_text(row)
    if row["chosen"]:
        return ", ".join(filter(None, ["chosen", standing]))
    if not row["fits"]:
        over, unknown = (
            ", ".join(COST_NAMES.get(name, name) for name in str(row[column]).split(", ")) if row.get(column) else ""
            for column in ("exceeds", "unknown")
        )
        return "; ".join(filter(None, [over and f"over budget: {over}", unknown and f"unknown: {unknown}"]))
    if row["tie"]:
        return "as good and as cheap"
    if standing:
        return standing
    return "as good, dearer" if row["non_inferior"] else "may be inferior"


def _cost_charts(each: Result, leaderboard: pd.DataFrame, drawn: Mapping[str, go.Figure]) -> list[Chart]:
    charts = []
    for against, name, what in (
        ("seconds", "cost", figures.SECONDS),
        ("bytes_per_item", "bytes", "bytes per vector"),
    ):
        figure = drawn.get(f"{each.task}_{name}") or figures.cost_figure(leaderboard, each.task, against=against)
        if figure.data:
            charts.append(
                _chart(
                    figure,
                    f"cost-{against}-{each.task}",
                    f"{wording.metric_name(each.metric)} on {each.task} against {what}, logarithmic. The "
                    "leaderboard table holds the numbers.",
                    f"{each.task}: score against {what}. On the dotted line: nothing cheaper scores as high.{_free(figure)}",
                )
            )
    return charts


def _free(figure: go.Figure) -> str:
    """Say where embeddings without a cost are, on an axis that has no place for zero."""
    return " At 0, left of the scale: what costs nothing." if figure.layout.meta == {"has_zero": True} else ""


def _grid(leaderboard: pd.DataFrame) -> list[tuple[str, list[str]]]:
    names = leaderboard[["origin", "embedding"]].drop_duplicates()
    return [
        (origin, [str(name).removeprefix(f"{origin}.") for name in names.loc[names["origin"] == origin, "embedding"]])
        for origin in in_order(names["origin"].astype(str))
    ]


def _audit(audit: pd.DataFrame) -> list[dict[str, Any]]:
    """Audit lines by scope: what is wrong first and marked, what is fine behind it, sizes of single classes left out."""
    scopes = []
    for scope, part in [] if audit.empty else audit.groupby("scope", sort=False):
        lines = [
            {
                **row,
                "state": audit_state(row),
                "shown": str(row["check"]).replace("_", " "),
                "examples": _examples(row.get("examples")),
            }
            for row in part.to_dict("records")
            if not _CLASS_LINE.fullmatch(str(row["check"]))
        ]
        order = {"serious": 0, "ceiling": 1, "minor": 2, "fact": 3, "clean": 4}
        lines.sort(key=lambda line: order[line["state"]])
        scopes.append(
            {
                "scope": str(scope),
                "notable": [line for line in lines if line["state"] in ("serious", "ceiling", "minor")],
                "facts": [line for line in lines if line["state"] == "fact"],
                "clean": [line["shown"] for line in lines if line["state"] == "clean"],
            }
        )
    return scopes


def _without_seen(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By task: a sentence, and a line for each embedding, best first."""
    found = {}
    for task, rows in table.groupby("task", sort=False):
        lines = []
        for row in rows.sort_values("value", ascending=False, kind="stable").to_dict("records"):
            metric = str(row["metric"])
            unseen, low, high = (wording.value_text(row[name], metric) for name in ("value_unseen", "ci_low", "ci_high"))
            name = str(row["embedding"])
            cells = [
                wording.value_text(row["value"], metric),
                f"{unseen} [{low}, {high}]",
                wording.difference_text(row["difference"], metric),
            ]
            lines.append((name, name.split(".", 1)[0], cells))
        first = rows.iloc[0]
        n, n_seen = int(first["n"]), int(first["n_seen"])
        found[str(task)] = {
            "metric": wording.metric_name(str(first["metric"])),
            "sentence": f"{n_seen:,} of {n:,} test units ({wording.share_text(n_seen / n)}) have a text that was seen in "
            "training: a copy, a few words changed, or one inside the other.",
            "lines": lines,
        }
    return found


def audit_state(row: _Row) -> str:
    """``serious``, ``minor``, ``clean``, ``fact`` or ``ceiling``: how an audit line is to be read."""
    count, share, severity = row["count"], row["share"], row["severity"]
    if severity == "ceiling":
        return "ceiling" if pd.notna(share) and share < 0.9995 else "clean"
    if severity == "size":
        return "fact"
    if pd.isna(count) or count == 0:
        return "clean"
    return "serious" if severity == "fault" and pd.notna(share) and share >= NOTABLE_SHARE else "minor"


def _chart(figure: go.Figure, identifier: str, label: str, caption: str) -> Chart:
    text = to_json(figure).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Chart(f"figure-{_anchor(identifier)}", Markup(text), int(figure.layout.height or 380), label, caption)


def _records(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[Hashable, Any]]:
    return [] if table.empty else table.reindex(columns=list(columns)).to_dict("records")


def _in_order(table: pd.DataFrame, column: str, order: Sequence[str]) -> pd.DataFrame:
    """Rows by the place of a column's value in an order; what is not in it comes last."""
    place = {name: number for number, name in reversed(list(enumerate(order)))}
    if table.empty:
        return table
    return table.sort_values(column, key=lambda names: names.map(lambda name: place.get(name, len(order))), kind="stable")


def _differ_in_size(corpora: pd.DataFrame) -> bool:
    """Whether a corpus has more than a hundredth more tokens than another: then origin and size are mixed up."""
    tokens = pd.Series(dtype=float) if corpora.empty else corpora["tokens"].dropna()
    return len(tokens) > 1 and tokens.max() > 1.01 * tokens.min()


def _definition(definition: Any) -> str:
    """``reader: csv; text: title, abstract``: a definition of any shape as one line."""
    if isinstance(definition, Mapping):
        return "; ".join(f"{name}: {_definition(value)}" for name, value in definition.items())
    if isinstance(definition, list | tuple):
        return ", ".join(map(_definition, definition))
    return "" if definition is None else str(definition)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=None, default=str, ensure_ascii=False)


def _examples(value: Any) -> list[str]:
    return [] if value is None or isinstance(value, float) else [str(each) for each in value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_present(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and pd.isna(value)) and value != ""


def _anchor(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-") or "task"


__all__ = ["Finding", "audit_state", "report_page"]
