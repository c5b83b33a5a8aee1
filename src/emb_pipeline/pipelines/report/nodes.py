"""Steps of the report stage that make its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.diagnostics.tables import PLACES
from emb_pipeline.diagnostics.word_map import side_by_side
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.pipelines.facts import (
    RESAMPLING,
    add_origins,
    are_trained_on_a_corpus,
    cells_of,
    embedding_facts,
    matched_pairs,
)
from emb_pipeline.pipelines.failures import FAILURES
from emb_pipeline.pipelines.report.gathering import (
    PRIMARY,
    Tables,
    item_scores_of,
    of_all_tasks,
    primary_metrics,
    training_draws_of,
)
from emb_pipeline.reporting.wording import LATENCIES
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.comparisons import any_difference
from emb_pipeline.statistics.comparisons.claims import check_claims, contrast_tests, with_average_tests
from emb_pipeline.statistics.effects import factorial
from emb_pipeline.statistics.effects.across_tasks import effects_across_tasks
from emb_pipeline.statistics.intervals.metric_ranges import largest_difference
from emb_pipeline.statistics.intervals.seeds import seed_variance
from emb_pipeline.statistics.learning_curves import label_curves
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, framed, task_scores
from emb_pipeline.statistics.unseen import scores_on_unseen
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS
from emb_pipeline.tasks.registry import list_lower_metrics
from emb_pipeline.text.seen import SEEN


class ReportOptions(BaseModel):
    """How intervals and tests are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: int = Field(ge=100, le=1_000_000, description="bootstrap resamples of the units")
    permutations: int = Field(ge=99, le=1_000_000, description="random sign flips of the tests")
    level: float = Field(gt=0, lt=0.5, description="family-wise error rate of the letter groups")
    seed: int = Field(default=0, ge=0, description="seed of both")

    @property
    def resampling(self) -> Resampling:
        """The same, for the library."""
        return Resampling(self.resamples, self.permutations, self.level, self.seed)


