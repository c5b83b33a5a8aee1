"""Recommendation: full ranking without what is known, tuned on validation alone, cold items apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.ranking import TieOrder
from emb_pipeline.embeddings.recommenders.attribute_ease import build_attribute_ease
from emb_pipeline.embeddings.recommenders.ease import Ease
from emb_pipeline.embeddings.recommenders.hybrid import Hybrid
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.item_knn import ItemKnn
from emb_pipeline.embeddings.recommenders.options import (
    AttributeEaseOptions,
    EaseOptions,
    HybridOptions,
    UserAttributesOptions,
)
from emb_pipeline.embeddings.recommenders.popularity import Popularity
from emb_pipeline.embeddings.recommenders.user_attributes import build_user_attributes
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.recommendation.attributes import ATTRIBUTES, Attributes
from emb_pipeline.tasks.recommendation.evaluate import draw_tuned_users, evaluate_recommendation
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import EncoderPerFold, WordEncoder

OPTIONS = RecommendationOptions(half_lives=(None, 1), latency_requests=3)
GENRES = ("sea", "sky")
N_ITEMS = 40  # the first 30 are warm


def camps(*, texts: bool = True) -> RecommendationTask:
    """24 users of two genres: eight warm items of their own to learn from, one that validates, a cold one that is tested."""
    rng = np.random.default_rng(2)
    users, items, split = [], [], []
    for user in range(24):
        warm = rng.permutation(np.arange(user % 2, 30, 2))[:9]
        users += [user] * 10
        items += [*warm, int(rng.choice(np.arange(30 + user % 2, N_ITEMS, 2)))]
        split += ["train"] * 8 + ["validation", "test"]
    described = Texts([f"{GENRES[item % 2]} {GENRES[item % 2]}s n{item}" for item in range(N_ITEMS)])
    return RecommendationTask(
        "next",
        np.array([f"u{user:02}" for user in range(24)]),
        np.array([f"i{item}" for item in range(N_ITEMS)]),
        described if texts else None,
        np.array(users),
        np.array(items),
        np.array(split),
        np.arange(N_ITEMS) >= 30,
    )


@dataclass
class Oracle:
    """Knows what validation and test ask for; notes what it is fitted on."""

    fitted_on: list[int] = field(default_factory=list)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, Oracle]]:
        for setting in ({"right": 0.0}, {"right": 1.0}):
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> Fixed:
        self.fitted_on.append(len(interactions.items))
        return Fixed(interactions.n_users, interactions.n_items, bool(setting["right"]))


@dataclass
class Fixed:
    n_users: int
    n_items: int
    right: bool
    dim: int = 3
    n_bytes: int = 80

    def scores(self, users: np.ndarray) -> np.ndarray:
        own = (np.arange(self.n_items)[None, :] + users[:, None]) % 2 == (0 if self.right else 1)
        return own.astype(np.float32)


def by_metric(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in evaluation.item_scores.to_pylist():
        found.setdefault(row["metric"], {})[row["unit_id"]] = row["value"]
    return found


def test_a_setting_is_chosen_on_validation_and_fitted_anew_with_it() -> None:
    oracle = Oracle()
    evaluation = evaluate_recommendation(camps(), oracle, OPTIONS)
    assert evaluation.details["setting"] == {"right": 1.0}
    # Twice on the eight training items of each user, then once with the one that validated.
    assert oracle.fitted_on == [8 * 24, 8 * 24, 9 * 24]


def test_what_was_taken_is_not_recommended_and_all_else_is_ranked() -> None:
    task = camps()
    evaluation = evaluate_recommendation(task, Popularity(), OPTIONS)
    scores = by_metric(evaluation)
    # 30 warm items less the 9 that are known come first, then the ten cold ones by a hash of user and item.
    for user, name, cold in zip(range(24), task.user_ids, task.items[task.split == "test"], strict=True):
        keys = TieOrder.of([name], task.item_ids[30:]).keys(0, slice(None))
        assert scores["mrr"][name] == pytest.approx(1 / (21 + 1 + (keys < keys[cold - 30]).sum())), user
    assert evaluation.metrics["ndcg@10"] == 0
    assert evaluation.metrics["arp@10"] > 9 * 24 / 30  # the popular half


@pytest.mark.slow
def test_no_score_depends_on_the_order_of_the_items(words: WordEncoder) -> None:
    task = camps()
    reverse = np.arange(N_ITEMS)[::-1]
    turned = replace(
        task,
        item_ids=task.item_ids[reverse],
        texts=task.texts.take(reverse),
        items=N_ITEMS - 1 - task.items,
        is_cold=task.is_cold[reverse],
    )
    for recommender in (Popularity(), ItemKnn(), Ease(), words, Hybrid(HybridOptions(), words)):
        found = [evaluate_recommendation(each, recommender, OPTIONS) for each in (task, turned)]
        scores = [evaluation.item_scores["value"].to_numpy() for evaluation in found]
        np.testing.assert_allclose(*scores, rtol=1e-12)


def test_every_metric_is_the_mean_of_its_item_scores() -> None:
    evaluation = evaluate_recommendation(camps(), Popularity(), OPTIONS)
    scores = by_metric(evaluation)
    assert set(evaluation.metrics) == set(scores)
    for metric, values in scores.items():
        assert len(values) == 24
        assert np.mean(list(values.values())) == pytest.approx(evaluation.metrics[metric])
    assert 0.25 <= evaluation.metrics["coverage@10"] <= 0.75


def test_text_finds_cold_items_where_interactions_cannot(words: WordEncoder) -> None:
    text = evaluate_recommendation(camps(), words, OPTIONS)
    assert words.n_encoded == N_ITEMS  # each text once
    popular = evaluate_recommendation(camps(), Popularity(), OPTIONS)
    assert text.metrics["ndcg@10_cold"] > popular.metrics["ndcg@10_cold"]
    assert text.metrics["recall@20_cold"] == popular.metrics["recall@20_cold"] == 1  # there are ten cold items
    assert text.details["setting"].keys() == {"half_life"} and text.dim == 8


def test_few_users_with_a_cold_item_have_no_mean_of_their_own() -> None:
    task = camps()
    items = task.items.copy()
    tests = np.flatnonzero(task.split == "test")
    for user, row in enumerate(tests[:15]):  # a warm one of the genre that the user does not know
        items[row] = next(item for item in range(user % 2, 30, 2) if item not in items[task.users == user])
    changed = RecommendationTask(
        task.name, task.user_ids, task.item_ids, task.texts, task.users, items, task.split, task.is_cold
    )
    evaluation = evaluate_recommendation(changed, Popularity(), OPTIONS)
    assert "ndcg@10_cold" not in evaluation.metrics and evaluation.details["n_users_with_cold_test"] == 9


def test_an_embedding_of_the_task_is_fitted_on_the_items(per_fold: EncoderPerFold) -> None:
    task = camps()
    evaluate_recommendation(task, per_fold, OPTIONS)
    assert per_fold.fitted_on == [list(task.texts or [])]


def test_a_hybrid_takes_the_better_of_both(words: WordEncoder) -> None:
    options = HybridOptions(ease=EaseOptions(regularizations=(3, 30)), weights=(0.1, 0.5))
    hybrid = evaluate_recommendation(camps(), Hybrid(options, words), OPTIONS)
    text = evaluate_recommendation(camps(), words, OPTIONS)
    assert hybrid.details["setting"]["text_weight"] in (0.1, 0.5)
    # Among cold items the text alone decides, whatever the weight, but for the half-life, which both tune alike.
    assert hybrid.metrics["ndcg@10_cold"] == pytest.approx(text.metrics["ndcg@10_cold"])


def test_without_texts_only_interactions_can_be_learnt_from(words: WordEncoder) -> None:
    assert evaluate_recommendation(camps(texts=False), Popularity(), OPTIONS).metrics["mrr"] > 0
    with pytest.raises(DataError, match="next: the items have no texts; name the file of the items"):
        evaluate_recommendation(camps(texts=False), words, OPTIONS)


def with_attributes(task: RecommendationTask) -> RecommendationTask:
    """The same, where each item's genre, and the genre that each user takes, are known."""
    items, users = ([["genre", GENRES[number % 2]] for number in range(n)] for n in (len(task.item_ids), len(task.user_ids)))
    sides = (("user", task.user_ids, users), ("item", task.item_ids, items))
    rows = [(side, name, *value) for side, names, values in sides for name, value in zip(names, values, strict=True)]
    table = pa.table(dict(zip(ATTRIBUTES.names, zip(*rows, strict=True), strict=True)), schema=ATTRIBUTES)
    of = {f"{side}_attributes": Attributes.from_table(table, side, names.tolist()) for side, names, _ in sides}
    return replace(task, **of)


