"""Numbers read the same everywhere."""

from __future__ import annotations

import pytest

from emb_pipeline.reporting import wording

NAN = float("nan")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.value_text(0.7562, "accuracy"), "75.6 %"),
        (wording.value_text(0.4306, "ndcg@10"), "0.431"),
        (wording.value_text(0.9, "recall@100"), "90.0 %"),
        (wording.value_text(NAN, "accuracy"), "–"),
        (wording.interval_text(0.741, 0.77, "accuracy"), "[74.1, 77.0]"),
        (wording.interval_text(-0.012, 0.0001, "ndcg@10"), "[−0.012, 0.000]"),
        (wording.interval_text(NAN, 0.1, "accuracy"), ""),
        (wording.difference_text(0.031, "accuracy"), "+3.1 points"),
        (wording.difference_text(-0.0522, "ndcg@10"), "−0.052"),
        (wording.difference_text(-0.00001, "accuracy"), "0.0 points"),
        (wording.distance_text(-0.031, "accuracy"), "3.1 points"),
        (wording.p_text(0.0002), "p < 0.001"),
        (wording.p_text(0.0123), "p = 0.012"),
        (wording.share_text(0.0053), "0.53 %"),
        (wording.share_text(0.123), "12.3 %"),
        (wording.seconds_text(0.0), "0 s"),
        (wording.seconds_text(0.001), "< 0.01 s"),
        (wording.seconds_text(54), "54.0 s"),
        (wording.seconds_text(200), "3.33 min"),
        (wording.seconds_text(7200), "2.00 h"),
        (wording.milliseconds_text(0.3141), "0.31 ms"),
        (wording.milliseconds_text(None), "–"),
        (wording.value_text(0.179, "coverage@10"), "17.9 %"),
        (wording.value_text(0.0775, "recall@20_cold"), "7.8 %"),
        (wording.bytes_text(400), "400 B"),
        (wording.bytes_text(999.9), "1.00 kB"),
        (wording.bytes_text(610e6), "610 MB"),
        (wording.count_text(3800.0), "3,800"),
        (wording.plural(1, "task"), "1 task"),
        (wording.plural(2, "query", "queries"), "2 queries"),
    ],
)
def test_numbers_are_written_with_their_unit(written: str, expected: str) -> None:
    assert written.replace("\u202f", " ") == expected
