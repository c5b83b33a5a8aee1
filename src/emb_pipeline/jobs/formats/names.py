"""Names of jobs where a batch system takes fewer characters."""

from __future__ import annotations

import re
from collections.abc import Iterable


def rename(names: Iterable[str], *, refused: str, longest: int) -> dict[str, str]:
    """Give each job a name that a batch system takes, and no two the same one.

    Parameters
    ----------
    names : iterable of str
        Names of jobs.
    refused : str
        Regular expression of what it does not take; a hyphen replaces it.
    longest : int
        Characters that it takes.

    Returns
    -------
    dict of str to str
        The new name of each.

    Examples
    --------
    >>> rename(["domain.word2vec_8", "domain.word2vec-8"], refused="[^a-z0-9-]", longest=60)
    {'domain.word2vec_8': 'domain-word2vec-8', 'domain.word2vec-8': 'domain-word2vec-8-2'}
    """
    renamed: dict[str, str] = {}
    used: set[str] = set()
    for name in names:
        stem = clean(name, refused=refused, longest=longest)
        new, number = stem, 2
        while new in used:
            end = f"-{number}"
            new, number = stem[: longest - len(end)] + end, number + 1
        used.add(new)
        renamed[name] = new
    return renamed


def clean(name: str, *, refused: str, longest: int) -> str:
    """Replace what a batch system does not take in a name."""
    return re.sub(refused, "-", name).strip("-")[:longest]
