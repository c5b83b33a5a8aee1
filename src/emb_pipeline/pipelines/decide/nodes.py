"""Steps of the stages that choose an embedding and hand it over."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.card import embedding_card
from emb_pipeline.embeddings.protocols import details_of
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.facts import add_origins, cells_of, pretrained_languages
from emb_pipeline.pipelines.report.gathering import item_scores_of, of_all_tasks, primary_metrics, training_draws_of
from emb_pipeline.pipelines.report.nodes import ReportOptions
from emb_pipeline.pipelines.stored import stored_encoder
from emb_pipeline.provenance.environment import list_versions
from emb_pipeline.statistics.costs import OF_REQUEST, WEIGHED, WeighedCost
from emb_pipeline.statistics.decision.decide import (
    CANDIDATES,
    JOINT_CHOICE,
    RELAXATIONS,
    Rules,
    decide,
    joint_choice,
)
from emb_pipeline.statistics.decision.scored import ALL_TASKS, Scored, joint
from emb_pipeline.statistics.decision.sizes import SIZES, smallest_sufficient
from emb_pipeline.statistics.decision.standings import CHANCE, LARGEST_CLASS, NOT_ABOVE_FLOOR
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance, averaged
from emb_pipeline.statistics.intervals.metric_ranges import range_of
from emb_pipeline.statistics.learning_curves.label_luck import label_variance
from emb_pipeline.statistics.score_tables import TaskScores, framed, task_scores
from emb_pipeline.tasks.registry import KINDS

_log = logging.getLogger(__name__)
Tables = Mapping[str, pa.Table]
MEASURE_AGAIN = "measure again: kedro run --pipelines measure,decide,report"
CONTROL = "control"
"""The origin of controls."""


class DecisionOptions(BaseModel):
    """Budgets, margins and weights. Everything here can be changed without measuring anything again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: dict[WeighedCost, float | None] = Field(
        default_factory=dict,
        description="most that a cost may be: bytes_per_item, bytes (of the model), peak_rss_bytes, train_seconds, "
        "encode_seconds, latency_ms_p50, _p95, _p99 (of one request), processor_ms_p50, _p95 (its processor time), "
        "price_per_million (requests); null: no limit",
    )
    labels: int | None = Field(
        default=None,
        ge=2,
        description="labels that can be bought: scores from at most so many count, where they were measured; where they "
        "were not, the decision says which scores stand for them",
    )
    margin: float = Field(default=0.01, gt=0, lt=1, description="how much worse than the best is still good enough")
    margins: dict[str, float] = Field(default_factory=dict, description="the same for single tasks")
    weights: dict[str, float] = Field(
        default_factory=dict, description="what tasks count in the joint decision; all the same where none is given"
    )
    cheapest_by: tuple[WeighedCost, ...] = Field(
        default=("bytes_per_item", "latency_ms_p95", "train_seconds"),
        min_length=1,
        description="costs that make an embedding cheap: the next decides where those before are equal to within 5 %",
    )
    price_per_hour: float | None = Field(
        default=None,
        gt=0,
        description="of one processor core, in any currency; makes price_per_million of the median request's processor time",
    )


class DeployOptions(BaseModel):
    """What is exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force: bool = Field(
        default=False,
        description="hand over, too, what is not shown to be better than a control, the largest class or chance; or --force",
    )


def decide_on_embedding(
    options: DecisionOptions,
    report: ReportOptions,
    embeddings: Mapping[str, Any],
    times: pa.Table,
    after: pa.Table,
    **scores: Tables,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Choose the cheapest embedding that fits and is not inferior to the best, for each task and for all.

    ``after`` is what was timed last: nothing is decided while something is still being timed.
    """
    limits = {str(name): limit for name, limit in options.budgets.items() if limit is not None}
    rules = Rules(limits, options.cheapest_by, report.level)
    parts, costs = scored_tasks(options, report, candidates(embeddings), scores, times)
    chosen = [
        decide(part, costs[part.task].values, rules, costs[part.task].why_unknown) for part in parts if part.embeddings
    ]
    weights = options.weights or dict.fromkeys(costs, 1.0)
    together = joint(parts, weights)
    if together is not None:
        worst = worst_costs({task: cost for task, cost in costs.items() if weights.get(task, 0) > 0})
        chosen.append(decide(together, worst.values, rules, worst.why_unknown))
    if not chosen:
        nothing: dict[str, str] = {**CANDIDATES, **dict.fromkeys(WEIGHED, "float64"), "origin": "string"}
        return framed([], nothing), framed([], RELAXATIONS), framed([], JOINT_CHOICE)
    first, second = zip(*chosen, strict=True)
    of_all = joint_choice(parts, weights, None if together is None else first[-1], report.level)
    decision = pd.concat(first, ignore_index=True)
    languages = pretrained_languages(cells_of(embeddings), of_all_tasks(scores, "cells"))
    decision["languages"] = decision["embedding"].map(languages).astype("string")
    decision = add_origins(decision, cells_of(embeddings))
    return decision, pd.concat(second, ignore_index=True), of_all


