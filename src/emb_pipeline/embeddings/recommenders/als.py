"""Implicit alternating least squares (Hu, Koren & Volinsky 2008), by the library ``implicit``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.factors import FactorRecommender, fit_factors
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import AlsOptions


@dataclass(frozen=True)
class Als:
    """Vectors of users and items: ``1 + weight`` is the confidence in an interaction, 1 that in its absence.

    The weight is multiplied by that of the interaction, where it has one (plays, minutes).
    """

    options: AlsOptions = field(default_factory=AlsOptions)
    dim: int = 64
    seed: int = 0

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, FactorRecommender]]:
        """One for each regularization and weight."""
        for regularization, weight in product(self.options.regularizations, self.options.weights):
            setting = {"regularisation": regularization, "weight": weight}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> FactorRecommender:
        """The factors of one setting; the same seed gives the same ones."""
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=self.dim,
            regularization=setting["regularisation"],
            alpha=setting["weight"],
            iterations=self.options.iterations,
            random_state=self.seed,
            num_threads=1,
        )
        return fit_factors(model, interactions)
