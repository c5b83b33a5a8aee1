"""Which size is enough, in sentences."""

from __future__ import annotations

import pandas as pd

from emb_pipeline.diagnostics.tables import PIP_LOSS
from emb_pipeline.reporting.sections.scores.sizes import describe_sizes, find_pip_losses


def row(embedding: str, size: float, value: float, **changes: object) -> dict[str, object]:
    return {
        "task": "topic",
        "metric": "accuracy",
        "family": "domain.word2vec",
        "embedding": embedding,
        "bytes_per_item": size,
        "best": "domain.word2vec_300",
        "value": value,
        "difference_to_best": value - 0.8,
        "bound": value - 0.804,
        "margin": 0.01,
        "standing": "shown" if changes.get("chosen") else "not shown",
        "units_needed": float("nan"),
        "chosen": False,
        "n": 300,
        **changes,
    }


SMALL, MIDDLE, LARGE = (
    row("domain.word2vec_50", 200, 0.76),
    row("domain.word2vec_100", 400, 0.797),
    row("domain.word2vec_300", 1200, 0.8),
)


def sentence(*rows: dict[str, object]) -> str:
    (found,) = describe_sizes(pd.DataFrame(list(rows)))
    return str(found.text.striptags())


def test_a_size_that_is_enough_is_said_with_what_it_loses() -> None:
    assert sentence(SMALL, {**MIDDLE, "chosen": True, "standing": "shown"}, LARGE) == (
        "Of domain.word2vec, domain.word2vec_100 (400 B) is enough. It is 0.3 points below the best, domain.word2vec_300, "
        "and at most 0.7 points with 95 % confidence."
    )


def test_where_no_smaller_one_is_enough_the_best_is_named_and_why() -> None:
    assert sentence(SMALL, MIDDLE, {**LARGE, "chosen": True, "standing": "shown"}) == (
        "Of domain.word2vec, take domain.word2vec_300 (1.20 kB): 2 smaller ones may be worse by more than 1.0 points."
    )


def test_where_no_size_is_shown_to_be_enough_that_is_said_with_what_would_show_it() -> None:
    measured = {**LARGE, "chosen": True, "standing": "best measured", "units_needed": 1500.0}
    assert sentence(SMALL, MIDDLE, measured) == (
        "Of domain.word2vec, take domain.word2vec_300 (1.20 kB), measured best: no size is shown to be within 1.0 points of "
        "every other; about 1,200 more units would show it (80 % power)."
    )


def test_a_smallest_that_is_best_is_said_to_be() -> None:
    best = {"best": "domain.word2vec_50"}
    assert "the smallest is the best: domain.word2vec_50" in sentence(
        {**SMALL, **best, "chosen": True, "standing": "shown"}, {**LARGE, **best}
    )


def test_pip_losses_are_found_among_the_checks() -> None:
    checks = pd.DataFrame(
        {
            "embedding": ["domain.word2vec_50", "x"],
            "check": [PIP_LOSS, "hubness"],
            "value": [0.4, 3.0],
        }
    )
    assert find_pip_losses(checks) == {"domain.word2vec_50": 0.4}
