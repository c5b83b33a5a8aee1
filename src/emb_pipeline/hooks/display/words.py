"""Times and names of nodes, in words."""

from __future__ import annotations


def write_clock(seconds: float) -> str:
    """Write a time as a clock has it: ``0:34``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def write_time(seconds: float) -> str:
    """Write a time that is not known well: ``20 s``, ``3 min``, ``1.5 h``."""
    if seconds < 100:
        return f"{max(round(seconds, -1 if seconds > 20 else 0), 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def write_node(name: str) -> str:
    """Write a node's name, what it works on first: ``domain.word2vec_100: train word2vec``."""
    place, _, step = name.rpartition(".")
    verb = step.replace("_", " ")
    return f"{place}: {verb}" if place else verb
