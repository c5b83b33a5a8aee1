"""Whether the embeddings of a report differ at all: what is asked before any difference is claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons import sign_flip_tests
from emb_pipeline.statistics.corrections import holm
from emb_pipeline.statistics.factorial import Design, contrast_sides
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, framed

ANY_DIFFERENCE = {
    "task": "string",
    "metric": "string",
    "labels": "string",
    "p": "float64",
    "p_adjusted": "float64",
    "n": "int64",
}
ALL, FEWER = "all", "fewer"


def any_scores_differ(scores: TaskScores, metric: str, designs: Sequence[Design], resampling: Resampling) -> float:
    """p of the hypothesis that all embeddings of a task are equally good.

    The statistic is the largest of all that the report tests on these scores: all pairs of embeddings, and all contrasts of
    the factors that they were trained by (max-T, `sign_flip_tests`).

    Parameters
    ----------
    scores : TaskScores
        Of one task.
    metric : str
        The one that it is judged by.
    designs : sequence of Design
        The crossings of its grid.
    resampling : Resampling
        How the test is made.

    Returns
    -------
    float
        1 where there is nothing to compare.
    """
    families = scores.family_means(metric)
    n_families = families.shape[1]
    pairs = list(combinations(range(n_families), 2))
    columns = [families]
    if designs:
        sides = contrast_sides(designs)
        n_contrasts = sides[0].shape[1]
        pairs += [(n_families + row, n_families + n_contrasts + row) for row in range(n_contrasts)]
        columns += sides
    _, p = sign_flip_tests(
        np.hstack(columns), n_permutations=resampling.permutations, rng=resampling.rng(), groups=scores.groups, pairs=pairs
    )
    return float(p.min(initial=1.0))


def any_differences(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """The tests of all tasks of a report, adjusted for their number.

    Parameters
    ----------
    rows : sequence of mapping
        ``task``, ``metric``, ``labels`` (`ALL`, or `FEWER` for the learning curves of a task), ``p``, ``n``.

    Returns
    -------
    DataFrame with the columns of ANY_DIFFERENCE
        ``p_adjusted``: Holm's. Where no embedding of any task differs from another, any of them is at most the level with
        no more than that probability. What a report claims of a task cannot have a smaller p than this: closed testing
        with the whole as a gate (Marcus, Peritz & Gabriel 1976, Biometrika 63(3)).
    """
    table = framed(rows, ANY_DIFFERENCE)
    return table.assign(p_adjusted=holm(table["p"].to_numpy()))


def floors(table: pd.DataFrame, labels: str = ALL) -> dict[str, float]:
    """The smallest adjusted p that a claim about a task can have."""
    rows = table[table["labels"] == labels]
    return dict(zip(rows["task"].astype(str), rows["p_adjusted"].astype(float), strict=True))


def with_floors(claims: pd.DataFrame, floor: Mapping[str, float]) -> pd.DataFrame:
    """Claims whose adjusted p is at least that of their task; a task without a floor keeps its own."""
    lowest = claims["task"].astype(str).map(dict(floor)).fillna(0.0).to_numpy(dtype=np.float64)
    return claims.assign(p_adjusted=np.maximum(claims["p_adjusted"].to_numpy(dtype=np.float64), lowest))
