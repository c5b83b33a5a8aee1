"""Names of the scores of test texts with some of their words exchanged (`swap_scores`), and how they are written."""

from __future__ import annotations

from emb_pipeline.tasks.metrics.metric import Metric

CHANGED, ACCURACY, LOST, GAP, SAME_GAP = "changed_", "accuracy_", "lost_", "gap_", "samegap_"
"""Metrics of a list, each before its name."""
SWAPPED, OF_FIRST, OF_SECOND = "swapped_", "firstside_", "secondside_"
"""Numbers of test texts: with a word of a list, and with words of one side alone."""
SWAP_METRICS = (
    Metric(f"{CHANGED}*", "predictions changed, {}", higher_is_better=False, is_estimate=True),
    Metric(f"{ACCURACY}*", "accuracy, {} exchanged", is_estimate=True),
    Metric(f"{LOST}*", "accuracy lost, {}", higher_is_better=False, is_estimate=True),
    Metric(f"{GAP}*", "gap of the error, {}", higher_is_better=False, is_estimate=True),
    Metric(f"{SAME_GAP}*", "gap on the same texts, {}", higher_is_better=False, is_estimate=True),
    Metric(f"{SWAPPED}*", "test texts with {}", percent=False, is_estimate=True),
    Metric(f"{OF_FIRST}*", "test texts with the first side of {}", percent=False, is_estimate=True),
    Metric(f"{OF_SECOND}*", "test texts with the second side of {}", percent=False, is_estimate=True),
)
"""Lines of a kind whose evaluation exchanges words."""
