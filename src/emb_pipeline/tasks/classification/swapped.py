"""Test texts with some of their words exchanged, and what a probe says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from emb_pipeline.corrupt.swaps import WordSwap
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.metrics.swap_scores import BOTH, FIRST, SECOND
from emb_pipeline.tasks.tuned_predictions import find_positions
from emb_pipeline.text.texts import Texts

SWAPPED_PREDICTIONS = pa.schema(
    [("swap", pa.string()), ("unit_id", pa.string()), ("side", pa.string()), ("predicted", pa.int32())]
)
"""Of a fine-tuned model: the class that it gives a test text with exchanged words."""


@dataclass(frozen=True, eq=False)
class SwappedTexts:
    """Those test texts that have a word of a list, with these exchanged.

    Attributes
    ----------
    name : str
        Of the list.
    rows : ndarray of shape (n_texts,), int
        Their positions among all examples.
    texts : Texts of length n_texts
        Them, exchanged.
    sides : ndarray of shape (n_texts,), str
        Whether a text has words of the first side of the list, of the second, or of both.
    predicted : ndarray of shape (n_texts,), int32
        The class that a probe gives each; -1 until it does.
    """

    name: str
    rows: np.ndarray
    texts: Texts
    sides: np.ndarray
    predicted: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "predicted", np.full(len(self.rows), -1, dtype=np.int32))

    def find(self, test: np.ndarray) -> np.ndarray:
        """Find the places of those that are in a part of the examples."""
        return np.flatnonzero(np.isin(self.rows, test))


def swap_test_texts(texts: Texts, tested: np.ndarray, swaps: Mapping[str, WordSwap], place: str) -> list[SwappedTexts]:
    """Exchange the words of each list in the test texts.

    Parameters
    ----------
    texts : Texts of length n_examples
        All texts.
    tested : ndarray of shape (n_tested,), int
        Positions of those that are tested on.
    swaps : mapping of str to WordSwap
        The lists by name.
    place : str
        What an error calls the task.

    Raises
    ------
    DataError
        The texts are rows of a table, written out: an embedding of its columns would not see the words.
    """
    columns = texts.columns
    if swaps and columns is not None and columns.replace_text:
        raise DataError(place, "it has no texts whose words could be exchanged, only columns", "leave 'swaps' out")
    found = []
    for name, swap in swaps.items():
        made = [(row, swap.swap(texts[row])) for row in tested.tolist()]
        kept = [(row, each) for row, each in made if each.n_first or each.n_second]
        sides = [BOTH if each.n_first and each.n_second else FIRST if each.n_first else SECOND for _, each in kept]
        rows = np.array([row for row, _ in kept], dtype=np.int64)
        exchanged = Texts((each.text for _, each in kept), columns=None if columns is None else columns.take(rows))
        found.append(SwappedTexts(name, rows, exchanged, np.array(sides, dtype=str)))
    return found


def build_swapped_predictions(swapped: Iterable[SwappedTexts], example_ids: np.ndarray) -> pa.Table:
    """Build the table of what a model says of exchanged texts: of `SWAPPED_PREDICTIONS`."""
    tables = [
        pa.table(
            [[each.name] * len(each.rows), example_ids[each.rows].tolist(), each.sides.tolist(), each.predicted.tolist()],
            schema=SWAPPED_PREDICTIONS,
        )
        for each in swapped
    ]
    return pa.concat_tables([SWAPPED_PREDICTIONS.empty_table(), *tables])


def read_swapped_predictions(predictions: Mapping[str, pa.Table], example_ids: np.ndarray) -> list[SwappedTexts]:
    """Read what `build_swapped_predictions` wrote, without the texts; nothing where no word was exchanged."""
    rows = predictions["swapped"].to_pylist() if "swapped" in predictions else []
    found = []
    for name in dict.fromkeys(row["swap"] for row in rows):
        own = [row for row in rows if row["swap"] == name]
        places = find_positions([row["unit_id"] for row in own], example_ids)
        sides = np.array([row["side"] for row in own], dtype=str)
        found.append(SwappedTexts(name, places, Texts([]), sides))
        found[-1].predicted[:] = [row["predicted"] for row in own]
    return found
