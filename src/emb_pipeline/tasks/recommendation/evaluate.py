"""Recommendation: which item does a user take next? All items that the user has not taken are ranked. Unit: the user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.protocols import (
    AttributeRecommender,
    Recommender,
    Setting,
    TaskEncoder,
    TaskRecommender,
    TextEncoder,
)
from emb_pipeline.embeddings.ranking import largest
from emb_pipeline.embeddings.recommenders.hybrid import Hybrid, Mixture
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.profiles import Profiles
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.pseudo_values import compute_coverage, compute_ratio
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.rankings import (
    average_popularity,
    grades_at_ranks,
    ndcg,
    novelty,
    ranks_of_wanted,
    recall,
    reciprocal_rank_of_all,
)
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.task import Phase, RecommendationTask
from emb_pipeline.tasks.scores import build_item_scores

CUTOFF, RECALL_CUTOFF = 10, 20
"""Ranks that lists are cut at: ten are shown, and twenty are looked through."""

FEWEST_COLD = 10
"""Users with a cold test item below which a mean over them says nothing, and is left out."""


def evaluate_recommendation(
    task: RecommendationTask,
    encoder: TextEncoder | TaskEncoder | TaskRecommender | Hybrid,
    options: RecommendationOptions,
    *,
    seed: int = 0,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score what an embedding, or a recommender, ranks highest for each user.

    An embedding of texts describes an item by its text's vector and a user by the mean of what they took, the latest with
    the largest weight. One that is fitted on a task's texts (TF-IDF) is fitted on those of all items, which are the
    collection. A recommender is fitted on interactions and knows nothing of cold items, which it ranks last; a hybrid mixes
    both.

    All hyper-parameters, the half-life of the weights among them, are those with the highest nDCG@10 on the validation
    interactions, for a recommender that was fitted on the training interactions; of equal ones the first. Then it is fitted
    again on both, and tested.

    Parameters
    ----------
    task : RecommendationTask
        Interactions and items.
    encoder : TextEncoder, TaskEncoder, TaskRecommender or Hybrid
        The embedding, or what is fitted on interactions.
    options : RecommendationOptions
        Half-lives to choose among; memory.
    seed : int
        Unused: what draws has a seed of its own.
    shuffle_labels : bool
        Not possible here: there are no labels.

    Returns
    -------
    Evaluation
        Item scores by user: ``ndcg@10``, ``recall@20``, ``mrr`` (of the ranking of all items), ``novelty@10``, ``arp@10``
        (`emb_pipeline.tasks.metrics.rankings`) and ``coverage@10``, the share of all items that are on somebody's list of
        ten, as pseudo-values. Where ten users or more have a cold test item, ``ndcg@10_cold`` and ``recall@20_cold`` too:
        means over these users, as pseudo-values for all. They rank the cold items among themselves, as in [1]_: whether
        new items are shown at all is what the other metrics measure; here it is which of them. A recommender without
        texts puts them in an order without meaning and so shows what chance gets.

    Raises
    ------
    DataError
        The items have no texts, or users or items no attributes, and the embedding needs them.
    ValueError
        ``shuffle_labels``.

    References
    ----------
    .. [1] Volkovs, Yu & Poutanen (2017), DropoutNet: addressing cold start in recommender systems, NeurIPS.
    """
    if shuffle_labels:
        raise ValueError(f"{task.name}: recommendation has no labels to shuffle")
    with threadpool_limits(1):
        recommender, encode_seconds = create_recommender(task, encoder, options)
        started = perf_counter()
        choice = choose_setting(recommender, task.tuning, options)
        tune_seconds = perf_counter() - started
        fitted = recommender.fit(task.testing.learnt, choice.setting)
        values, details = _score_users(task, fitted, options)
        fit_seconds = perf_counter() - started
    user_ids = task.user_ids[task.testing.users]
    return Evaluation(
        item_scores=build_item_scores(user_ids, user_ids, values),
        metrics={name: float(scores.mean()) for name, scores in values.items()},
        dim=fitted.dim,
        encode_seconds=encode_seconds,
        fit_seconds=fit_seconds,
        tune_seconds=tune_seconds,
        bytes_per_item=fitted.n_bytes / len(task.item_ids),
        details={
            **details,
            "setting": dict(choice.setting),
            "validation_ndcg@10": choice.value,
            "settings_tried": choice.n_tried,
            "users_tuned_on": len(draw_tuned_users(task.tuning, options)),
        },
    )


@dataclass(frozen=True)
class Choice:
    """The setting that served validation best, how well, and among how many."""

    setting: Setting
    value: float
    n_tried: int


