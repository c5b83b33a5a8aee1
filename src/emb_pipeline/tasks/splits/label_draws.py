"""Parts of a training set as if fewer labels had been bought: nested, stratified, drawn several times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.scores import build_item_scores

STEPS = (1, 3)
"""Counts per power of ten: 30, 100, 300, 1,000, …"""
FEWEST = 30
MANY_DRAWS = ((300, 10), (1_000, 5))
"""Draws up to a number of labels: the fewer they are, the more it matters which."""
DRAWS = 3
"""Draws of more labels."""
SEED = 0
"""Of the draws: the same number is the same labels for every embedding and every seed of its training."""


@dataclass(frozen=True, eq=False)
class LabelDraws:
    """Item scores of probes that learn from parts of the labels.

    Attributes
    ----------
    metric : str
        What the scores are of.
    n_labels : int
        All labels, of one fold's training part where there are folds.
    n_folds : int
        Folds that each score is a mean over; 1 for a split.
    counts : list of int
        Labels to learn from; empty where there is no learning curve.
    scores : list of ndarray of shape (n_draws, n_units)
        Of each test unit, for each count. They are written here as the probes are fitted.
    class_shares : list of float
        Share of a class's labels that is drawn, for each count: the mean over classes.
    is_balanced : bool
        True where each class gives as many labels, and not its share.
    """

    metric: str
    n_labels: int
    n_folds: int
    counts: list[int]
    scores: list[np.ndarray]
    class_shares: list[float]
    is_balanced: bool = False

    @classmethod
    def plan(
        cls,
        metric: str,
        *,
        n_labels: int,
        n_classes: int,
        n_units: int,
        n_draws: int | None,
        n_folds: int = 1,
        wanted: Sequence[int] | None = None,
        fewest: int = FEWEST,
    ) -> LabelDraws:
        """Prepare scores to be written, for ``n_draws`` draws of each of the `label_counts`; None: by the count."""
        counts = label_counts(n_labels, n_classes, wanted, fewest) if n_draws != 0 else []
        scores = _make_room(counts, n_draws, n_units)
        return cls(metric, n_labels, n_folds, counts, scores, [count / n_labels for count in counts])

    @classmethod
    def plan_balanced(
        cls,
        metric: str,
        per_class: Sequence[int],
        *,
        n_labels: int,
        class_sizes: np.ndarray,
        n_units: int,
        n_draws: int | None,
        n_folds: int = 1,
    ) -> LabelDraws:
        """Prepare scores to be written, for draws of as many labels of each class.

        Parameters
        ----------
        metric : str
            What the scores will be of.
        per_class : sequence of int
            Labels of each class: fewer than the smallest class has.
        class_sizes : ndarray of shape (n_classes,), float
            Labels that a training part has of each class; with folds, the mean over them.
        n_labels, n_units, n_draws, n_folds
            As for `plan`.
        """
        chosen = sorted(set(per_class)) if n_draws != 0 else []
        counts = [each * len(class_sizes) for each in chosen]
        shares = [float(np.mean(each / class_sizes)) for each in chosen]
        return cls(metric, n_labels, n_folds, counts, _make_room(counts, n_draws, n_units), shares, is_balanced=True)

    def parts(self, codes: np.ndarray, *numbers: int) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Stream the parts of a training set with these classes: count and draw as its place, and its positions, ascending.

        ``numbers`` name the training set among several (folds).
        """
        for draw in range(max((len(scores) for scores in self.scores), default=0)):
            rng = np.random.default_rng([SEED, *numbers, draw])
            order = nested_order(codes, rng, is_balanced=self.is_balanced)
            for row, count in enumerate(self.counts):
                if draw < len(self.scores[row]):
                    yield (row, draw), np.sort(order[:count])

    def item_scores(self, unit_ids: np.ndarray, group_ids: np.ndarray) -> list[pa.Table]:
        """Build a table for each number of labels: means over its draws."""
        return [
            build_item_scores(unit_ids, group_ids, {self.metric: scores.mean(axis=0)}, label_fraction=count / self.n_labels)
            for count, scores in zip(self.counts, self.scores, strict=True)
        ]

    def draws(self) -> list[dict[str, float]]:
        """List the mean of each draw over all units."""
        return [
            {
                "n_labels": count,
                "label_fraction": count / self.n_labels,
                "class_share": share,
                "folds": self.n_folds,
                "draw": draw,
                "value": float(value),
            }
            for count, share, scores in zip(self.counts, self.class_shares, self.scores, strict=True)
            for draw, value in enumerate(scores.mean(axis=1))
        ]


def _make_room(counts: Sequence[int], n_draws: int | None, n_units: int) -> list[np.ndarray]:
    return [np.zeros((draws_of_count(count) if n_draws is None else n_draws, n_units)) for count in counts]


def draws_of_count(count: int) -> int:
    """Choose the number of draws of this many labels, where no option says how many."""
    return next((n_draws for up_to, n_draws in MANY_DRAWS if count <= up_to), DRAWS)


def label_counts(n_labels: int, n_classes: int, wanted: Sequence[int] | None = None, fewest: int = FEWEST) -> list[int]:
    """Choose numbers of labels to learn from, below all of them.

    Parameters
    ----------
    n_labels : int
        Labels of the training part.
    n_classes : int
        Classes of the task.
    wanted : sequence of int, optional
        Counts to keep to. By default 1, 3, 10, 30, … from two labels a class to half of all labels.
    fewest : int
        The smallest of these at least.

    Returns
    -------
    list of int
        Ascending; empty where a training part is too small to be divided.
    """
    if wanted is not None:
        return sorted({count for count in wanted if count < n_labels})
    series = (step * 10**power for power in range(1, 8) for step in STEPS)
    return [count for count in series if max(fewest, 2 * n_classes) <= count <= n_labels / 2]


def nested_order(codes: np.ndarray, rng: np.random.Generator, *, is_balanced: bool = False) -> np.ndarray:
    """Draw an order of a training part, each prefix of which is a stratified draw that holds the shorter ones.

    The examples of a class are shuffled and spread evenly over the order, so a prefix has each class in its share, to
    within one example. Where it is to be balanced, the classes take turns: the first ``k * n_classes`` examples are ``k`` of
    each class, as long as each has so many.

    Parameters
    ----------
    codes : ndarray of shape (n_train,), int
        Class codes.
    rng : Generator
        Source of the order.
    is_balanced : bool
        See above.

    Returns
    -------
    ndarray of shape (n_train,), int64
        Positions.
    """
    codes = np.asarray(codes)
    shuffled = rng.permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    sizes = np.bincount(codes)[np.unique(codes)]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    within = np.arange(len(codes)) - np.repeat(starts, sizes)
    offsets = np.repeat(rng.random(len(sizes)), sizes)  # where in a class's step its examples are
    place = within + offsets if is_balanced else (within + offsets) / np.repeat(sizes, sizes)
    return np.asarray(by_class[np.argsort(place, kind="stable")], dtype=np.int64)


@contextmanager
def explain_too_few_labels(task: str, n_labels: int) -> Iterator[None]:
    """Explain the failure of an embedding that is fitted on labeled texts alone, and there are too few.

    Raises
    ------
    DataError
        It cannot be fitted.
    """
    try:
        yield
    except ValueError as error:
        raise DataError(
            f"{task}, {n_labels} labels",
            f"an embedding cannot be fitted on the labelled texts alone ({error})",
            "give larger label_counts, or let unlabeled_texts be true",
        ) from error
