"""The hash that splits, samples and orders are drawn by: equal texts, equal choice, on every machine."""

from __future__ import annotations

import hashlib


def hash_text(text: str) -> int:
    """Compute a stable number below 2**64 that looks random."""
    # The salt keeps what is drawn apart from the keys of sentences.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=b"split").digest(), "little")
