"""Bayesian personalised ranking (Rendle et al. 2009), by the library ``implicit``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.factors import FactorRecommender, fit_factors
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import BprOptions


@dataclass(frozen=True)
class Bpr:
    """Vectors that rank what a user took above what they did not; an item's bias is one number more."""

    options: BprOptions = field(default_factory=BprOptions)
    dim: int = 64
    seed: int = 0

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, FactorRecommender]]:
        """One for each regularization and step size."""
        for regularization, learning_rate in product(self.options.regularizations, self.options.learning_rates):
            setting = {"regularisation": regularization, "learning_rate": learning_rate}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> FactorRecommender:
        """The factors of one setting; the same seed gives the same ones."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.dim,
            regularization=setting["regularisation"],
            learning_rate=setting["learning_rate"],
            iterations=self.options.iterations,
            random_state=self.seed,
            num_threads=1,
        )
        return fit_factors(model, interactions)
