"""The entities that tags mark: found, compared, and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.metrics.class_results import build_entity_predictions
from emb_pipeline.tasks.probes.crf import find_tokens_of_sentences
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask


def score_entities(task: SequenceLabelingTask, test: np.ndarray, predicted: np.ndarray, **costs: Any) -> Evaluation:
    """Build the item scores of the entities that were found in the test sentences.

    Parameters
    ----------
    task : SequenceLabelingTask
        The task.
    test : ndarray of int
        Numbers of the sentences.
    predicted : ndarray of shape (n_tokens,), int64
        Codes of the tags found for their tokens, valid IOB2.
    **costs
        The other fields of the evaluation.

    Returns
    -------
    Evaluation
        ``f1``, ``precision`` and ``recall`` of entities, right only where type and both ends are; ``recall_seen`` and
        ``recall_unseen`` of those whose words (of any case) the training part does and does not have with their type; and
        ``f1_<type>`` where there are several; what the test part has no entity for is left out. Item scores are
        pseudo-values whose means are these figures (`intervals.pseudo_values.compute_ratio`), so that whole
        sentences are resampled.
    """
    tokens, starts = find_tokens_of_sentences(task.starts, test)
    gold = Entities.of(task.codes[tokens], starts, task.labels)
    found = Entities.of(predicted, starts, task.labels)
    hit = gold.are_in(found)
    seen = _find_seen(task, test, gold)
    per_sentence = gold.per_sentence
    counts = {
        "f1": f1_counts(found, gold),
        "precision": (per_sentence(hit), found.per_sentence()),
        "recall": (per_sentence(hit), per_sentence()),
    }
    for name, part in (("seen", seen), ("unseen", ~seen)):
        if part.any():
            counts[f"recall_{name}"] = per_sentence(hit & part), per_sentence(part)
    for code, kind in enumerate(task.types if len(task.types) > 1 else ()):
        if (gold.kinds == code).any():
            counts[f"f1_{kind}"] = f1_counts(found.of_type(code), gold.of_type(code))
    values = {name: compute_ratio(*parts) for name, parts in counts.items()}
    weights = {name: below for name, (_, below) in counts.items()}
    groups = task.example_ids[task.groups[test]]
    item_scores = build_item_scores(task.example_ids[test], groups, values, weights=weights)
    return Evaluation(
        item_scores,
        {name: float(scores.mean()) for name, scores in values.items()},
        predictions=build_entity_predictions(task.example_ids[test].tolist(), task.types, _pair_entities(gold, found)),
        **costs,
    )


def _pair_entities(gold: Entities, found: Entities) -> list[tuple[int, int, int, int | None, int | None]]:
    """List the sentence, first and last token in it, and the two types of each entity that is marked, found, or both."""
    types: dict[tuple[int, int], list[int | None]] = {}
    for place, entities in enumerate((gold, found)):
        for begin, end, kind in zip(entities.begins.tolist(), entities.ends.tolist(), entities.kinds.tolist(), strict=True):
            types.setdefault((begin, end), [None, None])[place] = kind
    spans = sorted(types)
    sentences = np.searchsorted(gold.starts, [begin for begin, _ in spans], side="right") - 1
    offsets = gold.starts[sentences].tolist()
    return [
        (sentence, begin - offset, end - offset, *types[begin, end])
        for (begin, end), sentence, offset in zip(spans, sentences.tolist(), offsets, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Entities:
    """The entities of some sentences.

    Attributes
    ----------
    begins, ends : ndarray of shape (n_entities,), int64
        Tokens ``begins`` to ``ends - 1``, counted over all sentences.
    kinds : ndarray of shape (n_entities,), int64
        Number of the type.
    starts : ndarray of shape (n_sentences + 1,), int64
        Where each sentence starts.
    """

    begins: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, starts: np.ndarray, labels: Sequence[str]) -> Entities:
        """Find the entities of tokens with these tags, valid IOB2: labels are O, then B- and I- of each type."""
        begins = np.flatnonzero((codes > 0) & (codes % 2 == 1))
        is_inside = (codes > 0) & (codes % 2 == 0)
        breaks = np.union1d(np.flatnonzero(~is_inside), starts)
        ends = breaks[np.searchsorted(breaks, begins + 1)]
        return cls(begins, ends, (codes[begins] - 1) // 2, starts)

    def of_type(self, kind: int) -> Entities:
        """Select those of one type."""
        kept = self.kinds == kind
        return Entities(self.begins[kept], self.ends[kept], self.kinds[kept], self.starts)

    def are_in(self, other: Entities) -> np.ndarray:
        """Find which entities, with type and both ends, are among the others: shape (n_entities,), bool."""
        known = set(zip(other.begins.tolist(), other.ends.tolist(), other.kinds.tolist(), strict=True))
        mine = zip(self.begins.tolist(), self.ends.tolist(), self.kinds.tolist(), strict=True)
        return np.fromiter((entity in known for entity in mine), bool, len(self.begins))

    def per_sentence(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Count the (chosen) entities of each sentence: shape (n_sentences,)."""
        begins = self.begins if chosen is None else self.begins[chosen]
        return np.bincount(np.searchsorted(self.starts, begins, side="right") - 1, minlength=len(self.starts) - 1)


def f1_of_sentences(task: SequenceLabelingTask, gold: np.ndarray, found: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Compute pseudo-values of F1, of the right and the found tag codes of some sentences: shape (n_sentences,)."""
    return compute_ratio(*f1_counts(Entities.of(found, starts, task.labels), Entities.of(gold, starts, task.labels)))


def f1_counts(found: Entities, gold: Entities) -> tuple[np.ndarray, np.ndarray]:
    """Count numerator and denominator of F1 = 2 TP / (found + gold) of each sentence: two arrays of shape (n_sentences,)."""
    return 2 * gold.per_sentence(gold.are_in(found)), found.per_sentence() + gold.per_sentence()


def _find_seen(task: SequenceLabelingTask, test: np.ndarray, gold: Entities) -> np.ndarray:
    train = np.flatnonzero(task.split != "test")
    known = set(_list_surfaces(task, train, None))
    return np.fromiter((entity in known for entity in _list_surfaces(task, test, gold)), bool, len(gold.begins))


def _list_surfaces(task: SequenceLabelingTask, sentences: np.ndarray, entities: Entities | None) -> list[tuple[str, int]]:
    """List the words, casefolded, and the type of each entity of some sentences."""
    tokens, starts = find_tokens_of_sentences(task.starts, sentences)
    words = [token for row in sentences for token in task.sentences[row]]
    chosen = entities or Entities.of(task.codes[tokens], starts, task.labels)
    spans = zip(chosen.begins.tolist(), chosen.ends.tolist(), chosen.kinds.tolist(), strict=True)
    return [(" ".join(words[begin:end]).casefold(), kind) for begin, end, kind in spans]
