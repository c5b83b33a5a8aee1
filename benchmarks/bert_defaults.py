"""Which hyper-parameters a BERT trained here should have by default, by evidence.

    python benchmarks/bert_defaults.py               # word2vec, random weights, then 40 s for each line of the grid

Models of 128 dimensions are trained on a cut of the default use case's domain corpus (docstrings, 0.5 million tokens) for an
equal wall-clock time on one core, and judged by masked-language perplexity on held-out sentences (comparable between
lines of the same vocabulary and length alone) and by the 5-fold accuracy of a logistic regression on mean-pooled vectors
of 4,000 texts of the subpackage task's *training* split, the better of two strengths of regularisation. Word2Vec with its
defaults and random weights stand beside them. Its test split is never read. Differences below 1.5 points are noise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emb_pipeline.embeddings import factory, registry
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import bert
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.readers.docstrings.options import DocstringsSource, DocstringSubpackagesSource
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.tasks.classification.reader import read_classification
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens
from emb_pipeline.text.words import tokenize_sentences

PACKAGES = ("numpy", "scipy", "sklearn", "pandas", "networkx", "sympy", "matplotlib", "torch")
EARLIER = {"learning_rate": 2e-3, "mask_share": 0.15}
GRID = [
    {},
    {**EARLIER, "batch_size": 32},
    {**EARLIER, "batch_size": 8},
    {**EARLIER, "batch_size": 8, "mask_share": 0.3},
    {**EARLIER, "batch_size": 8, "layers": 1},
]


def main() -> None:
    """Train and judge one line of a table at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("data/02_intermediate/bert_defaults"))
    parser.add_argument("--seconds", type=float, default=40, help="training time of each model")
    parser.add_argument("--tokens", type=int, default=10**9, help="budget of sub-tokens of each model")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--only", type=int, nargs="*", metavar="LINE", help="lines of the grid, from 1; all by default")
    arguments = parser.parse_args()
    texts, labels, corpus = task_and_corpus(arguments.work)
    print(f"{corpus}, {len(labels)} texts of {len(set(labels))} classes\n")
    print(
        "| changed from the default | sub-tokens | perplexity | accuracy, last layer | accuracy, mean of layers | train s |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    if arguments.only is None or 0 in arguments.only:
        start = time.perf_counter()
        vectors = factory.train(
            "word2vec", TrainingRequest(corpus, dim=arguments.dim, options=registry.METHODS["word2vec"].options(), seed=1)
        )
        seconds = time.perf_counter() - start
        for pooling in ("mean", "idf"):
            value = accuracy(PooledEncoder(vectors, pooling).encode(Texts(texts)), labels)
            print(f"| word2vec, {pooling} pooling | – | – | {value:.3f} | – | {seconds:.0f} |", flush=True)
    for line in arguments.only if arguments.only is not None else range(len(GRID) + 1):
        changes = GRID[line - 1] if line else {}
        budget = {"max_seconds": arguments.seconds, "max_tokens": arguments.tokens} if line else {"max_tokens": 1}
        options = BertOptions(**{**changes, **budget})
        with tempfile.TemporaryDirectory() as scratch:
            folder = bert.train(
                TrainingRequest(
                    corpus,
                    dim=arguments.dim,
                    options=options,
                    seed=1,
                    folder=Path(scratch) / "encoder",
                    checkpoints=Path(scratch) / "checkpoints",
                )
            )
            record = json.loads((folder.path / "encoder.json").read_text())["provenance"]
            last, mean = (accuracy(vectors, labels) for vectors in pooled(folder.model_path, texts, options.max_length))
        stated = ", ".join(f"{name} {value}" for name, value in changes.items()) or ("–" if line else "random weights")
        print(
            f"| {stated} | {record['sub_tokens']:,} | {record['perplexity']:.0f} | {last:.3f} | {mean:.3f} | "
            f"{record['train_seconds']:.0f} |",
            flush=True,
        )


def pooled(model_folder: Path, texts: list[str], max_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean vectors of texts, without [CLS] and [SEP]: of the last layer, and of all layers' mean."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModel.from_pretrained(model_folder, add_pooling_layer=False).eval()
    last, mean = [], []
    with torch.inference_mode():
        for start in range(0, len(texts), 64):
            lines = [
                " ".join(token for sentence in tokenize_sentences(text) for token in sentence)
                for text in texts[start : start + 64]
            ]
            batch = tokenizer(
                lines,
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=max_length,
                return_special_tokens_mask=True,
            )
            content = (1 - batch.pop("special_tokens_mask")).unsqueeze(-1).float()
            layers = model(**batch, output_hidden_states=True).hidden_states
            for vectors, layer in ((last, layers[-1]), (mean, torch.stack(layers).mean(0))):
                vectors.append(((layer * content).sum(1) / content.sum(1).clamp(min=1)).numpy())
    return np.concatenate(last), np.concatenate(mean)


def accuracy(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Cross-validated accuracy within the training split."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return max(
        float(
            cross_val_score(
                make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200, tol=1e-3)),
                vectors.astype(np.float64),
                labels,
                cv=folds,
            ).mean()
        )
        for strength in (0.01, 0.1)
    )


def task_and_corpus(work: Path) -> tuple[list[str], np.ndarray, TokenCorpus]:
    """Texts and labels of the subpackage task's training split, and docstrings without the task's test texts."""
    examples = read_classification(DocstringSubpackagesSource(packages=PACKAGES), work, Path()).to_pylist()
    training = [row for row in examples if row["split"] == "train"]
    chosen = np.sort(np.random.default_rng(0).permutation(len(training))[:4_000])
    folder = work / "tokens"
    if not folder.exists():
        held_out = HeldOut(row["text"] for row in examples if row["split"] != "train")
        documents = read_documents((DocstringsSource(packages=PACKAGES),), work, Path())
        cut(write_tokens(documents, work / "whole", held_out=held_out.is_held_out), folder, 500_000)
    return (
        [training[row]["text"] for row in chosen],
        np.array([training[row]["label"] for row in chosen]),
        TokenCorpus(folder),
    )


if __name__ == "__main__":
    main()
