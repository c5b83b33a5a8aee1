"""Tables of a transfer: scores in a domain and across domains, and how far embeddings differ in that."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, compute_percentile_interval
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table

_TEXT, _NUMBER, _WHOLE = "string", "float64", "Int64"
TRANSFERS = {
    **dict.fromkeys(("within", "across", "metric", "embedding"), _TEXT),
    **{f"{part}{end}": _NUMBER for part in ("value_within", "value_across", "change") for end in ("", "_low", "_high")},
    **dict.fromkeys(("n_within", "n_across"), _WHOLE),
    "same_training": "boolean",
}
"""Columns of a row for one embedding, each value with its interval. ``change``: the value across minus that within.
``same_training``: the training parts of both tasks are the same; else a change is also due to them."""
TRANSFER_PAIRS = {
    **dict.fromkeys(("within", "across", "metric", "embedding_a", "embedding_b"), _TEXT),
    **{
        f"{part}{end}": _NUMBER
        for part in ("difference_within", "difference_across", "change")
        for end in ("", "_low", "_high")
    },
}
"""Columns of a row for two embeddings: ``embedding_a`` minus ``embedding_b``. ``change``: the difference across minus that
within, which is how much less ``embedding_a`` loses than ``embedding_b``."""


def compare_domains(
    within: TaskScores, across: TaskScores, metric: str, resampling: Resampling, *, same_training: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare scores on texts of the domain that was learned from with scores on texts of another one.

    The test texts of the two tasks are different ones: they are resampled independently of each other. Two embeddings are
    scored on the same texts of each task, so that their difference is paired. What other training labels would change is
    drawn for each task alone, although both learn from the same labels: intervals of a change are rather too wide.

    Parameters
    ----------
    within, across : TaskScores
        Scores of both tasks. Seeds of one embedding are averaged.
    metric : str
        The metric of both.
    resampling : Resampling
        Resamples, level and seed. Each interval holds for itself.
    same_training : bool
        Whether both tasks learn from the same examples.

    Returns
    -------
    tuple of DataFrame
        Of `TRANSFERS` and `TRANSFER_PAIRS`, for the embeddings that both tasks have.
    """
    names = [name for name in within.families if name in across.families]
    rng = resampling.create_rng()  # one stream: the units of two tasks of equal size must not be drawn alike
    drawn_within, values_within = _resample(within, metric, names, resampling, rng)
    drawn_across, values_across = _resample(across, metric, names, resampling, rng)
    about = {"within": within.task, "across": across.task, "metric": metric}

    def write_interval(name: str, value: float, drawn: np.ndarray) -> dict[str, float]:
        found = compute_percentile_interval(value, drawn, 1 - resampling.level)
        return {name: float(value), f"{name}_low": found.low, f"{name}_high": found.high}

    rows = [
        {
            **about,
            "embedding": name,
            **write_interval("value_within", values_within[place], drawn_within[:, place]),
            **write_interval("value_across", values_across[place], drawn_across[:, place]),
            **write_interval(
                "change", values_across[place] - values_within[place], drawn_across[:, place] - drawn_within[:, place]
            ),
            "n_within": len(within.groups),
            "n_across": len(across.groups),
            "same_training": same_training,
        }
        for place, name in enumerate(names)
    ]
    pairs = []
    for a, b in zip(*np.triu_indices(len(names), 1), strict=True):
        of_within, of_across = values_within[a] - values_within[b], values_across[a] - values_across[b]
        in_within, in_across = (drawn[:, a] - drawn[:, b] for drawn in (drawn_within, drawn_across))
        pairs.append(
            {
                **about,
                "embedding_a": names[a],
                "embedding_b": names[b],
                **write_interval("difference_within", of_within, in_within),
                **write_interval("difference_across", of_across, in_across),
                **write_interval("change", of_across - of_within, in_across - in_within),
            }
        )
    return make_table(rows, TRANSFERS), make_table(pairs, TRANSFER_PAIRS)


def _resample(
    task: TaskScores, metric: str, names: list[str], resampling: Resampling, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw means of the embeddings from resampled units and labels: (n_resamples, n_names), and the means themselves."""
    families = list(task.families)
    places = [families.index(name) for name in names]
    scores = task.average_families(metric)[:, places]
    drawn = bootstrap_means(scores, n_resamples=resampling.resamples, rng=rng, groups=task.groups)
    extra = task.estimate_extra_variance(metric).combine(task.family_weights[:, places])
    return drawn + extra.draw_deviations(resampling.resamples, rng), scores.mean(axis=0)
