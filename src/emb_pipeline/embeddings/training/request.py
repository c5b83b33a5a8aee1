"""A training: the request for it, the words that it learns, and the record that it leaves."""

from __future__ import annotations

import logging
import platform
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np

from emb_pipeline.embeddings.options import Options
from emb_pipeline.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus

_LOGGER = logging.getLogger(__name__)

OnEpoch = Callable[[int, float | None], None]
"""Called after each epoch with its number, from 1, and its loss where the method has one."""


AnyOptions = TypeVar("AnyOptions", bound=Options)


@dataclass(frozen=True)
class TrainingRequest(Generic[AnyOptions]):
    """All that a training on a corpus is given.

    Attributes
    ----------
    corpus : TokenCorpus
        The corpus, one sentence per line.
    options : Options
        The method's hyper-parameters.
    dim : int, optional
        Dimension of the vectors; None keeps that of ``base``.
    seed : int
        Seed of first weights, orders and all sampling.
    workers : int
        Threads. With one (or ``options.deterministic``) the same seed gives the same vectors bit for bit.
    on_epoch : callable, optional
        Called after each epoch with its number and its loss (None where the method has none).
    checkpoints : Path, optional
        A folder of this training's own, which it resumes from if it was killed; removed at its end.
    folder : Path, optional
        The place of the encoder, for a method that leaves one.
    base : Path, optional
        Folder of the encoder to be trained further.
    """

    corpus: TokenCorpus
    options: AnyOptions
    dim: int | None = None
    seed: int = 1
    workers: int = 1
    on_epoch: OnEpoch | None = None
    checkpoints: Path | None = None
    folder: Path | None = None
    base: Path | None = None

    def require_dim(self) -> int:
        """Give the dimension.

        Raises
        ------
        ValueError
            There is none.
        """
        if self.dim is None:
            raise ValueError("this training needs a dimension: give dim=")
        return self.dim

    def require_folders(self) -> tuple[Path, Path]:
        """Give the place of the encoder, and that of checkpoints.

        Raises
        ------
        ValueError
            One of them is missing.
        """
        if self.folder is None or self.checkpoints is None:
            raise ValueError("this training leaves an encoder: give folder= and checkpoints=")
        return self.folder, self.checkpoints

    def with_effective_workers(self) -> Self:
        """Take one worker where the options ask for the same vectors every time."""
        return replace(self, workers=1 if getattr(self.options, "deterministic", False) else max(1, self.workers))

    def describe(self, method: str) -> dict[str, Any]:
        """List what makes two trainings the same one, in JSON values."""
        return {
            "method": method,
            "corpus": self.corpus.fingerprint,
            "dim": self.dim,
            "options": self.options.model_dump(mode="json"),
            "seed": self.seed,
        }


def known_words(tokens: TokenCorpus, min_count: int) -> tuple[list[str], np.ndarray]:
    """List the words that get a vector, commonest first, and how often each occurs in the corpus.

    Raises
    ------
    DataError
        Fewer than two words are frequent enough.
    """
    vocabulary = tokens.read_vocabulary()
    counts = vocabulary["count"].to_numpy().astype(np.int64)
    frequent = counts >= min_count
    words = [word for word, kept in zip(vocabulary["token"].to_pylist(), frequent, strict=True) if kept]
    if len(words) < 2:
        raise DataError(
            str(tokens.tokens_path),
            f"{len(words)} of {len(counts)} words occur min_count = {min_count} times or more",
            "lower min_count or give a larger corpus",
        )
    return words, counts[frequent]


class TrainingClock:
    """Measures a training and writes its record."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def record(
        self, method: str, request: TrainingRequest[Any], *, libraries: tuple[str, ...], **more: Any
    ) -> dict[str, Any]:
        """Write the provenance of vectors: all that is needed to make them again, and what they cost.

        Returns
        -------
        dict
            JSON values; ``train_seconds`` is wall time and ``peak_bytes`` the process's largest memory so far.
        """
        kilobyte = 1 if sys.platform == "darwin" else 1024
        return {
            "method": method,
            "dim": request.dim,
            "options": request.options.model_dump(mode="json"),
            "seed": request.seed,
            "workers": request.workers,
            "corpus_fingerprint": request.corpus.fingerprint,
            "corpus_tokens": request.corpus.n_tokens,
            "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
            "train_seconds": round(time.perf_counter() - self._start, 3),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte,
            **more,
        }


class Progress:
    """Says in the log how fast a training goes and how long it will still take, every few seconds.

    Parameters
    ----------
    name : str
        What is trained.
    n_epochs : int
        Epochs in all.
    n_items : int
        Items of one epoch.
    unit : str
        What they are.
    """

    SECONDS_BETWEEN = 10.0

    def __init__(self, name: str, n_epochs: int, n_items: int, unit: str = "words") -> None:
        self.name = name
        self._name, self._n_epochs, self._n_items, self._unit = name, n_epochs, n_items, unit
        self.start(0)

    def start(self, n_done: int) -> None:
        """Take the time from here, where so many epochs are done already."""
        self._n_before = n_done
        self._started = self._said = time.perf_counter()
        if n_done:
            _LOGGER.info("%s goes on behind epoch %d of %d", self._name, n_done, self._n_epochs)

    def epoch(self, epoch: int, loss: float) -> None:
        """Note that an epoch is done."""
        now = time.perf_counter()
        if now - self._said < self.SECONDS_BETWEEN:
            return
        self._said = now
        seconds = (now - self._started) / (epoch - self._n_before)
        left = seconds * (self._n_epochs - epoch)
        message = "%s: epoch %d of %d, loss %.4f, %s %s/s, %.0f s left"
        speed = f"{self._n_items / seconds:,.0f}"
        _LOGGER.info(message, self._name, epoch, self._n_epochs, loss, speed, self._unit, left)
