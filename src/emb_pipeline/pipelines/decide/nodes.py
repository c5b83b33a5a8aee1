"""Steps of the stages that choose an embedding and hand it over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.card import embedding_card
from emb_pipeline.deployment.fitting import ready_to_use
from emb_pipeline.embeddings.encoders import details_of
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment import EmbeddingCell, Folders, TaskDefinition
from emb_pipeline.names import without_seed
from emb_pipeline.pipelines.facts import cells_of
from emb_pipeline.pipelines.report.nodes import ReportOptions, item_scores_of, of_all_tasks, primary_metrics
from emb_pipeline.pipelines.stored import stored_encoder
from emb_pipeline.provenance import versions
from emb_pipeline.statistics.decision import ALL_TASKS, CANDIDATES, RELAXATIONS, Rules, Scored, decide, joint
from emb_pipeline.statistics.score_tables import framed, task_scores
from emb_pipeline.statistics.sizes import SIZES, smallest_sufficient
from emb_pipeline.tasks.registry import KINDS

Tables = Mapping[str, pa.Table]
Cost: TypeAlias = Literal[
    "bytes_per_item",
    "bytes",
    "peak_rss_bytes",
    "train_seconds",
    "encode_seconds",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
    "price_per_million",
]
COSTS: tuple[Cost, ...] = get_args(Cost)
LATENCIES = tuple(cost for cost in COSTS if cost.startswith("latency"))
HANDED_OVER = frozenset({"texts"})
"""What an embedding must serve to be handed over: it gives vectors of texts."""


class DecisionOptions(BaseModel):
    """Budgets, margins and weights. Everything here can be changed without measuring anything again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: dict[Cost, float | None] = Field(
        default_factory=dict,
        description="most that a cost may be: bytes_per_item, bytes (of the model), peak_rss_bytes, train_seconds, "
        "encode_seconds, latency_ms_p50, _p95, _p99 (of one request), price_per_million (requests); null: no limit",
    )
    labels: int | None = Field(
        default=None,
        ge=2,
        description="labels that can be bought: scores from at most so many count, where they were measured",
    )
    margin: float = Field(default=0.01, gt=0, lt=1, description="how much worse than the best is still good enough")
    margins: dict[str, float] = Field(default_factory=dict, description="the same for single tasks")
    weights: dict[str, float] = Field(
        default_factory=dict, description="what tasks count in the joint decision; all the same where none is given"
    )
    cheapest_by: tuple[Cost, ...] = Field(
        default=("bytes_per_item", "latency_ms_p95", "train_seconds"),
        min_length=1,
        description="costs that make an embedding cheap: the next decides where those before are equal to within 5 %",
    )
    price_per_hour: float | None = Field(
        default=None,
        gt=0,
        description="of one processor core, in any currency; makes price_per_million of the median request",
    )


