"""The page as a browser shows it: light and dark, wide and narrow, by keyboard, on paper, without a network."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from emb_pipeline.reporting.markdown_page import write_page
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.swap.report import write_swap_report
from tests.reporting.conftest import BROWSER, NEEDS_BROWSER, make_tables, report_page
from tests.reporting.many import TASKS, many_report
from tests.reporting.test_swap_report import make_swapped

pytestmark = NEEDS_BROWSER
PROBLEMS = """
window.problems = [];
const told = (event) => event.message || event.reason || event.blockedURI || event;
const note = (what) => (event) => window.problems.push(`${what}: ${told(event)}`);
addEventListener("error", note("error"), true);
addEventListener("unhandledrejection", note("rejection"));
document.addEventListener("securitypolicyviolation", note("policy"));
for (const level of ["error", "warn"]) console[level] = note(level);
"""
UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
SHOWN_ROWS = "(region) => [...region.querySelectorAll('tbody tr')].filter((row) => row.checkVisibility()).length"
DRAWN = "(plots) => plots.filter((each) => each.querySelector('svg.main-svg')).length"
WIDTHS = """() => ({
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  tooWide: [...document.querySelectorAll(".plot svg.main-svg, .scroll, .tools, button.all")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1).length,
})"""
UNSEEN_FOCUS = """() => [...document.querySelectorAll("a[href], summary, button, input, select, [tabindex='0']")]
  .filter((each) => each.checkVisibility() && !each.disabled)
  .filter((each) => {
    each.focus();
    const marks = [each, each.nextElementSibling].filter(Boolean).map((one) => getComputedStyle(one));
    const isMarked = (style) => style.outlineStyle !== "none" || style.boxShadow !== "none";
    return document.activeElement !== each || !marks.some(isMarked);
  }).map((each) => each.outerHTML.slice(0, 120))"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two tasks."""
    page = tmp_path_factory.mktemp("small") / "report.html"
    page.write_text(report_page(**make_tables()), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 43 embeddings on four tasks."""
    report = many_report()
    page = tmp_path_factory.mktemp("large") / "report.html"
    page.write_text(render_report(report.tables, report.run), encoding="utf-8")
    return page


@pytest.fixture
def show(browser: Browser) -> Iterator[Open]:
    """Open a page in a window of its own."""
    contexts = []

    def show(path: Path, *, width: int = 1280, scheme: str = "light", address: str = "", scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(180_000)
        context.add_init_script(PROBLEMS)
        page = context.new_page()
        page.goto(path.as_uri() + address)
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_whole_and_accessible_folded_and_unfolded(small: Path, show: Open, width: int, scheme: str) -> None:
    page = show(small, width=width, scheme=scheme)
    assert describe_violations(page) == []
    page.evaluate(UNFOLD)
    scroll_through(page)
    assert describe_violations(page) == []
    assert page.evaluate(WIDTHS) == {"overflow": 0, "tooWide": 0}
    assert page.evaluate(UNSEEN_FOCUS) == []
    assert page.evaluate("window.problems") == []
    assert page.evaluate("performance.getEntriesByType('resource').filter((each) => !/^(data|blob):/.test(each.name))") == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_swap_report_is_accessible_and_stays_within_its_window(
    tmp_path: Path, show: Open, width: int, scheme: str
) -> None:
    (tmp_path / "swap.html").write_text(write_page(write_swap_report([make_swapped()])), encoding="utf-8")
    page = show(tmp_path / "swap.html", width=width, scheme=scheme)
    assert describe_violations(page) == []
    assert page.evaluate(WIDTHS) == {"overflow": 0, "tooWide": 0} and page.evaluate(UNSEEN_FOCUS) == []
    assert page.evaluate("window.problems") == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_of_43_embeddings_stays_within_its_window(large: Path, show: Open, width: int) -> None:
    page = show(large, width=width)
    for task in TASKS:
        page.get_by_role("radio", name=task).check(force=True)
        scroll_through(page)
        assert page.evaluate(WIDTHS) == {"overflow": 0, "tooWide": 0}
    assert page.evaluate("window.problems") == []


def test_the_first_key_leads_to_the_answer_and_arrows_choose_a_task(small: Path, show: Open) -> None:
    page = show(small)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#answer"
    page.get_by_role("radio", name="topic").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="search").is_checked()
    assert page.locator("#leaderboard-of-search").is_visible() and page.locator("#leaderboard-of-topic").is_hidden()


def test_a_choice_is_in_the_address_beside_the_section(small: Path, show: Open) -> None:
    page = show(small)
    page.get_by_role("radio", name="search").check(force=True)
    assert page.url.endswith("#task=search")
    page.get_by_role("link", name="Cost", exact=True).click()
    page.wait_for_function("location.hash === '#cost&task=search'")
    assert page.locator("#cost").evaluate("(each) => each.getBoundingClientRect().top") < 200
    page = show(small, address="#cost&task=search")
    assert page.get_by_role("radio", name="search").is_checked()
    assert page.locator("#cost").evaluate("(each) => each.getBoundingClientRect().top") < 200


def test_a_link_into_another_task_selects_it(small: Path, show: Open) -> None:
    page = show(small, address="#leaderboard-of-search")
    assert page.get_by_role("radio", name="search").is_checked()
    assert page.locator("#leaderboard-of-search").is_visible()


def test_a_section_without_a_block_of_the_task_hides_with_its_line(small: Path, show: Open) -> None:
    page = show(small)
    assert page.locator("#dimensions").is_visible() and page.locator("nav a[href='#dimensions']").is_visible()
    page.get_by_role("radio", name="search").check(force=True)
    assert page.locator("#dimensions").is_hidden() and page.locator("nav a[href='#dimensions']").is_hidden()


def test_without_scripts_everything_is_shown(large: Path, show: Open) -> None:
    page = show(large, scripts=False)
    assert page.locator("#tasks").is_hidden()
    for task in TASKS:
        assert page.locator(f"#leaderboard-of-{task}").is_visible()
    rows = page.locator("[aria-label='Leaderboard of topic'] tbody tr")
    assert rows.count() == 43 and all(row.is_visible() for row in rows.all())


def test_a_table_begins_with_ten_families_and_shows_all_on_demand(large: Path, show: Open) -> None:
    page = show(large)
    region = page.locator("[aria-label='Leaderboard of topic']")
    assert region.evaluate(SHOWN_ROWS) == 10
    every = page.locator("[aria-label='Leaderboard of topic'] ~ button.all").first
    every.evaluate("(each) => each.click()")
    assert every.get_attribute("aria-expanded") == "true"
    families = region.evaluate(SHOWN_ROWS)
    assert 10 < families < 43
    for toggle in region.locator("button.more").all():
        toggle.focus()
        page.keyboard.press("Enter")
        assert toggle.get_attribute("aria-expanded") == "true"
    assert region.evaluate(SHOWN_ROWS) == 43


def test_no_copy_from_corrupted_text_stands_for_its_family(large: Path, show: Open) -> None:
    page = show(large)
    page.evaluate("document.querySelectorAll('button.all').forEach((each) => each.click())")
    shown = """(region) => [...region.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility())
      .map((row) => row.innerHTML)"""
    for task in TASKS:
        page.get_by_role("radio", name=task).check(force=True)
        names = page.locator(f"[aria-label='Leaderboard of {task}']").evaluate(shown)
        assert names and not [name for name in names if "typos" in name or "less_text" in name]


def test_a_heading_sorts_by_number_and_says_so(large: Path, show: Open) -> None:
    page = show(large)
    region = page.locator("[aria-label='Leaderboard of topic']")
    heading = region.locator("thead th").nth(1)
    values = """(region) => [...region.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility())
      .map((row) => parseFloat(row.cells[1].textContent))"""
    before = region.evaluate(values)
    assert before == sorted(before, reverse=True) and heading.get_attribute("aria-sort") is None
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    after = region.evaluate(values)
    assert after == sorted(after) and after[0] < before[-1]
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None and region.evaluate(values) == before


def test_units_are_sorted_by_what_they_mean(large: Path, show: Open) -> None:
    page = show(large)
    page.evaluate(UNFOLD)
    region = page.locator("[aria-label='Cost on topic']")
    region.get_by_role("button", name="per vector").evaluate("(each) => each.click()")  # figures move the page meanwhile
    sizes = region.evaluate(
        """(region) => [...region.querySelectorAll("tbody tr")].filter((row) => row.checkVisibility())
          .map((row) => row.cells[6].textContent)"""
    )
    numbers = [float(re.sub(r"[^\d.]", "", size)) * (1000 if "kB" in size else 1) for size in sizes]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) > 2


def test_a_filter_finds_rows_in_folded_families(large: Path, show: Open) -> None:
    page = show(large)
    region = page.locator("[aria-label='Leaderboard of topic']")
    page.get_by_role("searchbox", name="Leaderboard of topic").fill("typos_90")
    assert region.evaluate(SHOWN_ROWS) == 2
    assert page.get_by_text("2 of 43 rows").is_visible()
    page.get_by_role("searchbox", name="Leaderboard of topic").fill("")
    assert region.evaluate(SHOWN_ROWS) == 10


def test_the_search_of_the_browser_sees_all_rows(large: Path, show: Open) -> None:
    page = show(large)
    page.keyboard.press("Control+f")
    assert page.locator("[aria-label='Leaderboard of topic']").evaluate(SHOWN_ROWS) == 43


def test_figures_are_drawn_when_they_come_near(large: Path, show: Open) -> None:
    page = show(large)
    plots = page.locator(".plot")
    first = plots.evaluate_all(DRAWN)
    scroll_through(page)
    later = plots.evaluate_all(DRAWN)
    assert first < later < plots.count()
    folded = page.locator("#figure-leaderboard-topic")
    assert folded.locator("svg.main-svg").count() == 0
    page.locator("details", has=folded).first.locator("summary").first.focus()  # a click misses what other figures move
    page.keyboard.press("Enter")
    folded.scroll_into_view_if_needed()
    folded.locator("svg.main-svg").first.wait_for()


def test_the_page_of_all_sections_is_at_most_thirteen_screens_before_folds_are_opened(large: Path, show: Open) -> None:
    page = show(large)
    for task in TASKS:
        page.get_by_role("radio", name=task).check(force=True)
        scroll_through(page)
        assert page.evaluate("document.documentElement.scrollHeight") <= 13 * 900, task


def test_one_file_of_at_most_three_megabytes_holds_43_embeddings_on_four_tasks(large: Path) -> None:
    assert large.stat().st_size <= 2_500_000  # examples of pairs take up to 450 kB of the 3 MB


def test_paper_shows_all_tasks_folds_rows_and_figures(large: Path, tmp_path: Path, show: Open) -> None:
    page = show(large)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    plots = page.locator(".plot")
    assert plots.evaluate_all(DRAWN) == plots.count()
    printed_folds = page.locator("details:not([open])").filter(visible=True)  # what computes is not printed
    assert printed_folds.count() == 0
    for task in TASKS:
        assert page.locator(f"[aria-label='Leaderboard of {task}']").evaluate(SHOWN_ROWS) == 43
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
    printed = tmp_path / "report.pdf"
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               f"--print-to-pdf={printed}", "--virtual-time-budget=20000", large.as_uri()]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=180, check=True, env={**os.environ, "HOME": str(tmp_path)})
    assert printed.read_bytes().startswith(b"%PDF")


def describe_violations(page: Page) -> list[str]:
    """What axe-core finds, with the first element of each."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]} ({len(each['nodes'])})" for each in found]


def scroll_through(page: Page) -> None:
    """Scroll from top to bottom, so that figures are drawn."""
    page.evaluate(
        """async () => {
          for (let y = 0; y < document.documentElement.scrollHeight; y += 700) {
            scrollTo(0, y);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          }
          scrollTo(0, 0);
        }"""
    )
