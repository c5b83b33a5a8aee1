"""EASE with attributes of items: a linear model in closed form that has something to say of items that nobody took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.by_attributes import ByAttributes
from emb_pipeline.embeddings.recommenders.ease import EaseRecommender, compute_gram, require_room, solve_ease
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import AttributeEaseOptions


def build_attribute_ease(options: AttributeEaseOptions) -> ByAttributes:
    """Build an `AttributeEase` that waits for the attributes of the items."""
    return ByAttributes("item", partial(AttributeEase, options))


@dataclass(frozen=True, eq=False)
class AttributeEase:
    """EASE where a value of an attribute counts as ``item_weight`` users who took all items that have it [1]_.

    Attributes
    ----------
    options : AttributeEaseOptions
        What is chosen among.
    items : csr_array of shape (n_items, n_values)
        1 where an item has a value.

    References
    ----------
    .. [1] Jeunen, Van Balen & Goethals (2020), Closed-form models for collaborative filtering with side-information, RecSys.
    """

    options: AttributeEaseOptions
    items: sp.csr_array

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, EaseRecommender]]:
        """One for each weight of the attributes, and each regularization."""
        for item_weight in self.options.item_weights:
            for regularization in self.options.regularizations:
                setting = {"regularisation": regularization, "item_weight": item_weight}
                yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> EaseRecommender:
        """The weights of one setting; time grows with the third power of the number of items, cold ones included."""
        require_room("attribute_ease", interactions.n_items)
        gram = compute_gram(interactions)
        gram += (float(setting["item_weight"] or 0) * (self.items @ self.items.T)).toarray()
        return EaseRecommender(interactions.confidence, solve_ease(gram, float(setting["regularisation"] or 0)))