def choose_sizes(
    options: DecisionOptions,
    report: ReportOptions,
    embeddings: Mapping[str, Any],
    times: pa.Table,
    after: pa.Table,
    **scores: Tables,
) -> pd.DataFrame:
    """For each embedding of several sizes, and each task, the smallest size that is not inferior to the best."""
    families = sizes_of(cells_of(embeddings))
    members = {name for names in families.values() for name in names}
    cells = of_all_tasks(scores, "cells")
    tables = [framed([], SIZES)]
    parts, costs = scored_tasks(options, report, members, scores, times)
    for part in parts:
        dims = cells[cells["task"] == part.task].groupby("family")["dim"].first().to_dict()
        for family, names in families.items():
            there = [name for name in names if name in part.embeddings]
            if len(there) > 1:
                size = costs[part.task].values["bytes_per_item"].to_dict()
                tables.append(smallest_sufficient(part.among(there), family, dims, size, report.level))
    return add_origins(pd.concat(tables, ignore_index=True), cells_of(embeddings))


def export_chosen(
    options: DeployOptions,
    decision: pa.Table,
    embeddings: Mapping[str, Any],
    definitions: Mapping[str, Any],
    folders: Folders,
    **tasks: Tables,
) -> dict[str, Bundle]:
    """A bundle of each task's chosen embedding, where it gives vectors of texts.

    Raises
    ------
    DataError
        Nothing that was chosen is shown to be better than its task's controls, and ``force`` is not set.
    """
    table = decision.to_pandas()
    cells = {cell.name: cell for cell in cells_of(embeddings)}
    serves = table["embedding"].map(lambda name: bool(METHODS[cells[name].method].export))
    chosen = table[table["chosen"] & (table["task"] != ALL_TASKS) & serves.astype(bool)]
    bundles = {}
    for row in (chosen if options.force else without_the_worthless(chosen)).to_dict("records"):
        cell = cells[row["embedding"]]
        definition = TaskDefinition.model_validate(definitions[row["task"]])
        kind = KINDS[definition.kind]
        task = kind.create_task(tasks[f"task_{row['task']}"], definition.name)
        encoder = stored_encoder(cell, cells, folders)
        model = kind.load_export().fit(task, encoder, definition.evaluation, seed=cell.seed)
        facts: dict[str, Any] = {
            **{str(name): value for name, value in row.items() if isinstance(value, str | int | float) and value == value},
            "kind": definition.kind,
            "method": cell.method,
            **details_of(model.encoder),
            "versions": list_versions(),
        }
        others = table[(table["task"] == row["task"]) & ~table["chosen"]]
        bundles[row["task"]] = Bundle(model, facts, embedding_card(facts, cell.options.model_dump(mode="json"), others))
    return bundles


def without_the_worthless(chosen: pd.DataFrame) -> pd.DataFrame:
    """Leave out, with a warning, what is not shown to be better than a control, the largest class or chance.

    Raises
    ------
    DataError
        Nothing is left. Names the tasks, and the way to hand it over all the same.
    """
    worthless = chosen["standing"] == NOT_ABOVE_FLOOR
    if not worthless.any():
        return chosen
    each = (f"{row['embedding']} on {row['task']} (against {row['floor']})" for row in chosen[worthless].to_dict("records"))
    reason = f"not shown to be better than a control, the largest class or chance: {', '.join(each)}"
    force = "hand it over all the same: kedro run --pipelines deploy --force"
    if worthless.all():
        raise DataError(
            "deploy", reason, f"evaluate other embeddings or more test items, leave the task out of grid.tasks, or {force}"
        )
    _log.warning("deploy leaves out what is %s; to %s", reason, force)
    return chosen[~worthless]


