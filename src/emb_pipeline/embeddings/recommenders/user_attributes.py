"""Recommendation from users' attributes alone: something to offer to users of whom nothing else is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.by_attributes import ByAttributes
from emb_pipeline.embeddings.recommenders.factors import FactorRecommender
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import UserAttributesOptions


def build_user_attributes(options: UserAttributesOptions) -> ByAttributes:
    """Build a `UserAttributes` that waits for the attributes of the users."""
    return ByAttributes("user", partial(UserAttributes, options))


@dataclass(frozen=True, eq=False)
class UserAttributes:
    """Ridge regression of histories on attributes, with popularity as the constant, which no penalty holds back.

    Attributes
    ----------
    options : UserAttributesOptions
        What is chosen among.
    users : csr_array of shape (n_users, n_values)
        1 where a user has a value.
    """

    options: UserAttributesOptions
    users: sp.csr_array

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, FactorRecommender]]:
        """One for each regularization."""
        for regularization in self.options.regularizations:
            setting = {"regularisation": regularization}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> FactorRecommender:
        """The weights, learnt from users with a history; a user's vector is 1 and the attributes less their mean."""
        values = self.users.toarray().astype(np.float64)
        learnt = np.flatnonzero(np.diff(interactions.starts))
        taken = interactions.confidence[learnt]
        centered = values - values[learnt].mean(axis=0)
        gram = centered[learnt].T @ centered[learnt] + float(setting["regularisation"] or 0) * np.eye(values.shape[1])
        weights = np.linalg.solve(gram, np.asarray((taken.T @ centered[learnt]).T))
        popularity = np.asarray(taken.sum(axis=0)).ravel() / len(learnt)
        users = np.hstack([np.ones((len(values), 1)), centered])
        return FactorRecommender(users.astype(np.float32), np.vstack([popularity, weights]).T.astype(np.float32))
