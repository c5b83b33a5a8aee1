"""The table of the rounds of a budgeted run: one row for each embedding, task and round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from emb_pipeline.statistics.score_tables import make_table

DROPPED = "dropped"
_TEXT, _NUMBER, _WHOLE = "string", "float64", "int64"
ROUNDS = {
    "round": _WHOLE,
    **dict.fromkeys(("task", "kind", "embedding", "origin", "method"), _TEXT),
    "dim": "Int64",
    "tuned": "bool",
    "seed": _WHOLE,
    **dict.fromkeys(("state", "metric"), _TEXT),
    **dict.fromkeys(("n", "of", "passages", "of_passages"), _WHOLE),
    **dict.fromkeys(("value", "low", "high"), _NUMBER),
    "best": _TEXT,
    **dict.fromkeys(("best_value", "behind", "allowed", "seconds", "share", "passage_share"), _NUMBER),
    "is_decided": "bool",
    **dict.fromkeys(("reason", "budget"), _TEXT),
    **dict.fromkeys(("level", "spent_seconds", "spent_usd", "full_seconds", "full_usd"), _NUMBER),
}
"""Columns. ``behind``: how much worse than ``best`` it is at least; ``allowed``: how much it may be; ``seconds``: of its
evaluation in the round. The last eight are of the whole run: the same in each row."""


def build_rounds_table(standings: Sequence[Mapping[str, object]], of_run: Mapping[str, object]) -> pd.DataFrame:
    """Build the table of standings, each with the facts of the run; without rows where there were no rounds."""
    return make_table([{**each, **of_run} for each in standings], ROUNDS)


def list_dropped_cells(rounds: pd.DataFrame, units: Mapping[str, str]) -> pd.DataFrame:
    """List the cells that were dropped, with the reason in a sentence.

    Parameters
    ----------
    rounds : DataFrame of ROUNDS
        The rounds.
    units : mapping of str to str
        The word for the units of each kind of task, in the plural.
    """
    dropped = rounds[rounds["state"] == DROPPED]
    return dropped.assign(reason=list(_write_reasons(dropped, units)))


def _write_reasons(dropped: pd.DataFrame, units: Mapping[str, str]) -> Iterable[str]:
    for row in dropped.to_dict("records"):
        part = (
            f" among {row['passages']:,} of {row['of_passages']:,} passages" if row["passages"] < row["of_passages"] else ""
        )
        yield (
            f"dropped after {row['n']:,} of {row['of']:,} {units[row['kind']]}: {row['value']:.3f}{part} against "
            f"{row['best_value']:.3f} of {row['best']}{' among all' if part else ''}, at least {row['behind']:.3f} worse"
        )
