"""Tables of the agreement of two tasks: one row for the tasks, and one for each pair of embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emb_pipeline.statistics.agreement.corrected_difference import (
    FEWEST_PAIRED,
    Corrected,
    Differences,
    correct_differences,
    estimate_differences,
    estimate_shift,
)
from emb_pipeline.statistics.agreement.options import AgreementOptions
from emb_pipeline.statistics.agreement.rank_correlation import estimate_rank_agreement
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table

CONTROL = "control"
_TEXT, _NUMBER, _WHOLE = "string", "float64", "Int64"
AGREEMENT = {
    **dict.fromkeys(("made", "real", "metric"), _TEXT),
    **dict.fromkeys(("n_embeddings", "n_made", "n_real", "n_paired"), _WHOLE),
    **dict.fromkeys(("tau", "ci_low", "ci_high"), _NUMBER),
    **dict.fromkeys(("n_pairs", "n_decided", "n_agreeing"), _WHOLE),
    "uncorrected_because": _TEXT,
}
"""Columns of a row for two tasks. ``n_made``, ``n_real``: units that are resampled. ``n_paired``: real units with a made
query for the same passage. ``n_decided``: pairs of embeddings that differ significantly on both tasks; ``n_agreeing``: in
the same direction. ``uncorrected_because``: why made queries do not correct the differences on real ones, where they do
not."""
AGREEMENT_PAIRS = {
    **dict.fromkeys(("made", "real", "metric", "embedding_a", "embedding_b"), _TEXT),
    **{
        f"{part}{end}": _NUMBER
        for part in ("real_difference", "made_difference", "shift", "corrected")
        for end in ("", "_low", "_high")
    },
    **dict.fromkeys(("weight", "effective_units"), _NUMBER),
}
"""Columns of a row for two embeddings, each value with its interval. ``shift``: the difference on made queries minus that on
real ones. ``corrected``: the difference on real queries, by real and made ones together; ``weight``: what the made ones
count; ``effective_units``: real units that would give as narrow an interval alone."""
_FEWEST_OTHERS = 2


@dataclass(frozen=True, eq=False)
class _Units:
    """Scores of the same embeddings on the units of both tasks.

    Attributes
    ----------
    made, real : ndarray of shape (n_made, n_embeddings) and (n_real, n_embeddings)
        A unit is a passage with its queries, or a group of queries without a known one.
    pairs : ndarray of shape (n_paired, 2)
        Rows of made and of real units of the same passage.
    """

    made: np.ndarray
    real: np.ndarray
    pairs: np.ndarray


def compare_tasks(
    made: TaskScores,
    real: TaskScores,
    metric: str,
    passages: tuple[Mapping[str, str], Mapping[str, str]],
    options: AgreementOptions,
    resampling: Resampling,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the scores of embeddings on made queries with those on real ones.

    Controls are left out: random vectors are last on any task. Seeds of one embedding are averaged. Intervals of pairs hold
    for one pair each; that of tau holds for all pairs together.

    Parameters
    ----------
    made, real : TaskScores
        Scores of both tasks.
    metric : str
        The metric of both.
    passages : tuple of two mappings of str to str
        For each task: the passage that a query is about, by the query's id. Queries about several are left out.
    options : AgreementOptions
        The names of the tasks, and where real queries come from.
    resampling : Resampling
        Resamples, level and seed.

    Returns
    -------
    tuple of DataFrame
        Of `AGREEMENT` and `AGREEMENT_PAIRS`; both empty where the tasks have fewer than two embeddings in common.
    """
    names = _list_common(made, real)
    if len(names) < 2:
        return make_table([], AGREEMENT), make_table([], AGREEMENT_PAIRS)
    units = _gather_units(made, real, metric, passages, names)
    first, second = np.triu_indices(len(names), 1)
    on_made, on_real = (scores[:, first] - scores[:, second] for scores in (units.made, units.real))
    reason = _find_obstacle(units, on_made, options, resampling.level)
    corrected = None if reason else _correct(units, on_made, on_real, resampling.level)
    of_pairs: dict[str, Differences] = {
        "real_difference": estimate_differences(on_real, resampling.level),
        "made_difference": estimate_differences(on_made, resampling.level),
        "shift": estimate_shift(on_made, on_real, resampling.level),
        **({} if corrected is None else {"corrected": corrected}),
    }
    agreement = estimate_rank_agreement(
        units.made, units.real, n_resamples=resampling.resamples, level=resampling.level, rng=resampling.create_rng()
    )
    about = {"made": made.task, "real": real.task, "metric": metric}
    row = {
        **about,
        "n_embeddings": len(names),
        "n_made": len(units.made),
        "n_real": len(units.real),
        "n_paired": len(units.pairs),
        "tau": agreement.tau,
        "ci_low": agreement.low,
        "ci_high": agreement.high,
        "n_pairs": agreement.n_pairs,
        "n_decided": agreement.n_decided,
        "n_agreeing": agreement.n_agreeing,
        "uncorrected_because": reason,
    }
    pairs = [
        {
            **about,
            "embedding_a": names[a],
            "embedding_b": names[b],
            **{name + end: values[number] for name, found in of_pairs.items() for end, values in _ends(found)},
            **(
                {"weight": corrected.weights[number], "effective_units": corrected.effective_units[number]}
                if corrected is not None
                else {}
            ),
        }
        for number, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True))
    ]
    return make_table([row], AGREEMENT), make_table(pairs, AGREEMENT_PAIRS)


