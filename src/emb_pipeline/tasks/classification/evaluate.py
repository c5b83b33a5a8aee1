"""Classification: a probe on frozen vectors. Unit: the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.corrupt.typos import choose_test_texts
from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts, encode_unstored, float_vectors
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.protocols import Setting, TaskEncoder, TextEncoder, Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.folds import Fold, draw_folds, find_example_groups, find_fold_groups
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.class_results import build_class_predictions
from emb_pipeline.tasks.probes.probe import Probe, ProbeTraining, fit_probe
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.label_draws import LabelDraws, explain_too_few_labels
from emb_pipeline.tasks.splits.training_draws import TrainingDraws


def evaluate_classification(
    task: ClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by a probe on held-out texts.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted again for each fold, on its
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
        ``task.classes``); summaries accuracy, macro_f1, log_loss. Besides them ``accuracy`` from parts of the labels, and
        from resamples of them.

    Raises
    ------
    DataError
        Fewer than two classes in a training part, or no usable split or folds.
    """
    with threadpool_limits(1):
        return _evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)


def create_classification_service(
    task: ClassificationTask, encoder: TextEncoder | TaskEncoder, options: ClassificationOptions, setting: Setting | None
) -> Service:
    """Encode one text, and find its class with a linear head."""
    tested = np.arange(len(task.codes)) if task.split is None else np.flatnonzero(task.split == "test")
    learnt = tested if task.split is None else np.flatnonzero(task.split != "test")
    requests = list(task.texts.take(tested[: options.latency_requests]))
    fitted = encoder.fit(task.texts.take(learnt)) if isinstance(encoder, TaskEncoder) else encoder
    shape = (fitted.dim, len(task.classes))
    head = LinearHead(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), np.zeros(shape[1]))
    return Service(lambda text: head.log_probabilities(encode_unstored(fitted, text)), requests)


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
    return _score_predictions(task, find_example_groups(task), tested[order], logs[order], fit_seconds=0.0, **costs)


def _evaluate(
    task: ClassificationTask,
    encoder: TextEncoder | TaskEncoder,
    options: ClassificationOptions,
    *,
    seed: int,
    shuffle_labels: bool,
) -> Evaluation:
    groups, kept = find_example_groups(task), find_fold_groups(task, options)
    folds = draw_folds(task, kept, n_folds=options.folds, seed=seed)
    vectors = _VectorsOfFolds(task, encoder, typos=options.typos)
    rng = np.random.default_rng(seed)
    logs = np.zeros((len(task.codes), len(task.classes)))
    probes: list[dict[str, Any]] = []
    n_draws = 0 if shuffle_labels else options.label_draws
    fewer = _FewerLabels(task, vectors, kept, folds, options, n_draws=n_draws, seed=seed)
    again = _LearnedAgain(task, groups, folds, 0 if shuffle_labels else options.training_draws)
    fit_seconds = tune_seconds = 0.0
    for number, (train, test) in enumerate(folds):
        codes = rng.permutation(task.codes[train]) if shuffle_labels else task.codes[train]
        if len(np.unique(codes)) < 2:
            raise DataError(task.name, "a training part has examples of one class alone", "add examples or check the labels")
        of_train, of_test = vectors.of_fold(train, test)
        started = perf_counter()
        training = ProbeTraining(of_train, codes, len(task.classes), kept[train], options, seed=seed)
        probe = training.probe()
        logs[test] = probe.log_probabilities(of_test)
        fit_seconds += perf_counter() - started
        tune_seconds += probe.tune_seconds
        probes.append(probe.details)
        fewer.score(number, of_train, of_test)
        again.score(number, training, probe, of_test)
    tested = _find_tested(folds)
    scored = _score_predictions(
        task,
        groups,
        tested,
        logs[tested],
        dim=vectors.dim,
        encode_seconds=vectors.seconds,
        fit_seconds=fit_seconds,
        tune_seconds=tune_seconds,
        bytes_per_item=vectors.bytes_per_item,
        details={
            "folds": probes,
            "classes": task.classes.tolist(),
            "shuffled_labels": shuffle_labels,
            "n_train": [len(train) for train, _ in folds],
            "n_test": [len(test) for _, test in folds],
            **({"training_draws": again.details} if len(again.drawn.scores) else {}),
        },
        label_draws=fewer.drawn.draws(),
        training_draws=again.drawn.table(task.example_ids[tested]),
    )
    parts = fewer.drawn.item_scores(task.example_ids[tested], task.example_ids[groups[tested]])
    item_scores = pa.concat_tables([scored.item_scores, *parts])
    return replace(scored, item_scores=item_scores)


