"""The cost of a piece of work: wall time and peak memory."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

from emb_pipeline.embeddings.encodings.clock import EncodingClock


class Footprint:
    """Wall time and peak resident memory of a ``with`` block.

    The memory is sampled every 20 ms: the high-water mark that the operating system keeps belongs to the whole life
    of the process, and a worker process trains many embeddings.

    Attributes
    ----------
    seconds : float
        Wall time of the block; vectors from a store count what they took when they were computed.
    peak_rss_bytes : int
        Highest resident set size of the process seen during the block.
    """

    _INTERVAL_SECONDS = 0.02

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_rss_bytes = 0
        self._clock = EncodingClock()
        self._done = threading.Event()
        self._process = psutil.Process()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Footprint:
        self._clock.__enter__()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clock.__exit__(kind, error, traceback)
        self.seconds = self._clock.seconds
        self._done.set()
        self._sampler.join()

    def _sample(self) -> None:
        while True:
            self.peak_rss_bytes = max(self.peak_rss_bytes, self._process.memory_info().rss)
            if self._done.wait(self._INTERVAL_SECONDS):
                return
