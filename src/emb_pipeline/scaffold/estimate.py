"""A rough estimate of the time of a run, for a person who decides whether to wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.scaffold.candidates import Candidate
from emb_pipeline.tasks.proposal import Proposal
from emb_pipeline.tasks.registry import KINDS

_START = 75.0
_CELL = 0.5
_FOLDS = 5
"""A probe is fitted so often where a task has no split."""
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
class Rates:
    """Processor seconds of what a run does much of; by default on one core with AVX-512.

    Attributes
    ----------
    per_word : mapping of str to float
        For a word of a task's texts, or of a corpus, by what a method is made from; a small transformer that is trained on a
        corpus has an entry of its own.
    per_text : mapping of str to float
        The same for a text, however short.
    per_example, per_sparse_word : float
        To fit a probe on a dense vector, or on the words of a sparse one, with all draws of labels.
    per_word_read : float
        To read a word of a corpus and to cut it out as a token.
    of_training : mapping of str to float
        To train an embedding on a word of its corpus, by its name, where that was measured.
    of_encoding : mapping of str to float
        To encode a word of a text, by the name of the embedding, where that was measured.
    """

    per_word: Mapping[str, float] = field(
        default_factory=lambda: {
            "corpus": 5e-6,
            "corpus_encoder": 5e-5,
            "pretrained": 8e-5,
            "task": 3e-6,
            "control": 2e-6,
            "encoder": 2e-6,
            "embedding": 1e-6,
        }
    )
    per_text: Mapping[str, float] = field(default_factory=lambda: {"pretrained": 1e-3})
    per_example: float = 1e-4
    per_sparse_word: float = 2.5e-5
    per_word_read: float = 2e-6
    of_training: Mapping[str, float] = field(default_factory=dict)
    of_encoding: Mapping[str, float] = field(default_factory=dict)


TYPICAL = Rates()


@dataclass(frozen=True)
class TaskSize:
    """The size of a task: its items, the mean words of their texts, and whether its source says what is tested."""

    n_items: float
    words: float
    has_split: bool = False


def estimate_cell(method: str, kind: str, size: TaskSize, rates: Rates = TYPICAL, embedding: str = "") -> float:
    """Estimate the processor seconds that an embedding takes on a task, without its training on a corpus."""
    source = METHODS[method].source
    words = min(size.words, _LONGEST_READ) if source == "pretrained" else size.words
    per_word = 0.0 if source == "corpus" else rates.per_word.get(source, 0.0)
    per_item = words * per_word + rates.per_text.get(source, 0.0)
    if embedding in rates.of_encoding:
        per_item = words * rates.of_encoding[embedding]
    if "interactions" in KINDS[kind].requires:
        per_item += _SECONDS_PER_INTERACTION
    if KINDS[kind].learns_from_labels:
        per_example = size.words * rates.per_sparse_word if METHODS[method].sparse else rates.per_example
        per_item += per_example * (1 if size.has_split else _FOLDS)
    return _CELL + size.n_items * per_item


def estimate_training(method: str, words: float, rates: Rates = TYPICAL, embedding: str = "") -> float:
    """Estimate the processor seconds that a training on a corpus of so many words takes; 0 for what has none."""
    if METHODS[method].source != "corpus":
        return 0.0
    usual = rates.per_word["corpus_encoder" if METHODS[method].artifact == "encoder" else "corpus"]
    return words * rates.of_training.get(embedding, usual)


def write_duration(seconds: float) -> str:
    """Write a duration for people: in minutes, or hours."""
    if seconds < 90:
        return "a minute"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
