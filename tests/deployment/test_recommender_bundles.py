"""Vectors of users and items as bundles: another process recommends what the run would, without what trained them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.export.vectors import TextVectors
from emb_pipeline.tasks.recommendation.export import Recommendations
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from tests.tasks.recommendation.test_evaluate import camps

OPTIONS = RecommendationOptions()
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, float | None]]] = {
    "als": ({"iterations": 3}, {"regularisation": 1, "weight": 10}),
    "bpr": ({"iterations": 5}, {"regularisation": 0.01, "learning_rate": 0.1}),
    "item2vec": ({}, {"noise_exponent": 0.75, "epochs": 2, "half_life": None}),
}
ANSWER = """
import json, sys
from pathlib import Path
from emb_pipeline.deployment.bundle import Bundle
found = Bundle.read(Path(sys.argv[1])).model.answer(json.loads(sys.argv[2]), k=5)
trainers = [name for name in sys.modules if name.split(".")[0] in ("implicit", "gensim", "torch")]
print(json.dumps([found["item_id"].tolist(), trainers]))
"""


def fit(method: str) -> tuple[Any, Any]:
    options, setting = SETTINGS[method]
    encoder = factory.build_encoder(method, METHODS[method].options(**options), dim=8)
    task = camps()
    return task, Recommendations.fit(task, encoder, OPTIONS, seed=0, setting=setting)


@pytest.mark.parametrize("method", SETTINGS)
def test_a_bundle_recommends_the_items_with_the_highest_scores_that_a_user_has_not_taken(
    method: str, tmp_path: Path
) -> None:
    task, model = fit(method)
    Bundle(model).write(tmp_path / "bundle")
    bundle = Bundle.read(tmp_path / "bundle")
    read: Any = bundle.model
    names = task.user_ids[:6].tolist()
    found = read.answer(names, k=5)
    pd.testing.assert_frame_equal(found, model.answer(names, k=5))
    every = Interactions(task.users, task.items, len(task.user_ids), len(task.item_ids), None)
    options, setting = SETTINGS[method]
    recommender: Any = factory.build_encoder(method, METHODS[method].options(**options), dim=8)
    warm = np.flatnonzero(np.bincount(task.items, minlength=len(task.item_ids)))
    place = {number: row for row, number in enumerate(warm.tolist())}
    known = Interactions(
        task.users, np.array([place[item] for item in task.items.tolist()]), len(task.user_ids), len(warm), None
    )
    scores = np.asarray(recommender.fit(known, setting).scores(np.arange(6)))
    scores[every.matrix[:6][:, warm].toarray() > 0] = -np.inf
    for user in range(6):
        own = found[found["query"] == user]
        assert own["rank"].tolist() == [1, 2, 3, 4, 5] and own["known"].all()
        np.testing.assert_allclose(own["score"], np.sort(scores[user])[::-1][:5], rtol=1e-4, atol=1e-5)
        taken = set(task.item_ids[task.items[task.users == user]].tolist())
        assert not taken & set(own["item_id"]), "what was tested counts as taken"
    assert {file.suffix for file in (tmp_path / "bundle").rglob("*") if file.is_file()} == {".json", ".parquet", ".md"}
    assert bundle.inputs == {"user": "string"}
    bundle.warm_up()


def test_a_user_that_nothing_is_known_of_gets_no_item_and_a_bad_row_its_error() -> None:
    task, model = fit("als")
    found = model.answer(pd.DataFrame({"user": [task.user_ids[0], "nobody", None, 17]}), k=2)
    assert found["query"].tolist() == [0, 0, 1, 2, 3] and found["rank"].tolist() == [1, 2, 0, 0, 0]
    assert found["known"].tolist() == [True, True, False, False, False]
    assert found["error"].notna().tolist() == [False, False, False, True, False]
    with pytest.raises(DataError, match="has no column 'user'"):
        model.answer(pd.DataFrame({"text": ["u1"]}))
    assert list(model.answer([])) == list(found)


def test_all_items_that_are_left_are_recommended_where_more_are_asked_for() -> None:
    task, model = fit("als")
    n_taken = len(set(task.items[task.users == 0].tolist()))
    found = model.answer(str(task.user_ids[0]), k=10_000)
    assert len(found) == len(set(task.items.tolist())) - n_taken


def test_a_text_embedding_is_exported_as_one_and_popularity_is_refused() -> None:
    exported = Recommendations.fit(camps(), factory.build_encoder("tfidf", METHODS["tfidf"].options()), OPTIONS, seed=0)
    assert isinstance(exported, TextVectors)
    popular = factory.build_encoder("popularity", METHODS["popularity"].options())
    with pytest.raises(DataError, match="has no vectors of users and items"):
        Recommendations.fit(camps(), popular, OPTIONS, seed=0)
    assert not METHODS["popularity"].export


@pytest.mark.slow
def test_another_process_recommends_without_what_trained_it(tmp_path: Path) -> None:
    task, model = fit("als")
    Bundle(model).write(tmp_path / "bundle")
    names = task.user_ids[:4].tolist()
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, str(tmp_path / "bundle"), json.dumps(names)],
        capture_output=True,
        text=True,
        check=True,
    )
    items, trainers = json.loads(done.stdout.splitlines()[-1])
    assert items == model.answer(names, k=5)["item_id"].tolist() and not trainers
