"""Times of a task's test units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.readers.tables.times import TIME

_SECONDS = (1e8, 1e10)
"""Numbers of interactions that are taken for seconds since 1970: from 1973 to 2286."""


def find_unit_times(tables: Mapping[str, pa.Table], units: Sequence[str]) -> np.ndarray | None:
    """Find the times of units.

    Parameters
    ----------
    tables : mapping of str to Table
        The task's examples: one with a column ``time`` names its units in its first column. Of interactions, a user's time
        is that of the first one that is tested, where these are seconds since 1970.
    units : sequence of str
        Names of the units.

    Returns
    -------
    ndarray of shape (n_units,), datetime64[us], or None
        In UTC; NaT of a unit without a time. None where the task has no times.
    """
    if "interactions" in tables:
        return _find_times_of_users(tables["interactions"], units)
    table = next((each for each in tables.values() if TIME.name in each.column_names), None)
    if table is None:
        return None
    times = table[TIME.name].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    of_unit = dict(zip(table[table.column_names[0]].to_pylist(), times, strict=True))
    return np.array([of_unit.get(unit, np.datetime64("NaT")) for unit in units], dtype="datetime64[us]")


def _find_times_of_users(interactions: pa.Table, units: Sequence[str]) -> np.ndarray | None:
    tested = interactions.filter(pc.equal(interactions["split"].cast(pa.string()), "test"))
    seconds = tested["timestamp"].cast(pa.float64()).to_numpy()
    if not len(seconds) or not ((seconds >= _SECONDS[0]) & (seconds < _SECONDS[1])).all():
        return None
    first: dict[str, float] = {}
    for user, moment in zip(tested["user_id"].cast(pa.string()).to_pylist(), seconds.tolist(), strict=True):
        first[user] = min(moment, first.get(user, moment))
    moments = np.array([first.get(unit, np.nan) for unit in units])
    made = np.full(len(units), np.datetime64("NaT"), dtype="datetime64[us]")
    known = ~np.isnan(moments)
    made[known] = np.round(moments[known] * 1e6).astype(np.int64).astype("datetime64[us]")
    return made
