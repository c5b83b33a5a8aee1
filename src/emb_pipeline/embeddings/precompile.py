"""Compile the inner loops of training once, so that a first run does not wait for it in each of its processes.

python -m emb_pipeline.embeddings.precompile
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from emb_pipeline.embeddings import fasttext, glove, word2vec
from emb_pipeline.embeddings.options import FastTextOptions, GloveOptions, Word2VecOptions
from emb_pipeline.text.tokens import write_tokens


def compile_training() -> None:
    """Train on next to nothing by every kernel; numba keeps what it compiles beside the source, or in the user's cache."""
    with tempfile.TemporaryDirectory(prefix="precompile_") as folder:
        tokens = write_tokens([("0", "a b c a b c a b c")], Path(folder) / "tokens")
        word2vec.train(tokens, dim=4, options=Word2VecOptions(epochs=1))
        fasttext.train(tokens, dim=4, options=FastTextOptions(epochs=1))
        glove.train(tokens, dim=4, options=GloveOptions(epochs=1))


if __name__ == "__main__":
    compile_training()
