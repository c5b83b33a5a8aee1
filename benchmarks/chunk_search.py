"""Search of passages by their chunks, next to a search of as many passages that are whole, on one thread.

    python benchmarks/chunk_search.py [--chunks 38000] [--queries 300] [--k 100]

Vectors are random, words are drawn by Zipf's law. Both searches get the same texts: once each is a passage of its own, once
19 or 4 of them are the chunks of one. A retriever that scores all of them (vectors, BM25) gives the best chunk of each
passage in one pass; its ratio must not exceed 1.5, or the benchmark exits with 1. A fusion gives lists of chunks, which
grow until they hold enough passages, so that its ratio is printed alone.

On a busy core, seconds of the processor, median of 3 rounds (2026-11-30): by vectors 0.13 whole and 0.13 by 19 chunks a
passage (ratio 0.98), 0.17 by 4 (1.34). By BM25 0.11, 0.10 (0.93) and 0.14 (1.40). A fusion of both:
0.26, 0.55 and 0.53.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.protocols import ScoringIndex
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.chunked import Chunked
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.options import Bm25Options, ChunkedOptions, FusionOptions
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher
from emb_pipeline.text.texts import Texts

WORDS_OF_CHUNK = 40
LARGEST_RATIO = 1.5
USUAL = Bm25(Bm25Options(k1=1.5, b=0.75))


class RandomVectors:
    """A vector for each text that has nothing to do with it."""

    dim = 384

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Draw as many vectors as there are texts."""
        return np.random.default_rng(len(texts)).standard_normal((len(texts), self.dim), dtype=np.float32)


RETRIEVERS: dict[str, Any] = {
    "vectors": RandomVectors(),
    "bm25": USUAL,
    "fusion of both": Fusion(FusionOptions(), {"task.bm25": USUAL, "task.vectors": RandomVectors()}),
}


def main() -> None:
    """Print seconds of both searches and their ratio, and exit with 1 where it exceeds the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=38_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    chunks, queries = draw_texts(rng, arguments.chunks, WORDS_OF_CHUNK), Texts(draw_texts(rng, arguments.queries, 12))
    worst = 0.0
    print("| retriever | chunks of a passage | whole, s | by chunks, s | ratio |\n|---|---:|---:|---:|---:|")
    with threadpool_limits(1):
        for name, retriever in RETRIEVERS.items():
            whole = make_searcher(retriever).index(Texts(chunks))
            for n_joined in (19, 4):
                passages = [" ".join(chunks[start : start + n_joined]) for start in range(0, len(chunks), n_joined)]
                options = ChunkedOptions(by="tokens", size=WORDS_OF_CHUNK)
                index = Chunked(options, retriever).index(passages)
                seconds = [
                    [time_search(each, queries, arguments.k) for each in (whole, index)] for _ in range(arguments.rounds)
                ]
                one, other = (median(each) for each in zip(*seconds, strict=True))
                print(f"| {name} | {n_joined} | {one:.2f} | {other:.2f} | {other / one:.2f} |", flush=True)
                worst = max(worst, other / one if isinstance(index.part, ScoringIndex) else 0.0)
    sys.exit(int(worst > LARGEST_RATIO))


def draw_texts(rng: np.random.Generator, n_texts: int, n_words: int) -> list[str]:
    """Draw texts of words whose frequencies follow Zipf's law."""
    numbers = np.minimum(rng.zipf(1.3, size=(n_texts, n_words)), 50_000)
    return [" ".join(f"w{number}" for number in row) for row in numbers.tolist()]


def time_search(index: Any, queries: Texts, k: int) -> float:
    """Measure the processor's seconds of one search."""
    started = process_time()
    index.search_scored(queries, k)
    return process_time() - started


if __name__ == "__main__":
    main()
