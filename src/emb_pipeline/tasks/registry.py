"""The kinds of task there are. A new kind is one folder, one line here, and its YAML (docs/add-a-task-kind.md).

Importing this loads neither scikit-learn nor pyarrow: the implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Mapping

from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.clustering.options import ClusteringOptions
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.metrics.metric import LATENCIES, Metric
from emb_pipeline.tasks.metrics.swap_names import SWAP_METRICS
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.pair_classification.options import PairOptions
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.regression.options import RegressionOptions
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.shown_units import UnitDisplay

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
            draw_tests="examples.unit_sample:draw_examples",
            task="classification.task:ClassificationTask",
            evaluate="classification.evaluate:evaluate_classification",
            readers="classification.sources:READERS",
            serve="classification.evaluate:create_classification_service",
            tune="classification.tune:fine_tune_classification",
            tunes=frozenset({"vectors", "encoder"}),
            score="classification.evaluate:score_predictions",
            training_texts="splits.training_texts:choose_training_texts",
            export="classification.export:TextClassifier",
            best_scores="classification.best_scores:find_best_scores",
            leaves_out="class",
            hold_out="classification.best_scores:hold_out",
        ),
        Kind(
            "multi_label",
            MultiLabelOptions,
            metrics=(
                Metric("micro_f1", "micro-F1", is_mean=False),
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
            draw_tests="examples.unit_sample:draw_examples",
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
            draw_tests="examples.unit_sample:draw_queries",
            task="retrieval.task:RetrievalTask",
            evaluate="retrieval.evaluate:evaluate_retrieval",
            readers="retrieval.sources:READERS",
            serve="retrieval.evaluate:create_retrieval_service",
            export="retrieval.export:TextSearch",
            best_scores="retrieval.best_scores:find_best_scores",
            leaves_out="passages",
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
                Metric("f1", "entity F1", is_mean=False),
                Metric("precision", "precision", is_mean=False),
                Metric("recall", "recall", is_mean=False),
                Metric("recall_seen", "recall seen", is_mean=False),
                Metric("recall_unseen", "recall unseen", is_mean=False),
                Metric("f1_*", "f1 {}", is_mean=False),
            ),
            unit="test sentences",
            display=UnitDisplay(
                "sequence_labeling.display:describe_sentences", "sentence", "entities", group="type", group_metric="f1_*"
            ),
            requires=frozenset({"tokens"}),
            guess="sequence_labeling.guess:propose",
            reader="sequence_labeling.reader:SequenceLabelingReader",
            checks="sequence_labeling.audit:CHECKS",
            draw_tests="examples.unit_sample:draw_sentences",
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
                Metric("accuracy", "accuracy", is_mean=False),
                Metric("macro_f1", "macro-F1", of_units=False),
                Metric("accuracy_seen", "accuracy, seen words", is_mean=False),
                Metric("accuracy_unseen", "accuracy, unseen words", is_mean=False),
            ),
            unit="test sentences",
            display=UnitDisplay("token_classification.display:describe_tagged_words", "sentence", "tags", group="length"),
            requires=frozenset({"tokens"}),
            guess="token_classification.guess:propose",
            reader="token_classification.reader:TokenClassificationReader",
            checks="token_classification.audit:CHECKS",
            draw_tests="examples.unit_sample:draw_sentences",
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
                Metric("spearman", "Spearman’s ρ", percent=False, is_mean=False),
                Metric("pearson", "Pearson’s r", percent=False, is_mean=False),
            ),
            unit="pairs",
            display=UnitDisplay("similarity.display:describe_pairs", text="pair", answer="score by people"),
            requires=frozenset({"texts"}),
            guess="similarity.guess:propose",
            reader="similarity.reader:SimilarityReader",
            checks="similarity.audit:CHECKS",
            draw_tests="examples.unit_sample:draw_pairs",
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
                Metric("pair_f1", "F1 of positive pairs", is_mean=False),
                Metric("auroc", "AUROC", percent=False, of_units=False),
            ),
            unit="test pairs",
            display=UnitDisplay("pair_classification.display:describe_labeled_pairs", "pair", "answer", group="answer"),
            requires=frozenset({"texts"}),
            guess="pair_classification.guess:propose",
            reader="pair_classification.reader:PairClassificationReader",
            checks="pair_classification.audit:CHECKS",
            draw_tests="examples.unit_sample:draw_labeled_pairs",
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
                Metric("spearman", "Spearman’s ρ", percent=False, is_mean=False),
                Metric("rmse", "RMSE", percent=False, higher_is_better=False, is_mean=False),
                Metric("mae", "MAE", percent=False, higher_is_better=False, is_mean=False),
                Metric("r2", "R²", percent=False, is_mean=False),
            ),
            unit="test items",
            display=UnitDisplay("regression.display:describe_numbers", text="text", answer="number"),
            requires=frozenset({"texts"}),
            guess="regression.guess:propose",
            reader="regression.reader:RegressionReader",
            checks="regression.audit:CHECKS",
            draw_tests="examples.unit_sample:draw_examples",
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
            draw_tests="examples.unit_sample:draw_questions",
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
