"""No use case, however it is mistyped, ends in an error of the program."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.mutated_use_cases import USE_CASE, build, outcome


@pytest.mark.slow
def test_what_is_mistyped_is_refused_in_words() -> None:
    build(USE_CASE)
    found = Counter(outcome(random.Random(seed)) for seed in range(40))
    assert set(found) <= {"built", "refused"} and found["refused"] >= 20
