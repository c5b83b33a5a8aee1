"""The decision for each task of a run and for all of them, and the smallest size that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS
from emb_pipeline.statistics.costs import PRICES, WEIGHED
from emb_pipeline.statistics.decision.affordable_labels import find_affordable_labels
from emb_pipeline.statistics.decision.budget_states import BUDGET_CHOICES, decide_budget_states
from emb_pipeline.statistics.decision.costs import Costs, build_costs, take_worst_costs
from emb_pipeline.statistics.decision.decide import CANDIDATES, Rules, decide
from emb_pipeline.statistics.decision.joint_choice import JOINT_CHOICE, compare_joint_choice
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.decision.relaxations import RELAXATIONS
from emb_pipeline.statistics.decision.requirements import find_lacks, join_lacks
from emb_pipeline.statistics.decision.scored import Criterion, Scored, join_tasks
from emb_pipeline.statistics.decision.sizes import SIZES, choose_smallest_sufficient
from emb_pipeline.statistics.decision.standings import CHANCE, LARGEST_CLASS
from emb_pipeline.statistics.embedding_facts import CONTROL, add_origins, group_sizes
from emb_pipeline.statistics.intervals.class_metrics import OF_PREDICTIONS, OF_PROBABILITIES, compute_class_metrics
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance, average_columns
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.learning_curves.label_luck import estimate_label_variance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table, read_task_scores
from emb_pipeline.statistics.sequential.family import find_level
from emb_pipeline.statistics.system_scores import SystemScores


@dataclass(frozen=True, eq=False)
class RunScores:
    """Measurements of a run, of all embeddings on all tasks.

    Attributes
    ----------
    item_scores, training_draws : Table
        Scores of each unit, and those by probes that learned from resamples of the training labels.
    cells, label_draws, times : DataFrame
        What each embedding cost on each task; scores by number of labels; times of requests.
    metrics : dict of str to str
        Primary metric of each task.
    cutoffs : DataFrame
        Cut-offs of the best scores, where any are required.
    n_compared : mapping of str to int
        Embeddings that were compared on each task, where a budgeted run has dropped some of them.
    """

    item_scores: pa.Table
    training_draws: pa.Table
    cells: pd.DataFrame
    label_draws: pd.DataFrame
    times: pd.DataFrame
    metrics: Mapping[str, str]
    cutoffs: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_compared: Mapping[str, int] = field(default_factory=dict)


def decide_tasks(
    run: RunScores, candidates: set[str], options: DecisionOptions, resampling: Resampling
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Choose the cheapest embedding that fits and is not inferior to the best, for each task and for all.

    Returns
    -------
    tuple of three DataFrame
        Candidates with their verdict, what each relaxed budget would change, and what one choice for all costs.
    """
    limits = {str(name): limit for name, limit in options.budgets.items() if limit is not None}
    rules = Rules(limits, options.cheapest_by, resampling.level)
    parts, costs = score_tasks(run, candidates, options, resampling)
    lacks = _find_lacks(parts, run.cutoffs, options)
    chosen = [
        decide(part, costs[part.task].values, _choose_rules(rules, part, run, lacks), costs[part.task].why_unknown)
        for part in parts
        if part.embeddings
    ]
    weights = options.weights or dict.fromkeys(costs, 1.0)
    together = join_tasks(parts, weights)
    if together is not None:
        worst = take_worst_costs({task: cost for task, cost in costs.items() if weights.get(task, 0) > 0})
        of_all = _choose_joint_rules(rules, together, run, lacks, weights)
        chosen.append(decide(together, worst.values, of_all, worst.why_unknown))
    if not chosen:
        nothing: dict[str, str] = {**CANDIDATES, **dict.fromkeys(WEIGHED, "float64"), "origin": "string"}
        return make_table([], nothing), make_table([], RELAXATIONS), make_table([], JOINT_CHOICE)
    first, second = zip(*chosen, strict=True)
    joint = compare_joint_choice(parts, weights, None if together is None else first[-1], resampling.level)
    return pd.concat(first, ignore_index=True), pd.concat(second, ignore_index=True), joint


def decide_under_budgets(
    run: RunScores, candidates: set[str], options: DecisionOptions, resampling: Resampling
) -> pd.DataFrame:
    """Choose for each task and for all, as `decide_tasks` does, under every combination of budgets that matters.

    Limits are tried on the costs that the options name, and on prices. With more candidates than `MOST_IN_ALL_PAIRS` none
    are tried: there would be as many decisions, each a test of all pairs.

    Returns
    -------
    DataFrame with the columns of BUDGET_CHOICES
    """
    limits = {str(name): limit for name, limit in options.budgets.items() if limit is not None}
    rules = Rules(limits, options.cheapest_by, resampling.level)
    limited = [*options.budgets, *options.cheapest_by, *PRICES]
    parts, costs = score_tasks(run, candidates, options, resampling)
    lacks = _find_lacks(parts, run.cutoffs, options)
    decided = [
        decide_budget_states(
            part,
            costs[part.task].values,
            _choose_rules(rules, part, run, lacks),
            limited,
            costs[part.task].why_unknown,
        )
        for part in parts
        if 0 < len(part.embeddings) <= MOST_IN_ALL_PAIRS
    ]
    weights = options.weights or dict.fromkeys(costs, 1.0)
    together = join_tasks(parts, weights)
    if together is not None and len(together.embeddings) <= MOST_IN_ALL_PAIRS:
        worst = take_worst_costs({task: cost for task, cost in costs.items() if weights.get(task, 0) > 0})
        of_all = _choose_joint_rules(rules, together, run, lacks, weights)
        decided.append(decide_budget_states(together, worst.values, of_all, limited, worst.why_unknown))
    return pd.concat([make_table([], BUDGET_CHOICES), *decided], ignore_index=True)


