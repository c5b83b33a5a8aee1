"""Which examples train and which test: the official split, or stratified folds that keep together what belongs together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.text.near_duplicates import group_equal_texts
from emb_pipeline.text.texts import Texts


def find_duplicate_groups(texts: Sequence[str]) -> np.ndarray:
    """Find the position of the first text with the same tokens, for each text.

    Parameters
    ----------
    texts : sequence of str
        `Texts` share the tokens that they made before.

    Returns
    -------
    ndarray of shape (n_texts,), int64
    """
    return group_equal_texts((texts if isinstance(texts, Texts) else Texts(texts)).token_ids)


def join_groups(groups: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Find the position of the first of all that two groupings tie together; ``groups`` are positions already."""
    n = len(groups)
    _, first, group_of = np.unique(others, return_index=True, return_inverse=True)
    everyone = np.arange(n)
    links = (np.ones(2 * n, dtype=bool), (np.tile(everyone, 2), np.concatenate([groups, first[group_of]])))
    _, component = connected_components(sp.coo_array(links, shape=(n, n)), directed=False)
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.int64)


def draw_stratified_folds(codes: np.ndarray, groups: np.ndarray, *, n_folds: int, seed: int) -> np.ndarray:
    """Draw a fold number for each example: classes spread evenly, no group divided.

    Groups are shuffled, sorted by the class of their first example, and dealt out one by one, so that each class, and
    the whole, differ by at most one group between folds. (scikit-learn's StratifiedGroupKFold does the same greedily,
    in time groups × classes × folds.)

    Returns
    -------
    ndarray of shape (n_examples,), int
    """
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    dealt = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    fold_of_group[dealt] = np.arange(len(first)) % n_folds
    return fold_of_group[group_of]
