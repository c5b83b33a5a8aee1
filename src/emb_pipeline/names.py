"""Names that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LOW_COVERAGE = 0.75
"""Share of a task's running words below which word vectors are judged by what they do not know."""
SHOWN, ONLY, MEASURED_BEST, NOT_SHOWN = "shown", "only candidate", "best measured", "not shown"
NOT_ABOVE_FLOOR, NO_CANDIDATE = "not above the floor", ""
"""How a candidate stands: shown to be not inferior; with nothing to be inferior to; measured best, but not shown; not shown;
not shown to be better than a control, the largest class or chance; or no candidate (column ``standing`` of the decision)."""


def dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings by their path: ``methods.word2vec.window``, 9."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
