"""Why a barely trained BERT may do better on the wrong corpus: what its tokenizer alone is worth.

    python benchmarks/bert_tokenizers.py     # after `kedro run`

For each BERT of the default use case: accuracy on `subpackage` as trained, with random weights under the same tokenizer, and
the mean cosine of 1,000 random pairs of text vectors (near 1: all texts look alike to a search by cosine).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from emb_pipeline.datasets.tables import TablesDataset
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Print a line per model."""
    tables = TablesDataset(filepath=str(PROJECT / "data/03_primary/base/tasks/subpackage/examples")).load()
    task = KINDS["classification"].create_task(tables, "subpackage")
    words = sum(len(tokens) for tokens in task.texts.tokens)
    for origin in ("domain", "generic"):
        folder = EncoderFolder.read(PROJECT / f"data/06_models/base/{origin}/bert_128/encoder")
        with tempfile.TemporaryDirectory() as scratch:
            models = {"as trained": folder, "random weights": untrained(folder, Path(scratch) / "encoder")}
            for name, model in models.items():
                encoder = ContextualEncoder(model, EncoderOptions())
                accuracy = evaluate_classification(
                    task, encoder, ClassificationOptions(label_draws=0, latency_requests=0), seed=0
                ).metrics["accuracy"]
                vectors = encoder.encode(task.texts[:2000])
                unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
                cosine = float((unit[:1000] * unit[1000:]).sum(axis=1).mean())
                pieces = sum(len(ids) - 2 for ids in encoder.token_ids(list(task.texts))) / words
                print(
                    f"{origin:8} {name:15} accuracy {accuracy:.3f}  mean cosine {cosine:.3f}  pieces per word {pieces:.2f}"
                )


def untrained(folder: EncoderFolder, path: Path) -> EncoderFolder:
    """The same tokenizer and shape with random weights."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(folder.model_path)).save_pretrained(path / "model")
    AutoTokenizer.from_pretrained(folder.model_path).save_pretrained(path / "model")
    return EncoderFolder.write(path, format="transformers", dim=folder.dim, vocabulary=folder.vocabulary, input="tokens")


if __name__ == "__main__":
    main()