def choose_setting(recommender: TaskRecommender, phase: Phase, options: RecommendationOptions) -> Choice:
    """Choose the setting with the highest mean nDCG@10 of a phase's users (or of some of them); of equal ones the first."""
    best: Choice | None = None
    n_tried, users = 0, draw_tuned_users(phase, options)
    for n_tried, (setting, fitted) in enumerate(recommender.candidates(phase.learnt), 1):
        value = float(_compute_gains(_rank_wanted(fitted, phase, users, options))[f"ndcg@{CUTOFF}"].mean())
        if best is None or value > best.value:
            best = Choice(setting, value, n_tried)
    assert best is not None
    return Choice(best.setting, best.value, n_tried)


def draw_tuned_users(phase: Phase, options: RecommendationOptions) -> np.ndarray:
    """Draw the users that settings are chosen by: all, or as many as the options allow, by a hash of their names."""
    if len(phase.users) <= options.most_tuned_users:
        return phase.users
    order = np.argsort(phase.ties.rows[phase.users], kind="stable")
    return np.sort(phase.users[order[: options.most_tuned_users]])


@dataclass(frozen=True, eq=False)
class OnWarmItems:
    """A recommender fitted on the items that have interactions; the others get no score (``-inf``).

    Whatever a method would say of an item that nobody took, it has not learnt; and fitting takes less time and memory.
    """

    recommender: TaskRecommender

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, Recommender]]:
        """Stream the candidates of the recommender."""
        warm = np.flatnonzero(interactions.counts)
        for setting, fitted in self.recommender.candidates(interactions.of_items(warm)):
            yield setting, SpreadRecommender(fitted, warm, interactions.n_items)

    def fit(self, interactions: Interactions, setting: Setting) -> Recommender:
        """Fit the recommender with one setting."""
        warm = np.flatnonzero(interactions.counts)
        return SpreadRecommender(self.recommender.fit(interactions.of_items(warm), setting), warm, interactions.n_items)


@dataclass(frozen=True, eq=False)
class SpreadRecommender:
    """A recommender of some of the items: the others have no score.

    Attributes
    ----------
    fitted : Recommender
        Of the items that it knows.
    warm : ndarray of shape (n_known,), int64
        Their numbers, among all.
    n_items : int
        How many there are.
    """

    fitted: Recommender
    warm: np.ndarray
    n_items: int

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.fitted.dim

    @property
    def n_bytes(self) -> int:
        """Memory that scoring needs."""
        return self.fitted.n_bytes

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Scores of all items: ``-inf`` for those that it does not know."""
        scores = np.full((len(users), self.n_items), -np.inf, dtype=np.float32)
        scores[:, self.warm] = self.fitted.scores(users)
        return scores


def create_recommender(
    task: RecommendationTask, encoder: Any, options: RecommendationOptions
) -> tuple[TaskRecommender, float]:
    """Create the recommender of an embedding, and give the seconds that its texts took."""
    if isinstance(encoder, AttributeRecommender):
        return encoder.with_attributes(_require_attributes(task, encoder.attributes_of)), 0.0
    if isinstance(encoder, TaskRecommender):
        return OnWarmItems(encoder), 0.0
    if isinstance(encoder, Hybrid):
        text, seconds = create_recommender(task, encoder.text, options)
        learnt = OnWarmItems(encoder.recommender)
        of_text, of_learnt = (choose_setting(part, task.tuning, options).setting for part in (text, learnt))
        return Mixture(text, learnt, of_text, of_learnt, encoder.options.weights), seconds
    if task.texts is None:
        remedy = "name the file of the items and its column 'text', or leave embeddings of texts out"
        raise DataError(task.name, "the items have no texts", remedy)
    with EncodingClock() as clock:
        fitted = encoder.fit(task.texts) if isinstance(encoder, TaskEncoder) else encoder
        vectors, _ = encode_texts(fitted, task.texts, task.name)
    return Profiles(vectors, options.half_lives), clock.seconds


def _require_attributes(task: RecommendationTask, side: Literal["user", "item"]) -> sp.csr_array:
    attributes = task.user_attributes if side == "user" else task.item_attributes
    if attributes is None:
        remedy = f"name a file of {side}s with 'attributes', or leave embeddings that need them out"
        raise DataError(task.name, f"the {side}s have no attributes", remedy)
    return attributes.matrix


def _rank_wanted(
    fitted: Recommender,
    phase: Phase,
    users: np.ndarray,
    options: RecommendationOptions,
    only: np.ndarray | None = None,
) -> sp.csr_array:
    """Rank what users of a phase want; among ``only`` these items, for the users that want one of them."""
    wanted = phase.wanted
    if only is not None:
        wanted = sp.csr_array(wanted.multiply(only[None, :]))
        wanted.eliminate_zeros()
        users = users[np.diff(wanted.indptr)[users] > 0]
    parts = []
    for block in _split_users(users, wanted.shape[1], options):
        scores = _score_open_items(fitted, phase, block)
        if only is not None:
            scores[:, ~only] = -np.inf
        parts.append(ranks_of_wanted(scores, wanted[block], phase.ties.take(block)))
    return sp.vstack(parts, format="csr")


def _build_lists(fitted: Recommender, phase: Phase, options: RecommendationOptions) -> np.ndarray:
    """Build the items of each user's list, best first; -1 where there is none left: shape (n_users, 10)."""
    parts = []
    for block in _split_users(phase.users, phase.known.shape[1], options):
        scores = _score_open_items(fitted, phase, block)
        found = largest(scores, min(CUTOFF, scores.shape[1]), phase.ties.take(block))
        parts.append(np.where(np.take_along_axis(scores, found, axis=1) > -np.inf, found, -1))
    return np.concatenate(parts)


