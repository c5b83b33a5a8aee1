"""The kinds of task there are. A new kind is one file, one line here, and its YAML (docs/add-a-task-kind.md).

Importing this loads neither scikit-learn nor pyarrow: the implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from emb_pipeline.embeddings.registry import Support
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.metrics.metric import LATENCIES, Metric
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from emb_pipeline.readers.registry import Reader
    from emb_pipeline.tasks.examples_reader import ExamplesReader

__all__ = ["KINDS", "Evaluation", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of downstream task.

    Attributes
    ----------
    name : str
        As it stands in YAML.
    options : type of BaseModel
        Options of its evaluation.
    metrics : tuple of Metric
        What its evaluation scores; the leaderboard is sorted by the first of them.
    unit : str
        What is counted and resampled, in the plural.
    needs : frozenset of {"texts", "tokens", "search", "answers", "interactions"}
        What an embedding must give: vectors of texts, of the tokens of a text, a search, answers, or recommendations learnt
        from interactions; one of them is enough.
    source, task_class, evaluation : str
        ``module:name`` within this package: how examples are read, what holds them, how an embedding is evaluated on them.
    sources : str
        ``module:name`` of its own registry of readers; empty where it has none.
    service : str
        ``module:name`` of what answers one request with an embedding; without one, no latency is measured.
    learns_from_labels : bool
        Whether a probe is trained; without one there are no labels to shuffle.
    labels : str
        What it learns from, in the plural.
    fine_tuning : str
        ``module:name`` of what tunes an embedding on a task's training examples; may be empty.
    tunes : frozenset of str
        What it can tune: word ``vectors``, an ``encoder``.
    scoring : str
        ``module:name`` of what scores a tuned model's own predictions; empty where tuned vectors are evaluated like others.
    """

    name: str
    options: type[BaseModel]
    metrics: tuple[Metric, ...]
    unit: str
    needs: frozenset[Support]
    source: str
    task_class: str
    evaluation: str
    sources: str = ""
    service: str = ""
    learns_from_labels: bool = True
    labels: str = "labels"
    fine_tuning: str = ""
    tunes: frozenset[str] = frozenset()
    scoring: str = ""

    @property
    def primary_metric(self) -> str:
        """Name of the metric that its leaderboard is sorted by."""
        return self.metrics[0].name

    def reader(self) -> ExamplesReader:
        """How its examples are read."""
        return cast("ExamplesReader", _load(self.source)())

    def readers(self) -> Mapping[str, Reader]:
        """Its own registry of readers, by name."""
        return cast("Mapping[str, Reader]", _load(self.sources)) if self.sources else {}

    def task(self, tables: Mapping[str, pa.Table], name: str = "") -> Any:
        """The task that these tables hold.

        Raises
        ------
        DataError
            The tables do not make a task of this kind.
        """
        return _load(self.task_class).from_tables(tables, name=name or self.name)

    def evaluate(
        self, task: Any, encoder: Any, options: BaseModel, *, seed: int, shuffle_labels: bool = False
    ) -> Evaluation:
        """Evaluate an embedding on a task of this kind.

        Raises
        ------
        ValueError
            ``shuffle_labels`` for a kind that has no labels to shuffle.
        """
        evaluate: Callable[..., Evaluation] = _load(self.evaluation)
        return evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)

    def serve(self, task: Any, encoder: Any, options: BaseModel, setting: Mapping[str, Any] | None = None) -> Service:
        """Requests of a task, and what answers them; a recommender is fitted with the setting that it was evaluated with."""
        made: Service = _load(self.service)(task, encoder, options, setting)
        return made

    def fine_tune(self, task: Any, tunable: Any, options: BaseModel) -> Any:
        """Tune an embedding on a task of this kind: a `emb_pipeline.tasks.fine_tuning.FineTuned`."""
        return _load(self.fine_tuning)(task, tunable, options)

    def score(self, task: Any, predictions: Mapping[str, pa.Table]) -> Evaluation:
        """Score what a tuned model says of the test examples."""
        scored: Evaluation = _load(self.scoring)(task, predictions)
        return scored


def metric_named(name: str) -> Metric:
    """Find a metric of any kind by its name in tables; one that no kind names is written as it stands."""
    every = [*(metric for kind in KINDS.values() for metric in kind.metrics), *LATENCIES]
    found = sorted((metric for metric in every if metric.covers(name)), key=lambda metric: metric.name.endswith("*"))
    return next(iter(found), Metric(name, name.replace("_", " "), percent=False))


