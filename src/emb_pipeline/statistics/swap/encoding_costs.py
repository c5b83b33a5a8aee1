"""Time, memory and money to encode a collection again, from those that a run measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncodingCost:
    """Costs of encoding some items.

    Attributes
    ----------
    n_items : int
        Items.
    texts_per_second : float
        As measured; NaN where nothing was.
    seconds, n_bytes, usd : float
        Of all items; NaN where it is not known.
    """

    n_items: int
    texts_per_second: float
    seconds: float
    n_bytes: float
    usd: float


def estimate_encoding(
    n_items: int, *, n_measured: int, encode_seconds: float, bytes_per_item: float, usd_per_million_texts: float
) -> EncodingCost:
    """Estimate what encoding takes: as long, as large and as expensive for each item as it was for those of the test.

    Parameters
    ----------
    n_items : int
        Items to encode.
    n_measured : int
        Texts that took ``encode_seconds``.
    encode_seconds, bytes_per_item, usd_per_million_texts : float
        As measured.
    """
    per_second = n_measured / encode_seconds if encode_seconds > 0 and n_measured > 0 else float("nan")
    return EncodingCost(
        n_items, per_second, n_items / per_second, n_items * bytes_per_item, n_items * usd_per_million_texts / 1e6
    )
