"""Parts of a task's test units: by class or group, by length, by how common their words are, by language, by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.statistics.periods.cut import cut_periods
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.unit_times import find_unit_times
from emb_pipeline.text.words import tokenize

MOST_CLASSES = 30
"""Classes or groups that are parts, the largest first."""
FEWEST_OF_LANGUAGE = 20
"""Units of a language below which it is no part: guesses of single texts are wrong now and then."""
_N_PARTS = 3


def find_unit_parts(
    kind: Kind,
    tables: Mapping[str, pa.Table],
    units: Sequence[str],
    find_language: Callable[[str], str | None] | None = None,
    drift: DriftOptions | None = None,
) -> dict[str, dict[str, list[str]]]:
    """Find parts of the test units of a task.

    Parameters
    ----------
    kind : Kind
        Of the task.
    tables : mapping of str to Table
        The task's examples.
    units : sequence of str
        Names of the units.
    find_language : callable, optional
        Gives the language of a text, or None where it is not sure.
    drift : DriftOptions, optional
        How units with a time are parted into periods.

    Returns
    -------
    dict of str to dict of str to list of str
        By what the units are parted, the names of units by the name of their part. Nothing where all would be in one part,
        or where the kind does not show its units.

    Notes
    -----
    By the rarest word: in how many texts, or passages, of the task the word of a unit occurs that occurs in the fewest. A
    unit whose rarest word is in few is a rare question: the tail. Users are parted by how often the items that they want
    were taken in training, by their median: a recommender of popular items serves those of the tail badly.
    """
    shown = kind.describe_units(tables, units)
    by_period = _part_by_period(units, tables, drift)
    if shown is None or kind.display is None:
        return _leave_out_single({"period": by_period})
    if "interactions" in tables:
        by_wanted = _part_by_number(units, _count_wanted(tables, units), "taken {} time")
        return _leave_out_single({"wanted items": by_wanted, "period": by_period})
    words = [tokenize(text) for text in shown.texts]
    made = {
        kind.display.group: _part_by_name(units, shown.groups),
        "length": _part_by_number(units, [len(each) for each in words], "{} word"),
        "rarest word": _part_by_number(units, _find_rarest(words, _list_texts(tables)), "in {} text"),
    }
    if find_language is not None:
        languages = [find_language(text) for text in shown.texts]
        sizes = Counter(languages)
        made["language"] = _part_by_name(
            units, [(name,) if name is not None and sizes[name] >= FEWEST_OF_LANGUAGE else () for name in languages]
        )
    return _leave_out_single({**made, "period": by_period})


def _leave_out_single(made: Mapping[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    return {by: parts for by, parts in made.items() if len(parts) > 1}


def _part_by_period(
    units: Sequence[str], tables: Mapping[str, pa.Table], drift: DriftOptions | None
) -> dict[str, list[str]]:
    times = find_unit_times(tables, units)
    if times is None:
        return {}
    cut = cut_periods(times, drift)
    return {
        period.name: [unit for unit, code in zip(units, cut.codes.tolist(), strict=True) if code == number]
        for number, period in enumerate(cut.periods)
    }


def _count_wanted(tables: Mapping[str, pa.Table], units: Sequence[str]) -> list[int]:
    """Count how often the median item that a user wants was taken in training."""
    counts = dict(zip(tables["items"]["item_id"].to_pylist(), tables["items"]["n_train"].to_pylist(), strict=True))
    wanted: dict[str, list[int]] = {}
    rows = zip(*(tables["interactions"][name].to_pylist() for name in ("user_id", "item_id", "split")), strict=True)
    for user, item, split in rows:
        if split == "test":
            wanted.setdefault(str(user), []).append(counts[item])
    return [int(np.median(wanted[unit])) if unit in wanted else 0 for unit in units]


def _part_by_name(units: Sequence[str], names: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for unit, named in zip(units, names, strict=True):
        for name in named:
            parts.setdefault(name, []).append(unit)
    return dict(sorted(parts.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_CLASSES])


def _part_by_number(units: Sequence[str], numbers: Sequence[int], words: str) -> dict[str, list[str]]:
    """Part units into thirds of about equal size; equal numbers are in one part."""
    if not numbers:
        return {}
    values = np.asarray(numbers)
    edges = np.unique(np.quantile(values, np.arange(1, _N_PARTS) / _N_PARTS, method="inverted_cdf"))
    edges = edges[edges < values.max()]
    places = np.searchsorted(edges, values, side="left")
    parts: dict[str, list[str]] = {}
    for place in np.unique(places):
        low, high = int(values[places == place].min()), int(values[places == place].max())
        name = words.format(f"{low:,}" if low == high else f"{low:,} to {high:,}") + "s" * (high != 1)
        parts[name] = [unit for unit, of_unit in zip(units, places, strict=True) if of_unit == place]
    return parts


def _find_rarest(words: Sequence[Sequence[str]], texts: Sequence[str]) -> list[int]:
    """Count in how many of the texts the rarest word of each unit is."""
    counts = Counter(word for text in texts for word in set(tokenize(text)))
    return [min((counts[word] for word in each), default=0) for each in words]


def _list_texts(tables: Mapping[str, pa.Table]) -> list[str]:
    """List the texts of the table that is searched, or else of all tables that have any."""
    if "passages" in tables:
        return [text or "" for text in tables["passages"]["text"].to_pylist()]
    return [text or "" for table in tables.values() if "text" in table.column_names for text in table["text"].to_pylist()]
