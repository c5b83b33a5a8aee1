"""Neighbors that two embeddings have in common."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from emb_pipeline.embeddings.kept_neighbors import Encoded, measure_kept_neighbors
from emb_pipeline.text.texts import Texts

TEXTS = Texts(["a", "b", "c", "d"])
LINE = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.1], [1.0, 0.0]], dtype=np.float32)
COSINE = SimpleNamespace(similarity="cosine")


def test_nothing_changes_for_a_rotation() -> None:
    before, after = Encoded(COSINE, LINE, LINE), Encoded(COSINE, LINE[:, ::-1], LINE[:, ::-1])
    assert measure_kept_neighbors(before, after, TEXTS, TEXTS, 1, np.arange(4)).tolist() == [1, 1, 1, 1]


def test_shares_by_hand() -> None:
    moved = LINE[[0, 3, 2, 1]]  # b and d have changed places
    before, after = Encoded(COSINE, LINE, LINE), Encoded(COSINE, moved, moved)
    assert measure_kept_neighbors(before, after, TEXTS, TEXTS, 1, np.arange(4)).tolist() == [0, 0, 0, 0]
    assert measure_kept_neighbors(before, after, TEXTS, TEXTS, 3, np.arange(4)).tolist() == [1, 1, 1, 1]


def test_queries_are_no_texts_of_their_own() -> None:
    asked = np.array([[0.0, 2.0]], dtype=np.float32)
    before, after = Encoded(COSINE, LINE, asked), Encoded(COSINE, LINE[::-1].copy(), asked)
    assert measure_kept_neighbors(before, after, TEXTS, Texts(["asked"]), 2).tolist() == [0]
    assert measure_kept_neighbors(before, before, TEXTS, Texts(["asked"]), 2).tolist() == [1]
