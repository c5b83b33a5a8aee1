"""A rough estimate of the time of a run, for a person who decides whether to wait."""

from __future__ import annotations

from collections.abc import Iterable

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.scaffold.candidates import Candidate
from emb_pipeline.tasks.proposal import Proposal
from emb_pipeline.tasks.registry import KINDS

_START = 75.0
_CELL = 2.0
_SECONDS_PER_WORD = {"corpus": 5e-6, "pretrained": 8e-5, "task": 3e-6, "control": 2e-6, "encoder": 2e-6, "embedding": 1e-6}
"""Processor seconds for a word of the task's texts, by what a method is made from; measured on one core with AVX-512."""
_SECONDS_PER_TEXT = {"pretrained": 1e-3}
"""The same for a text, however short."""
_SECONDS_PER_EXAMPLE, _FOLDS = 1.5e-3, 5
"""To fit a probe, with all draws of labels; folds repeat that where there is no split."""
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
    of_each = []
    kind = KINDS[proposal.kind]
    has_split = bool({"split", "splits", "test_share"} & set(proposal.source))
    for candidate in candidates:
        source = METHODS[candidate.method].source
        words = min(proposal.words, _LONGEST_READ) if source == "pretrained" else proposal.words
        per_item = words * _SECONDS_PER_WORD.get(source, 0.0) + _SECONDS_PER_TEXT.get(source, 0.0)
        if "interactions" in kind.requires:
            per_item += _SECONDS_PER_INTERACTION
        if kind.learns_from_labels:
            per_item += _SECONDS_PER_EXAMPLE * (1 if has_split else _FOLDS)
        of_each.append(_CELL + n_items * per_item)
    return _START + max(sum(of_each) / _CORES, *of_each, 0.0)


def write_duration(seconds: float) -> str:
    """Write a duration for people: in minutes, or hours."""
    if seconds < 90:
        return "a minute"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