class _FewerLabels:
    """Accuracy of probes that are tuned and fitted on parts of the labels.

    An embedding that is fitted on a task's training texts (TF-IDF) has all of them, as word vectors have a whole corpus, or
    those with a label alone, as the options say.
    """

    def __init__(
        self,
        task: ClassificationTask,
        vectors: _VectorsOfFolds,
        groups: np.ndarray,
        folds: list[Fold],
        options: ClassificationOptions,
        *,
        n_draws: int | None,
        seed: int,
    ) -> None:
        self._task, self._vectors, self._groups, self._folds = task, vectors, groups, folds
        self._options, self._seed = options, seed
        self._tested = _find_tested(folds)
        self.drawn = LabelDraws.plan(
            "accuracy",
            n_labels=_count_nominal_labels(folds),
            n_classes=len(task.classes),
            n_units=len(self._tested),
            n_draws=n_draws,
            n_folds=len(folds),
            wanted=options.label_counts,
        )

    def score(self, number: int, of_train: Vectors, of_test: Vectors) -> None:
        """Fit on each part of a fold's training texts, whose vectors these are."""
        train, test = self._folds[number]
        units = np.searchsorted(self._tested, test)
        for (row, draw), part in self.drawn.parts(self._task.codes[train], number):
            of_part, of_tested = of_train[part], of_test
            if not self._options.unlabeled_texts:
                of_part, of_tested = self._vectors.of_part(train[part], test)
            predicted = self._predict(of_part, train[part], of_tested)
            self.drawn.scores[row][draw, units] = predicted == self._task.codes[test]

    def _predict(self, of_part: Vectors, part: np.ndarray, of_test: Vectors) -> np.ndarray:
        codes = self._task.codes[part]
        if len(np.unique(codes)) < 2:
            return np.full(of_test.shape[0], codes[0])
        probe = fit_probe(of_part, codes, len(self._task.classes), self._groups[part], self._options, seed=self._seed)
        return np.asarray(probe.log_probabilities(of_test).argmax(axis=1))


FEW_LABELS = 5_000
"""Labels of a training part up to which probes learn from resamples of them unless an option says otherwise."""
TRAINING_DRAWS = 10
"""Resamples then; with folds, too, which share most of their labels."""


class _LearnedAgain:
    """Accuracy of probes that learn from resamples of the training labels.

    With folds a resample is of all examples, and a fold's training part is what it has of that part. What an embedding is
    fitted on stays: the texts are known, it is labels that would be others.
    """

    def __init__(self, task: ClassificationTask, groups: np.ndarray, folds: list[Fold], wanted: int | None) -> None:
        self._task, self._folds, self._tested = task, folds, _find_tested(folds)
        by_default = TRAINING_DRAWS if len(folds) > 1 or _count_nominal_labels(folds) <= FEW_LABELS else 0
        n_draws = by_default if wanted is None else wanted
        learnt = np.unique(np.concatenate([train for train, _ in folds]))
        n_units = len(self._tested)
        self.drawn = TrainingDraws.plan("accuracy", learnt=learnt, groups=groups, n_units=n_units, n_draws=n_draws)
        self._seconds = 0.0

    @property
    def details(self) -> dict[str, Any]:
        """Number of resamples, and the seconds that they took."""
        return {"n": len(self.drawn.scores), "seconds": self._seconds}

    def score(self, number: int, training: ProbeTraining, probe: Probe, of_test: Vectors) -> None:
        """Fit on each resample of a fold's training part."""
        if not len(self.drawn.scores):
            return
        started = perf_counter()
        train, test = self._folds[number]
        units, coordinates = np.searchsorted(self._tested, test), training.coordinates(of_test)
        for draw, rows in self.drawn.resamples(train):
            found = training.on_resample(rows, probe)
            self.drawn.scores[draw, units] = found.predicted(coordinates) == self._task.codes[test]
        self._seconds += perf_counter() - started


