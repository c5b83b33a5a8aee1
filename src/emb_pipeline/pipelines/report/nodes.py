"""Steps of the report stage that make its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.diagnostics.tables import PLACES
from emb_pipeline.diagnostics.word_map import join_maps
from emb_pipeline.experiment.choosing import ChoosingOptions
from emb_pipeline.pipelines.gathering import (
    Scores,
    concatenate_tables,
    find_primary_metrics,
    read_item_scores,
    read_training_draws,
    split_inputs,
)
from emb_pipeline.reporting.wording import LATENCIES
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.agreement.table import AGREEMENT, AGREEMENT_PAIRS, compare_tasks
from emb_pipeline.statistics.comparisons import any_difference
from emb_pipeline.statistics.comparisons.claims import check_claims
from emb_pipeline.statistics.effects.grid_factors import cross_factors, measure_grid_factors
from emb_pipeline.statistics.embedding_facts import (
    FACTS,
    add_origins,
    list_controls,
    match_corpora,
    pair_derived,
    read_facts,
    select_trained_on_corpus,
)
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.learning_curves import label_curves
from emb_pipeline.statistics.learning_curves.zero_shot import build_zero_shot, gather_zero_shot
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.parts_of_test import score_parts
from emb_pipeline.statistics.rounds import build_rounds_table, list_dropped_cells
from emb_pipeline.statistics.score_tables import make_table, read_task_scores
from emb_pipeline.statistics.transfer.table import TRANSFER_PAIRS, TRANSFERS, compare_domains
from emb_pipeline.statistics.unseen import score_unseen
from emb_pipeline.storage.failures import FAILURES
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS
from emb_pipeline.tasks.registry import KINDS, list_estimates, list_lower_metrics
from emb_pipeline.tasks.retrieval.task import find_asked_passages
from emb_pipeline.tasks.splits.training_parts import have_same_training_part
from emb_pipeline.text.rare_values import find_rare_values
from emb_pipeline.text.seen import SEEN


def test_differences(
    options: ReportOptions, facts: pa.Table, after: pa.Table, **scores: Scores
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test all that the report claims of differences, together; and whether embeddings differ at all, task by task.

    ``after`` is what was timed last: the report begins when nothing is being timed any more.
    """
    item_scores, metrics, known = read_item_scores(scores), find_primary_metrics(scores), read_facts(facts)
    found = read_task_scores(item_scores, training_draws=read_training_draws(scores))
    without = gather_zero_shot(item_scores)
    tasks = [each for each in found if len(each.families) > 1 or each.task in without]
    trained = select_trained_on_corpus(known)
    designs = {each.task: cross_factors(each, metrics[each.task], trained) for each in tasks}
    curves = label_curves.gather_curve_scores(item_scores, concatenate_tables(scores, "label_draws"), metrics)
    points = {each.task: each.list_points() for each in curves}
    listed = [pair for pairs in list_contrasts(known).values() for pair in pairs]
    claims = check_claims(tasks, metrics, designs, options.resampling, points, without, listed)
    return claims, any_difference.check_any_differences(claims, list_controls(known), options.level)


def make_leaderboard(
    options: ReportOptions,
    use_case: str,
    facts: pa.Table,
    claims: pa.Table,
    times: pa.Table,
    failures: pa.Table,
    rounds: pa.Table,
    **scores: Scores,
) -> pd.DataFrame:
    """Make the table of every metric of every cell, with interval, letters, costs and facts.

    Of a cell that failed, or that a budgeted run dropped, it says why.
    """
    item_scores, cells = read_item_scores(scores), concatenate_tables(scores, "cells")
    latencies = times.to_pandas().melt(["task", "embedding"], list(LATENCIES), "metric", "value").dropna()
    failed = failures.to_pandas()
    failed = failed[failed["task"].notna()]
    of_failed = {task: KINDS[kind].primary_metric for task, kind in zip(failed["task"], failed["kind"], strict=True)}
    dropped = list_dropped_cells(rounds.to_pandas(), {name: kind.unit for name, kind in KINDS.items()})
    of_failed |= dict(zip(dropped["task"], dropped["metric"], strict=True))
    board = statistics.build_leaderboard(
        item_scores,
        GridCells(use_case, pd.concat([cells, latencies], ignore_index=True), failed=failed, dropped=dropped),
        MetricRules({**of_failed, **find_primary_metrics(scores)}, list_lower_metrics(), list_estimates()),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=read_training_draws(scores),
    )
    return board.merge(
        read_facts(facts)[list(FACTS)].drop(columns="origin"), on="embedding", how="left", validate="many_to_one"
    )


