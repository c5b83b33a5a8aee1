"""What is fitted on interactions, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.protocols import Recommender, TaskRecommender
from emb_pipeline.embeddings.recommenders import item_knn
from emb_pipeline.embeddings.recommenders.als import Als
from emb_pipeline.embeddings.recommenders.attribute_ease import AttributeEase
from emb_pipeline.embeddings.recommenders.ease import Ease
from emb_pipeline.embeddings.recommenders.hybrid import MixedRecommender
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.item2vec import Item2Vec
from emb_pipeline.embeddings.recommenders.item_knn import ItemKnn
from emb_pipeline.embeddings.recommenders.options import (
    AlsOptions,
    AttributeEaseOptions,
    EaseOptions,
    Item2VecOptions,
    ItemKnnOptions,
    UserAttributesOptions,
)
from emb_pipeline.embeddings.recommenders.popularity import Popularity
from emb_pipeline.embeddings.recommenders.profiles import Profiles
from emb_pipeline.embeddings.recommenders.user_attributes import UserAttributes
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.storage.free_memory import MEMORY_GB

# Three users, the oldest first: 0 took items 2, 0, 1; 1 took 1, 0; 2 took 3.
LOG = Interactions(np.array([0, 0, 0, 1, 1, 2]), np.array([2, 0, 1, 1, 0, 3]), 3, 4)
EVERYBODY = np.arange(3)


def two_camps(n_users: int = 40, n_items: int = 12, seed: int = 0) -> Interactions:
    """Users of two camps, each of which takes five of its own half of the items."""
    rng = np.random.default_rng(seed)
    half = n_items // 2
    items = [rng.permutation(half)[:5] + half * (user % 2) for user in range(n_users)]
    return Interactions(np.repeat(np.arange(n_users), 5), np.concatenate(items), n_users, n_items)


def test_weights_halve_with_each_half_life() -> None:
    np.testing.assert_allclose(LOG.weigh_by_recency(1).toarray()[0], [0.5, 1, 0.25, 0])
    np.testing.assert_allclose(LOG.weigh_by_recency(None).toarray()[0], [1, 1, 1, 0])
    assert [history.tolist() for history in LOG.histories()] == [[2, 0, 1], [1, 0], [3]]


def test_items_are_numbered_anew() -> None:
    part = LOG.of_items(np.array([1, 3]))
    np.testing.assert_array_equal(part.matrix.toarray(), [[1, 0], [1, 0], [0, 1]])


def test_popularity_is_the_number_of_users() -> None:
    ((setting, fitted),) = Popularity(Options()).candidates(LOG)
    assert setting == {}
    np.testing.assert_array_equal(fitted.scores(EVERYBODY), [[2, 2, 1, 1]] * 3)


def test_neighbors_are_shrunk_cosines() -> None:
    fitted = ItemKnn().fit(LOG, {"shrinkage": 1, "neighbors": None})
    # Items 0 and 1 share both of their users: 2 / (2 + 1); with item 2 they share one: 1 / (sqrt(2) + 1).
    pair, third = 2 / 3, 1 / (np.sqrt(2) + 1)
    np.testing.assert_allclose(fitted.scores(np.array([1])), [[pair, pair, 2 * third, 0]], rtol=1e-6)


def test_an_item_counts_for_those_whose_neighbor_it_is() -> None:
    fitted = ItemKnn().fit(LOG, {"shrinkage": 0, "neighbors": 1})
    # The nearest of 0 is 1 and of 1 it is 0; of 2 it is 0, the first of two equal ones. So item 0 adds to 1 and to 2.
    np.testing.assert_allclose(fitted.scores(np.array([1])), [[1, 1, 1 / np.sqrt(2), 0]], rtol=1e-6)


def test_ease_predicts_each_item_from_the_others() -> None:
    fitted = Ease().fit(LOG, {"regularisation": 2.0})
    # The solution of each column by itself: ridge regression on the other columns.
    X = LOG.matrix.toarray().astype(float)
    for item in range(4):
        others = [other for other in range(4) if other != item]
        A = X[:, others]
        weights = np.linalg.solve(A.T @ A + 2.0 * np.eye(3), A.T @ X[:, item])
        np.testing.assert_allclose(fitted.weights[others, item], weights, atol=1e-6)
        assert fitted.weights[item, item] == 0


def test_a_value_of_an_attribute_counts_as_users_who_took_all_items_that_have_it() -> None:
    values = sp.csr_array(np.array([[1, 0], [1, 0], [0, 1], [0, 1.0]]))
    setting = {"regularisation": 2.0, "item_weight": 3.0}
    fitted = AttributeEase(AttributeEaseOptions(), values).fit(LOG, setting)
    of_values = [[0, 1], [2, 3]] * 3  # each value three times, as users with the items that have it
    users = [*LOG.users, *np.repeat(np.arange(3, 9), 2)]
    more = Interactions(np.array(users), np.array([*LOG.items, *np.ravel(of_values)]), 9, 4)
    np.testing.assert_allclose(fitted.weights, Ease().fit(more, {"regularisation": 2.0}).weights, atol=1e-6)


def test_users_without_a_history_are_offered_what_users_with_their_attributes_took() -> None:
    values = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1.0]])
    log = Interactions(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 0]), 5, 4)  # the last two users took nothing
    training = UserAttributes(UserAttributesOptions(), sp.csr_array(values))
    fitted = training.fit(log, {"regularisation": 2.0})
    ridge = Ridge(alpha=2.0).fit(values[:3], log.matrix.toarray()[:3])
    np.testing.assert_allclose(fitted.scores(np.arange(5)), ridge.predict(values), atol=1e-6)
    only_popularity = training.fit(log, {"regularisation": 1e9}).scores(np.arange(5))
    np.testing.assert_allclose(only_popularity, np.tile(log.counts / 3, (5, 1)), atol=1e-6)


WEIGHTS = np.array([1, 2, 3, 4, 5, 6.0])
WEIGHED = Interactions(LOG.users, LOG.items, LOG.n_users, LOG.n_items, WEIGHTS)
HEAVY = np.array([[2, 3, 1, 0], [5, 4, 0, 0], [0, 0, 0, 6.0]])
"""The same as a table of users and items."""


def test_weights_take_the_place_of_ones_where_they_are_learnt_from() -> None:
    np.testing.assert_array_equal(WEIGHED.confidence.toarray(), HEAVY)
    np.testing.assert_array_equal(WEIGHED.of_items(np.array([1, 3])).confidence.toarray(), HEAVY[:, [1, 3]])
    np.testing.assert_array_equal(WEIGHED.matrix.toarray(), LOG.matrix.toarray())
    knn = ItemKnn().fit(WEIGHED, {"shrinkage": 0, "neighbors": None})
    lengths = np.linalg.norm(HEAVY, axis=0)
    cosines = HEAVY.T @ HEAVY / np.outer(lengths, lengths) - np.eye(4)
    np.testing.assert_allclose(knn.scores(EVERYBODY), HEAVY @ cosines, rtol=1e-6)
    ease = Ease().fit(WEIGHED, {"regularisation": 2.0})
    others = [1, 2, 3]
    expected = np.linalg.solve(HEAVY[:, others].T @ HEAVY[:, others] + 2 * np.eye(3), HEAVY[:, others].T @ HEAVY[:, 0])
    np.testing.assert_allclose(ease.weights[others, 0], expected, atol=1e-6)
    np.testing.assert_allclose(ease.scores(EVERYBODY), HEAVY @ ease.weights, rtol=1e-5)


def test_equal_weights_change_nothing() -> None:
    alike = Interactions(LOG.users, LOG.items, LOG.n_users, LOG.n_items, np.ones(6))
    for method, setting in ((ItemKnn(), {"shrinkage": 1.0, "neighbors": 2}), (Ease(), {"regularisation": 2.0})):
        scores = [method.fit(log, setting).scores(EVERYBODY) for log in (LOG, alike)]
        np.testing.assert_array_equal(*scores)


def test_als_fits_what_has_a_large_weight_more_closely() -> None:
    pytest.importorskip("implicit")
    setting = {"regularisation": 1.0, "weight": 1.0}
    heavier = Interactions(LOG.users, LOG.items, LOG.n_users, LOG.n_items, np.array([20, 1, 1, 1, 1, 1.0]))
    light, heavy = (Als(AlsOptions(), dim=2).fit(log, setting).scores(EVERYBODY) for log in (LOG, heavier))
    assert heavy[0, 2] > light[0, 2] + 0.1  # user 0 took item 2 twenty times


def test_a_user_is_the_mean_of_what_they_took_and_cosines_are_the_scores() -> None:
    vectors = np.array([[2.0, 0], [0, 3], [0, 1], [-1, 0]], dtype=np.float32)
    profiles = Profiles(vectors, (None, 1))
    settings = [setting for setting, _ in profiles.candidates(LOG)]
    assert settings == [{"half_life": None}, {"half_life": 1}]
    mean = profiles.fit(LOG, {"half_life": None}).scores(np.array([0]))
    np.testing.assert_allclose(mean, [[1 / np.sqrt(5), 2 / np.sqrt(5), 2 / np.sqrt(5), -1 / np.sqrt(5)]], atol=1e-6)
    recent = profiles.fit(LOG, {"half_life": 1}).scores(np.array([0]))
    length = np.hypot(0.5, 1.25)
    np.testing.assert_allclose(recent, [[0.5 / length, 1.25 / length, 1.25 / length, -0.5 / length]], atol=1e-6)


def test_item2vec_is_repeatable_and_brings_items_of_one_camp_together() -> None:
    log = two_camps()
    options = Item2VecOptions(epochs=(30,), noise_exponents=(0.75,), half_lives=(None,), sample=0)
    ((setting, fitted),) = Item2Vec(options, dim=8, seed=1).candidates(log)
    again = Item2Vec(options, dim=8, seed=1).fit(log, setting)
    np.testing.assert_array_equal(fitted.items, again.items)
    cosines = fitted.items @ fitted.items.T
    assert cosines[:6, :6].mean() > cosines[:6, 6:].mean() + 0.3


@pytest.mark.parametrize("name", ["als", "bpr", "ease", "item_knn", "item2vec"])
def test_every_recommender_offers_what_its_camp_takes(name: str) -> None:
    if name in ("als", "bpr"):
        pytest.importorskip("implicit")
    small = {
        "als": {"regularizations": (1,), "weights": (3,)},
        "bpr": {"regularizations": (0.01,), "learning_rates": (0.1,)},
        "ease": {"regularizations": (3,)},
        "item_knn": {"shrinkages": (0,), "neighbors": (None,)},
        "item2vec": {"epochs": (30,), "noise_exponents": (0.75,), "half_lives": (None,), "sample": 0},
    }
    log = two_camps()
    method = METHODS[name]
    recommender = factory.build_encoder(name, method.options(**small[name]), dim=8 if method.has_dim else None, seed=1)
    assert isinstance(recommender, TaskRecommender)
    ((setting, fitted),) = recommender.candidates(log)
    assert isinstance(fitted, Recommender)
    scores = np.where(log.matrix.toarray() > 0, -np.inf, fitted.scores(np.arange(40)))
    own_camp = scores.argmax(axis=1) // 6 == np.arange(40) % 2
    assert own_camp.mean() > 0.9
    np.testing.assert_array_equal(recommender.fit(log, setting).scores(np.arange(40)), fitted.scores(np.arange(40)))


class _Given:
    """Scores that a test gives."""

    dim, n_bytes = 0, 0

    def __init__(self, scores: list[list[float]]) -> None:
        self._scores = np.array(scores)

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self._scores[users]


def test_a_mixture_standardises_for_each_user_and_leaves_cold_items_to_the_text() -> None:
    text, learnt = _Given([[1, 3, 3, 1]]), _Given([[10, 30, -np.inf, -np.inf]])
    mixed = MixedRecommender(text, learnt, 0.25).scores(np.array([0]))
    # Standardised: text -1, 1, 1, -1; interactions -1, 1 over the items that they know.
    np.testing.assert_allclose(mixed, [[-1, 1, 0.25, -0.25]])


def test_a_hybrid_needs_another_embedding() -> None:
    with pytest.raises(ValueError, match="hybrid is built from the embedding that it adds to: give it as text="):
        factory.build_encoder("hybrid", METHODS["hybrid"].options())


def test_ease_takes_its_regularisations_in_order() -> None:
    assert [setting["regularisation"] for setting, _ in Ease(EaseOptions(regularizations=(5, 1))).candidates(LOG)] == [5, 1]
    options = ItemKnnOptions(shrinkages=(0, 9), neighbors=(1, None))
    assert len(list(ItemKnn(options).candidates(LOG))) == 4


def test_ease_is_refused_before_it_takes_memory_that_is_not_there() -> None:
    many = Interactions(np.array([0, 0]), np.array([0, 999_999]), 1, 1_000_000)
    for method in (Ease(), AttributeEase(AttributeEaseOptions(), sp.csr_array((1_000_000, 2)))):
        with pytest.raises(DataError, match=r"ease on 1,000,000 items: it would need 26,000.0 GB .*; raise 'core'"):
            next(iter(method.candidates(many)))
    assert next(iter(ItemKnn().candidates(many)))[1].similarities.nnz == 2


def test_all_neighbors_are_not_tried_where_they_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(MEMORY_GB, "0.001")
    options = ItemKnnOptions(shrinkages=(0,), neighbors=(2, None))
    assert [setting["neighbors"] for setting, _ in ItemKnn(options).candidates(LOG)] == [2]
    assert "'neighbors: null' is not tried" in caplog.text
    with pytest.raises(DataError, match="give numbers of neighbors"):
        next(iter(ItemKnn(ItemKnnOptions(shrinkages=(0,), neighbors=(None,))).candidates(LOG)))


def test_neighbors_do_not_depend_on_the_items_that_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    log = two_camps()
    whole = ItemKnn().fit(log, {"shrinkage": 1.0, "neighbors": 3})
    monkeypatch.setattr(item_knn, "_PAIRS_PER_BLOCK", 10)
    parts = ItemKnn().fit(log, {"shrinkage": 1.0, "neighbors": 3})
    assert (whole.similarities != parts.similarities).nnz == 0 and parts.similarities.nnz == 12 * 3
