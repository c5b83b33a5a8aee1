"""The progress of long work with an endpoint: texts, tokens, money, time left."""

from __future__ import annotations

import logging
import time

from emb_pipeline.embeddings.remote.account import Spending
from emb_pipeline.embeddings.remote.options import EndpointOptions

_log = logging.getLogger(__name__)
_SAY_EVERY_SECONDS = 10.0


class Progress:
    """Lines in the log while texts are encoded, and one at the end.

    Parameters
    ----------
    options : EndpointOptions
        The endpoint.
    n_texts, n_bytes : int
        Of all texts that wait.
    """

    def __init__(self, options: EndpointOptions, n_texts: int, n_bytes: int) -> None:
        self._options, self._n_texts, self._n_bytes = options, n_texts, n_bytes
        self._texts = self._bytes = self._tokens = 0
        self._gone = 0.0
        self._started = self._said = time.monotonic()

    def add(self, texts: int, n_bytes: int, tokens: int, spending: Spending) -> None:
        """Count texts that were answered."""
        self._texts, self._bytes, self._tokens = self._texts + texts, self._bytes + n_bytes, self._tokens + tokens
        self._gone = max(self._gone, spending.gone_usd)  # answers come in any order
        now = time.monotonic()
        is_done = self._texts >= self._n_texts
        if is_done or now - self._said >= _SAY_EVERY_SECONDS:
            self._said = now
            took = now - self._started
            left = took * (self._n_bytes - self._bytes) / max(self._bytes, 1)
            time_left = f"done in {took:.0f} s" if is_done else f"about {left:.0f} s left"
            _log.info(
                "%s: %d of %d texts, %d tokens, %s, %s",
                self._options.place,
                self._texts,
                self._n_texts,
                self._tokens,
                _write_money(self._options, self._tokens, self._gone),
                time_left,
            )


def _write_money(options: EndpointOptions, tokens: int, gone: float) -> str:
    if not options.has_price:
        return "at an unknown price"
    spent = f"${options.price(tokens, 0):.6f} now, ${gone:.6f} in all"
    return spent if options.budget_usd is None else f"{spent} of ${options.budget_usd:g}"