def list_rounds(choosing: ChoosingOptions, after: pa.Table | None = None) -> pd.DataFrame:
    """List what the rounds of a budgeted run found; a plain run has none. ``after`` is what was timed last."""
    if choosing.outcome is None:
        return build_rounds_table([], {})
    of_run = choosing.outcome.model_dump()
    return build_rounds_table(of_run.pop("standings"), of_run)


def collect_failures(after: pa.Table, **scores: Scores) -> pa.Table:
    """Gather what failed: cells, and without a task embeddings that could not be made or diagnosed."""
    whole = pa.concat_tables([FAILURES.empty_table(), *(tables["failures"] for tables in scores.values())])
    frame = whole.to_pandas().drop_duplicates(["embedding", "task", "reason"])
    return pa.Table.from_pandas(frame, schema=FAILURES, preserve_index=False)


def collect_class_results(after: pa.Table, **scores: Scores) -> pa.Table:
    """Gather precision, recall and F1 of each class, of each embedding; ``after`` the times of all tasks are taken."""
    return pa.concat_tables([CLASS_RESULTS.empty_table(), *(tables["class_results"] for tables in scores.values())])


def compare_embeddings(options: ReportOptions, claims: pa.Table, **scores: Scores) -> pd.DataFrame:
    """Compare all pairs of embeddings on each task's primary metric."""
    return statistics.compare_embeddings(
        read_item_scores(scores),
        find_primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=read_training_draws(scores),
    )


def measure_effects(options: ReportOptions, facts: pa.Table, claims: pa.Table, **scores: Scores) -> pd.DataFrame:
    """Measure the effects of domain text, further training, distillation and fine-tuning."""
    known = read_facts(facts)
    effects = statistics.estimate_effects(
        read_item_scores(scores),
        list_contrasts(known),
        find_primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=read_training_draws(scores),
    )
    changed = known[["embedding", "corruption", "corruption_level"]].rename(columns={"embedding": "embedding_a"})
    return effects.merge(changed, on="embedding_a", how="left", validate="many_to_one")


