"""The kinds of task there are. A new kind is one folder, one line here, and its YAML (docs/add-a-task-kind.md).

Importing this loads neither scikit-learn nor pyarrow: the implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from emb_pipeline.embeddings.method import FOR_PEOPLE, Support
from emb_pipeline.errors import suggest
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.clustering.options import ClusteringOptions
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.metrics.metric import LATENCIES, Metric
from emb_pipeline.tasks.metrics.swap_names import SWAP_METRICS
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.pair_classification.options import PairOptions
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.shown_units import ShownUnits, UnitDisplay

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from emb_pipeline.embeddings.stored_encoders import StoredEncoders
    from emb_pipeline.readers.description.files import Described
    from emb_pipeline.readers.registry import Reader
    from emb_pipeline.tasks.audit.lines import Check
    from emb_pipeline.tasks.examples.reader import ExamplesReader
    from emb_pipeline.tasks.export.answering import Answering
    from emb_pipeline.tasks.proposal import Named, Proposal
    from emb_pipeline.tasks.splits.training_texts import TrainingTexts

__all__ = ["KINDS", "Evaluation", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of downstream task.

    Attributes named as a ``place`` are ``module:name`` within this package; what is there is imported when it is first used.

    Attributes
    ----------
    name : str
        As written in YAML.
    options : type of BaseModel
        Options of its evaluation.
    metrics : tuple of Metric
        Those that its evaluation scores; the leaderboard is sorted by the first of them unless a task names another.
    unit : str
        The word for what is counted and resampled, in the plural.
    requires : frozenset of Support
        What an embedding must give: vectors of texts, of the tokens of a text, a search, answers, or recommendations learnt
        from interactions, by attributes of users or items or without; one of them is enough.
    guess : place
        Function that proposes a task of this kind for files that somebody brings (`emb_pipeline.tasks.proposal`); where it
        is empty, no file is taken for one.
    reader : place
        Class that reads, audits and holds out the examples (`emb_pipeline.tasks.examples.reader.ExamplesReader`).
    checks : place
        Checks that its audit counts, each with a severity: `audit` gives lines of these alone.
    task : place
        Class that holds the examples of one task.
    evaluate : place
        Function that evaluates an embedding on a task.
    readers : place
        Its own registry of formats; may be empty.
    serve : place
        Function that answers one request with an embedding; where it is empty, no latency is measured.
    tune : place
        Function that tunes an embedding on a task's training examples; may be empty.
    tunes : frozenset of {"vectors", "encoder", "cross_encoder", "sparse_encoder", "token_encoder"}
        What it can tune (`Method.tuned_part`): word vectors, an encoder, a model of one of the ways to search.
    score : place
        Function that scores a tuned model's own predictions; empty where tuned vectors are evaluated like others.
    export : place
        Class that a chosen embedding is exported as (`emb_pipeline.tasks.export.answering.Answering`).
    training_texts : place
        Function that chooses training texts with a class each (`emb_pipeline.tasks.splits.training_texts`): how alike
        neighbors are in their classes is a measure of an embedding. Empty where texts have no class.
    is_intrinsic : bool
        Whether its scores say how close vectors are, and nothing is learned: they are held against those of other tasks.
    examine : place
        Function that looks at the vectors of users and items of a task, apart from its scores; may be empty.
    display : UnitDisplay, optional
        How its test units are shown to a reader; without it the report shows none.
    learns_from_labels : bool
        Whether a probe is trained; without one there are no labels to shuffle.
    labels : str
        What it learns from, in the plural.
    """

    name: str
    options: type[BaseModel]
    metrics: tuple[Metric, ...]
    unit: str = field(metadata=FOR_PEOPLE)
    requires: frozenset[Support]
    reader: str
    checks: str
    task: str
    evaluate: str
    guess: str = ""
    readers: str = ""
    serve: str = ""
    tune: str = ""
    tunes: frozenset[str] = frozenset()
    score: str = ""
    export: str = "export.vectors:TextVectors"
    training_texts: str = ""
    is_intrinsic: bool = False
    examine: str = ""
    display: UnitDisplay | None = None
    learns_from_labels: bool = True
    labels: str = field(default="labels", metadata=FOR_PEOPLE)

    @property
    def primary_metric(self) -> str:
        """Name of the metric that its leaderboard is sorted by where the task does not name one."""
        return self.metrics[0].name

    def read_options(self, options: Mapping[str, Any], primary_metric: str | None = None) -> BaseModel:
        """Read the options of its evaluation, with the metric that a task is judged by among them.

        Raises
        ------
        ValueError
            A metric that the kind does not have, or of which the lowest value is the best; or an option that is wrong.
        """
        named = options.get("primary_metric")
        if primary_metric is not None and named is not None and primary_metric != named:
            raise ValueError(f"primary_metric is {primary_metric!r}, but {named!r} under evaluation; name it once")
        chosen = str(primary_metric or named or self.primary_metric)
        usable = [metric for metric in self.metrics if metric.higher_is_better and not metric.is_estimate]
        if not any(metric.covers(chosen) for metric in usable):
            names = [metric.name for metric in usable]
            if any(metric.covers(chosen) for metric in self.metrics):
                reason = f"primary_metric {chosen!r} is best where it is lowest, and tasks are judged by what is to be high"
                raise ValueError(f"{reason}; known: {', '.join(names)}")
            raise ValueError(f"unknown primary_metric {chosen!r} of {self.name}; {suggest(chosen, names)}")
        return self.options(**{**options, "primary_metric": chosen})

    def find_unit_metric(self, primary_metric: str) -> str:
        """Find the metric that single units are compared by, of a task that is judged by this one."""
        by_unit = any(metric.covers(primary_metric) and metric.of_units for metric in self.metrics)
        return primary_metric if by_unit else self.primary_metric

    def propose(self, files: Sequence[Described], named: Named) -> Proposal | None:
        """Propose a task of this kind for some files; none where they do not look like one."""
        proposed: Proposal | None = _load(self.guess)(files, named) if self.guess else None
        return proposed

    def create_reader(self) -> ExamplesReader:
        """Create the reader of its examples."""
        return cast("ExamplesReader", _load(self.reader)())

    def load_readers(self) -> Mapping[str, Reader]:
        """Load its own registry of formats, by name."""
        return cast("Mapping[str, Reader]", _load(self.readers)) if self.readers else {}

    def load_checks(self) -> Sequence[Check]:
        """Load the checks of its audit."""
        return cast("Sequence[Check]", _load(self.checks))

    def audit(self, examples: Mapping[str, pa.Table]) -> pa.Table:
        """Audit examples of this kind (`emb_pipeline.tasks.audit.lines.SCHEMA`).

        Raises
        ------
        ValueError
            The audit has a line of none of the kind's checks, or of another severity.
        """
        from emb_pipeline.tasks.audit.left_out import LEFT_OUT_CHECKS
        from emb_pipeline.tasks.audit.lines import require_checks

        lines = self.create_reader().audit(examples)
        require_checks(lines, [*self.load_checks(), *LEFT_OUT_CHECKS])
        return lines

    def load_export(self) -> type[Answering]:
        """Load the class that a chosen embedding is exported as."""
        return cast("type[Answering]", _load(self.export))

    def create_task(self, tables: Mapping[str, pa.Table], name: str = "") -> Any:
        """Create the task that these tables hold.

        Raises
        ------
        DataError
            The tables do not make a task of this kind.
        """
        return _load(self.task).from_tables(tables, name=name or self.name)

    def describe_units(self, tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits | None:
        """Describe test units of a task, by their names; None where the kind shows none."""
        return None if self.display is None else cast("ShownUnits", _load(self.display.describe)(tables, units))

    def evaluate_embedding(
        self, task: Any, encoder: Any, options: BaseModel, *, seed: int, shuffle_labels: bool = False
    ) -> Evaluation:
        """Evaluate an embedding on a task of this kind.

        Raises
        ------
        ValueError
            ``shuffle_labels`` for a kind that has no labels to shuffle.
        """
        evaluate: Callable[..., Evaluation] = _load(self.evaluate)
        return evaluate(task, encoder, options, seed=seed, shuffle_labels=shuffle_labels)

    def choose_training_texts(self, task: Any, options: BaseModel) -> TrainingTexts | None:
        """Choose training texts with a class each; None where the kind has none."""
        return cast("TrainingTexts", _load(self.training_texts)(task, options)) if self.training_texts else None

    def create_service(
        self, task: Any, encoder: Any, options: BaseModel, setting: Mapping[str, Any] | None = None
    ) -> Service:
        """Create what answers requests of a task; a recommender is fitted with the setting that it was evaluated with."""
        service: Service = _load(self.serve)(task, encoder, options, setting)
        return service

    def examine_vectors(
        self,
        task: Any,
        cells: pd.DataFrame,
        encoders: StoredEncoders,
        options: BaseModel,
        encodings: Path,
        *,
        seed: int,
    ) -> dict[str, pa.Table]:
        """Look at the vectors that embeddings have on a task, apart from its scores."""
        found: dict[str, pa.Table] = _load(self.examine)(task, cells, encoders, options, encodings, seed=seed)
        return found

    def tune_embedding(self, task: Any, tunable: Any, options: BaseModel) -> Any:
        """Tune an embedding on a task of this kind: a `emb_pipeline.tasks.fine_tuning.FineTuned`."""
        return _load(self.tune)(task, tunable, options)

    def score_predictions(self, task: Any, predictions: Mapping[str, pa.Table], options: BaseModel) -> Evaluation:
        """Score the predictions of a tuned model for the test examples."""
        scored: Evaluation = _load(self.score)(task, predictions, options)
        return scored


def find_metric(name: str) -> Metric:
    """Find a metric of any kind by its name in tables; one that no kind names is written as it is."""
    every = [*(metric for kind in KINDS.values() for metric in kind.metrics), *LATENCIES]
    found = sorted((metric for metric in every if metric.covers(name)), key=lambda metric: metric.name.endswith("*"))
    return next(iter(found), Metric(name, name.replace("_", " "), percent=False))


def list_lower_metrics() -> list[str]:
    """List the metrics of which the lowest value is the best."""
    every = [*(metric for kind in KINDS.values() for metric in kind.metrics), *LATENCIES]
    return [metric.name for metric in every if not metric.higher_is_better]


def list_estimates() -> list[str]:
    """List the metrics that have intervals alone: no differences of theirs are tested."""
    return [metric.name for kind in KINDS.values() for metric in kind.metrics if metric.is_estimate]


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"emb_pipeline.tasks.{module}"), name)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "classification",
            ClassificationOptions,
            metrics=(
                Metric("accuracy", "accuracy"),
                Metric("macro_f1", "macro-F1", of_units=False),
                Metric("log_loss", "log loss", percent=False, higher_is_better=False),
                Metric("balanced_accuracy", "balanced accuracy", of_units=False),
                Metric("mcc", "MCC", percent=False, of_units=False),
                Metric("auroc", "AUROC", percent=False, of_units=False),
                Metric("auprc", "AUPRC", percent=False, of_units=False),
                Metric("ece", "calibration error (ECE)", percent=False, higher_is_better=False),
                *SWAP_METRICS,
            ),
            unit="test items",
            display=UnitDisplay("classification.display:describe_texts", text="text", answer="class", group="class"),
            requires=frozenset({"texts", "labeled_texts", "columns"}),
            guess="classification.guess:propose",
            reader="classification.reader:ClassificationReader",
            checks="classification.audit:CHECKS",
            task="classification.task:ClassificationTask",
            evaluate="classification.evaluate:evaluate_classification",
            readers="classification.sources:READERS",
            serve="classification.evaluate:create_classification_service",
            tune="classification.tune:fine_tune_classification",
            tunes=frozenset({"vectors", "encoder"}),
            score="classification.evaluate:score_predictions",
            training_texts="splits.training_texts:choose_training_texts",
            export="classification.export:TextClassifier",
        ),
        Kind(
            "multi_label",
            MultiLabelOptions,
            metrics=(
                Metric("micro_f1", "micro-F1"),
                Metric("macro_f1", "macro-F1", of_units=False),
                Metric("lrap", "label ranking precision"),
                Metric("subset_accuracy", "all labels right"),
            ),
            unit="test items",
            display=UnitDisplay("multi_label.display:describe_texts", text="text", answer="labels", group="label"),
            requires=frozenset({"texts"}),
            guess="multi_label.guess:propose",
            reader="multi_label.reader:MultiLabelReader",
            checks="multi_label.audit:CHECKS",
            task="multi_label.task:MultiLabelTask",
            evaluate="multi_label.evaluate:evaluate_multi_label",
            readers="multi_label.sources:READERS",
            serve="multi_label.evaluate:create_labeling_service",
            export="multi_label.export:TextLabeler",
            tune="multi_label.tune:fine_tune_multi_label",
            tunes=frozenset({"encoder"}),
            score="multi_label.evaluate:score_predictions",
        ),
        Kind(
            "retrieval",
            RetrievalOptions,
            metrics=(
                Metric("ndcg@10", "nDCG@10", percent=False),
                Metric("mrr@10", "MRR@10", percent=False),
                Metric("recall@*", "recall@{}"),
                Metric("map", "MAP", percent=False),
                Metric("mrr", "MRR", percent=False),
            ),
            unit="queries",
            display=UnitDisplay("retrieval.display:describe_queries", text="query", answer="relevant passage"),
            requires=frozenset({"texts", "search"}),
            guess="retrieval.guess:propose",
            reader="retrieval.reader:RetrievalReader",
            checks="retrieval.audit:CHECKS",
            task="retrieval.task:RetrievalTask",
            evaluate="retrieval.evaluate:evaluate_retrieval",
            readers="retrieval.sources:READERS",
            serve="retrieval.evaluate:create_retrieval_service",
            export="retrieval.export:TextSearch",
            tune="retrieval.tune:fine_tune_retrieval",
            tunes=frozenset({"encoder", "cross_encoder", "sparse_encoder", "token_encoder"}),
            learns_from_labels=False,
        ),
        Kind(
            "recommendation",
            RecommendationOptions,
            metrics=(
                Metric("ndcg@10", "nDCG@10", percent=False),
                Metric("recall@20", "recall@20"),
                Metric("mrr", "MRR", percent=False),
                Metric("novelty@10", "novelty@10 (bits)", percent=False),
                Metric("arp@10", "users of an item (ARP@10)", percent=False),
                Metric("coverage@10", "coverage@10"),
                Metric("ndcg@10_cold", "nDCG@10, cold items", percent=False),
                Metric("recall@20_cold", "recall@20, cold items"),
            ),
            unit="users",
            display=UnitDisplay("recommendation.display:describe_users", text="user", answer="took afterwards"),
            requires=frozenset({"texts", "interactions", "user_attributes", "item_attributes"}),
            guess="recommendation.guess:propose",
            reader="recommendation.reader:RecommendationReader",
            checks="recommendation.audit:CHECKS",
            task="recommendation.task:RecommendationTask",
            evaluate="recommendation.evaluate:evaluate_recommendation",
            readers="recommendation.sources:READERS",
            serve="recommendation.evaluate:create_recommendation_service",
            examine="recommendation.examine:examine_users_and_items",
            export="recommendation.export:Recommendations",
            learns_from_labels=False,
        ),
        Kind(
            "sequence_labeling",
            SequenceLabelingOptions,
            metrics=(
                Metric("f1", "entity F1"),
                Metric("precision", "precision"),
                Metric("recall", "recall"),
                Metric("recall_seen", "recall seen"),
                Metric("recall_unseen", "recall unseen"),
                Metric("f1_*", "f1 {}"),
            ),
            unit="test sentences",
            display=UnitDisplay(
                "sequence_labeling.display:describe_sentences", "sentence", "entities", group="type", group_metric="f1_*"
            ),
            requires=frozenset({"tokens"}),
            guess="sequence_labeling.guess:propose",
            reader="sequence_labeling.reader:SequenceLabelingReader",
            checks="sequence_labeling.audit:CHECKS",
            task="sequence_labeling.task:SequenceLabelingTask",
            evaluate="sequence_labeling.evaluate:evaluate_sequence_labeling",
            readers="sequence_labeling.sources:READERS",
            serve="sequence_labeling.evaluate:create_tagging_service",
            labels="labelled sentences",
            tune="sequence_labeling.tune:fine_tune_sequence_labeling",
            tunes=frozenset({"encoder"}),
            score="sequence_labeling.evaluate:score_predictions",
        ),
        Kind(
            "token_classification",
            SequenceLabelingOptions,
            metrics=(
                Metric("accuracy", "accuracy"),
                Metric("macro_f1", "macro-F1", of_units=False),
                Metric("accuracy_seen", "accuracy, seen words"),
                Metric("accuracy_unseen", "accuracy, unseen words"),
            ),
            unit="test sentences",
            display=UnitDisplay("token_classification.display:describe_tagged_words", "sentence", "tags", group="length"),
            requires=frozenset({"tokens"}),
            guess="token_classification.guess:propose",
            reader="token_classification.reader:TokenClassificationReader",
            checks="token_classification.audit:CHECKS",
            task="token_classification.task:TokenClassificationTask",
            evaluate="token_classification.evaluate:evaluate_token_classification",
            readers="token_classification.sources:READERS",
            serve="sequence_labeling.evaluate:create_tagging_service",
            labels="labelled sentences",
            tune="sequence_labeling.tune:fine_tune_sequence_labeling",
            tunes=frozenset({"encoder"}),
            score="token_classification.evaluate:score_predictions",
        ),
        Kind(
            "similarity",
            EvaluationOptions,
            metrics=(
                Metric("spearman", "Spearman’s ρ", percent=False),
                Metric("pearson", "Pearson’s r", percent=False),
            ),
            unit="pairs",
            display=UnitDisplay("similarity.display:describe_pairs", text="pair", answer="score by people"),
            requires=frozenset({"texts"}),
            guess="similarity.guess:propose",
            reader="similarity.reader:SimilarityReader",
            checks="similarity.audit:CHECKS",
            task="similarity.task:SimilarityTask",
            evaluate="similarity.evaluate:evaluate_similarity",
            readers="similarity.sources:READERS",
            serve="similarity.evaluate:create_similarity_service",
            is_intrinsic=True,
            learns_from_labels=False,
        ),
        Kind(
            "clustering",
            ClusteringOptions,
            metrics=(
                Metric("v_measure", "V-measure", percent=False, of_units=False),
                Metric("ari", "adjusted Rand index", percent=False, of_units=False),
                Metric("ami", "adjusted mutual information", percent=False, of_units=False),
            ),
            unit="texts",
            requires=frozenset({"texts"}),
            guess="clustering.guess:propose",
            reader="clustering.reader:ClusteringReader",
            checks="classification.audit:CHECKS",
            task="classification.task:ClassificationTask",
            evaluate="clustering.evaluate:evaluate_clustering",
            serve="clustering.evaluate:create_clustering_service",
            learns_from_labels=False,
        ),
        Kind(
            "pair_classification",
            PairOptions,
            metrics=(
                Metric("ap", "average precision", of_units=False),
                Metric("accuracy", "accuracy"),
                Metric("pair_f1", "F1 of positive pairs"),
                Metric("auroc", "AUROC", percent=False, of_units=False),
            ),
            unit="test pairs",
            display=UnitDisplay("pair_classification.display:describe_labeled_pairs", "pair", "answer", group="answer"),
            requires=frozenset({"texts"}),
            guess="pair_classification.guess:propose",
            reader="pair_classification.reader:PairClassificationReader",
            checks="pair_classification.audit:CHECKS",
            task="pair_classification.task:PairClassificationTask",
            evaluate="pair_classification.evaluate:evaluate_pair_classification",
            readers="pair_classification.sources:READERS",
            serve="similarity.evaluate:create_similarity_service",
            learns_from_labels=False,
        ),
        Kind(
            "regression",
            RegressionOptions,
            metrics=(
                Metric("spearman", "Spearman’s ρ", percent=False),
                Metric("rmse", "RMSE", percent=False, higher_is_better=False),
                Metric("mae", "MAE", percent=False, higher_is_better=False),
                Metric("r2", "R²", percent=False),
            ),
            unit="test items",
            display=UnitDisplay("regression.display:describe_numbers", text="text", answer="number"),
            requires=frozenset({"texts"}),
            guess="regression.guess:propose",
            reader="regression.reader:RegressionReader",
            checks="regression.audit:CHECKS",
            task="regression.task:RegressionTask",
            evaluate="regression.evaluate:evaluate_regression",
            readers="regression.sources:READERS",
            serve="regression.evaluate:create_regression_service",
            export="regression.export:NumberPredictor",
        ),
        Kind(
            "extractive_qa",
            ExtractiveOptions,
            metrics=(Metric("answer_f1", "answer F1"), Metric("exact_match", "exact match")),
            unit="questions",
            display=UnitDisplay("extractive_qa.display:describe_questions", text="question", answer="answer"),
            requires=frozenset({"tokens", "answers"}),
            guess="extractive_qa.guess:propose",
            reader="extractive_qa.reader:ExtractiveReader",
            checks="extractive_qa.audit:CHECKS",
            task="extractive_qa.task:ExtractiveTask",
            evaluate="extractive_qa.evaluate:evaluate_extractive_qa",
            readers="extractive_qa.sources:READERS",
            serve="extractive_qa.evaluate:create_answering_service",
            tune="extractive_qa.tune:fine_tune_extractive_qa",
            tunes=frozenset({"encoder"}),
            score="extractive_qa.evaluate:score_predictions",
        ),
    )
}