def scored_tasks(
    options: DecisionOptions, report: ReportOptions, wanted: set[str], scores: Mapping[str, Tables], times: pa.Table
) -> tuple[list[Scored], dict[str, Costs]]:
    """Each task's scores of these embeddings, with as many labels as can be bought; and each task's costs."""
    item_scores, cells, draws = item_scores_of(scores), of_all_tasks(scores, "cells"), of_all_tasks(scores, "label_draws")
    metrics = primary_metrics(scores)
    parts = []
    for task, metric in metrics.items():
        of_task = draws[draws["task"] == task]
        labels = affordable_labels(of_task, options.labels)
        (found,) = task_scores(
            item_scores.filter(pc.equal(item_scores["task"], task)),
            label_fraction=labels.fraction,
            training_draws=training_draws_of(scores) if labels.fraction == 1 else None,
        )
        names = [name for name in found.families if name in wanted]
        columns = [list(found.families).index(name) for name in names]
        means, margin = found.family_means(metric)[:, columns], options.margins.get(task, options.margin)
        rng, n_resamples = report.resampling.rng(), report.resamples
        floors = floors_of_task(found, metric)
        part = Scored.of_units(
            task,
            metric,
            names,
            means,
            margin,
            n_resamples=n_resamples,
            rng=rng,
            groups=found.groups,
            floors=floors,
            extra=_extra(found, metric, [*names, *floors], of_task, labels.fraction),
        )
        parts.append(replace(part, labels_note=labels.note))
    timed = times.to_pandas()
    return parts, {task: costs_of(cells[cells["task"] == task], timed[timed["task"] == task], options) for task in metrics}


def floors_of_task(found: TaskScores, metric: str) -> dict[str, np.ndarray]:
    """Item scores of what an embedding must exceed to be worth anything: controls, always the largest class, or chance.

    The largest class is that of the test units, the most that one answer for all can score. A correlation of chance is 0;
    rankings and F1 have their controls.
    """
    means = found.family_means(metric)
    floors = {
        name: means[:, column]
        for column, (name, cells) in enumerate(found.families.items())
        if found.cells[cells[0]]["origin"] == CONTROL
    }
    if metric == "accuracy" and found.labels is not None:
        floors[LARGEST_CLASS] = (found.labels == np.bincount(found.labels).argmax()).astype(np.float64)
    if range_of(metric)[0] < 0:
        floors[CHANCE] = np.zeros(len(means))
    return floors


def _extra(found: TaskScores, metric: str, names: Sequence[str], draws: pd.DataFrame, fraction: float) -> ExtraVariance:
    """Variance beyond that of the units, of embeddings and floors: candidates and controls learn from the same labels."""
    whole = found.extra(metric).combined(averaged([found.families.get(name, []) for name in names], len(found.embeddings)))
    if fraction == 1:
        return whole
    places = [place for place, name in enumerate(names) if name in found.families]
    of_labels = label_variance(draws, [names[place] for place in places], fraction)
    return whole + of_labels.combined(np.eye(len(names))[places])


def sizes_of(cells: Iterable[EmbeddingSpec]) -> dict[str, list[str]]:
    """Embeddings that are one in several sizes: a method's dimensions on a corpus; one and what it was reduced to."""
    families: dict[str, list[str]] = {}
    for cell in cells:
        if cell.method == "reduced" and cell.base:
            families.setdefault(f"{cell.base}, reduced", [cell.base]).append(cell.name)
        elif METHODS[cell.method].source == "corpus" and not (cell.tuned_on or cell.changed_text or cell.base):
            families.setdefault(f"{cell.origin}.{cell.method}", []).append(cell.family)
    return {family: list(dict.fromkeys(names)) for family, names in families.items() if len(set(names)) > 1}


