"""Numbers, metrics and units as text: the same everywhere in the report and on the console."""

from __future__ import annotations

import math
import re
from functools import cache

from emb_pipeline.tasks.metrics.metric import LATENCIES as _OF_REQUESTS
from emb_pipeline.tasks.metrics.metric import Metric
from emb_pipeline.tasks.registry import KINDS, find_metric

LATENCIES = tuple(metric.name for metric in _OF_REQUESTS)
"""Metrics that are among the costs: time of a request, at its median and in the worst cases."""

NOTHING = "–"
_MINUS, NARROW_SPACE = "\u2212", "\u202f"
_SHOWN_AS_ZERO = 5e-4
_TICKS = re.compile("`+")


def name_metric(metric: str) -> str:
    """Write a metric as it is in text."""
    return _find_metric(metric).label_of(metric)


def name_units(kind: str) -> str:
    """Name what is counted and resampled in a task of this kind, in the plural."""
    return KINDS[kind].unit if kind in KINDS else "test items"


def name_labels(kind: str) -> str:
    """Name what a task of this kind learns from, in the plural."""
    return KINDS[kind].labels if kind in KINDS else "labels"


def is_percent(metric: str) -> bool:
    """Say whether a metric is written in percent (a share of something) rather than as a score."""
    return _find_metric(metric).percent


@cache
def _find_metric(name: str) -> Metric:
    return find_metric(name)


def write_value(value: float | None, metric: str) -> str:
    """Write a value: ``75.6 %`` or ``0.431``; an en dash where there is no value."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{100 * value:.1f}{NARROW_SPACE}%" if is_percent(metric) else f"{value:.3f}".replace("-", _MINUS)


def write_interval(low: float | None, high: float | None, metric: str) -> str:
    """Write an interval: ``[74.1, 77.0]``, in the scale of `write_value`; empty where there is no interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{_write_scaled(low, metric)}, {_write_scaled(high, metric)}]"


def write_difference(difference: float, metric: str) -> str:
    """Write a difference with its sign: ``+3.1 points`` or ``+0.052``."""
    if not math.isfinite(difference):
        return NOTHING
    text = _write_scaled(difference, metric)
    sign = "" if text.startswith(_MINUS) or float(text) == 0 else "+"
    return f"{sign}{text}{points(metric)}"


def write_evidence(
    difference: float, interval: tuple[float, float], metric: str, *, p: float, is_significant: bool, n_pairs: int
) -> str:
    """Write a difference with its interval, and why it is not significant where the interval leaves out zero.

    ``2.3 points [0.7, 3.8], adjusted p = 0.500 over 595 pairs``.
    """
    text = f"{_write_scaled(difference, metric)}{points(metric)} {write_interval(*interval, metric)}"
    leaves_out_zero = interval[0] > _SHOWN_AS_ZERO or interval[1] < -_SHOWN_AS_ZERO
    if is_significant or not leaves_out_zero:
        return text
    return f"{text}, adjusted {write_p(p)} over {n_pairs:,} pairs"


def write_distance(difference: float, metric: str) -> str:
    """Write a difference without its direction: ``3.1 points`` or ``0.052``."""
    return f"{_write_scaled(abs(difference), metric)}{points(metric)}"


def points(metric: str) -> str:
    """Name the unit of a difference: percentage points, or none."""
    return " points" if is_percent(metric) else ""


def write_p(p: float | None) -> str:
    """Write a p-value: ``p = 0.012`` or ``p < 0.001``; that of a randomization test is never 0."""
    if p is None or not math.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def write_count(count: float | None) -> str:
    """Write a count: ``3,800``."""
    return NOTHING if count is None or not math.isfinite(count) else f"{round(count):,}"


def write_share(share: float | None) -> str:
    """Write a share: ``12.3 %``, with one more digit below one per cent so that a small share does not read as none."""
    if share is None or not math.isfinite(share):
        return NOTHING
    share = max(share, 0.0)  # not -0.0
    digits = 2 if 0 < share < 0.01 or 0.99 < share < 1 else 1
    return f"{100 * share:.{digits}f}{NARROW_SPACE}%"


def write_seconds(seconds: float | None) -> str:
    """Write a time: ``0.04 s``, ``12 s``, ``3.5 min``, ``1.2 h``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds == 0:
        return f"0{NARROW_SPACE}s"
    if seconds < 0.01:
        return f"<{NARROW_SPACE}0.01{NARROW_SPACE}s"
    for limit, divisor, unit in ((100, 1, "s"), (5400, 60, "min"), (math.inf, 3600, "h")):
        if seconds < limit:
            return f"{_write_three_digits(seconds / divisor)}{NARROW_SPACE}{unit}"
    raise AssertionError("unreachable")


def write_milliseconds(milliseconds: float | None) -> str:
    """Write milliseconds: ``0.31 ms``, ``12.0 ms``."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return NOTHING
    return f"{_write_three_digits(milliseconds)}{NARROW_SPACE}ms"


def write_price(dollars: float | None) -> str:
    """Write US dollars: ``$0``, ``$2.41``, ``$0.00012``."""
    if dollars is None or not math.isfinite(dollars):
        return NOTHING
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.2g}"


def write_size(size: float | None) -> str:
    """Write a size: ``400 B``, ``1.2 kB``, ``350 MB``; powers of 1000."""
    if size is None or not math.isfinite(size):
        return NOTHING
    unit = 0
    while size >= 999.5 and unit < 4:
        size, unit = size / 1000, unit + 1
    number = f"{size:.0f}" if unit == 0 else _write_three_digits(size)
    return f"{number}{NARROW_SPACE}{('B', 'kB', 'MB', 'GB', 'TB')[unit]}"


def write_cost(cost: str, value: float | None) -> str:
    """Write a cost in its own unit; of one that was not measured, that."""
    if value is None or not math.isfinite(value):
        return "not measured"
    if cost.endswith("seconds"):
        return write_seconds(value)
    if cost.startswith(("latency", "processor")):
        return write_milliseconds(value)
    if cost.startswith("usd"):
        return write_price(value)
    return write_size(value) if "bytes" in cost else write_number(value)


def write_number(value: float | None) -> str:
    """Write a number of no known unit with four significant digits."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.4g}".replace("-", _MINUS)


def write_code(text: object) -> str:
    """`` `domain.glove_50` ``: a name in Markdown, whatever is in it; nothing in it can end the code, and no tag is one."""
    line = " ".join(str(text).split())
    ticks = max(map(len, _TICKS.findall(line)), default=0)
    if not ticks:
        return f"`{line}`"
    fence = "`" * (ticks + 1)
    return f"{fence} {line} {fence}"


def shorten(text: str, most: int = 60) -> str:
    """``data/01_raw/shop/…/labels.csv:17``: what is too long loses its middle, because row numbers are at the end."""
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def pluralize(count: int, singular: str, several: str | None = None) -> str:
    """Write a count with its noun: ``1 task``, ``2 tasks``."""
    return f"{count:,} {singular if count == 1 else several or singular + 's'}"


def _write_scaled(value: float, metric: str) -> str:
    text = f"{100 * value:.1f}" if is_percent(metric) else f"{value:.3f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", _MINUS)


def _write_three_digits(value: float) -> str:
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}"