def _split_users(users: np.ndarray, n_items: int, options: RecommendationOptions) -> Iterator[np.ndarray]:
    size = max(1, (options.block_megabytes << 20) // (16 * n_items))
    for start in range(0, len(users), size):
        yield users[start : start + size]


def _score_open_items(fitted: Recommender, phase: Phase, users: np.ndarray) -> np.ndarray:
    """Score what each user has not taken; ``-inf`` for the rest. Items without a score come after all that have one."""
    scores = np.array(fitted.scores(users))
    scoreless = np.isneginf(scores)
    if scoreless.any():
        lowest = np.where(scoreless, np.inf, scores).min(axis=1, keepdims=True)
        scores = np.where(scoreless, 2 * np.minimum(lowest, 0) - 1, scores)
    taken = phase.known[users]
    scores[np.repeat(np.arange(len(users)), np.diff(taken.indptr)), taken.indices] = -np.inf
    return scores


def _score_users(
    task: RecommendationTask, fitted: Recommender, options: RecommendationOptions
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    phase = task.testing
    ranks, lists = _rank_wanted(fitted, phase, phase.users, options), _build_lists(fitted, phase, options)
    counts, n_items = phase.learnt.counts, len(task.item_ids)
    values = {
        **_compute_gains(ranks),
        "mrr": reciprocal_rank_of_all(ranks),
        f"novelty@{CUTOFF}": novelty(lists, counts, int((np.diff(phase.learnt.starts) > 0).sum())),
        f"arp@{CUTOFF}": average_popularity(lists, counts),
        f"coverage@{CUTOFF}": compute_coverage(lists, n_items),
    }
    wants_cold = np.asarray(phase.wanted[phase.users] @ task.is_cold.astype(np.float32)) > 0
    if wants_cold.sum() >= FEWEST_COLD:
        for name, of_users in _compute_gains(_rank_wanted(fitted, phase, phase.users, options, only=task.is_cold)).items():
            spread = np.zeros(len(phase.users))
            spread[wants_cold] = of_users
            values[f"{name}_cold"] = compute_ratio(spread, wants_cold.astype(np.float64))
    return values, {
        "n_users": len(phase.users),
        "n_items": n_items,
        "n_cold_items": int(task.is_cold.sum()),
        "n_users_with_cold_test": int(wants_cold.sum()),
    }


def _compute_gains(ranks: sp.csr_array) -> dict[str, np.ndarray]:
    """Compute nDCG and recall of each user."""
    grades = grades_at_ranks(ranks, RECALL_CUTOFF)
    return {
        f"ndcg@{CUTOFF}": ndcg(grades[:, :CUTOFF], sp.csr_array(ranks > 0), CUTOFF),
        f"recall@{RECALL_CUTOFF}": recall(grades, ranks),
    }


def create_recommendation_service(
    task: RecommendationTask,
    encoder: TextEncoder | TaskEncoder | TaskRecommender | Hybrid,
    options: RecommendationOptions,
    setting: Setting | None,
) -> Service:
    """Make one user's list of ten: scores of all items, without what is known, the best of them in order."""
    phase = task.testing
    recommender = create_untuned_recommender(task, encoder, options)
    chosen = next(iter(recommender.candidates(phase.learnt)))[0] if setting is None else setting
    fitted, k = recommender.fit(phase.learnt, chosen), min(CUTOFF, phase.known.shape[1])

    def answer(user: int) -> np.ndarray:
        asked = np.array([user])
        return largest(_score_open_items(fitted, phase, asked), k, phase.ties.take(asked))

    return Service(answer, phase.users[: options.latency_requests].tolist())


def create_untuned_recommender(task: RecommendationTask, encoder: Any, options: RecommendationOptions) -> TaskRecommender:
    """Create the recommender of an embedding; the parts of a hybrid take the first setting that each would try."""
    if not isinstance(encoder, Hybrid):
        return create_recommender(task, encoder, options)[0]
    parts = create_untuned_recommender(task, encoder.text, options), OnWarmItems(encoder.recommender)
    settings = [next(iter(part.candidates(task.tuning.learnt)))[0] for part in parts]
    return Mixture(*parts, settings[0], settings[1], encoder.options.weights)
