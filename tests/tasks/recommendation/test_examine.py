"""Vectors of users and items: which methods have them, what is near, and what is left for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.stored_encoders import StoredEncoder, StoredEncoders
from emb_pipeline.storage.matrices import read_matrix_column
from emb_pipeline.tasks.recommendation.examine import examine_users_and_items
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.tables import SHOWN_TABLES
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.text.texts import Texts
from tests.tasks.recommendation.test_evaluate import GENRES, with_attributes

NAMES = {"als": 4, "item_knn": None, "lsa": 4, "one_hot": None, "popularity": None, "user_attributes": None}


N_USERS, N_ITEMS = 60, 54  # the last ten items are cold


@pytest.fixture(scope="module")
def task() -> RecommendationTask:
    """Users take eight warm items of their own genre, then one that validates, and one that is tested."""
    rng = np.random.default_rng(3)
    items = np.concatenate([rng.permutation(np.arange(user % 2, N_ITEMS - 10, 2))[:10] for user in range(N_USERS)])
    made = RecommendationTask(
        "next",
        np.array([f"u{user:02}" for user in range(N_USERS)]),
        np.array([f"i{item}" for item in range(N_ITEMS)]),
        Texts([f"{GENRES[item % 2]} {GENRES[item % 2]}s n{item}" for item in range(N_ITEMS)]),
        np.repeat(np.arange(N_USERS), 10),
        items,
        np.array([*["train"] * 8, "validation", "test"] * N_USERS),
        np.arange(N_ITEMS) >= N_ITEMS - 10,
    )
    return with_attributes(made)


@pytest.fixture(scope="module")
def found(task: RecommendationTask, tmp_path_factory: pytest.TempPathFactory) -> dict:
    pytest.importorskip("implicit")
    stored = [StoredEncoder(f"task.{name}", name, METHODS[name].options(), dim) for name, dim in NAMES.items()]
    broken = StoredEncoder("domain.lost", "word2vec", METHODS["word2vec"].options(), 4, vectors=Path("nowhere.arrow"))
    encoders = StoredEncoders((*stored, broken))
    cells = pd.DataFrame({"embedding": [each.name for each in encoders.encoders], "origin": "task", "setting": None})
    options, encodings = RecommendationOptions(), tmp_path_factory.mktemp("encodings")
    return examine_users_and_items(task, cells, encoders, options, encodings, seed=0)


def test_dense_vectors_are_kept_by_id_and_what_has_none_is_left_out(task: RecommendationTask, found: dict) -> None:
    kept = {name.rpartition(".")[0] for name in found if name not in SHOWN_TABLES}
    assert kept == {"task.als", "task.lsa", "task.user_attributes"}
    users, items = found["task.als.users"], found["task.als.items"]
    assert users["id"].to_pylist() == task.user_ids.tolist() and items.num_rows == N_ITEMS - 10  # nobody took the cold ones
    assert found["task.lsa.items"]["id"].to_pylist() == task.item_ids.tolist()
    scores = read_matrix_column(users["vector"]) @ read_matrix_column(items["vector"]).T
    own = np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS - 10)[None, :] % 2
    assert scores[own].mean() > scores[~own].mean() + 0.3


def test_items_of_one_genre_are_near_each_other(found: dict) -> None:
    nearest = found["nearest_items"].to_pandas()
    assert set(nearest["embedding"]) == {"task.als", "task.lsa", "task.user_attributes"}
    of_als = nearest[nearest["embedding"] == "task.als"]
    assert (of_als["item"].str[:3] == of_als["neighbor"].str[:3]).mean() > 0.9
    assert set(found["item_map"]["embedding"].to_pylist()) == {"task.als", "task.lsa"}


def test_vectors_are_probed_for_attributes_but_not_for_those_that_they_were_told(found: dict) -> None:
    table = found["attribute_probes"].to_pandas().set_index(["side", "embedding"])
    assert {"number of interactions", "task.als", "task.lsa", "task.one_hot"} <= set(table.loc["user"].index)
    assert "task.user_attributes" not in table.loc["user"].index and "task.user_attributes" in table.loc["item"].index
    assert not {"task.item_knn", "task.popularity"} & set(table.index.get_level_values("embedding"))
    for side in ("user", "item"):
        assert table.loc[(side, "task.als"), "auroc"] > 0.95 and table.loc[(side, "task.als"), "difference_low"] > 0.2
    assert table.loc[("item", "users, one-hot"), "auroc"] > 0.95
    assert np.isfinite(table[["auroc", "ci_low", "ci_high", "shuffled", "difference"]].to_numpy()).all()
