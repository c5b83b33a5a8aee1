"""Text and interactions together: the scores of both, brought to one scale for each user and mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emb_pipeline.embeddings.protocols import Recommender, Setting, TaskEncoder, TaskRecommender, TextEncoder
from emb_pipeline.embeddings.recommenders.ease import Ease
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.item_knn import ItemKnn
from emb_pipeline.embeddings.recommenders.options import HybridOptions


@dataclass(frozen=True)
class Hybrid:
    """A text embedding and what its scores are mixed with.

    Attributes
    ----------
    options : HybridOptions
        The recommender, and the weights to choose among.
    text : TextEncoder or TaskEncoder
        The embedding of the items' texts.
    """

    options: HybridOptions
    text: TextEncoder | TaskEncoder

    @property
    def recommender(self) -> TaskRecommender:
        """The part that is fitted on interactions."""
        return Ease(self.options.ease) if self.options.recommender == "ease" else ItemKnn(self.options.item_knn)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Two ways to recommend, each with the setting chosen for it, and the weights of the first to choose among.

    Attributes
    ----------
    text, interactions : TaskRecommender
        The second one has no score (not finite) for an item that it knows nothing of.
    text_setting, interactions_setting : Setting
        As each was tuned by itself.
    weights : tuple of float
        Of the text, from 0 to 1.
    """

    text: TaskRecommender
    interactions: TaskRecommender
    text_setting: Setting
    interactions_setting: Setting
    weights: tuple[float, ...]

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, MixedRecommender]]:
        """One for each weight."""
        fitted = self._parts(interactions)
        for weight in self.weights:
            yield {"text_weight": weight}, MixedRecommender(*fitted, weight)

    def fit(self, interactions: Interactions, setting: Setting) -> MixedRecommender:
        """Both fitted, and mixed with one weight."""
        return MixedRecommender(*self._parts(interactions), float(setting["text_weight"] or 0))

    def _parts(self, interactions: Interactions) -> tuple[Recommender, Recommender]:
        return (
            self.text.fit(interactions, self.text_setting),
            self.interactions.fit(interactions, self.interactions_setting),
        )


@dataclass(frozen=True, eq=False)
class MixedRecommender:
    """``weight`` times the standardised scores of the text, and the rest times those of the interactions.

    Standardised scores of a user have mean 0 and variance 1 over the items that have a score. An item without one among the
    interactions' counts as the mean there: its text alone decides.
    """

    text: Recommender
    interactions: Recommender
    weight: float

    @property
    def dim(self) -> int:
        """Numbers of a text's vector."""
        return self.text.dim

    @property
    def n_bytes(self) -> int:
        """Memory of both."""
        return self.text.n_bytes + self.interactions.n_bytes

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Mixed scores: shape (n_users, n_items), float64."""
        mixed: np.ndarray = self.weight * _standardize(self.text.scores(users))
        mixed += (1 - self.weight) * _standardize(self.interactions.scores(users))
        return mixed


def _standardize(scores: np.ndarray) -> np.ndarray:
    known = np.isfinite(scores)
    n_known = known.sum(axis=1, keepdims=True)
    centered = np.where(known, scores, 0).astype(np.float64)
    centered = np.where(known, centered - centered.sum(axis=1, keepdims=True) / n_known, 0)
    spread = np.sqrt((centered**2).sum(axis=1, keepdims=True) / n_known)
    made: np.ndarray = np.divide(centered, spread, out=np.zeros_like(centered), where=spread > 0)
    return made
