"""Our GloVe against the update loop of Stanford's program (glove.c, Pennington et al. 2014), on the same records.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/glove_reference.py [--tokens 1000000]

The loop is written out in C below, in double precision with its gradient clipping, and compiled with `cc`. Both see the same
co-occurrence records, each in random order; Word2Vec is trained beside them with the same window on the same tokens. Prints
the mean weighted loss of the last epoch and Spearman's ρ on WordSim-353.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.static.cooccurrence import CooccurrenceCounts, count_cooccurrences
from emb_pipeline.embeddings.static.options import GloveOptions, Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.request import TrainingRequest, known_words
from emb_pipeline.text.tokens import TokenCorpus, write_tokens
from word_vector_defaults import wikipedia, word_pairs, word_similarity

GLOVE_C = r"""
#include <math.h>
static double clipped(double x) { return x > 100 ? 100 : x < -100 ? -100 : x; }
double epoch(long n, const int *first, const int *second, const double *count, long dim,
             double *words, double *contexts, double *words_sq, double *contexts_sq,
             double x_max, double alpha, double eta) {
    double cost = 0;                      /* rows hold dim numbers and the bias behind them */
    for (long k = 0; k < n; k++) {
        double *w = words + first[k] * (dim + 1), *c = contexts + second[k] * (dim + 1);
        double *wq = words_sq + first[k] * (dim + 1), *cq = contexts_sq + second[k] * (dim + 1);
        double diff = w[dim] + c[dim] - log(count[k]);
        for (long b = 0; b < dim; b++) diff += w[b] * c[b];
        double fdiff = count[k] > x_max ? diff : pow(count[k] / x_max, alpha) * diff;
        cost += fdiff * diff;             /* glove.c prints half of it */
        fdiff *= eta;
        for (long b = 0; b < dim; b++) {
            double of_w = clipped(fdiff * c[b]), of_c = clipped(fdiff * w[b]);
            w[b] -= of_w / sqrt(wq[b]);
            c[b] -= of_c / sqrt(cq[b]);
            wq[b] += of_w * of_w;
            cq[b] += of_c * of_c;
        }
        w[dim] -= fdiff / sqrt(wq[dim]);
        c[dim] -= fdiff / sqrt(cq[dim]);
        wq[dim] += fdiff * fdiff;
        cq[dim] += fdiff * fdiff;
    }
    return cost / n;
}
"""


def main() -> None:
    """Train three times, print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    options = GloveOptions(epochs=arguments.epochs)
    pairs_of_words = word_pairs()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        corpus = write_tokens(
            wikipedia(Path(os.environ["EMB_PIPELINE_MIRROR"])), folder / "corpus", max_tokens=arguments.tokens
        )
        ours = factory.train("glove", TrainingRequest(corpus, dim=arguments.dim, options=options, seed=1, workers=1))
        loss, theirs = reference(corpus, arguments.dim, options, folder)
        skip_gram = factory.train(
            "word2vec", TrainingRequest(corpus, dim=arguments.dim, options=Word2VecOptions(), seed=1, workers=1)
        )
    print(f"{corpus.n_tokens:,} tokens, {ours.provenance['cooccurrence_pairs']:,} pairs, {options!r}")
    final_loss = ours.provenance["epoch_losses"][-1]
    print(f"glove, ours           loss {final_loss:.4f}  ρ {word_similarity(ours, pairs_of_words):.3f}")
    print(f"glove, Stanford's     loss {loss:.4f}  ρ {word_similarity(theirs, pairs_of_words):.3f}")
    print(f"word2vec                           ρ {word_similarity(skip_gram, pairs_of_words):.3f}")


def reference(corpus: TokenCorpus, dim: int, options: GloveOptions, folder: Path) -> tuple[float, WordVectors]:
    """Loss of the last epoch and w + c of Stanford's loop."""
    source, library = folder / "glove.c", folder / "glove.so"
    source.write_text(GLOVE_C)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True)
    epoch = ctypes.CDLL(str(library)).epoch
    epoch.restype = ctypes.c_double
    words, counts = known_words(corpus, options.min_count)
    pairs = count_cooccurrences(corpus, len(words), window=options.window, memory_mb=options.memory_mb, folder=folder)
    first, second, count = both_directions(pairs)
    rng = np.random.default_rng(1)
    model = [(rng.random((len(words), dim + 1)) - 0.5) / dim for _ in range(2)]
    squares = [np.ones_like(part) for part in model]
    loss = float("nan")
    for _ in range(options.epochs):
        order = rng.permutation(len(first))
        records = [np.ascontiguousarray(column[order]) for column in (first, second, count)]
        loss = epoch(
            ctypes.c_long(len(first)),
            *(column.ctypes.data_as(ctypes.c_void_p) for column in records),
            ctypes.c_long(dim),
            *(part.ctypes.data_as(ctypes.c_void_p) for part in (*model, *squares)),
            *(ctypes.c_double(value) for value in (options.x_max, options.alpha, options.learning_rate)),
        )
    return loss, WordVectors(words, counts, (model[0] + model[1])[:, :dim].astype(np.float32), {}, None)


def both_directions(pairs: CooccurrenceCounts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair as two records; a word with itself as one."""
    first, second = np.asarray(pairs.first, dtype=np.int32), np.asarray(pairs.second, dtype=np.int32)
    count, differ = np.asarray(pairs.count, dtype=np.float64), first != second
    return (
        np.concatenate([first, second[differ]]),
        np.concatenate([second, first[differ]]),
        np.concatenate([count, count[differ]]),
    )


if __name__ == "__main__":
    main()
