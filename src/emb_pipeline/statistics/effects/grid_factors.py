"""Corpus, method and dimension as factors of the scores of those embeddings that a corpus alone determines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.claims import add_average_tests, select_contrast_tests
from emb_pipeline.statistics.effects import factorial
from emb_pipeline.statistics.effects.across_tasks import average_effects_across_tasks
from emb_pipeline.statistics.effects.designs import Design, find_designs
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.intervals.seeds import estimate_seed_variance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table


def measure_grid_factors(
    tasks: Sequence[TaskScores],
    metrics: Mapping[str, str],
    trained: pd.DataFrame,
    resampling: Resampling,
    claims: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure how much of the differences between embeddings is due to corpus, method and dimension.

    Parameters
    ----------
    tasks : sequence of TaskScores
        Scores of all embeddings.
    metrics : mapping of str to str
        Primary metric of each task.
    trained : DataFrame
        Facts of the embeddings that a corpus alone determines.
    resampling : Resampling
        Of intervals and tests.
    claims : DataFrame
        Tests of all differences that the report claims.

    Returns
    -------
    tuple of three DataFrame
        Shares of the variance by design; effects of each factor; these on average over the tasks.
    """
    shares: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    seeds = estimate_seed_variance(tasks, metrics, set(trained["family"]))
    for number, found in enumerate(tasks):
        metric = metrics[found.task]
        designs = cross_factors(found, metric, trained)
        if not designs:
            continue
        place = {"task": found.task, "metric": metric}
        rng, level = resampling.create_rng(), 1 - resampling.level
        for design in designs:
            of_design = factorial.estimate_variance_shares(design, n_resamples=resampling.resamples, rng=rng, level=level)
            shares += [{**place, "design": design.name, **row} for row in of_design]
        of_task = factorial.estimate_factor_effects(
            designs,
            resampling,
            rng=rng,
            largest=find_largest_difference(metric),
            trainings=factorial.TrainingVariance(
                found.estimate_extra_variance(metric),
                seeds.covariance[number, number] if seeds else 0.0,
                seeds.freedom if seeds else float("inf"),
            ),
            tests=select_contrast_tests(claims, found.task),
        )
        changes += [{**place, **row} for row in of_task]
    effects = make_table(changes, factorial.FACTOR_EFFECTS)
    across = average_effects_across_tasks(effects, 1 - resampling.level, seeds=seeds, tasks=[found.task for found in tasks])
    return make_table(shares, factorial.SHARES), effects, add_average_tests(across, claims)


def cross_factors(scores: TaskScores, metric: str, trained: pd.DataFrame) -> list[Design]:
    """Cross corpus, method and dimension, as far as a task's scores hold the crossings."""
    known = trained.set_index("embedding")[["origin", "method", "dim"]]
    columns = [column for column, name in enumerate(scores.embeddings) if name in known.index]
    of_columns = known.loc[[scores.embeddings[column] for column in columns]].reset_index(drop=True)
    factors = of_columns.astype(object).rename(columns={"origin": "corpus"}).assign(dim=of_columns["dim"].astype(str))
    return find_designs(factors, scores.metrics[metric][:, columns], scores.groups, np.array(columns, dtype=np.int64))