def candidates(embeddings: Mapping[str, Any]) -> set[str]:
    """Embeddings that could be deployed: no control, and none whose training text was changed on purpose."""
    cells = cells_of(embeddings)
    return {cell.family for cell in cells if cell.origin != "control" and cell.changed_text is None}


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs of embeddings, and why some are not known.

    Attributes
    ----------
    values : DataFrame indexed by embedding
        A column per cost; NaN where it is not known.
    why_unknown : dict of str to dict of str to str
        By embedding and cost.
    """

    values: pd.DataFrame
    why_unknown: dict[str, dict[str, str]]


def costs_of(cells: pd.DataFrame, times: pd.DataFrame, options: DecisionOptions) -> Costs:
    """Costs of a task's embeddings, seeds averaged. Times that other work on the machine disturbed do not count.

    Parameters
    ----------
    cells : DataFrame
        The task's rows of what evaluations cost.
    times : DataFrame
        The task's rows of what requests took.
    options : DecisionOptions
        The price of an hour.
    """
    measured = [name for name in WEIGHED if name in cells.columns]
    table = cells.groupby(cells["family"].rename("embedding"))[measured].mean(numeric_only=True)
    families = dict(zip(cells["embedding"], cells["family"], strict=True))
    of_times = times.assign(embedding=times["embedding"].map(families))
    steady = of_times[of_times["steady"]].groupby("embedding")[[name for name in OF_REQUEST if name in times.columns]].mean()
    table = table.join(steady).reindex(columns=list(WEIGHED)).astype("float64")
    price = options.price_per_hour
    table["price_per_million"] = table["processor_ms_p50"] * (price / 3.6 if price else float("nan"))
    notes = of_times[~of_times["steady"]].drop_duplicates("embedding").set_index("embedding")["note"].to_dict()
    why: dict[str, dict[str, str]] = {}
    for name, row in table.iterrows():
        not_timed = f"{notes.get(name, 'never timed')}; {MEASURE_AGAIN}"
        found = {str(cost): not_timed for cost in OF_REQUEST if math.isnan(row[cost])}
        if math.isnan(row["price_per_million"]):
            found["price_per_million"] = not_timed if price else "decision.price_per_hour is not set"
        if found:
            why[str(name)] = found
    return Costs(table, why)


def worst_costs(costs: Mapping[str, Costs]) -> Costs:
    """What an embedding costs on the task where it costs most; not known where it is not known on one of them."""
    worst: pd.DataFrame = pd.concat([each.values for each in costs.values()]).groupby(level=0).max()
    why: dict[str, dict[str, str]] = {}
    for task, each in costs.items():
        for name, reasons in each.why_unknown.items():
            for cost, reason in reasons.items():
                why.setdefault(name, {}).setdefault(cost, f"on {task}: {reason}")
        for row, column in np.argwhere(each.values.isna().to_numpy()):
            name, cost = str(each.values.index[row]), str(each.values.columns[column])
            why.setdefault(name, {}).setdefault(cost, f"on {task}: not measured")
    return Costs(worst, why)


@dataclass(frozen=True)
class AffordableLabels:
    """The share of a task's labels whose scores count, and what is to be known of it."""

    fraction: float = 1.0
    note: str = ""


def affordable_labels(draws: pd.DataFrame, labels: int | None) -> AffordableLabels:
    """Find the largest number of labels that was measured and can be bought; where none is so small, the smallest.

    Parameters
    ----------
    draws : DataFrame
        The task's rows of scores by number of labels; empty where only all labels were measured.
    labels : int, optional
        That can be bought; None for all.
    """
    if labels is None:
        return AffordableLabels()
    if draws.empty:
        return AffordableLabels(note=f"scores of all labels stand for {labels:,}: fewer were not measured")
    counts = draws.drop_duplicates("n_labels").sort_values("n_labels")
    if labels >= round(counts["n_labels"].iloc[0] / counts["label_fraction"].iloc[0]):
        return AffordableLabels()
    fitting = counts[counts["n_labels"] <= labels]
    found = fitting.iloc[-1] if len(fitting) else counts.iloc[0]
    fewer = "" if len(fitting) else ": fewer were not measured"
    notes = [] if found["n_labels"] == labels else [f"scores of {found['n_labels']:,.0f} labels stand for {labels:,}{fewer}"]
    if draws.loc[draws["n_labels"] == found["n_labels"], "draw"].nunique() < 2:
        notes.append("one draw of labels: what others would change is not known")
    return AffordableLabels(float(found["label_fraction"]), "; ".join(notes))
