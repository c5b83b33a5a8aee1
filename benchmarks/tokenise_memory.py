"""Peak memory of tokenising a corpus, for a small and a ten times larger one.

Text is made from a seed (Zipf's law over a fixed vocabulary) and streamed to `write_tokens` in a process of its own, whose
peak resident memory is read when it ends. Memory that grows with the vocabulary only stays the same for both sizes.

    python benchmarks/tokenise_memory.py                     # 100 MB and 1,000 MB
    python benchmarks/tokenise_memory.py --megabytes 2 20
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emb_pipeline.text.tokens import write_tokens

N_TYPES = 50_000
WORDS_PER_SENTENCE = 20
SENTENCES_PER_DOCUMENT = 10


@dataclass(frozen=True)
class Measurement:
    """What one run took."""

    megabytes: int
    n_tokens: int
    seconds: float
    peak_bytes: int


def zipf_documents(megabytes: int, seed: int) -> Iterator[tuple[str, str]]:
    """Documents of about that many megabytes in all, made as they are asked for."""
    rng = np.random.default_rng(seed)
    words = [f"w{np.base_repr(rank, 36).lower()}" for rank in range(N_TYPES)]
    cumulative = np.cumsum(1 / np.arange(1, N_TYPES + 1))
    cumulative /= cumulative[-1]
    per_document = WORDS_PER_SENTENCE * SENTENCES_PER_DOCUMENT
    left, number = megabytes * 1_000_000, 0
    while left > 0:
        ranks = np.searchsorted(cumulative, rng.random(500 * per_document)).tolist()
        for start in range(0, len(ranks), per_document):
            sentences = (
                " ".join(words[rank] for rank in ranks[first : first + WORDS_PER_SENTENCE]).capitalize()
                for first in range(start, start + per_document, WORDS_PER_SENTENCE)
            )
            text = ". ".join(sentences) + "."
            number, left = number + 1, left - len(text)
            yield str(number), text
            if left <= 0:
                return


def measured(megabytes: int, seed: int, folder: Path) -> Measurement:
    """Tokenise that much text in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_tokenise, (megabytes, seed, folder))


def _tokenise(megabytes: int, seed: int, folder: Path) -> Measurement:
    start = time.perf_counter()
    corpus = write_tokens(zipf_documents(megabytes, seed), folder)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measurement(
        megabytes, corpus.n_tokens, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    )


def main() -> None:
    """Print a line per size, and the ratio of the last peak to the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 1_000], help="sizes of the text to tokenise")
    parser.add_argument("--seed", type=int, default=0, help="seed of the text")
    options = parser.parse_args()
    peaks = []
    for megabytes in options.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            run = measured(megabytes, options.seed, Path(folder) / "corpus")
        peaks.append(run.peak_bytes)
        print(
            f"{megabytes:>6,} MB  {run.n_tokens:>12,} tokens  {run.seconds:7.1f} s  "
            f"{run.n_tokens / run.seconds / 1e6:5.2f} M tokens/s  peak {run.peak_bytes / 1e6:7.1f} MB",
            flush=True,
        )
    print(f"peak ratio {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
