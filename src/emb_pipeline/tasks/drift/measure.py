"""Everything that the drift report says, measured: of the corpora, and of each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from emb_pipeline.diagnostics.drift.pairs import Pair, compare_samples
from emb_pipeline.diagnostics.drift.sample import Sample, draw_sample
from emb_pipeline.diagnostics.drift.shapes import Shape, describe_shape
from emb_pipeline.statistics.drift.weighted_scores import NewEstimate, estimate_new_scores
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.tasks.drift.task_texts import TaskTexts
from emb_pipeline.tasks.drift.unknown_words import KnownWords, UnknownWords, measure_unknown_words, merge_equal
from emb_pipeline.text.hashing import hash_text

Outcome: TypeAlias = Literal["similar", "differs", "undecided"]
TEST, TRAINING, NEW = "test texts", "training texts", "new texts"
"""Names of the samples of a task; those of corpora are the names of the corpora."""
THRESHOLD = 0.6
"""Area under the ROC curve above which new texts differ from the test texts."""
PRECISION = 0.05
"""Half the width that the interval of a score on newly labeled texts should have."""
FEWEST_TO_LABEL = 50
_Z = 1.96


@dataclass(frozen=True, eq=False)
class ScoredTask:
    """A task of a use case that was run.

    Attributes
    ----------
    name, kind : str
        Of the task.
    texts : TaskTexts
        Its texts.
    found : TaskScores
        Item scores of all embeddings.
    metric : str
        The metric that single units are compared by.
    chosen : str
        The embedding that the decision names, or the best of the leaderboard.
    """

    name: str
    kind: str
    texts: TaskTexts
    found: TaskScores
    metric: str
    chosen: str


@dataclass(frozen=True, eq=False)
class TaskDrift:
    """The new texts against one task.

    Attributes
    ----------
    task, kind : str
        Of the task.
    outcome : {"similar", "differs", "undecided"}
        Similar: the area's upper bound is at most the threshold. Differs: its lower bound is above. Undecided: neither, or
        too few texts.
    threshold : float
        Of the area.
    n_tested : int
        Different test texts.
    n_known : int
        New texts that are equal to a test text.
    new : Pair, optional
        Test texts against new texts; None where there are too few.
    others : list of Pair
        The other pairs: training texts and corpora.
    estimate : NewEstimate, optional
        What the scores would be on the new texts; None without scores.
    n_to_label : int
        Texts to label, for an interval of the chosen embedding's score of `PRECISION` either way.
    unknown : list of UnknownWords
        Words that the corpora or an embedding do not know.
    shapes : list of Shape
        Lengths and languages.
    """

    task: str
    kind: str
    outcome: Outcome
    threshold: float
    n_tested: int
    n_known: int
    new: Pair | None
    others: list[Pair]
    estimate: NewEstimate | None
    n_to_label: int
    unknown: list[UnknownWords] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Drift:
    """The content of the drift report.

    Attributes
    ----------
    file : str
        The file of the new texts.
    new : Sample
        The new texts.
    level : float
        Intervals cover ``1 - level``.
    corpora : list of Pair
        Corpora against each other, and against the new texts.
    tasks : list of TaskDrift
        Of each task with texts.
    without_texts : list of str
        Tasks that have none.
    to_label : list of (str, str)
        Id and text of new texts, drawn at random, to be labeled: as many as the task with the most needs.
    """

    file: str
    new: Sample
    level: float
    corpora: list[Pair]
    tasks: list[TaskDrift]
    without_texts: list[str]
    to_label: list[tuple[str, str]]


def compare_corpora(corpora: Sequence[Sample], new: Sample, resampling: Resampling) -> list[Pair]:
    """Compare corpora with each other, and with the new texts."""
    return _compare_all(list(combinations([*corpora, new], 2)), resampling)


def measure_task_drift(
    task: ScoredTask,
    corpora: Sequence[Sample],
    new: Sample,
    all_new: frozenset[int],
    known_by: Mapping[str, KnownWords],
    find_language: Callable[[str], str | None],
    resampling: Resampling,
    *,
    threshold: float = THRESHOLD,
    n_examples: int = 5,
) -> TaskDrift:
    """Measure how the new texts differ from those of a task, and what its scores would be on them.

    Parameters
    ----------
    task : ScoredTask
        The task.
    corpora : sequence of Sample
        Samples of the corpora.
    new : Sample
        Of the new texts.
    all_new : frozenset of int
        Hashes of all new texts.
    known_by : mapping of str to callable
        What knows words, by its name: it says of some words which are known.
    find_language : callable
        Gives the language of a text, or None where it is not sure.
    resampling : Resampling
        Resamples, level and seed.
    threshold : float
        Area under the ROC curve above which new texts differ.
    n_examples : int
        New texts that are shown.
    """
    texts, found = task.texts, task.found
    groups = [str(group) for group in found.groups.tolist()]
    units = list(zip(found.units, texts.tested, strict=True))
    tested = draw_sample(TEST, units, dict(zip(found.units, groups, strict=True)))
    training = [draw_sample(TRAINING, texts.training)] if texts.training else []
    pair = compare_samples(tested, new, resampling, units=units, unit_groups=groups, n_examples=n_examples)
    pairs = [(each, tested) for each in (*training, *corpora)]
    pairs += [(each, other) for each in training for other in (*corpora, new)]
    return TaskDrift(
        task.name,
        task.kind,
        "undecided" if pair is None else _judge(pair, threshold),
        threshold,
        tested.n_distinct,
        len(all_new & {hash_text(text.strip()) for text in texts.tested}),
        pair,
        _compare_all(pairs, resampling),
        None if pair is None else _estimate_scores(task, pair, resampling),
        min(_count_to_label(task), new.n_distinct),
        merge_equal(measure_unknown_words(name, tested, new, knows, resampling) for name, knows in known_by.items()),
        [describe_shape(each, find_language) for each in (tested, *training, new)],
    )


def _judge(pair: Pair, threshold: float) -> Outcome:
    area = pair.by_words.area
    return "differs" if area.low > threshold else "similar" if area.high <= threshold else "undecided"


def _compare_all(pairs: Sequence[tuple[Sample, Sample]], resampling: Resampling) -> list[Pair]:
    found = (compare_samples(*pair, resampling, n_examples=0) for pair in pairs)
    return [pair for pair in found if pair is not None]


def _estimate_scores(task: ScoredTask, pair: Pair, resampling: Resampling) -> NewEstimate | None:
    if pair.units is None:
        return None
    scores = task.found.average_families(task.metric)
    names = list(task.found.families)
    return estimate_new_scores(names, scores, pair.units, task.found.groups, task.metric, task.chosen, resampling)


def _count_to_label(task: ScoredTask) -> int:
    """Count the texts that give the chosen embedding's score with an interval of `PRECISION` either way."""
    spread = 0.5
    if task.chosen in task.found.families:
        scores = task.found.average_families(task.metric)[:, list(task.found.families).index(task.chosen)]
        spread = float(scores.std()) or spread
    return max(FEWEST_TO_LABEL, int(np.ceil((_Z * spread / PRECISION) ** 2)))
