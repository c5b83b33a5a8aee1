"""Popularity: everybody is offered what most users took. What any personal recommendation has to beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions


@dataclass(frozen=True)
class Popularity:
    """Items by the number of their users; there is nothing to choose."""

    options: Options = field(default_factory=Options)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, PopularityRecommender]]:
        """The only one."""
        yield {}, self.fit(interactions, {})

    def fit(self, interactions: Interactions, setting: Setting) -> PopularityRecommender:
        """The counts."""
        return PopularityRecommender(interactions.counts.astype(np.float32))


@dataclass(frozen=True, eq=False)
class PopularityRecommender:
    """The same scores for all: ``counts`` of shape (n_items,), float32."""

    counts: np.ndarray

    @property
    def dim(self) -> int:
        """There are no vectors."""
        return 0

    @property
    def n_bytes(self) -> int:
        """Memory of the counts."""
        return int(self.counts.nbytes)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Counts: shape (n_users, n_items), float32."""
        return np.tile(self.counts, (len(users), 1))
