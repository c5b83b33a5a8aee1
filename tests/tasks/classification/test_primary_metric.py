"""The metric that a task is judged by: in scores, in draws of the labels, in the choice of the penalty."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.classification.evaluate import evaluate_classification, score_class_answers
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import ClassResponse
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.splits.other_labels import DrawnAnswers
from emb_pipeline.text.texts import Texts

KIND = KINDS["classification"]
SOURCE = {"reader": "csv", "path": "x.csv", "text": "text", "label": "label"}


class Spread:
    """Vectors that know the class through noise: a text is its own number and its class."""

    dim = 6

    def encode(self, texts: list[str]) -> np.ndarray:
        rows = []
        for text in texts:
            number, rare = map(int, text.split())
            noise = np.random.default_rng(number).normal(size=self.dim)
            rows.append(noise + 0.6 * rare)
        return np.array(rows, dtype=np.float32)


def imbalanced(n: int = 600) -> ClassificationTask:
    """A tenth of the texts are of the class ``rare``."""
    rare = np.arange(n) % 10 == 0
    texts = Texts([f"{number} {int(is_rare)}" for number, is_rare in enumerate(rare)])
    split = np.where(np.random.default_rng(0).random(n) < 0.5, "train", "test")
    return ClassificationTask("t", np.array([f"e{i}" for i in range(n)]), texts, np.where(rare, "rare", "usual"), split)


def evaluate(metric: str, **options: object) -> Evaluation:
    read = KIND.read_options({"label_draws": 2, "training_draws": 3, "label_counts": [40], **options}, metric)
    return evaluate_classification(imbalanced(), Spread(), read, seed=0)


def values_of(found: Evaluation, metric: str, *, whole: bool = True) -> np.ndarray:
    rows = [
        row for row in found.item_scores.to_pylist() if row["metric"] == metric and (row["label_fraction"] == 1.0) == whole
    ]
    return np.array([row["value"] for row in rows])


@pytest.mark.parametrize("metric", ["macro_f1", "auroc"])
def test_scores_from_fewer_and_from_other_labels_are_of_the_primary_metric(metric: str) -> None:
    found = evaluate(metric)
    labels, predicted = values_of(found, "label"), values_of(found, "prediction")
    assert values_of(found, metric).mean() == pytest.approx(found.metrics[metric])
    if metric == "macro_f1":
        assert found.metrics[metric] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert values_of(found, metric, whole=False).mean() == pytest.approx(
        np.mean([row["value"] for row in found.label_draws])
    )
    assert 0.4 < found.label_draws[0]["value"] < 1
    draws = found.training_draws
    assert draws is not None and set(draws["metric"].to_pylist()) == {metric}
    means = np.array(draws["values"].to_pylist()).mean(axis=0)
    assert abs(means.mean() - found.metrics[metric]) < 0.2 and len(means) == 3


def test_what_is_not_asked_for_is_not_scored() -> None:
    assert set(evaluate("accuracy").metrics) == {"accuracy", "macro_f1", "log_loss"}
    assert set(evaluate("mcc", metrics=["ece"]).metrics) == {"accuracy", "macro_f1", "log_loss", "mcc", "ece"}


def test_weights_of_the_classes_find_more_of_the_rare_one() -> None:
    wanted = ("none", "balanced", {"rare": 9.0})
    plain, balanced, named = (
        evaluate("accuracy", metrics=["balanced_accuracy"], class_weights=weights) for weights in wanted
    )
    for weighted in (balanced, named):
        assert weighted.metrics["balanced_accuracy"] > plain.metrics["balanced_accuracy"] + 0.05
        assert (values_of(weighted, "prediction") == 0).sum() > (values_of(plain, "prediction") == 0).sum()
    assert balanced.metrics["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(values_of(balanced, "label"), values_of(balanced, "prediction"))
    )


def test_the_penalty_is_chosen_by_the_primary_metric_unless_an_option_names_another() -> None:
    by_primary, by_accuracy = evaluate("auroc"), evaluate("auroc", select_by="accuracy")
    assert "auroc" in by_primary.details["folds"][0]["path"][0]
    assert "auroc" not in by_accuracy.details["folds"][0]["path"][0]


def test_answers_of_folds_are_scored_when_all_are_there() -> None:
    labels, rng = np.array([0, 1, 0, 1, 1, 0]), np.random.default_rng(0)
    logs = np.log(rng.dirichlet([1, 1], 6))
    of_logs, of_codes = (DrawnAnswers(score_class_answers(metric, labels), 2, 6) for metric in ("auroc", "accuracy"))
    of_one_class = ClassResponse(np.array([1, 1, 1]), 2, ClassificationOptions()).only_answer
    for answers in (of_logs, of_codes):
        for units in (np.array([0, 3, 5]), np.array([1, 2, 4])):
            answers.note(0, units, logs[units])
            answers.note(1, units, np.tile(of_one_class, (3, 1)))
    assert of_logs.score().mean(axis=1).tolist() == pytest.approx([roc_auc_score(labels, logs[:, 1]), 0.5])
    assert of_codes.score().mean(axis=1).tolist() == pytest.approx([(logs.argmax(axis=1) == labels).mean(), 0.5])


def test_a_task_names_its_metric_once_and_one_that_is_known() -> None:
    made = TaskDefinition.model_validate({"kind": "classification", "source": SOURCE, "primary_metric": "macro_f1"})
    assert made.primary_metric == made.evaluation.primary_metric == "macro_f1"  # type: ignore[attr-defined]
    assert TaskDefinition.model_validate({"kind": "classification", "source": SOURCE}).primary_metric == "accuracy"
    again = TaskDefinition.model_validate(made.model_dump())
    assert again.primary_metric == "macro_f1"
    for metric, message in (
        ("macro_f2", "unknown primary_metric 'macro_f2' of classification; did you mean 'macro_f1'"),
        ("log_loss", "'log_loss' is best where it is lowest.*known: accuracy, macro_f1"),
    ):
        with pytest.raises(ValidationError, match=message):
            TaskDefinition.model_validate({"kind": "classification", "source": SOURCE, "primary_metric": metric})
    twice = {"kind": "classification", "source": SOURCE, "primary_metric": "mcc"}
    with pytest.raises(ValidationError, match="name it once"):
        TaskDefinition.model_validate({**twice, "evaluation": {"primary_metric": "auroc"}})


def test_units_are_compared_by_accuracy_where_the_metric_has_no_value_of_one_unit() -> None:
    assert KIND.find_unit_metric("macro_f1") == KIND.find_unit_metric("auroc") == "accuracy"
    assert KINDS["retrieval"].find_unit_metric("recall@100") == "recall@100"


def test_options_of_a_person_are_checked() -> None:
    with pytest.raises(ValidationError):
        ClassificationOptions(class_weights={"rare": 0.0})
    with pytest.raises(ValidationError):
        ClassificationOptions(metrics=("roc",))  # type: ignore[arg-type]
