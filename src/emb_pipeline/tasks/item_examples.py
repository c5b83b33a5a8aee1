"""Wins and losses of embeddings on the test units of a task, and some units that they differ on, with their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.comparisons.differing_units import choose_differing_units
from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS, find_highest
from emb_pipeline.statistics.comparisons.outcomes import count_outcomes, score_units
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.shown_units import LONGEST, ShownUnits, cut_text

_TEXT = pa.dictionary(pa.int32(), pa.string())
ITEM_EXAMPLES = pa.schema(
    [
        ("task", _TEXT),
        ("unit_id", _TEXT),
        ("text", _TEXT),
        ("text_left_out", pa.int32()),
        ("answer", _TEXT),
        ("answer_left_out", pa.int32()),
        ("embedding", _TEXT),
        ("score", pa.float32()),
        ("predicted", _TEXT),
    ]
)
"""One row per unit and embedding. ``left_out``: characters of the text, or of the right answer, that are not in it;
``predicted``: the class that the first seed's probe gives the unit, null where the kind keeps no classes."""
MOST_CHARACTERS = 500_000
"""Characters of test items in one report: packed they are about a quarter of a megabyte of its page."""
FEWEST_OF_GROUP, MOST_GROUPS = 5, 30
"""Units of a group that are worth a count of its own, and groups of a task that are counted, the largest first."""


def compare_items(
    found: TaskScores,
    kind: Kind,
    tables: Mapping[str, pa.Table],
    names: Sequence[str],
    *,
    per_pair: int,
    most: int,
    primary_metric: str | None = None,
) -> tuple[pd.DataFrame, pa.Table]:
    """Count wins and losses of each pair of embeddings on a task, and choose units that show where they differ.

    Parameters
    ----------
    found : TaskScores
        Item scores of the task.
    kind : Kind
        Of the task.
    tables : mapping of str to Table
        The task's examples.
    names : sequence of str
        Families of embeddings that are compared; of more than `MOST_IN_ALL_PAIRS`, those that score highest.
    per_pair : int
        Units that are shown of a pair; 0: none, and no text is in the result.
    most : int
        Characters that all texts and answers together do not exceed.
    primary_metric : str, optional
        What the task is judged by. Where a unit has no value of it by itself, and by default, units are compared by the
        first metric of the kind.

    Returns
    -------
    DataFrame with the columns of OUTCOMES, and Table of schema ITEM_EXAMPLES
    """
    metric = kind.find_unit_metric(primary_metric or kind.primary_metric)
    scores = score_units(found, metric, names)
    if len(names) > MOST_IN_ALL_PAIRS:
        highest = find_highest(scores.mean(axis=0))
        names, scores = [names[place] for place in highest], scores[:, highest]
    shown = kind.describe_units(tables, found.units)
    outcomes = count_outcomes(found.task, metric, names, scores, _find_groups(found, kind, names, scores, shown))
    if shown is None or not per_pair:
        return outcomes, ITEM_EXAMPLES.empty_table()
    texts = [cut_text(text) for text in shown.texts]
    answers = [cut_text(answer, LONGEST // 2) for answer in shown.answers]
    lengths = np.array([len(text) + len(answer) for (text, _), (answer, _) in zip(texts, answers, strict=True)])
    rows = choose_differing_units(scores, found.units, lengths, per_pair, most)
    of_units: dict[str, list[Any]] = {
        "task": [found.task for _ in rows],
        "unit_id": [found.units[row] for row in rows],
        "text": [texts[row][0] for row in rows],
        "text_left_out": [texts[row][1] for row in rows],
        "answer": [answers[row][0] for row in rows],
        "answer_left_out": [answers[row][1] for row in rows],
    }
    columns: dict[str, list[Any]] = {name: [each for each in values for _ in names] for name, values in of_units.items()}
    columns["embedding"] = [name for _ in rows for name in names]
    columns["score"] = scores[rows].ravel().tolist()
    columns["predicted"] = [label for row in rows for label in _name_predictions(found, row, names, shown.classes)]
    return outcomes, pa.table(
        [_build_column(columns[field.name], field.type) for field in ITEM_EXAMPLES], schema=ITEM_EXAMPLES
    )


def _find_groups(
    found: TaskScores, kind: Kind, names: Sequence[str], scores: np.ndarray, shown: ShownUnits | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Find the units of each group, with the scores that count in it; none where most groups are too small to count."""
    if shown is None or kind.display is None:
        return {}
    sizes = Counter(group for groups in shown.groups for group in groups)
    large = [group for group, size in sizes.most_common(MOST_GROUPS) if size >= FEWEST_OF_GROUP]
    if 2 * sum(sizes[group] for group in large) < sizes.total():
        return {}
    members: dict[str, list[int]] = {group: [] for group in large}
    for unit, groups in enumerate(shown.groups):
        for group in groups:
            if group in members:
                members[group].append(unit)
    made = {}
    for group, units in members.items():
        metric = kind.display.group_metric.replace("*", group)
        made[group] = np.array(units), score_units(found, metric, names) if metric in found.metrics else scores
    return made


def _name_predictions(found: TaskScores, row: int, names: Sequence[str], classes: Sequence[str]) -> list[str] | list[None]:
    if found.predictions is None or not classes:
        return [None for _ in names]
    return [classes[found.predictions[row, found.families[name][0]]] for name in names]


def _build_column(values: list[Any], of_type: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(of_type):
        return pa.array(values, of_type)
    return pa.array(values, of_type.value_type).dictionary_encode().cast(of_type)
