"""Classification: a probe on frozen vectors. Unit: the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.efficiency.latency import latencies_ms
from emb_pipeline.embeddings.encoders import LimitedTaskEncoder, TaskEncoder, TextEncoder, Vectors
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.examples import ClassificationTask
from emb_pipeline.tasks.folds import Fold, example_groups, folds_of
from emb_pipeline.tasks.label_draws import label_counts, nested_order
from emb_pipeline.tasks.options import ClassificationOptions
from emb_pipeline.tasks.probes import fit_probe
from emb_pipeline.tasks.scores import measured
from emb_pipeline.tasks.vectors import bytes_per_vector, encoded, float_vectors, unstored_vector
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.typos import texts_under_test


def evaluate_classification(
    task: ClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by a probe on held-out texts.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted anew for each fold, on its
    training texts alone.

    Parameters
    ----------
    task : ClassificationTask
        Labelled texts.
    encoder : TextEncoder or TaskEncoder
        The embedding.
    options : ClassificationOptions
        Folds and probe, and whether test texts are misspelt.
    seed : int
        Seed of folds, inner folds and label shuffling.
    shuffle_labels : bool
        Train on permuted labels: a control, which must score like guessing by class frequency.

    Returns
    -------
    Evaluation
        Item scores ``accuracy`` (0 or 1), ``log_loss`` (nats), ``label`` and ``prediction`` (class codes in the order of
        ``task.classes``); summaries accuracy, macro_f1, log_loss. Beside them ``accuracy`` from parts of the labels, and
        without item scores ``latency_ms_p50``, ``_p95`` and ``_p99``: the time of classifying one text.

    Raises
    ------
    DataError
        Fewer than two classes in a training part, or no usable split or folds.
    """
    with threadpool_limits(1):
        return _evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)


def score_predictions(task: ClassificationTask, predictions: Mapping[str, pa.Table]) -> Evaluation:
    """Score what a fine-tuned model says of the test texts.

    Parameters
    ----------
    task : ClassificationTask
        The task that it was tuned on.
    predictions : mapping of str to Table
        ``predictions`` (unit_id, values: log probabilities of the classes) and ``costs``, of
        `emb_pipeline.tasks.fine_tuning`.

    Returns
    -------
    Evaluation
        As of `evaluate_classification`, for the same units.
    """
    position_of = {name: position for position, name in enumerate(task.example_ids.tolist())}
    tested = np.array([position_of[name] for name in predictions["predictions"]["unit_id"].to_pylist()])
    logs = np.array(predictions["predictions"]["values"].to_pylist())
    order = np.argsort(tested)
    costs = predictions["costs"].to_pylist()[0]
    return _scored(task, example_groups(task), tested[order], logs[order], fit_seconds=0.0, **costs)


def _evaluate(
    task: ClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool,
) -> Evaluation:
    groups = example_groups(task)
    folds = folds_of(task, groups, n_folds=options.folds, seed=seed)
    vectors = _VectorsOfFolds(task, encoder, typos=options.typos)
    rng = np.random.default_rng(seed)
    logs = np.zeros((len(task.codes), len(task.classes)))
    probes: list[dict[str, Any]] = []
    fit_seconds = 0.0
    for train, test in folds:
        codes = rng.permutation(task.codes[train]) if shuffle_labels else task.codes[train]
        if len(np.unique(codes)) < 2:
            raise DataError(task.name, "a training part has examples of one class alone", "add examples or check the labels")
        of_train, of_test = vectors.of_fold(train, test)
        started = perf_counter()
        probe = fit_probe(of_train, codes, len(task.classes), groups[train], options, seed=seed)
        logs[test] = probe.log_probabilities(of_test)
        fit_seconds += perf_counter() - started
        probes.append(probe.details)
    tested = np.sort(np.concatenate([test for _, test in folds]))
    requests = list(task.texts.take(tested[: options.latency_requests]))
    latencies = latencies_ms(lambda text: probe.log_probabilities(vectors.of_text(text)), requests)
    parts, draws = ([], []) if shuffle_labels else _from_fewer_labels(task, groups, folds, vectors, options, seed=seed)
    scored = _scored(
        task,
        groups,
        tested,
        logs[tested],
        dim=vectors.dim,
        encode_seconds=vectors.seconds,
        fit_seconds=fit_seconds,
        bytes_per_item=vectors.bytes_per_item,
        details={
            "folds": probes,
            "classes": task.classes.tolist(),
            "shuffled_labels": shuffle_labels,
            "n_train": [len(train) for train, _ in folds],
            "n_test": [len(test) for _, test in folds],
        },
        label_draws=draws,
    )
    item_scores = pa.concat_tables([scored.item_scores, *parts])
    return replace(scored, item_scores=item_scores, metrics={**scored.metrics, **latencies})