def lower_metrics() -> list[str]:
    """List the metrics of which the lowest value is the best."""
    every = [*(metric for kind in KINDS.values() for metric in kind.metrics), *LATENCIES]
    return [metric.name for metric in every if not metric.higher_is_better]


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"emb_pipeline.tasks.{module}"), name)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "classification",
            ClassificationOptions,
            (
                Metric("accuracy", "accuracy"),
                Metric("macro_f1", "macro-F1", per_unit=False),
                Metric("log_loss", "log loss", percent=False, higher_is_better=False),
            ),
            "test items",
            frozenset({"texts"}),
            "classification.reader:ClassificationReader",
            "classification.task:ClassificationTask",
            "classification.evaluate:evaluate_classification",
            service="classification.evaluate:classification_service",
            fine_tuning="classification.tune:fine_tune_classification",
            tunes=frozenset({"vectors", "encoder"}),
            scoring="classification.evaluate:score_predictions",
        ),
        Kind(
            "retrieval",
            RetrievalOptions,
            (
                Metric("ndcg@10", "nDCG@10", percent=False),
                Metric("mrr@10", "MRR@10", percent=False),
                Metric("recall@*", "recall@{}"),
                Metric("map", "MAP", percent=False),
                Metric("mrr", "MRR", percent=False),
            ),
            "queries",
            frozenset({"texts", "search"}),
            "retrieval.reader:RetrievalReader",
            "retrieval.task:RetrievalTask",
            "retrieval.evaluate:evaluate_retrieval",
            sources="retrieval.sources:READERS",
            service="retrieval.evaluate:retrieval_service",
            fine_tuning="retrieval.tune:fine_tune_retrieval",
            tunes=frozenset({"encoder"}),
            learns_from_labels=False,
        ),
        Kind(
            "recommendation",
            RecommendationOptions,
            (
                Metric("ndcg@10", "nDCG@10", percent=False),
                Metric("recall@20", "recall@20"),
                Metric("mrr", "MRR", percent=False),
                Metric("novelty@10", "novelty@10 (bits)", percent=False),
                Metric("arp@10", "users of an item (ARP@10)", percent=False),
                Metric("coverage@10", "coverage@10", per_unit=False),
                Metric("ndcg@10_cold", "nDCG@10, cold items", percent=False, per_unit=False),
                Metric("recall@20_cold", "recall@20, cold items", per_unit=False),
            ),
            "users",
            frozenset({"texts", "interactions"}),
            "recommendation.reader:RecommendationReader",
            "recommendation.task:RecommendationTask",
            "recommendation.evaluate:evaluate_recommendation",
            sources="recommendation.sources:READERS",
            service="recommendation.evaluate:recommendation_service",
            learns_from_labels=False,
        ),
        Kind(
            "sequence_labelling",
            SequenceLabelingOptions,
            (
                Metric("f1", "entity F1", per_unit=False),
                Metric("precision", "precision", per_unit=False),
                Metric("recall", "recall", per_unit=False),
                Metric("recall_seen", "recall seen", per_unit=False),
                Metric("recall_unseen", "recall unseen", per_unit=False),
                Metric("f1_*", "f1 {}", per_unit=False),
            ),
            "test sentences",
            frozenset({"tokens"}),
            "sequence_labeling.reader:SequenceLabelingReader",
            "sequence_labeling.task:SequenceLabelingTask",
            "sequence_labeling.evaluate:evaluate_sequence_labeling",
            sources="sequence_labeling.sources:READERS",
            service="sequence_labeling.evaluate:tagging_service",
            labels="labelled sentences",
            fine_tuning="sequence_labeling.tune:fine_tune_sequence_labeling",
            tunes=frozenset({"encoder"}),
            scoring="sequence_labeling.evaluate:score_predictions",
        ),
        Kind(
            "similarity",
            EvaluationOptions,
            (
                Metric("spearman", "Spearman’s ρ", percent=False, per_unit=False),
                Metric("pearson", "Pearson’s r", percent=False, per_unit=False),
            ),
            "pairs",
            frozenset({"texts"}),
            "similarity.reader:SimilarityReader",
            "similarity.task:SimilarityTask",
            "similarity.evaluate:evaluate_similarity",
            sources="similarity.sources:READERS",
            service="similarity.evaluate:similarity_service",
            learns_from_labels=False,
        ),
        Kind(
            "extractive_qa",
            ExtractiveOptions,
            (Metric("answer_f1", "answer F1"), Metric("exact_match", "exact match")),
            "questions",
            frozenset({"tokens", "answers"}),
            "extractive_qa.reader:ExtractiveReader",
            "extractive_qa.task:ExtractiveTask",
            "extractive_qa.evaluate:evaluate_extractive_qa",
            sources="extractive_qa.sources:READERS",
            service="extractive_qa.evaluate:answering_service",
            fine_tuning="extractive_qa.tune:fine_tune_extractive_qa",
            tunes=frozenset({"encoder"}),
            scoring="extractive_qa.evaluate:score_predictions",
        ),
    )
}
