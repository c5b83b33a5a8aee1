"""A rough estimate of the time of a run, for a person who decides whether to wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.scaffold.candidates import Candidate
from emb_pipeline.tasks.proposal import Proposal
from emb_pipeline.tasks.registry import KINDS

_START = 75.0
_CELL = 0.5
_SECONDS_PER_WORD = {"corpus": 5e-6, "pretrained": 8e-5, "task": 3e-6, "control": 2e-6, "encoder": 2e-6, "embedding": 1e-6}
"""Processor seconds for a word of the task's texts, by what a method is made from; measured on one core with AVX-512."""
_SECONDS_PER_TEXT = {"pretrained": 1e-3}
"""The same for a text, however short."""
_SECONDS_PER_EXAMPLE, _SECONDS_PER_SPARSE_WORD, _FOLDS = 1e-4, 2.5e-5, 5
"""To fit a probe on a dense vector or on the words of a sparse one, with all draws of labels.
Folds repeat that where there is no split."""
_LONGEST_READ = 190.0
"""Words of a text that a transformer with 256 sub-words reads."""
_SECONDS_PER_INTERACTION = 2e-4
_CORES = 2


def estimate_seconds(candidates: Iterable[Candidate], proposal: Proposal, sample: int | None = None) -> float:
    """Estimate the seconds of a run on two cores.

    Parameters
    ----------
    candidates : iterable of Candidate
        What is compared.
    proposal : Proposal
        The task.
    sample : int, optional
        Examples that are taken at most.
    """
    n_items = min(proposal.n_items, sample or proposal.n_items)
    has_split = bool({"split", "splits", "test_share"} & set(proposal.source))
    size = TaskSize(n_items, proposal.words, has_split)
    of_each = [
        estimate_cell(each.method, proposal.kind, size) + estimate_training(each.method, n_items * proposal.words)
        for each in candidates
    ]
    return _START + max(sum(of_each) / _CORES, *of_each, 0.0)


@dataclass(frozen=True)
class TaskSize:
    """The size of a task: its items, the mean words of their texts, and whether its source says what is tested."""

    n_items: float
    words: float
    has_split: bool = False


def estimate_cell(method: str, kind: str, size: TaskSize) -> float:
    """Estimate the processor seconds that an embedding takes on a task, without its training on a corpus."""
    source = METHODS[method].source
    words = min(size.words, _LONGEST_READ) if source == "pretrained" else size.words
    per_word = 0.0 if source == "corpus" else _SECONDS_PER_WORD.get(source, 0.0)
    per_item = words * per_word + _SECONDS_PER_TEXT.get(source, 0.0)
    if "interactions" in KINDS[kind].requires:
        per_item += _SECONDS_PER_INTERACTION
    if KINDS[kind].learns_from_labels:
        per_example = size.words * _SECONDS_PER_SPARSE_WORD if METHODS[method].sparse else _SECONDS_PER_EXAMPLE
        per_item += per_example * (1 if size.has_split else _FOLDS)
    return _CELL + size.n_items * per_item


def estimate_training(method: str, words: float) -> float:
    """Estimate the processor seconds that a training on a corpus of so many words takes; 0 for what has none."""
    return words * _SECONDS_PER_WORD["corpus"] if METHODS[method].source == "corpus" else 0.0


def write_duration(seconds: float) -> str:
    """Write a duration for people: in minutes, or hours."""
    if seconds < 90:
        return "a minute"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
