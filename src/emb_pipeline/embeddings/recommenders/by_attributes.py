"""A recommender that learns from attributes of users or items, before a task says what these are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import TaskRecommender


@dataclass(frozen=True)
class ByAttributes:
    """A recommender without its attributes.

    Attributes
    ----------
    attributes_of : {"user", "item"}
        Whose they are.
    create : callable
        Creates the recommender for a matrix of shape (n_users or n_items, n_values): 1 where one has a value.
    """

    attributes_of: Literal["user", "item"]
    create: Callable[[sp.csr_array], TaskRecommender]

    def with_attributes(self, values: sp.csr_array) -> TaskRecommender:
        """Create what is fitted on interactions, for users or items with these values."""
        return self.create(values)