def _from_fewer_labels(
    task: ClassificationTask,
    groups: np.ndarray,
    folds: list[Fold],
    vectors: _VectorsOfFolds,
    options: ClassificationOptions,
    *,
    seed: int,
) -> tuple[list[pa.Table], list[dict[str, float]]]:
    """Accuracy of probes that are tuned and fitted on a part of the labels: item scores, and each draw's mean.

    An embedding that is fitted on training texts sees those of the part alone.
    """
    n_labels = min(len(train) for train, _ in folds)
    tested = np.sort(np.concatenate([test for _, test in folds]))
    counts = label_counts(n_labels, len(task.classes), options.label_counts) if options.label_draws else []
    right = np.zeros((len(counts), options.label_draws, len(task.codes)))
    for number, (train, test) in enumerate(folds):
        for draw in range(options.label_draws if counts else 0):
            order = nested_order(task.codes[train], np.random.default_rng([seed, number, draw]))
            for row, count in enumerate(counts):
                part = np.sort(train[order[:count]])
                codes = task.codes[part]
                if len(np.unique(codes)) < 2:
                    right[row, draw, test] = task.codes[test] == codes[0]
                    continue
                of_part, of_test = vectors.of_part(part, test)
                probe = fit_probe(of_part, codes, len(task.classes), groups[part], options, seed=seed)
                right[row, draw, test] = probe.log_probabilities(of_test).argmax(axis=1) == task.codes[test]
    names, group_names = task.example_ids[tested], task.example_ids[groups[tested]]
    tables, draws = [], []
    for count, of_count in zip(counts, right[:, :, tested], strict=True):
        fraction = count / n_labels
        tables.append(measured(names, group_names, {"accuracy": of_count.mean(axis=0)}, label_fraction=fraction))
        draws += [
            {"n_labels": count, "label_fraction": fraction, "draw": draw, "value": float(value)}
            for draw, value in enumerate(of_count.mean(axis=1))
        ]
    return tables, draws


def _scored(
    task: ClassificationTask, groups: np.ndarray, tested: np.ndarray, logs: np.ndarray, **costs_and_details: Any
) -> Evaluation:
    label, predicted = task.codes[tested], logs.argmax(axis=1)
    right = (label == predicted).astype(np.float64)
    log_loss = -logs[np.arange(len(tested)), label].astype(np.float64)
    values = {"accuracy": right, "log_loss": log_loss, "label": label, "prediction": predicted}
    return Evaluation(
        item_scores=measured(task.example_ids[tested], task.example_ids[groups[tested]], values),
        metrics={
            "accuracy": float(right.mean()),
            "macro_f1": macro_f1(label, predicted),
            "log_loss": float(log_loss.mean()),
        },
        **costs_and_details,
    )


class _VectorsOfFolds:
    """Vectors for each fold: slices of one encoding, or of an encoder that is fitted on the fold's training texts."""

    def __init__(self, task: ClassificationTask, encoder: TextEncoder | TaskEncoder, *, typos: float) -> None:
        self._texts, self._tested = task.texts, texts_under_test(task.texts, typos)
        self._task_encoder = encoder if isinstance(encoder, TaskEncoder) else None
        self._sizes: list[float] = []
        self.seconds = 0.0
        self.dim = 0
        if not isinstance(encoder, TaskEncoder):
            self._fitted: TextEncoder = encoder
            self._all, self.seconds = encoded(encoder, task.texts, task.name)
            self._all_tested = self._all
            if self._tested is not self._texts:
                self._all_tested, seconds = encoded(encoder, self._tested, task.name)
                self.seconds += seconds
            self._note(self._all)

    @property
    def bytes_per_item(self) -> float:
        """Memory of the vectors over their number: the mean over folds."""
        return float(np.mean(self._sizes))

    def of_fold(self, train: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """Vectors of the training and of the test texts."""
        if self._task_encoder is None:
            return self._all[train], self._all_tested[test]
        started = perf_counter()
        of_train, of_test = self._fitted_on(self._task_encoder, train, test)
        self.seconds += perf_counter() - started
        self._note(of_train)
        return of_train, of_test

    def of_part(self, train: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """The same of a part of a fold's training texts, which counts towards no cost."""
        if self._task_encoder is None:
            return self._all[train], self._all_tested[test]
        encoder = self._task_encoder
        if isinstance(encoder, LimitedTaskEncoder):
            encoder = encoder.limited(len(train))
        return self._fitted_on(encoder, train, test)

    def _fitted_on(self, encoder: TaskEncoder, train: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        texts = self._texts.take(train)
        self._fitted = encoder.fit(texts)
        of_train = float_vectors(self._fitted.encode(texts), len(train), "training texts")
        return of_train, float_vectors(self._fitted.encode(self._tested.take(test)), len(test), "test texts")

    def of_text(self, text: str) -> Vectors:
        """Vector of one text, made anew by the encoder of the last fold: shape (1, dim)."""
        return unstored_vector(self._fitted, text)

    def _note(self, vectors: Vectors) -> None:
        self._sizes.append(bytes_per_vector(vectors, self._fitted))
        self.dim = int(vectors.shape[1])


def macro_f1(label: np.ndarray, prediction: np.ndarray) -> float:
    """Unweighted mean of the classes' F1 = 2 TP / (labelled + predicted), over classes that are labelled or predicted."""
    n_classes = int(max(label.max(), prediction.max())) + 1
    hits = np.bincount(label[label == prediction], minlength=n_classes)
    occurrences = np.bincount(label, minlength=n_classes) + np.bincount(prediction, minlength=n_classes)
    return float(np.mean(2 * hits[occurrences > 0] / occurrences[occurrences > 0]))