def _choose_rules(rules: Rules, part: Scored, run: RunScores, lacks: Mapping[str, Mapping[str, str]]) -> Rules:
    """Choose the rules of one task: as strict as if all were still there that a budgeted run has compared."""
    level = find_level(rules.level, len(part.embeddings), run.n_compared.get(part.task, 0))
    return replace(rules, level=level, lacks=lacks[part.task])


def _choose_joint_rules(
    rules: Rules, together: Scored, run: RunScores, lacks: Mapping[str, Mapping[str, str]], weights: Mapping[str, float]
) -> Rules:
    """Choose the rules of the decision for all tasks that count: those of the task on which most were compared."""
    counted = {task: lacks[task] for task in lacks if weights.get(task, 0) > 0}
    n_compared = max((run.n_compared.get(task, 0) for task in counted), default=0)
    return replace(rules, level=find_level(rules.level, len(together.embeddings), n_compared), lacks=join_lacks(counted))


def find_sufficient_sizes(
    run: RunScores, facts: pd.DataFrame, options: DecisionOptions, resampling: Resampling
) -> pd.DataFrame:
    """Find the smallest size that is not inferior to the best, for each embedding of several sizes on each task."""
    families = group_sizes(facts)
    tables = [make_table([], SIZES)]
    parts, costs = score_tasks(run, {name for names in families.values() for name in names}, options, resampling)
    for part in parts:
        dims = run.cells[run.cells["task"] == part.task].groupby("family")["dim"].first().to_dict()
        for family, names in families.items():
            there = [name for name in names if name in part.embeddings]
            if len(there) > 1:
                size = costs[part.task].values["bytes_per_item"].to_dict()
                tables.append(
                    choose_smallest_sufficient(part.select_embeddings(there), family, dims, size, resampling.level)
                )
    return add_origins(pd.concat(tables, ignore_index=True), facts)


def score_tasks(
    run: RunScores, wanted: set[str], options: DecisionOptions, resampling: Resampling
) -> tuple[list[Scored], dict[str, Costs]]:
    """Score these embeddings on each task, with as many labels as can be bought; and find each task's costs."""
    parts = []
    for task, metric in run.metrics.items():
        of_task = run.label_draws[run.label_draws["task"] == task]
        labels = find_affordable_labels(of_task, options.labels)
        (found,) = read_task_scores(
            run.item_scores.filter(pc.equal(run.item_scores["task"], task)),
            label_fraction=labels.fraction,
            training_draws=run.training_draws if labels.fraction == 1 else None,
        )
        names = [name for name in found.families if name in wanted]
        columns = [list(found.families).index(name) for name in names]
        floors = find_floors(found, metric)
        part = Scored.of_units(
            Criterion(task, metric, options.margins.get(task, options.margin)),
            SystemScores(
                found.average_families(metric)[:, columns],
                names,
                groups=found.groups,
                extra=_find_extra_variance(found, metric, [*names, *floors], of_task, labels.fraction),
            ),
            floors,
            n_resamples=resampling.resamples,
            rng=resampling.create_rng(),
        )
        parts.append(replace(part, labels_note=labels.note))
    costs = {
        task: build_costs(run.cells[run.cells["task"] == task], run.times[run.times["task"] == task], options.price_per_hour)
        for task in run.metrics
    }
    return parts, costs


def _find_lacks(parts: Sequence[Scored], cutoffs: pd.DataFrame, options: DecisionOptions) -> dict[str, dict[str, str]]:
    return {part.task: find_lacks(part.embeddings, part.task, cutoffs, options.refuse.get(part.task)) for part in parts}


def find_floors(found: TaskScores, metric: str) -> dict[str, np.ndarray]:
    """Find what an embedding must exceed to be worth anything: controls, always the largest class, or chance.

    The largest class is that of the test units, the most that one answer for all can score. A correlation of chance is 0;
    rankings and F1 of entities have their controls.
    """
    means = found.average_families(metric)
    floors = {
        name: means[:, column]
        for column, (name, cells) in enumerate(found.families.items())
        if found.cells[cells[0]]["origin"] == CONTROL
    }
    if found.labels is not None and (metric in OF_PREDICTIONS or metric in OF_PROBABILITIES):
        sizes = np.bincount(found.labels)
        same = np.log(np.tile(np.maximum(sizes, 1e-9) / sizes.sum(), (len(means), 1)))
        floors[LARGEST_CLASS] = compute_class_metrics([metric], found.labels, same)[metric]
    elif find_range(metric)[0] < 0:
        floors[CHANCE] = np.zeros(len(means))
    return floors


def _find_extra_variance(
    found: TaskScores, metric: str, names: Sequence[str], draws: pd.DataFrame, fraction: float
) -> ExtraVariance:
    """Find the variance beyond that of the units; candidates and controls learn from the same labels."""
    whole = found.estimate_extra_variance(metric).combine(
        average_columns([found.families.get(name, []) for name in names], len(found.embeddings))
    )
    if fraction == 1:
        return whole
    places = [place for place, name in enumerate(names) if name in found.families]
    of_labels = estimate_label_variance(draws, [names[place] for place in places], fraction)
    return whole + of_labels.combine(np.eye(len(names))[places])