def _find_tested(folds: list[Fold]) -> np.ndarray:
    return np.sort(np.concatenate([test for _, test in folds]))


def _count_nominal_labels(folds: list[Fold]) -> int:
    """Count the labels of a training part: the same number for every embedding, however the folds were drawn."""
    if len(folds) == 1:
        return len(folds[0][0])
    return sum(len(test) for _, test in folds) * (len(folds) - 1) // len(folds)


def _score_predictions(
    task: ClassificationTask, groups: np.ndarray, tested: np.ndarray, logs: np.ndarray, **costs_and_details: Any
) -> Evaluation:
    label, predicted = task.codes[tested], logs.argmax(axis=1)
    right = (label == predicted).astype(np.float64)
    log_loss = -logs[np.arange(len(tested)), label].astype(np.float64)
    values = {"accuracy": right, "log_loss": log_loss, "label": label, "prediction": predicted}
    return Evaluation(
        item_scores=build_item_scores(task.example_ids[tested], task.example_ids[groups[tested]], values),
        metrics={
            "accuracy": float(right.mean()),
            "macro_f1": macro_f1(label, predicted),
            "log_loss": float(log_loss.mean()),
        },
        predictions=build_class_predictions(task.example_ids[tested], task.classes.tolist(), label, logs),
        **costs_and_details,
    )


class _VectorsOfFolds:
    """Vectors for each fold: slices of one encoding, or of an encoder that is fitted on the fold's training texts."""

    def __init__(self, task: ClassificationTask, encoder: TextEncoder | TaskEncoder, *, typos: float) -> None:
        self._task_name, self._texts, self._tested = task.name, task.texts, choose_test_texts(task.texts, typos)
        self._task_encoder = encoder if isinstance(encoder, TaskEncoder) else None
        self._sizes: list[float] = []
        self._clock = EncodingClock()
        self.dim = 0
        if not isinstance(encoder, TaskEncoder):
            self._fitted: TextEncoder = encoder
            with self._clock:
                self._all, _ = encode_texts(encoder, task.texts, task.name)
                self._all_tested = self._all
                if self._tested is not self._texts:
                    self._all_tested, _ = encode_texts(encoder, self._tested, task.name)
            self._note(self._all)

    @property
    def seconds(self) -> float:
        """Seconds of fitting and encoding for all folds."""
        return self._clock.seconds

    @property
    def bytes_per_item(self) -> float:
        """Memory of the vectors over their number: the mean over folds."""
        return float(np.mean(self._sizes))

    def of_fold(self, train: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """Select vectors of the training and of the test texts."""
        if self._task_encoder is None:
            return self._all[train], self._all_tested[test]
        with self._clock:
            self._fitted, of_train, of_test = self._fit_again(self._task_encoder, train, test)
        self._note(of_train)
        return of_train, of_test

    def of_part(self, part: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """Select them where the training texts are but a part of a fold's: what it costs is not counted."""
        if self._task_encoder is None:
            return self._all[part], self._all_tested[test]
        with explain_too_few_labels(self._task_name, len(part)):
            _, of_part, of_test = self._fit_again(self._task_encoder, part, test)
        return of_part, of_test

    def _fit_again(self, encoder: TaskEncoder, train: np.ndarray, test: np.ndarray) -> tuple[TextEncoder, Vectors, Vectors]:
        texts = self._texts.take(train)
        fitted = encoder.fit(texts)
        of_train = float_vectors(fitted.encode(texts), len(train), "training texts")
        return fitted, of_train, float_vectors(fitted.encode(self._tested.take(test)), len(test), "test texts")

    def _note(self, vectors: Vectors) -> None:
        self._sizes.append(bytes_per_vector(vectors, self._fitted))
        self.dim = int(vectors.shape[1])


def macro_f1(label: np.ndarray, prediction: np.ndarray) -> float:
    """Average of the classes' F1 = 2 TP / (labelled + predicted), over classes that are labelled or predicted."""
    n_classes = int(max(label.max(), prediction.max())) + 1
    hits = np.bincount(label[label == prediction], minlength=n_classes)
    occurrences = np.bincount(label, minlength=n_classes) + np.bincount(prediction, minlength=n_classes)
    return float(np.mean(2 * hits[occurrences > 0] / occurrences[occurrences > 0]))
