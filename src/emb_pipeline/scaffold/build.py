"""A new use case, from files to what is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.scaffold.candidates import choose_candidates, find_unavailable
from emb_pipeline.scaffold.estimate import estimate_seconds
from emb_pipeline.scaffold.files import NewUseCase
from emb_pipeline.scaffold.language import Language
from emb_pipeline.tasks.proposal import Proposal

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FAST_SECONDS = 240.0
_SAMPLES = (20_000, 10_000, 5_000, 3_000, 2_000, 1_000)


def require_new_name(name: str, conf: Path, *, replaces: bool = False) -> None:
    """Refuse the name of a use case that cannot be one, or that there is already.

    Raises
    ------
    DataError
        The name is no lower-case word, or its folder exists and is not to be replaced.
    """
    if not _NAME.fullmatch(name) or name in ("base", "local", "template"):
        raise DataError(
            f"the name {name!r}", "it must be lower-case letters, digits and underscores", "my_data, for instance"
        )
    if (conf / name).exists() and not replaces:
        raise DataError(
            f"conf/{name}", "there is a use case of this name", "choose another name, or replace it with --force"
        )


def build_use_case(name: str, proposal: Proposal, language: Language | None = None) -> NewUseCase:
    """Choose what a use case compares, and how many examples a fast run takes of the task."""
    missing = find_unavailable()
    use_case = NewUseCase(name, proposal, choose_candidates(proposal, missing), _SAMPLES[-1], missing, language)
    sizes = (n for n in _SAMPLES if estimate_seconds(use_case.first, proposal, n) <= _FAST_SECONDS)
    return replace(use_case, sample=next(sizes, _SAMPLES[-1]))
