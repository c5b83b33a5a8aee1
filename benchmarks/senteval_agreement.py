"""Word vectors from a file, scored by our pipeline and by SentEval's protocol: the same accuracies within 0.6 points.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/senteval_agreement.py <vectors> [--format …]

The tasks are those of `conf/reviews`, for which SentEval (Conneau & Kiela 2018) and Reimers & Gurevych (2019, table 5)
publish rows. *Ours* is what a grid entry ``static_file`` with ``pooling: mean`` does: our tokeniser, standardised features,
duplicates in one fold, C tuned along a path. *SentEval* is written out below from its ``validation.py`` and
``examples/bow.py``: words are what stands between blanks, a sentence is the mean of its known words' vectors, features stay
as they are; ten stratified folds, shuffled with its seed 1111, and within each training part another ten that choose C
among 2⁻², …, 2³ for scikit-learn's logistic regression; TREC has its official split, and ten folds of the training part
choose among 2⁻¹, …, 2⁵. Vectors of lower-cased words are looked up by lower-cased words.

SentEval's folds divide duplicates, which matters most on MPQA: there they train on a part of what they test
(`duplicates_mpqa.py`). So the difference is taken from the column *duplicates divided*: ours, but for that. The last column,
SentEval's protocol on our tokens, says how much is due to the words.

Exits with 1 where the difference is above 0.6 points. On 4,197 words of GloVe 6B (50 dimensions):

    | task | texts | ours | duplicates divided | SentEval | difference | SentEval on our tokens |
    |---|---:|---:|---:|---:|---:|---:|
    | MR | 10,662 | 63.39 | 63.28 | 63.44 | -0.16 | 63.37 |
    | CR | 3,771 | 71.41 | 71.28 | 70.91 | +0.37 | 71.25 |
    | SUBJ | 10,000 | 83.39 | 83.46 | 83.19 | +0.27 | 83.45 |
    | MPQA | 10,603 | 75.87 | 76.37 | 76.74 | -0.37 | 76.55 |
    | TREC | 5,952 | 71.20 | 70.80 | 70.80 | +0.00 | 71.00 |

On TREC one question is 0.2 points; duplicates among its training questions move the C that inner folds choose.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.embeddings.static.options import StaticFileOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.classification import evaluate as classification
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]
TASKS = {
    "MR": "movie_sentences",
    "CR": "product_reviews",
    "SUBJ": "subjectivity",
    "MPQA": "opinion_phrases",
    "TREC": "question_types",
}
TOLERANCE = 0.6
SEED = 1111
N_FOLDS = 10


def main() -> None:
    """Print a line per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--format", default="word2vec_text", help="word2vec_text, word2vec_binary, glove_text or arrow")
    arguments = parser.parse_args()
    options = StaticFileOptions(path=arguments.vectors, format=arguments.format, pooling="mean")
    vectors = factory.load("static_file", options)
    encoder = factory.build_encoder("static_file", options, artifact=vectors)
    print(f"{arguments.vectors.name}: {len(vectors):,} words, {vectors.dim} dimensions\n")
    print("| task | texts | ours | duplicates divided | SentEval | difference | SentEval on our tokens |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    differences = []
    for name in arguments.tasks:
        definition = task_definition(TASKS[name])
        task = read(definition)
        ours = our_accuracy(task, encoder, definition)
        with patch.object(classification, "example_groups", lambda task: np.arange(len(task.texts))):
            divided = our_accuracy(task, encoder, definition)
        theirs, on_our_tokens = (
            100 * senteval_accuracy(means(vectors, sentences), task)
            for sentences in ([text.lower().split() for text in task.texts], task.texts.tokens)
        )
        print(
            f"| {name} | {len(task.texts):,} | {ours:.2f} | {divided:.2f} | {theirs:.2f} | {divided - theirs:+.2f} | "
            f"{on_our_tokens:.2f} |",
            flush=True,
        )
        differences.append(abs(divided - theirs))
    sys.exit(int(max(differences) > TOLERANCE))


def task_definition(key: str) -> TaskDefinition:
    """A task of the use case ``reviews``, evaluated without its learning curve."""
    defined = yaml.safe_load((PROJECT / "conf/reviews/parameters_tasks.yml").read_text())["task_definitions"]
    evaluation = {**defined[key].get("evaluation", {}), "label_draws": 0, "latency_requests": 0}
    return TaskDefinition(name=key, **{**defined[key], "evaluation": evaluation})


def read(definition: TaskDefinition) -> ClassificationTask:
    """Its examples."""
    kind = KINDS["classification"]
    tables = kind.create_reader().read(definition.source, PROJECT / "data/01_raw", PROJECT, definition.name)
    task: ClassificationTask = kind.create_task(tables, definition.name)
    return task


def our_accuracy(task: ClassificationTask, encoder: TextEncoder, definition: TaskDefinition) -> float:
    """Accuracy by our evaluation, in per cent."""
    return 100 * KINDS["classification"].evaluate_embedding(task, encoder, definition.evaluation, seed=0).metrics["accuracy"]


def means(vectors: WordVectors, sentences: Sequence[Sequence[str]]) -> np.ndarray:
    """Mean vector of each sentence's known words, zeros where there is none: shape (n_sentences, dim), float64."""
    pooled = np.zeros((len(sentences), vectors.dim))
    for row, words in enumerate(sentences):
        found, counts = vectors.lookup(words)
        if (counts > 0).any():
            pooled[row] = found[counts > 0].mean(axis=0, dtype=np.float64)
    return pooled


def senteval_accuracy(features: np.ndarray, task: ClassificationTask) -> float:
    """Accuracy by SentEval's protocol: nested folds, or an official split."""
    if task.split is None:
        parts, values = list(folds().split(features, task.codes)), [2.0**t for t in range(-2, 4)]
    else:
        parts = [(np.flatnonzero(task.split != "test"), np.flatnonzero(task.split == "test"))]
        values = [2.0**t for t in range(-1, 6)]
    scores = []
    for train, test in parts:
        c = best_c(features[train], task.codes[train], values)
        scores.append(fitted(features[train], task.codes[train], c).score(features[test], task.codes[test]))
    return float(np.mean(scores))


def best_c(features: np.ndarray, labels: np.ndarray, values: Sequence[float]) -> float:
    """The C with the best mean accuracy over folds."""
    parts = list(folds().split(features, labels))
    accuracy = {
        c: np.mean([fitted(features[train], labels[train], c).score(features[test], labels[test]) for train, test in parts])
        for c in values
    }
    return max(values, key=lambda c: accuracy[c])


def folds() -> StratifiedKFold:
    """SentEval's folds, the outer and the inner ones."""
    return StratifiedKFold(n_splits=N_FOLDS, shuffle=True, random_state=SEED)


def fitted(features: np.ndarray, labels: np.ndarray, c: float) -> LogisticRegression:
    """Scikit-learn's logistic regression, L2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=c, random_state=SEED, max_iter=200).fit(features, labels)


if __name__ == "__main__":
    main()
