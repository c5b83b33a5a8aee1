"""Memory and speed of the store with an encoder that costs nothing: python benchmarks/encoding_store.py [n_texts]."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emb_pipeline.embeddings.encodings.store import StoredEncoder


class FakeEncoder:
    """Vectors of 384 numbers that mean nothing."""

    dim = 384

    def fingerprint(self, role: str = "passage") -> str:
        """One encoder."""
        return "0" * 64

    def encode(self, texts: Sequence[str], role: str = "passage") -> np.ndarray:
        """The text's length, 384 times."""
        lengths = np.fromiter(map(len, texts), dtype=np.float32, count=len(texts))
        return np.repeat(lengths[:, None], self.dim, axis=1)

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The same of each token."""
        return [self.encode(sentence) for sentence in sentences]


def anonymous_mib() -> float:
    """Anonymous memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def main(n: int) -> None:
    """Write, then read back with a new store."""
    texts = [f"text number {number}" for number in range(n)]
    start = peak = anonymous_mib()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, anonymous_mib())

    threading.Thread(target=watch, daemon=True).start()
    with tempfile.TemporaryDirectory() as root:
        for act in ("write", "read"):
            began = time.perf_counter()
            vectors = StoredEncoder(FakeEncoder(), Path(root)).encode(texts)
            print(f"{act}: {n / (time.perf_counter() - began):,.0f} rows/s, last {vectors[-1, 0]:.0f}", flush=True)
            del vectors
    done.set()
    print(f"peak RssAnon above the start: {peak - start:,.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
