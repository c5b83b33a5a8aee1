"""The range of each metric: no value, interval or difference that a reader sees may leave it."""

from __future__ import annotations

import re

from emb_pipeline.statistics.intervals.pseudo_values import UNBOUNDED

_SIGNED = re.compile(r"spearman|pearson|kendall|mcc|ari|ami|(lost|gap|samegap)_.+", re.DOTALL)
_SHARE = re.compile(
    r"(.*_)?accuracy(_.+)?|changed_.+|exact_match|(.*_)?f1(_.+)?|precision(@\d+)?(_.+)?|recall(@\d+)?(_.+)?|coverage@\d+"
    r"|ap|v_measure|(ndcg|map|mrr|lrap|hit_rate)(@\d+)?(_.+)?|auroc(_.+)?|auprc(_.+)?|ece",
    re.DOTALL,
)
_HALF_BOUNDED = {"r2": (-float("inf"), 1.0), "rmse": (0.0, float("inf")), "mae": (0.0, float("inf"))}


def find_range(metric: str) -> tuple[float, float]:
    """Smallest and largest value that a metric can have; infinite for one that has none, or that is not known here."""
    if _SIGNED.fullmatch(metric):
        return -1.0, 1.0
    return (0.0, 1.0) if _SHARE.fullmatch(metric) else _HALF_BOUNDED.get(metric, UNBOUNDED)


def find_largest_difference(metric: str) -> float:
    """Largest difference that two values of a metric can have: 1 for a share, 2 for one with a sign, else infinite."""
    low, high = find_range(metric)
    return high - low
