"""What the page computes when its reader chooses: held against pandas and against the decision itself, in a browser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.reporting.wording import write_cost
from emb_pipeline.statistics.costs import WEIGHED
from emb_pipeline.statistics.decision.budget_states import decide_budget_states
from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.statistics.system_scores import SystemScores
from emb_pipeline.tasks.item_examples import compare_items
from emb_pipeline.tasks.registry import KINDS
from tests.reporting.conftest import NEEDS_BROWSER, comparisons, leaderboard
from tests.reporting.tiny import of_frame

pytestmark = NEEDS_BROWSER
NAMES = ["task.tfidf", "domain.word2vec_100", "domain.word2vec_50", "generic.word2vec_100", "pretrained.minilm_384"]
CLASSES = ["heart", "lung", "skin"]
N_UNITS = 240
LIMITED = ("bytes_per_item", "train_seconds", "latency_ms_p95")
RNG = np.random.default_rng(7)
LABELS = RNG.integers(0, 3, N_UNITS)
EASE = RNG.random(N_UNITS)
RIGHT = EASE[:, None] + RNG.normal(0, 0.3, (N_UNITS, 5)) < np.array([0.72, 0.7, 0.64, 0.55, 0.74])
PREDICTED = np.where(RIGHT, LABELS[:, None], (LABELS[:, None] + 1) % 3)
COSTS = pd.DataFrame(
    {
        "bytes_per_item": [2400.0, 400.0, 200.0, 400.0, 1536.0],
        "train_seconds": [0.0, 61.5, 33.0, 58.25, np.nan],
        "latency_ms_p95": [0.41, 0.32, 0.3, 0.33, 14.2],
    },
    index=NAMES,
).reindex(columns=list(WEIGHED))
BUDGETS = {"latency_ms_p95": 5.0}


def decision_under(budgets: dict[str, float]) -> pd.DataFrame:
    return decide(scored(), COSTS, Rules(budgets, LIMITED))[0]


def scored() -> Scored:
    systems = SystemScores(RIGHT.astype(float), NAMES)
    floors = {"the largest class": (LABELS == 0).astype(float)}
    criterion = Criterion("topic", "accuracy", 0.04)
    return Scored.of_units(criterion, systems, floors, n_resamples=500, rng=np.random.default_rng(0))


def report_tables(per_pair: int = 20) -> ReportTables:
    units = [f"t{row:03}" for row in range(N_UNITS)]
    texts = [f"Note {row} <b>says</b> " + "something long " * (40 if row % 10 == 0 else 1) for row in range(N_UNITS)]
    examples = pa.table({"example_id": units, "text": texts, "label": [CLASSES[code] for code in LABELS]})
    cells: list[dict[str, object]] = [{"family": name} for name in NAMES]
    metrics = {"accuracy": RIGHT.astype(float)}
    found = TaskScores("topic", NAMES, cells, np.arange(N_UNITS), metrics, LABELS, PREDICTED, units=units)
    outcomes, shown = compare_items(
        found, KINDS["classification"], {"examples": examples}, NAMES, per_pair=per_pair, most=10**6
    )
    values = dict(zip(NAMES, RIGHT.mean(axis=0).tolist(), strict=True))
    return ReportTables(
        leaderboard=of_frame("leaderboard", leaderboard(values)),
        comparisons=of_frame("comparisons", comparisons(values)),
        decision=decision_under(BUDGETS).assign(origin=lambda table: table["embedding"].str.partition(".")[0]),
        budget_choices=decide_budget_states(scored(), COSTS, Rules(BUDGETS, LIMITED), LIMITED, {}),
        pair_outcomes=outcomes,
        item_examples=shown.to_pandas(),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(report_tables(), Run("tiny", tasks={"topic": {"kind": "classification"}}, examples=20)))
    return path


@pytest.fixture(scope="module")
def page(browser: Any, written: Path) -> Iterator[Any]:
    shown = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    shown.on("pageerror", lambda error: problems.append(str(error)))
    shown.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    shown.goto(written.as_uri(), timeout=120_000)
    shown.wait_for_selector("div.pairs .tally-text", timeout=60_000)
    yield shown
    assert problems == []
    shown.close()


READ_PAIR = """([first, second]) => {
  const panel = document.querySelector("div.pairs");
  for (const [place, name] of [["first", first], ["second", second]]) {
    const select = panel.querySelector(`select.${place}`);
    select.value = [...select.options].find((each) => each.title === name).value;
    select.dispatchEvent(new Event("change"));
  }
  const number = (element) => Number(element.textContent.replaceAll(",", ""));
  return {
    counts: ["wins", "losses", "ties"].map((each) => number(panel.querySelector(`.tally-text .${each}`))),
    groups: [...panel.querySelectorAll("tbody tr")].map(
      (row) => [row.cells[0].textContent, ...[1, 2, 3].map((cell) => number(row.cells[cell]))]),
    headline: panel.querySelector(".headline").textContent,
    test: panel.querySelector(".headline + p").textContent,
  };
}"""


@pytest.mark.parametrize(("first", "second"), [(0, 1), (4, 2), (3, 0)])
def test_wins_and_losses_are_those_of_the_item_scores_in_both_directions(page: Any, first: int, second: int) -> None:
    seen = page.evaluate(READ_PAIR, [NAMES[first], NAMES[second]])
    table = pd.DataFrame({"class": [CLASSES[code] for code in LABELS], "a": RIGHT[:, first], "b": RIGHT[:, second]})
    table["lead"] = table["a"].astype(int) - table["b"].astype(int)
    counts = table["lead"].value_counts()
    assert seen["counts"] == [counts.get(1, 0), counts.get(-1, 0), counts.get(0, 0)]
    by_class = {
        name: [len(rows), (rows["lead"] > 0).sum(), (rows["lead"] < 0).sum()] for name, rows in table.groupby("class")
    }
    assert {name: numbers for name, *numbers in seen["groups"]} == by_class
    difference = 100 * (table["a"].mean() - table["b"].mean())
    value, low, high = (f"{difference + shift:.1f}".replace("-", "\u2212") for shift in (0, -1, 1))
    assert f"{'+' if difference > 0 else ''}{value} points [{low}, {high}]" in seen["test"]


def test_examples_are_items_that_the_two_differ_on_with_label_and_predictions(page: Any) -> None:
    page.evaluate(READ_PAIR, [NAMES[0], NAMES[4]])
    lists = page.locator("div.pairs .differing > div")
    for place in range(2):
        for button in lists.nth(place).locator("button").all():
            button.click()
    seen = page.evaluate(
        """() => [...document.querySelectorAll("div.pairs .differing > div")].map((each) =>
          [...each.querySelectorAll("li")].map((item) => [item.querySelector("p").textContent,
            ...[...item.querySelectorAll("dd")].map((cell) => cell.textContent.replace(" \\u2713", ""))]))"""
    )
    assert [len(each) for each in seen] == [10, 10]
    for items, leads in zip(seen, (1, -1), strict=True):
        for text, label, first, second in items:
            row = int(text.split()[1])
            assert text.startswith(f"Note {row} <b>says</b> something long")
            assert ("more characters" in text) == (row % 10 == 0)
            assert label == CLASSES[LABELS[row]]
            assert (first, second) == (CLASSES[PREDICTED[row, 0]], CLASSES[PREDICTED[row, 4]])
            assert int(RIGHT[row, 0]) - int(RIGHT[row, 4]) == leads


def test_the_two_are_swapped_by_keyboard(page: Any) -> None:
    before = page.evaluate(READ_PAIR, [NAMES[0], NAMES[1]])["counts"]
    page.locator("div.pairs .swap").focus()
    page.keyboard.press("Enter")
    after = [int(page.locator(f".tally-text .{each}").text_content()) for each in ("wins", "losses", "ties")]
    assert after == [before[1], before[0], before[2]]


READ_BUDGETS = """(steps) => {
  const panel = document.querySelector("div.budgets"), sliders = [...panel.querySelectorAll("input")];
  sliders.forEach((slider, place) => { slider.value = steps[place]; slider.dispatchEvent(new Event("input")); });
  return {
    chosen: panel.querySelector(".outcome strong [data-name]")?.dataset.name || null,
    text: panel.querySelector(".outcome p").textContent,
    excluded: [...panel.querySelectorAll(".excluded li > [data-name]")].map((each) => each.dataset.name).sort(),
    limits: sliders.map((slider) => slider.getAttribute("aria-valuetext")),
  };
}"""


def test_under_any_budgets_the_page_recommends_what_the_decision_does(page: Any) -> None:
    """Fifty combinations and more, all of them different: recommendation, score, reason and who is excluded."""
    steps = [[200.0, 400.0, 1536.0], [0.0, 33.0, 58.25, 61.5], [0.3, 0.32, 0.33, 0.41, 5.0]]
    sizes = [len(each) + 1 for each in steps]
    states = np.random.default_rng(1).choice(math.prod(sizes), 60, replace=False)
    chosen = set()
    for state in states:
        places = [int(place) for place in np.unravel_index(state, sizes)]
        limits = {
            name: of_cost[place] for name, of_cost, place in zip(LIMITED, steps, places, strict=True) if place < len(of_cost)
        }
        seen, expected = page.evaluate(READ_BUDGETS, places), decision_under(limits)
        texts = [write_cost(name, limits[name]) if name in limits else "no limit" for name in LIMITED]
        assert seen["limits"] == texts
        assert seen["excluded"] == sorted(expected.loc[~expected["fits"], "embedding"]), limits
        taken = expected[expected["chosen"]]
        assert seen["chosen"] == (None if taken.empty else taken["embedding"].iloc[0]), limits
        if not taken.empty:
            assert f"{100 * taken['value'].iloc[0]:.1f}\u202f%" in seen["text"]
            assert ("shown to be about as good" in seen["text"]) == (taken["standing"].iloc[0] == "shown")
        chosen.add(seen["chosen"])
    assert len(chosen) > 2


def test_a_slider_moves_by_keyboard_and_goes_back_to_the_stored_budgets(page: Any) -> None:
    page.evaluate("() => { document.querySelector('div.budgets details').open = true; }")
    page.locator("div.budgets .stored").dispatch_event("click")
    latency = page.locator("div.budgets input").nth(2)
    assert latency.get_attribute("aria-valuetext") == write_cost("latency_ms_p95", 5.0)
    stored = page.locator("div.budgets .outcome strong").text_content()
    latency.focus()
    page.keyboard.press("Home")
    assert latency.get_attribute("aria-valuetext") == write_cost("latency_ms_p95", 0.3)
    assert page.locator("div.budgets .outcome strong [data-name]").get_attribute("data-name") == NAMES[2]
    page.locator("div.budgets .stored").click()
    assert page.locator("div.budgets .outcome strong").text_content() == stored
    assert page.locator("div.budgets .stored").is_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_both_parts_are_accessible_and_fit(page: Any, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.evaluate("() => { for (const each of document.querySelectorAll('details')) each.open = true; }")
    for part in ("#pairs", ".budgets"):
        found = axe.run(page, context=part)
        assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_on_paper_there_is_the_stored_decision_alone(page: Any) -> None:
    page.emulate_media(media="print")
    assert not page.locator("#pairs").is_visible() and not page.locator("div.budgets").first.is_visible()
    assert page.locator("#deploy").is_visible()
    page.emulate_media(media="screen")


def test_where_no_examples_are_wanted_no_text_is_in_table_or_page(browser: Any, tmp_path: Path) -> None:
    tables = report_tables(per_pair=0)
    text = render_report(tables, Run("tiny", tasks={"topic": {"kind": "classification"}}, examples=0))
    assert tables.item_examples.empty and "something long" not in text
    (tmp_path / "report.html").write_text(text)
    shown = browser.new_page()
    shown.goto((tmp_path / "report.html").as_uri(), timeout=120_000)
    shown.wait_for_selector("div.pairs .tally-text", timeout=60_000)
    assert "something long" not in shown.content() and not shown.locator("div.pairs .differing").count()
    assert shown.locator("div.pairs tbody tr").count() == 3
    shown.close()
