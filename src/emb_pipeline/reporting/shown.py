"""Choice of the embeddings that a page shows, where there are more than anyone reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import fields, replace

import pandas as pd

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.tables import ReportTables

MOST_SHOWN = 120
"""Embeddings up to which a page shows all of them."""
_OF_ORIGIN = 0.1
"""Share of a task's places that each origin's best ones have, besides those of the best of all."""
_WHOLE = frozenset({"effects", "factor_effects", "effects_across_tasks", "any_difference", "closeness", "failures"})
"""Tables whose sentences count rows: they are kept, and what is drawn of them is bounded where it is drawn."""
_NAMED_IN = ("embedding", "embedding_a", "embedding_b", "first", "second")
_CHOSEN_IN = {"decision": ("best",), "sizes": ("best",)}
"""Tables with a column ``chosen``, and columns that name further embeddings that sentences are about."""


def limit_tables(tables: ReportTables) -> tuple[ReportTables, int]:
    """Leave out of the tables of a page what is about embeddings that it does not show.

    Of each task those are shown that score highest, the highest of each origin, and what was chosen. A page of up to
    `MOST_SHOWN` embeddings shows all.

    Returns
    -------
    ReportTables
        The same tables, with fewer rows.
    int
        Embeddings that are left out.
    """
    names = set(tables.leaderboard["embedding"])
    if len(names) <= MOST_SHOWN:
        return tables, 0
    shown = choose_shown(tables.leaderboard)
    for table, further in _CHOSEN_IN.items():
        rows = getattr(tables, table)
        chosen = rows[rows["chosen"].astype(bool)]
        shown.update(*(chosen[column].dropna() for column in ("embedding", *further)))
    limited = {
        field.name: _select(getattr(tables, field.name), shown) for field in fields(tables) if field.name not in _WHOLE
    }
    return replace(tables, **limited), len(names - shown)


def choose_shown(leaderboard: pd.DataFrame) -> set[Hashable]:
    """Choose what is shown, with all seeds: of each task the embeddings that score highest, of all and of each origin."""
    tasks = pick.tasks_of(leaderboard)
    places = max(10, MOST_SHOWN // (2 * max(len(tasks), 1)))
    shown: set[Hashable] = set()
    for task in tasks:
        rows = pick.select_primary(leaderboard, task)
        of_origins = rows.groupby("origin", sort=False).head(max(2, round(_OF_ORIGIN * places)))
        shown.update(rows["family"].head(places), of_origins["family"])
    return shown | set(leaderboard.loc[leaderboard["family"].isin(shown), "embedding"])


def limit_leaderboard(leaderboard: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that a figure shows; see `limit_tables`."""
    if leaderboard["embedding"].nunique() <= MOST_SHOWN:
        return leaderboard
    return _select(leaderboard, choose_shown(leaderboard))


def _select(table: pd.DataFrame, shown: Iterable[Hashable]) -> pd.DataFrame:
    columns = [name for name in _NAMED_IN if name in table.columns]
    if not columns or table.empty:
        return table
    return table[table[columns].isin(set(shown)).all(axis=1)].reset_index(drop=True)