def test_differences(
    options: ReportOptions, embeddings: Mapping[str, Any], after: pa.Table, **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test all that the report claims of differences, together; and whether embeddings differ at all, task by task.

    ``after`` is what was timed last: the report begins when nothing is being timed any more.
    """
    item_scores, metrics = item_scores_of(scores), primary_metrics(scores)
    cells = cells_of(embeddings)
    tasks = [
        found for found in task_scores(item_scores, training_draws=training_draws_of(scores)) if len(found.families) > 1
    ]
    designs = {found.task: designs_on(found, metrics[found.task], are_trained_on_a_corpus(cells)) for found in tasks}
    curves = label_curves.curve_scores(item_scores, of_all_tasks(scores, "label_draws"), metrics)
    points = {each.task: each.points() for each in curves}
    claims = check_claims(tasks, metrics, designs, options.resampling, points)
    controls = {cell.family for cell in cells if cell.origin == "control"}
    return claims, any_difference.any_differences(claims, controls, options.level)


def make_leaderboard(
    options: ReportOptions,
    use_case: str,
    embeddings: Mapping[str, Any],
    claims: pa.Table,
    times: pa.Table,
    failures: pa.Table,
    **scores: Tables,
) -> pd.DataFrame:
    """Every metric of every cell, with interval, letters, costs, and its embedding's facts; of a cell that failed, why."""
    item_scores, cells = item_scores_of(scores), of_all_tasks(scores, "cells")
    latencies = times.to_pandas().melt(["task", "embedding"], list(LATENCIES), "metric", "value").dropna()
    failed = failures.to_pandas()
    board = statistics.leaderboard(
        item_scores,
        pd.concat([cells, latencies], ignore_index=True),
        PRIMARY,
        options.resampling,
        use_case=use_case,
        claims=claims.to_pandas(),
        failed=failed[failed["task"].notna()],
        training_draws=training_draws_of(scores),
        lower_is_better=list_lower_metrics(),
    )
    facts = embedding_facts(cells_of(embeddings))
    return board.merge(facts.drop(columns="origin"), on="embedding", how="left", validate="many_to_one")


def collect_failures(after: pa.Table, **scores: Tables) -> pa.Table:
    """What failed: cells, and without a task embeddings that could not be made or diagnosed."""
    whole = pa.concat_tables(
        [tables["failures"] for tables in scores.values() if "failures" in tables] or [FAILURES.empty_table()]
    )
    frame = whole.to_pandas().drop_duplicates(["embedding", "task", "reason"])
    return pa.Table.from_pandas(frame, schema=FAILURES, preserve_index=False)


def collect_class_results(after: pa.Table, **scores: Tables) -> pa.Table:
    """Precision, recall and F1 of each class, of each embedding; ``after`` the times of all tasks are taken."""
    return pa.concat_tables([CLASS_RESULTS.empty_table(), *(tables["class_results"] for tables in scores.values())])


def compare_embeddings(options: ReportOptions, claims: pa.Table, **scores: Tables) -> pd.DataFrame:
    """All pairs of embeddings on each task's primary metric."""
    return statistics.comparisons(
        item_scores_of(scores),
        primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=training_draws_of(scores),
    )


def measure_effects(
    options: ReportOptions, embeddings: Mapping[str, Any], claims: pa.Table, **scores: Tables
) -> pd.DataFrame:
    """What domain text, further training, distillation and fine-tuning change."""
    cells = cells_of(embeddings)
    facts = embedding_facts(cells)
    contrasts = {statistics.CORPUS: matched_pairs(cells), **derivations(facts)}
    effects = statistics.effects(
        item_scores_of(scores),
        contrasts,
        primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=training_draws_of(scores),
    )
    changed = facts[["embedding", "corruption", "corruption_level"]].rename(columns={"embedding": "embedding_a"})
    return effects.merge(changed, on="embedding_a", how="left", validate="many_to_one")


def measure_factors(
    options: ReportOptions, embeddings: Mapping[str, Any], claims: pa.Table, **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """How much of the differences between trained embeddings is due to corpus, method and dimension."""
    metrics, cells = primary_metrics(scores), are_trained_on_a_corpus(cells_of(embeddings))
    tested = claims.to_pandas()
    shares: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    tasks = list(task_scores(item_scores_of(scores), training_draws=training_draws_of(scores)))
    seeds = seed_variance(tasks, metrics, {cell.family for cell in cells})
    for number, found in enumerate(tasks):
        metric = metrics[found.task]
        designs = designs_on(found, metric, cells)
        if not designs:
            continue
        place = {"task": found.task, "metric": metric}
        rng, level = options.resampling.rng(), 1 - options.level
        for design in designs:
            of_design = factorial.variance_shares(design, n_resamples=options.resamples, rng=rng, level=level)
            shares += [{**place, "design": design.name, **row} for row in of_design]
        of_task = factorial.factor_effects(
            designs,
            n_resamples=options.resamples,
            n_permutations=options.permutations,
            rng=rng,
            level=level,
            largest=largest_difference(metric),
            extra=found.extra(metric),
            seed_variance=seeds.covariance[number, number] if seeds else 0.0,
            seed_freedom=seeds.freedom if seeds else float("inf"),
            tests=contrast_tests(tested, found.task),
        )
        changes += [{**place, **row} for row in of_task]
    effects = framed(changes, factorial.FACTOR_EFFECTS)
    across = effects_across_tasks(effects, 1 - options.level, seeds=seeds, tasks=[found.task for found in tasks])
    return framed(shares, factorial.SHARES), effects, with_average_tests(across, tested)


def measure_learning_curves(
    options: ReportOptions, embeddings: Mapping[str, Any], claims: pa.Table, **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by number of labels, and which embedding is ahead of the best one when labels are few."""
    item_scores, draws = item_scores_of(scores), of_all_tasks(scores, "label_draws")
    curves, crossovers = label_curves.learning_curves(
        item_scores,
        draws,
        primary_metrics(scores),
        options.resampling,
        training_draws=training_draws_of(scores),
        claims=claims.to_pandas(),
    )
    return add_origins(curves, cells_of(embeddings)), crossovers


def make_audit(audits: pa.Table, overlap: pa.Table) -> pd.DataFrame:
    """What is wrong with the tasks, and how much of their held-out text stands in the corpora."""
    found = overlap.to_pandas().rename(columns={"task": "scope"})
    found["check"] = found["check"] + ": " + found.pop("corpus")
    whole: pd.DataFrame = pd.concat([audits.to_pandas(), found], ignore_index=True)
    return whole


def measure_without_seen(options: ReportOptions, after: pa.Table, **parts: Tables) -> pd.DataFrame:
    """Scores with and without the test units whose text was seen in training; see `test_differences` for ``after``."""
    scores = {name: tables for name, tables in parts.items() if name.endswith("_scores")}
    seen = {
        name.removeprefix("task_"): set(tables[SEEN]["unit_id"].to_pylist())
        for name, tables in parts.items()
        if name not in scores and SEEN in tables
    }
    tables = [each["item_scores"].read() for each in scores.values()]
    return scores_on_unseen(tables, seen, primary_metrics(scores), options.resampling)


def make_word_map(after: pa.Table, **scores: Tables) -> pa.Table:
    """Words of several embeddings in two dimensions, the maps turned onto the first; see `test_differences`."""
    return pa.Table.from_pandas(side_by_side(of_all_tasks(scores, "word_map")), schema=PLACES, preserve_index=False)


def derivations(facts: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Embeddings that were made from another one, or like it from worse text, each with that one, by how."""
    made = facts[facts["base"].notna() & (facts["derivation"] != RESAMPLING)]
    return {
        str(factor): list(zip(rows["embedding"], rows["base"], strict=True))
        for factor, rows in made.groupby("derivation", sort=False)
    }


def designs_on(scores: TaskScores, metric: str, cells: Sequence[EmbeddingSpec]) -> list[factorial.Design]:
    """The crossings of corpus, method and dimension that a task's scores hold."""
    known = {cell.name: cell for cell in cells}
    columns = [column for column, name in enumerate(scores.embeddings) if name in known]
    factors = pd.DataFrame(
        [
            {"corpus": cell.origin, "method": cell.method, "dim": str(cell.dim)}
            for cell in (known[scores.embeddings[column]] for column in columns)
        ],
        columns=["corpus", "method", "dim"],
    )
    return factorial.designs_of(
        factors, scores.metrics[metric][:, columns], scores.groups, np.array(columns, dtype=np.int64)
    )