def decide_on_embedding(
    options: DecisionOptions, report: ReportOptions, embeddings: Mapping[str, Any], **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose the cheapest embedding that fits and is not inferior to the best, for each task and for all."""
    limits = {str(name): limit for name, limit in options.budgets.items() if limit is not None}
    rules = Rules(limits, options.cheapest_by, report.level)
    parts, costs = scored_tasks(options, report, candidates(embeddings), scores)
    chosen = [decide(part, costs[part.task], rules) for part in parts if part.embeddings]
    together = joint(parts, options.weights or dict.fromkeys(costs, 1.0))
    if together is not None:
        chosen.append(decide(together, worst_costs(costs.values()), rules))
    if not chosen:
        return framed([], {**CANDIDATES, **dict.fromkeys(COSTS, "float64")}), framed([], RELAXATIONS)
    first, second = zip(*chosen, strict=True)
    return pd.concat(first, ignore_index=True), pd.concat(second, ignore_index=True)


def choose_sizes(
    options: DecisionOptions, report: ReportOptions, embeddings: Mapping[str, Any], **scores: Tables
) -> pd.DataFrame:
    """For each embedding of several sizes, and each task, the smallest size that is not inferior to the best."""
    families = sizes_of(cells_of(embeddings))
    members = {name for names in families.values() for name in names}
    cells = of_all_tasks(scores, "cells").assign(embedding=lambda table: table["embedding"].map(without_seed))
    tables = [framed([], SIZES)]
    parts, costs = scored_tasks(options, report, members, scores)
    for part in parts:
        dims = cells[cells["task"] == part.task].groupby("embedding")["dim"].first().to_dict()
        for family, names in families.items():
            there = [name for name in names if name in part.embeddings]
            if len(there) > 1:
                size = costs[part.task]["bytes_per_item"].to_dict()
                tables.append(smallest_sufficient(part.among(there), family, dims, size, report.level))
    whole: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return whole


def export_chosen(
    decision: pa.Table,
    embeddings: Mapping[str, Any],
    definitions: Mapping[str, Any],
    folders: Folders,
    **tasks: Tables,
) -> dict[str, Bundle]:
    """A bundle of each task's chosen embedding, where it gives vectors of texts."""
    table = decision.to_pandas()
    cells = {cell.name: cell for cell in cells_of(embeddings)}
    bundles = {}
    for row in table[table["chosen"]].to_dict("records"):
        cell = cells[row["embedding"]]
        if row["task"] == ALL_TASKS or not HANDED_OVER & METHODS[cell.method].serves:
            continue
        definition = TaskDefinition.model_validate(definitions[row["task"]])
        task = KINDS[definition.kind].task(tasks[f"task_{row['task']}"], definition.name)
        model = ready_to_use(task, stored_encoder(cell, cells, folders), definition.evaluation, seed=cell.seed)
        facts = {
            **{name: value for name, value in row.items() if isinstance(value, str | int | float) and value == value},
            "kind": definition.kind,
            "method": cell.method,
            **details_of(model.encoder),
            "versions": versions(),
        }
        others = table[(table["task"] == row["task"]) & ~table["chosen"]]
        bundles[row["task"]] = Bundle(model, facts, embedding_card(facts, cell.options.model_dump(mode="json"), others))
    return bundles


def scored_tasks(
    options: DecisionOptions, report: ReportOptions, wanted: set[str], scores: Mapping[str, Tables]
) -> tuple[list[Scored], dict[str, pd.DataFrame]]:
    """Each task's scores of these embeddings, with as many labels as can be bought; and each task's costs."""
    item_scores, cells, draws = item_scores_of(scores), of_all_tasks(scores, "cells"), of_all_tasks(scores, "label_draws")
    metrics = primary_metrics(scores)
    parts = []
    for task, metric in metrics.items():
        fraction = affordable_fraction(draws[draws["task"] == task], options.labels)
        (found,) = task_scores(item_scores.filter(pc.equal(item_scores["task"], task)), label_fraction=fraction)
        names = [name for name in found.families if name in wanted]
        columns = [list(found.families).index(name) for name in names]
        means, margin = found.family_means(metric)[:, columns], options.margins.get(task, options.margin)
        rng, n_resamples = report.resampling.rng(), report.resamples
        parts.append(
            Scored.of_units(task, metric, names, means, margin, n_resamples=n_resamples, rng=rng, groups=found.groups)
        )
    return parts, {task: costs_of(cells[cells["task"] == task], options) for task in metrics}


def sizes_of(cells: Iterable[EmbeddingCell]) -> dict[str, list[str]]:
    """Embeddings that are one in several sizes: a method's dimensions on a corpus; one and what it was reduced to."""
    families: dict[str, list[str]] = {}
    for cell in cells:
        if cell.method == "reduced" and cell.base:
            families.setdefault(f"{cell.base}, reduced", [cell.base]).append(cell.name)
        elif METHODS[cell.method].origin == "corpus" and not (cell.tuned_on or cell.changed_text or cell.base):
            families.setdefault(f"{cell.origin}.{cell.method}", []).append(without_seed(cell.name))
    return {family: list(dict.fromkeys(names)) for family, names in families.items() if len(set(names)) > 1}


def candidates(embeddings: Mapping[str, Any]) -> set[str]:
    """Embeddings that could be deployed: no control, and none whose training text was changed on purpose."""
    cells = cells_of(embeddings)
    return {without_seed(cell.name) for cell in cells if cell.origin != "control" and cell.changed_text is None}


def costs_of(cells: pd.DataFrame, options: DecisionOptions) -> pd.DataFrame:
    """Costs of a task's embeddings, one row each, seeds averaged; NaN where a cost was not measured."""
    families = cells["embedding"].map(without_seed).rename("embedding")
    measured = [name for name in COSTS if name in cells.columns]
    table = cells.groupby(families)[measured].mean(numeric_only=True)
    latencies = cells[cells["metric"].isin(LATENCIES)].pivot_table(
        index=families[cells["metric"].isin(LATENCIES)], columns="metric", values="value"
    )
    table = table.join(latencies)
    price = options.price_per_hour
    table["price_per_million"] = table.get("latency_ms_p50", float("nan")) * (price / 3.6 if price else float("nan"))
    return table.reindex(columns=list(COSTS)).astype("float64")


def worst_costs(costs: Any) -> pd.DataFrame:
    """What an embedding costs on the task where it costs most."""
    worst: pd.DataFrame = pd.concat(list(costs)).groupby(level=0).max()
    return worst


def affordable_fraction(draws: pd.DataFrame, labels: int | None) -> float:
    """The share of the labels that was measured and can be bought; 1 for all."""
    if labels is None or draws.empty:
        return 1.0
    counts = draws.drop_duplicates("n_labels").sort_values("n_labels")
    n_all = round(counts["n_labels"].iloc[0] / counts["label_fraction"].iloc[0])
    fitting = counts[counts["n_labels"] <= labels]
    if labels >= n_all:
        return 1.0
    return float(fitting["label_fraction"].iloc[-1] if len(fitting) else counts["label_fraction"].iloc[0])