def _ends(found: Differences) -> tuple[tuple[str, np.ndarray], ...]:
    return ("", found.values), ("_low", found.low), ("_high", found.high)


def _list_common(made: TaskScores, real: TaskScores) -> list[str]:
    """List the embeddings that both tasks have, controls left out, in the order of the first."""
    others = real.families
    return [
        name for name, columns in made.families.items() if name in others and made.cells[columns[0]]["origin"] != CONTROL
    ]


def _gather_units(
    made: TaskScores,
    real: TaskScores,
    metric: str,
    passages: tuple[Mapping[str, str], Mapping[str, str]],
    names: Sequence[str],
) -> _Units:
    found = [_average_by_passage(task, metric, of, names) for task, of in zip((made, real), passages, strict=True)]
    (keys_made, of_made), (keys_real, of_real) = found
    row_of = {key: row for row, key in enumerate(keys_made)}
    pairs = [(row_of[key], row) for row, key in enumerate(keys_real) if key in row_of and key.startswith(_PASSAGE)]
    return _Units(of_made, of_real, np.array(pairs, dtype=np.int64).reshape(-1, 2))


_PASSAGE, _GROUP = "passage ", "group "


def _average_by_passage(
    task: TaskScores, metric: str, passage_of: Mapping[str, str], names: Sequence[str]
) -> tuple[list[str], np.ndarray]:
    """Average queries about one passage, and queries of one group: keys of the units, and (n_units, n_embeddings)."""
    scores = np.column_stack([task.metrics[metric][:, task.families[name]].mean(axis=1) for name in names])
    keys = [
        _PASSAGE + passage_of[unit] if unit in passage_of else f"{_GROUP}{task.task} {group}"
        for unit, group in zip(task.units, task.groups.tolist(), strict=True)
    ]
    ordered, row_of = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    sums = np.zeros((len(ordered), len(names)))
    np.add.at(sums, row_of, scores)
    return ordered.tolist(), sums / np.bincount(row_of)[:, None]


def _find_obstacle(units: _Units, on_made: np.ndarray, options: AgreementOptions, level: float) -> str | None:
    """Say why differences on real queries cannot be corrected by made ones; None where they can."""
    if options.real_queries == "found":
        return (
            "real queries were not written for passages that were drawn at random, so made queries are of other passages "
            "than those that people ask about"
        )
    others = np.setdiff1d(np.arange(len(units.made)), units.pairs[:, 0])
    if len(units.pairs) < FEWEST_PAIRED:
        return f"{len(units.pairs)} real queries are about a passage that has made ones, and {FEWEST_PAIRED} are the fewest"
    if len(units.pairs) < len(units.real):
        return f"{len(units.real) - len(units.pairs)} real queries are about a passage without made ones, or about several"
    if len(others) < _FEWEST_OTHERS:
        return "there are no made queries of further passages"
    shift = estimate_shift(on_made[others], on_made[units.pairs[:, 0]], level / max(on_made.shape[1], 1))
    if ((shift.low > 0) | (shift.high < 0)).any():
        return "made queries differ between the passages with real queries and the others: they are no random sample"
    return None


def _correct(units: _Units, on_made: np.ndarray, on_real: np.ndarray, level: float) -> Corrected:
    others = np.setdiff1d(np.arange(len(units.made)), units.pairs[:, 0])
    return correct_differences(on_real[units.pairs[:, 1]], on_made[units.pairs[:, 0]], on_made[others], level)
