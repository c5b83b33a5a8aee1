"""Numbers read the same everywhere."""

from __future__ import annotations

import pytest

from emb_pipeline.reporting import wording

NAN = float("nan")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.write_value(0.7562, "accuracy"), "75.6 %"),
        (wording.write_value(0.4306, "ndcg@10"), "0.431"),
        (wording.write_value(0.9, "recall@100"), "90.0 %"),
        (wording.write_value(NAN, "accuracy"), "–"),
        (wording.write_interval(0.741, 0.77, "accuracy"), "[74.1, 77.0]"),
        (wording.write_interval(-0.012, 0.0001, "ndcg@10"), "[−0.012, 0.000]"),
        (wording.write_interval(NAN, 0.1, "accuracy"), ""),
        (wording.write_difference(0.031, "accuracy"), "+3.1 points"),
        (wording.write_difference(-0.0522, "ndcg@10"), "−0.052"),
        (wording.write_difference(-0.00001, "accuracy"), "0.0 points"),
        (wording.write_distance(-0.031, "accuracy"), "3.1 points"),
        (wording.write_p(0.0002), "p < 0.001"),
        (wording.write_p(0.0123), "p = 0.012"),
        (wording.write_share(0.0053), "0.53 %"),
        (wording.write_share(0.123), "12.3 %"),
        (wording.write_seconds(0.0), "0 s"),
        (wording.write_seconds(0.001), "< 0.01 s"),
        (wording.write_seconds(54), "54.0 s"),
        (wording.write_seconds(200), "3.33 min"),
        (wording.write_seconds(7200), "2.00 h"),
        (wording.write_milliseconds(0.3141), "0.31 ms"),
        (wording.write_milliseconds(None), "–"),
        (wording.write_value(0.179, "coverage@10"), "17.9 %"),
        (wording.write_value(0.0775, "recall@20_cold"), "7.8 %"),
        (wording.write_size(400), "400 B"),
        (wording.write_size(999.9), "1.00 kB"),
        (wording.write_size(610e6), "610 MB"),
        (wording.write_count(3800.0), "3,800"),
        (wording.pluralize(1, "task"), "1 task"),
        (wording.pluralize(2, "query", "queries"), "2 queries"),
    ],
)
def test_numbers_are_written_with_their_unit(written: str, expected: str) -> None:
    assert written.replace("\u202f", " ") == expected
