"""How fast GloVe counts and trains: records per second and epoch with one thread and with two, in one run.

python benchmarks/glove_speed.py <corpus folder>     a token corpus that the ingest stage wrote
python benchmarks/glove_speed.py                     words drawn by Zipf's law instead: 2 million tokens
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from emb_pipeline.embeddings.static import glove
from emb_pipeline.embeddings.static.cooccurrence import CooccurrenceCounts, count_cooccurrences
from emb_pipeline.embeddings.static.options import GloveOptions
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.request import TrainingRequest, known_words
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens


def main() -> None:
    """Count in memory and by way of the disk, then train an epoch at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    options = GloveOptions(window=arguments.window, epochs=arguments.epochs)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        corpus = TokenCorpus(arguments.corpus) if arguments.corpus else zipf_corpus(folder / "corpus")
        words, _ = known_words(corpus, options.min_count)
        compile_kernels(corpus, folder)
        print(f"{corpus.n_tokens:,} tokens, {len(words):,} words, window {options.window}, {arguments.dim} dimensions")
        seconds = {}
        for workers, memory_mb in ((1, options.memory_mb), (2, options.memory_mb), (1, 16), (2, 16)):
            start = time.perf_counter()
            pairs = count_cooccurrences(
                corpus, len(words), window=options.window, memory_mb=memory_mb, folder=folder, workers=workers
            )
            seconds[workers, memory_mb] = value = time.perf_counter() - start
            print(
                f"co-occurrences, {workers} thread(s), {memory_mb} MiB: {value:.2f} s, "
                f"{corpus.n_tokens / value / 1e6:.2f} M tokens/s, {len(pairs):,} pairs, {pairs.n_runs} runs on disk"
            )
        n_records = 2 * len(pairs) - int((pairs.first == pairs.second).sum())
        epoch_seconds = {workers: seconds_per_epoch(corpus, pairs, arguments.dim, options, workers) for workers in (1, 2)}
        for workers, value in epoch_seconds.items():
            print(
                f"epoch, {workers} thread(s): {value:.2f} s, {n_records / value / 1e6:.2f} M records/s "
                f"({n_records:,} records); counting takes {seconds[workers, options.memory_mb] / value:.2f} of it"
            )
        print(
            f"two threads against one: epoch {epoch_seconds[1] / epoch_seconds[2]:.2f} ×, "
            f"counting {seconds[1, options.memory_mb] / seconds[2, options.memory_mb]:.2f} ×; "
            f"counting by way of the disk against in memory: {seconds[1, 16] / seconds[1, options.memory_mb]:.2f} ×"
        )


def seconds_per_epoch(
    corpus: TokenCorpus, pairs: CooccurrenceCounts, dim: int, options: GloveOptions, workers: int
) -> float:
    """The fastest epoch: other users of the machine only ever slow it down."""
    marks = [time.perf_counter()]
    request = TrainingRequest(
        corpus, options, dim=dim, workers=workers, on_epoch=lambda *_: marks.append(time.perf_counter())
    )
    glove.fit(pairs, request, Checkpoint(None, {}))
    return float(np.diff(marks).min())


def compile_kernels(corpus: TokenCorpus, folder: Path) -> None:
    """Run the kernels on next to nothing, so that their compilation is not measured."""
    small = cut(corpus, folder / "small", 200_000)
    for memory_mb in (16, 1):  # in memory, and by way of the disk
        pairs = count_cooccurrences(small, 100, window=1, memory_mb=memory_mb, folder=folder)
    glove.fit(pairs, TrainingRequest(small, GloveOptions(epochs=1), dim=2), Checkpoint(None, {}))


def zipf_corpus(folder: Path) -> TokenCorpus:
    """Independent words, the r-th as common as 1 / r, in sentences of 20."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 50_001)
    ranks = rng.choice(len(share), size=(100_000, 20), p=share / share.sum())
    return write_tokens(((str(number), " ".join(f"w{rank}" for rank in row)) for number, row in enumerate(ranks)), folder)


if __name__ == "__main__":
    main()
