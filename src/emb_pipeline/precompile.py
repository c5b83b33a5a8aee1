"""Compile all inner loops once, so that a first run does not wait for it in each of its processes.

python -m emb_pipeline.precompile
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from emb_pipeline.diagnostics.geometry import measure_hubness
from emb_pipeline.embeddings.ranking import largest
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.static import fasttext, glove, word2vec
from emb_pipeline.embeddings.static.options import FastTextOptions, GloveOptions, Word2VecOptions
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.statistics.comparisons.all_pairs import AllPairs, Moments
from emb_pipeline.statistics.decision.dunnett_kernel import choose_first_shown, find_largest_leads
from emb_pipeline.statistics.sequential.betting import find_lower_bound
from emb_pipeline.tasks.probes.crf import LinearChainCrf, TokenVectors
from emb_pipeline.tasks.probes.one_vs_rest import OneVsRestRegression
from emb_pipeline.tasks.probes.softmax import SoftmaxRegression
from emb_pipeline.text.near_duplicates import find_near_pairs
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.tokens import write_tokens


def compile_training() -> None:
    """Train on next to nothing by every kernel; numba keeps what it compiles next to the source, or in the user's cache."""
    with tempfile.TemporaryDirectory(prefix="precompile_") as folder:
        tokens = write_tokens([("0", "a b c a b c a b c")], Path(folder) / "tokens")
        word2vec.train(TrainingRequest(tokens, Word2VecOptions(epochs=1), dim=4))
        fasttext.train(TrainingRequest(tokens, FastTextOptions(epochs=1), dim=4))
        glove.train(TrainingRequest(tokens, GloveOptions(epochs=1), dim=4))


def compile_probes() -> None:
    """Fit each probe to four examples."""
    features, codes = np.eye(4, dtype=np.float32), np.array([0, 1, 0, 1])
    for each in (features, sp.csr_array(features)):
        SoftmaxRegression(each, codes, n_classes=2).fit(1.0)
        OneVsRestRegression(each, np.eye(2, dtype=bool)[codes]).fit(1.0)
    vectors = TokenVectors(features, np.arange(4), np.array([0, 2, 4]))
    field = LinearChainCrf(vectors, codes, np.ones((3, 2), dtype=bool), window=1).fit(1.0)
    field.decode(vectors)


def compile_audit() -> None:
    """Look for near-duplicates among two texts."""
    find_near_pairs(TokenIds.of(["a b c d e f", "a b c d e f g"]))


def compile_diagnosis() -> None:
    """Count the neighbors of four words."""
    measure_hubness(np.eye(4, dtype=np.float32), k=1)


def compile_search() -> None:
    """Search two passages by their words, and rank scores of both sizes."""
    Bm25().index(["a b", "b c"]).search(["a"], 1)
    largest(np.eye(2), 1)


def compile_statistics() -> None:
    """Compare three embeddings by the loops for many: all pairs, the leads over each, the choice by them, early bounds."""
    moments = Moments(np.eye(3), np.zeros(3), below=None, first_below=3, smallest=0.0)
    AllPairs(moments, [], np.array([[0, 1]])).find_largest(np.eye(3, dtype=np.float32), None, [])
    find_largest_leads(np.eye(3), np.ones((3, 3)))
    choose_first_shown(np.eye(3), np.zeros((3, 3)), np.arange(3))
    find_lower_bound(np.array([0.5]), n_total=2, lowest=0.0, highest=1.0, level=0.05)


if __name__ == "__main__":
    compile_training()
    compile_probes()
    compile_audit()
    compile_diagnosis()
    compile_search()
    compile_statistics()
