"""Time and memory of a corpus of 100 MB and of one of 1 GB: read, tokenize, word2vec, GloVe.

The text is drawn from a law of two powers: word number r has a share in proportion to 1 / r up to number 8,000 and to
1 / r^1.6 from there on, so that the vocabulary grows with the text as that of real text does. Each step is a process of its
own (`benchmarks/measured.py`).

    python benchmarks/larger_corpus.py                                    # 100 MB and 1,000 MB, one worker
    python benchmarks/larger_corpus.py --megabytes 100 --workers 1 2 --steps tokenize
    python benchmarks/larger_corpus.py --long 400                         # documents of a megabyte each
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emb_pipeline.datasets.text import DocumentsDataset
from emb_pipeline.text.tokens import TokenCorpus, write_tokens
from measured import measure_step

N_TYPES, BEND = 6_000_000, 8_000
WORDS_PER_SENTENCE, SENTENCES_PER_DOCUMENT = 20, 10
STEPS = ("read", "tokenize", "word2vec", "glove")


def draw_documents(megabytes: float, seed: int, sentences: int = SENTENCES_PER_DOCUMENT) -> Iterator[tuple[str, str]]:
    """Documents of about that many megabytes in all, made as they are asked for."""
    rng = np.random.default_rng(seed)
    ranks = np.arange(1, N_TYPES + 1, dtype=np.float64)
    shares = np.cumsum(np.where(ranks <= BEND, 1 / ranks, BEND**0.6 / ranks**1.6))
    shares /= shares[-1]
    words = np.array([f"w{np.base_repr(rank, 36).lower()}" for rank in range(200_000)], dtype=object)
    per_document = WORDS_PER_SENTENCE * sentences
    left, number = megabytes * 1e6, 0
    while left > 0:
        drawn = np.searchsorted(shares, rng.random(max(1, 50_000 // per_document) * per_document))
        text = [words[rank] if rank < len(words) else f"w{np.base_repr(rank, 36).lower()}" for rank in drawn.tolist()]
        for start in range(0, len(text), per_document):
            lines = (
                " ".join(text[first : first + WORDS_PER_SENTENCE]).capitalize()
                for first in range(start, start + per_document, WORDS_PER_SENTENCE)
            )
            document = ". ".join(lines) + "."
            number, left = number + 1, left - len(document)
            yield str(number), document
            if left <= 0:
                return


def run_step(step: str, folder: Path, megabytes: float, workers: int, sentences: int) -> str:
    """Run one step in this process, and say what it made."""
    documents = DocumentsDataset(filepath=str(folder / "documents.parquet"))
    if step == "read":
        documents.save(draw_documents(megabytes, 0, sentences))
        return f"{len(documents.load()):,} documents"
    if step == "iterate":
        return f"{sum(len(text) for _, text in documents.load()):,} characters"
    if step == "tokenize":
        more = {"workers": workers} if workers > 1 else {}
        corpus = write_tokens(documents.load(), folder / "tokens", **more)
        own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        shares = f"{own.ru_utime + own.ru_stime:.1f} s here, {others.ru_utime + others.ru_stime:.1f} s in other processes"
        types = corpus.manifest["n_types"]
        return f"{corpus.n_tokens:,} tokens of {types:,} types, {corpus.fingerprint[:8]}; {shares}"
    from emb_pipeline.embeddings import factory
    from emb_pipeline.embeddings.registry import METHODS
    from emb_pipeline.embeddings.training.request import TrainingRequest

    options = METHODS[step].options(epochs=1, min_count=5, deterministic=workers == 1)
    request = TrainingRequest(TokenCorpus(folder / "tokens"), options, dim=50, seed=0, workers=workers)
    vectors = factory.train(step, request)
    return f"{len(vectors.tokens):,} vectors"


def main() -> None:
    """Print a line for each step, size and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[100, 1_000], help="sizes of the text")
    parser.add_argument("--workers", type=int, nargs="+", default=[1])
    parser.add_argument("--steps", nargs="+", choices=(*STEPS, "iterate"), default=STEPS)
    parser.add_argument("--long", type=int, help="documents of a megabyte, in place of --megabytes")
    parser.add_argument("--folder", type=Path, help="where the text stays; what is there is not made again")
    parser.add_argument("--in-process", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sentences = 8_000 if options.long else SENTENCES_PER_DOCUMENT
    sizes = [float(options.long)] if options.long else options.megabytes
    if options.in_process:
        print(run_step(options.in_process, options.folder, sizes[0], options.workers[0], sentences))
        return
    steps = ("read", "iterate") if options.long else options.steps
    with tempfile.TemporaryDirectory() as scratch:
        for megabytes in sizes:
            folder = (options.folder or Path(scratch)) / f"{megabytes:g}_{sentences}"
            folder.mkdir(parents=True, exist_ok=True)
            for step in steps:
                if step == "read" and (folder / "documents.parquet").exists():
                    continue
                for workers in options.workers if step != "read" else [1]:
                    size = ["--long" if options.long else "--megabytes", f"{megabytes:g}"]
                    more = ["--folder", str(folder), "--in-process", step, "--workers", str(workers)]
                    print(
                        f"{megabytes:>6g} MB  {step:<9} {workers} worker  {measure_step([__file__, *size, *more])}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