def list_contrasts(facts: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """List the pairs of embeddings that differ in one thing alone, by that."""
    return {statistics.CORPUS: match_corpora(facts), **pair_derived(facts)}


def measure_factors(
    options: ReportOptions, facts: pa.Table, claims: pa.Table, **scores: Scores
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure how much of the differences between trained embeddings is due to corpus, method and dimension."""
    trained = select_trained_on_corpus(read_facts(facts))
    tasks = list(read_task_scores(read_item_scores(scores), training_draws=read_training_draws(scores)))
    return measure_grid_factors(tasks, find_primary_metrics(scores), trained, options.resampling, claims.to_pandas())


def measure_learning_curves(
    options: ReportOptions, facts: pa.Table, claims: pa.Table, **scores: Scores
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure scores by number of labels and without any; find which embedding is ahead of the best one with few labels."""
    item_scores, draws = read_item_scores(scores), concatenate_tables(scores, "label_draws")
    metrics, tested, again = find_primary_metrics(scores), claims.to_pandas(), read_training_draws(scores)
    gathered = list(label_curves.gather_curve_scores(item_scores, draws, metrics, training_draws=again))
    curves, crossovers = label_curves.build_learning_curves(gathered, options.resampling, claims=tested)
    zero_shot = build_zero_shot(item_scores, gathered, metrics, options.resampling, tested, training_draws=again)
    known = read_facts(facts)
    return add_origins(curves, known), crossovers, add_origins(zero_shot, known)


def make_audit(audits: pa.Table, overlap: pa.Table) -> pd.DataFrame:
    """Gather faults of the tasks, and how much of their held-out text the corpora contain."""
    found = overlap.to_pandas().rename(columns={"task": "scope"})
    found["check"] = found["check"] + ": " + found.pop("corpus")
    whole: pd.DataFrame = pd.concat([audits.to_pandas(), found], ignore_index=True)
    return whole


def measure_without_seen(options: ReportOptions, after: pa.Table, **parts: Any) -> pd.DataFrame:
    """Measure scores with and without the test units whose text was seen in training; ``after`` as in `test_differences`."""
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    seen = {name: set(tables[SEEN]["unit_id"].to_pylist()) for name, tables in tasks.items() if SEEN in tables}
    tables = [each["item_scores"].read() for each in scores.values()]
    return score_unseen(tables, seen, find_primary_metrics(scores), options.resampling)


def measure_rare_values(options: ReportOptions, after: pa.Table, **parts: Any) -> pd.DataFrame:
    """Measure scores by how many training rows have a row's rarest value; ``after`` as in `test_differences`."""
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    of_task = {name: find_rare_values(tables) for name, tables in tasks.items()}
    tables = [each["item_scores"].read() for each in scores.values()] if any(of_task.values()) else []
    return score_parts(tables, of_task, find_primary_metrics(scores), options.resampling)


def measure_agreement(options: ReportOptions, after: pa.Table, **parts: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare scores on made queries with those on real ones, for tasks that the options name; see `test_differences`."""
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    named = {name for pair in options.agreement for name in (pair.made, pair.real)}
    found = {each.task: each for each in read_task_scores(_select_tasks(scores, named))} if named else {}
    metrics = find_primary_metrics(scores) if named else {}
    compared = [
        compare_tasks(
            found[pair.made],
            found[pair.real],
            metrics[pair.made],
            (find_asked_passages(tasks[pair.made]), find_asked_passages(tasks[pair.real])),
            pair,
            options.resampling,
        )
        for pair in options.agreement
        if pair.made in found and pair.real in found
    ]
    summaries, pairs = zip(*compared, strict=True) if compared else ((), ())
    return (
        pd.concat([make_table([], AGREEMENT), *summaries], ignore_index=True),
        pd.concat([make_table([], AGREEMENT_PAIRS), *pairs], ignore_index=True),
    )


def measure_transfers(options: ReportOptions, after: pa.Table, **parts: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare scores within a domain with those across, for tasks that the options name; see `test_differences`."""
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    named = {name for pair in options.transfers for name in (pair.within, pair.across)}
    draws = read_training_draws(scores) if named else None
    read = read_task_scores(_select_tasks(scores, named), training_draws=draws) if named else ()
    found = {each.task: each for each in read}
    metrics = find_primary_metrics(scores) if named else {}
    compared = [
        compare_domains(
            found[pair.within],
            found[pair.across],
            metrics[pair.within],
            options.resampling,
            same_training=have_same_training_part(tasks[pair.within], tasks[pair.across]),
        )
        for pair in options.transfers
        if pair.within in found and pair.across in found
    ]
    rows, pairs = zip(*compared, strict=True) if compared else ((), ())
    return (
        pd.concat([make_table([], TRANSFERS), *rows], ignore_index=True),
        pd.concat([make_table([], TRANSFER_PAIRS), *pairs], ignore_index=True),
    )


def _select_tasks(scores: Mapping[str, Scores], names: Iterable[str]) -> list[pa.Table]:
    wanted = pa.array(sorted(names), pa.string())
    tables = (each["item_scores"].read() for each in scores.values())
    return [table.filter(pc.is_in(table["task"].cast(pa.string()), value_set=wanted)) for table in tables]


def make_word_map(after: pa.Table, **scores: Scores) -> pa.Table:
    """Place words of several embeddings in two dimensions, the maps turned onto the first; see `test_differences`."""
    return pa.Table.from_pandas(join_maps(concatenate_tables(scores, "word_map")), schema=PLACES, preserve_index=False)