def test_attributes_of_items_find_cold_ones_where_interactions_cannot() -> None:
    task = with_attributes(camps())
    found = evaluate_recommendation(task, build_attribute_ease(AttributeEaseOptions()), OPTIONS)
    assert found.metrics["ndcg@10_cold"] > evaluate_recommendation(task, Ease(), OPTIONS).metrics["ndcg@10_cold"]
    # All five cold items of the user's own genre come before those of the other one.
    assert min(by_metric(found)["ndcg@10_cold"].values()) >= 1 / np.log2(6) - 1e-9
    assert found.details["setting"].keys() == {"regularisation", "item_weight"}


def test_attributes_of_new_users_say_more_than_popularity() -> None:
    task = with_attributes(camps())
    parts = np.array(["train", "validation", "test"])[(task.users // 2) % 3]
    new = replace(task, split=parts, is_cold=np.zeros(N_ITEMS, dtype=bool))
    found = evaluate_recommendation(new, build_user_attributes(UserAttributesOptions()), OPTIONS)
    assert found.details["n_users"] == found.details["users_tuned_on"] == 8
    assert found.metrics["ndcg@10"] > evaluate_recommendation(new, Popularity(), OPTIONS).metrics["ndcg@10"] + 0.1


def test_attributes_that_nobody_named_are_asked_for() -> None:
    for encoder, side in (
        (build_attribute_ease(AttributeEaseOptions()), "items"),
        (build_user_attributes(UserAttributesOptions()), "users"),
    ):
        with pytest.raises(DataError, match=f"next: the {side} have no attributes; name a file of {side}"):
            evaluate_recommendation(camps(), encoder, OPTIONS)


def test_there_are_no_labels_to_shuffle(words: WordEncoder) -> None:
    with pytest.raises(ValueError, match="no labels to shuffle"):
        evaluate_recommendation(camps(), words, OPTIONS, shuffle_labels=True)


def test_settings_are_chosen_by_as_many_users_as_the_options_allow() -> None:
    phase = camps().tuning
    assert len(draw_tuned_users(phase, OPTIONS)) == len(phase.users) == 24
    few = draw_tuned_users(phase, OPTIONS.model_copy(update={"most_tuned_users": 10}))
    more = draw_tuned_users(phase, OPTIONS.model_copy(update={"most_tuned_users": 15}))
    assert len(few) == 10 and set(few) < set(more) < set(phase.users)
