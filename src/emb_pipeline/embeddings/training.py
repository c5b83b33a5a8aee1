"""What every trained method needs from its corpus, and what it leaves on record."""

from __future__ import annotations

import logging
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from emb_pipeline.embeddings.options import Options
from emb_pipeline.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus

_LOGGER = logging.getLogger(__name__)

OnEpoch = Callable[[int, float | None], None]
"""Called after each epoch with its number, from 1, and its loss where the method has one."""


def known_words(tokens: TokenCorpus, min_count: int) -> tuple[list[str], np.ndarray]:
    """The words that get a vector, commonest first, and how often each stands in the corpus.

    Raises
    ------
    DataError
        Fewer than two words are frequent enough.
    """
    vocabulary = tokens.vocabulary()
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


def effective_workers(options: Any, workers: int) -> int:
    """Workers to train with: one where the options ask for the same vectors every time."""
    return 1 if options.deterministic else max(1, workers)


def recipe(method: str, tokens: TokenCorpus, dim: int, options: Options, seed: int) -> dict[str, Any]:
    """What makes two trainings the same one, in JSON values."""
    return {
        "method": method,
        "corpus": tokens.fingerprint,
        "dim": dim,
        "options": options.model_dump(mode="json"),
        "seed": seed,
    }


class TrainingClock:
    """Measures a training and writes its record."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def record(
        self,
        method: str,
        tokens: TokenCorpus,
        *,
        dim: int,
        options: Options,
        seed: int,
        workers: int,
        libraries: tuple[str, ...],
        **more: Any,
    ) -> dict[str, Any]:
        """Provenance of vectors: all that is needed to make them again, and what they cost.

        Returns
        -------
        dict
            JSON values; ``train_seconds`` is wall time and ``peak_bytes`` the process's largest memory so far.
        """
        kilobyte = 1 if sys.platform == "darwin" else 1024
        return {
            "method": method,
            "dim": dim,
            "options": options.model_dump(mode="json"),
            "seed": seed,
            "workers": workers,
            "corpus_fingerprint": tokens.fingerprint,
            "corpus_tokens": tokens.n_tokens,
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
        """An epoch is done."""
        now = time.perf_counter()
        if now - self._said < self.SECONDS_BETWEEN:
            return
        self._said = now
        seconds = (now - self._started) / (epoch - self._n_before)
        left = seconds * (self._n_epochs - epoch)
        message = "%s: epoch %d of %d, loss %.4f, %s %s/s, %.0f s left"
        speed = f"{self._n_items / seconds:,.0f}"
        _LOGGER.info(message, self._name, epoch, self._n_epochs, loss, speed, self._unit, left)
