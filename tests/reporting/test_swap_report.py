"""The swap report: texts of test items are shown as they are, and nothing in them is read as Markdown or HTML."""

from __future__ import annotations

import re

import numpy as np

from emb_pipeline.reporting.markdown_page import write_page
from emb_pipeline.reporting.swap.report import describe_swap, write_swap_report
from emb_pipeline.reporting.swap.swapped import Example, Outcomes, Swapped
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.encoding_costs import estimate_encoding
from emb_pipeline.statistics.swap.parts import Gain

EVIL = "<script>alert(1)</script> | *bold* [link](javascript:alert(1)) &lt; `code`"


def make_swapped(n_units: int = 2) -> Swapped:
    units = [str(number) for number in range(n_units)]
    scores = np.zeros(n_units)
    return Swapped(
        "topic",
        "classification",
        "accuracy",
        "task.tfidf",
        "domain.new",
        0.05,
        CommonUnits(units, scores, scores, np.array(units), 3, 4),
        Gain("", "", n_units, 0.5, 0.75, 0.25, 0.1, 0.4, 0.01),
        [Gain("class", EVIL, 1, 0.0, 1.0, 1.0)],
        Outcomes("accuracy", 1, 0, 1, [Example(EVIL, "x", 0.0, 1.0)], []),
        estimate_encoding(3_600_000, n_measured=10, encode_seconds=0.01, bytes_per_item=4e3, usd_per_million_texts=0.02),
        {"latency_ms_p50": (float("nan"), 1.25)},
        notes={"neighbors": "no encoder", "kept_index": "no index"},
    )


def test_texts_are_shown_and_not_read() -> None:
    page = write_page(write_swap_report([make_swapped()]))
    assert "<script" not in page and "<a " not in page and "<em>" not in page
    shown = "&lt;script&gt;alert(1)&lt;/script&gt; | *bold* [link](javascript:alert(1)) &amp;lt; `code`"
    assert f"<td>{shown}</td>" in page and f"<td>class: {shown}</td>" in page


def test_each_table_is_in_a_region_with_a_name_of_its_own() -> None:
    page = write_page(write_swap_report([make_swapped(), make_swapped()]))
    names = re.findall(r'role="region" aria-label="([^"]*)" tabindex="0"', page)
    assert names[:3] == ["topic, Gain", "topic, Won and lost", "topic, Costs"] and len(names) == page.count("<table>")
    assert len(set(names)) == len(names) == 6


def test_what_it_says() -> None:
    said = describe_swap(make_swapped()).replace("\u202f", " ")
    assert said == (
        "topic: accuracy changes by +25.0 points [10.0, 40.0] on 2 test items. 1 are won and 0 lost. "
        "Encoding 3,600,000 items takes 60.0 min and 14.4 GB."
    )
    text = write_swap_report([make_swapped()]).replace("\u202f", " ")
    assert "(1,000 texts a second, as measured in the run), 14.4 GB for vectors, and $0.072 for a service." in text
    assert "| time of a request (median) | not measured | 1.25 ms |" in text
    assert "Not measured: no encoder." in text and "Not measured: no index." in text
    assert "on no common test items" in describe_swap(
        Swapped(**{**vars(make_swapped()), "gain": Gain("", "", 0, *[np.nan] * 3)})
    )
