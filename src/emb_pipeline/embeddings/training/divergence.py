"""The error that a training raises when it diverges, before anything is saved."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from emb_pipeline.errors import DataError


class DivergedError(DataError):
    """A training that ran away: its loss or its weights are no numbers, or it knows less than nothing.

    Parameters
    ----------
    training : str
        The embedding or the method that is trained.
    when : str
        ``epoch 3``, ``step 120``.
    loss : float
        The loss there.
    remedy : str
        Names the option to lower, and its value.
    """

    def __init__(self, training: str, when: str, loss: float, remedy: str) -> None:
        super().__init__(training, f"the training diverged in {when} (loss {loss:.4g}); nothing was saved", remedy)
        self.when, self.loss = when, loss

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str, str]]:
        """Travel between processes as the error of its message."""
        return DataError, (self.place, self.reason, self.remedy)


def require_converging(
    training: str, when: str, loss: float, remedy: str, weights: Iterable[np.ndarray] = (), *, most: float = float("inf")
) -> None:
    """Refuse to go on with a training whose loss is no number or above ``most``, or whose weights are not finite.

    Raises
    ------
    DivergedError
        Names the training, the epoch, the loss, and the option to lower.
    """
    if not loss <= most or not np.isfinite(loss) or not all(np.isfinite(part).all() for part in weights):
        raise DivergedError(training, when, loss, remedy)
