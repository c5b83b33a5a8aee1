"""The class of the registry's lines about kinds of task.

Importing this loads neither scikit-learn nor pyarrow: the implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from emb_pipeline.embeddings.method import FOR_PEOPLE, Support
from emb_pipeline.errors import suggest
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.metric import Metric
from emb_pipeline.tasks.shown_units import ShownUnits, UnitDisplay

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from emb_pipeline.embeddings.stored_encoders import StoredEncoders
    from emb_pipeline.readers.description.files import Described
    from emb_pipeline.readers.registry import Reader
    from emb_pipeline.statistics.cutoffs.cutoff import BestScores
    from emb_pipeline.tasks.audit.lines import Check
    from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses
    from emb_pipeline.tasks.examples.reader import ExamplesReader
    from emb_pipeline.tasks.examples.unit_sample import UnitSample
    from emb_pipeline.tasks.export.answering import Answering
    from emb_pipeline.tasks.proposal import Named, Proposal
    from emb_pipeline.tasks.splits.training_texts import TrainingTexts
    from emb_pipeline.text.texts import Texts


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
    best_scores : place
        Function that finds the best scores of requests that what is served can answer, and of such that it cannot
        (`emb_pipeline.statistics.cutoffs`); where it is empty, there is no cut-off.
    leaves_out : str
        Part of the task itself that can be left out, so that requests cannot be answered; empty where there is none.
    hold_out : place
        Function that gives a task with a part that what is served does not learn from; empty where it learns from none.
    training_texts : place
        Function that chooses training texts with a class each (`emb_pipeline.tasks.splits.training_texts`): how alike
        neighbors are in their classes is a measure of an embedding. Empty where texts have no class.
    is_intrinsic : bool
        Whether its scores say how close vectors are, and nothing is learned: they are held against those of other tasks.
    examine : place
        Function that looks at the vectors of users and items of a task, apart from its scores; may be empty.
    draw_tests : place
        Function that draws a part of the test units (`emb_pipeline.tasks.examples.unit_sample`); where it is empty, a task
        is scored whole or not at all.
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
    best_scores: str = ""
    leaves_out: str = ""
    hold_out: str = ""
    training_texts: str = ""
    is_intrinsic: bool = False
    examine: str = ""
    draw_tests: str = ""
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

    def is_mean_of_units(self, metric: str) -> bool:
        """Tell whether a metric is the mean of what single units score."""
        return any(each.covers(metric) and each.of_units and each.is_mean for each in self.metrics)

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

    def draw_unit_sample(
        self, tables: Mapping[str, pa.Table], share: float | None, passage_share: float | None = None
    ) -> UnitSample | None:
        """Draw a part of the test units, and of the passages that are searched; None where the kind is scored whole."""
        if not self.draw_tests:
            return None
        drawn: UnitSample = _load(self.draw_tests)(tables, share or 1.0, passage_share or 1.0)
        return drawn

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

    def find_best_scores(
        self,
        task: Any,
        encoder: Any,
        options: BaseModel,
        unanswerable: Texts | LeftOutClasses | None,
        *,
        setting: Mapping[str, Any] | None,
        at_most: int,
        seed: int,
    ) -> BestScores | None:
        """Find the best scores of requests that can be answered, and of such that cannot, by what would be served.

        Parameters
        ----------
        task, encoder, options, setting : Any
            As `emb_pipeline.tasks.export.answering.Answering.fit` takes them.
        unanswerable : Texts or LeftOutClasses, optional
            Requests that cannot be answered, or classes whose texts they are.
        at_most : int
            Requests of each sort.
        seed : int
            Of all draws.

        Returns
        -------
        BestScores or None
            None where the kind has no best scores, or needs requests that cannot be answered and has none.
        """
        if not self.best_scores or (unanswerable is None and self.hold_out):
            return None
        held = _load(self.hold_out)(task, options, seed=seed) if self.hold_out else task
        fit = partial(self.load_export().fit, encoder=encoder, seed=seed, setting=setting)
        found: BestScores | None = _load(self.best_scores)(held, fit, options, unanswerable, at_most=at_most, seed=seed)
        return found

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


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"emb_pipeline.tasks.{module}"), name)
