"""Names of repetitions: the grid calls them ``<origin>.<embedding>_seed<number>`` and ``…_bootstrap<number>``.

It refuses such an ending in any other name (`emb_pipeline.experiment.expand`). All else that is to be known of an
embedding is in its specification (`emb_pipeline.pipelines.facts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

LOW_COVERAGE = 0.75
"""Share of a task's running words below which word vectors are judged by what they do not know."""
SHOWN, ONLY, MEASURED_BEST, NOT_SHOWN = "shown", "only candidate", "best measured", "not shown"
NOT_ABOVE_FLOOR, NO_CANDIDATE = "not above the floor", ""
"""How a candidate stands: shown to be not inferior; with nothing to be inferior to; measured best, but not shown; not shown;
not shown to be better than a control, the largest class or chance; or no candidate (column ``standing`` of the decision)."""

_SEED = re.compile(r"_seed\d+$")
_RESAMPLE = re.compile(r"_bootstrap\d+$")


def without_seed(embedding: str) -> str:
    """``domain.word2vec_100`` for its repetition ``domain.word2vec_100_seed1``."""
    return _SEED.sub("", embedding)


def is_further_seed(embedding: str) -> bool:
    """Whether an embedding repeats another one with a different training seed."""
    return _SEED.search(embedding) is not None


def is_resample(embedding: str) -> bool:
    """Whether an embedding was trained on a resample of its corpus: ``domain.word2vec_100_bootstrap1``."""
    return _RESAMPLE.search(embedding) is not None


def resampled_from(embedding: str) -> str:
    """``domain.word2vec_100`` for ``domain.word2vec_100_bootstrap1``."""
    return _RESAMPLE.sub("", embedding)


def dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings by their path: ``methods.word2vec.window``, 9."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
