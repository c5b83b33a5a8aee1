"""The kinds of task there are. A new kind is one file, one line here, and its YAML.

Importing this loads neither scikit-learn nor pyarrow: the implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.options import ClassificationOptions, RetrievalOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from emb_pipeline.tasks.fine_tuning import TunedOnTask

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
    primary_metric : str
        The metric that its leaderboard is sorted by.
    tables : tuple of str
        Names of the tables that hold a task's examples.
    task_class, evaluation : str
        ``module:name`` of the examples' class and of the evaluation.
    tuning, scoring : str
        ``module:name`` of fine-tuning on a task of this kind, and of what scores a tuned model's predictions; empty where
        there is none.
    """

    name: str
    options: type[BaseModel]
    primary_metric: str
    tables: tuple[str, ...]
    task_class: str
    evaluation: str
    tuning: str = ""
    scoring: str = ""

    @property
    def scores_predictions(self) -> bool:
        """Whether a tuned model's own predictions are scored, in place of a probe on its vectors."""
        return bool(self.scoring)

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

    def tune(self, task: Any, base: Any, **options: Any) -> TunedOnTask:
        """Adapt an embedding to a task of this kind; see `emb_pipeline.tasks.fine_tuning`.

        Raises
        ------
        ValueError
            Nothing can be tuned on this kind of task.
        """
        if not self.tuning:
            raise ValueError(f"no embedding can be fine-tuned on a task of kind {self.name}")
        tune: Callable[..., TunedOnTask] = _load(self.tuning)
        return tune(task, base, **options)

    def score(self, task: Any, predictions: pa.Table, options: BaseModel, costs: Mapping[str, float]) -> Evaluation:
        """Score the predictions that a tuned model made for the held-out units of a task of this kind."""
        score: Callable[..., Evaluation] = _load(self.scoring)
        return score(task, predictions, options, costs)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"emb_pipeline.tasks.{module}"), name)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "classification",
            ClassificationOptions,
            "accuracy",
            ("examples",),
            "examples:ClassificationTask",
            "classification:evaluate_classification",
            "fine_tuning:tune_classification",
            "classification:score_predictions",
        ),
        Kind(
            "retrieval",
            RetrievalOptions,
            "ndcg@10",
            ("queries", "passages", "qrels"),
            "examples:RetrievalTask",
            "retrieval:evaluate_retrieval",
            "fine_tuning:tune_retrieval",
        ),
    )
}
