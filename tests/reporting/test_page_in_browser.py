"""The page as a browser shows it: light and dark, wide and narrow, by keyboard, without a network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.conftest import Tables, report_page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
FIRST = """<script>
window.problems = [];
const told = (event) => event.message || event.reason || event.blockedURI || event;
const note = (what) => (event) => window.problems.push(`${what}: ${told(event)}`);
addEventListener("error", note("error"), true);
addEventListener("unhandledrejection", note("rejection"));
document.addEventListener("securitypolicyviolation", note("policy"));
for (const level of ["error", "warn"]) console[level] = note(level);
</script>"""
LAST = """<script>
const luminance = (color) => {
  const parts = color.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255);
  const [r, g, b] = parts.map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = getComputedStyle(each).backgroundColor;
    if (!/rgba\\(.*, 0\\)|transparent/.test(color)) return color;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)";
};
const contrast = (element) => {
  const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
};
const name = (each) => `${each.tagName} ${each.className} ${each.textContent.trim().slice(0, 40)}`;
const read = () => {
  const texts = [...document.querySelectorAll("p, li, td, th, h1, h2, h3, a, dt, dd, summary, figcaption, code")];
  const stops = [...document.querySelectorAll("a[href], summary, [tabindex='0']")];
  const reached = stops.filter((each) => each.checkVisibility());
  const unseen = reached.filter((each) => {
    each.focus();
    const style = getComputedStyle(each);
    return document.activeElement !== each || (style.outlineStyle === "none" && style.boxShadow === "none");
  });
  return {
    problems: window.problems,
    requests: performance.getEntriesByType("resource").filter((each) => !/^(data|blob):/.test(each.name)),
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    plots: document.querySelectorAll(".plot").length,
    drawn: [...document.querySelectorAll(".plot")].filter((each) => each.querySelector("svg.main-svg")).length,
    too_wide: [...document.querySelectorAll(".plot svg.main-svg")].filter((each) => each.clientWidth > innerWidth).length,
    dark: luminance(behind(document.querySelector("main"))) < 0.2,
    faint: texts.filter((each) => each.textContent.trim() && each.checkVisibility() && contrast(each) < 4.5)
      .map((each) => `${name(each)} ${contrast(each).toFixed(2)}`),
    first: reached[0].getAttribute("href"),
    unseen: unseen.map((each) => each.outerHTML.slice(0, 80)),
  };
};
addEventListener("load", () => setTimeout(() => parent.postMessage(JSON.stringify(read()), "*"), 3000));
</script>"""
FRAME = """<iframe src="report.html" style="border: 0; width: WIDTHpx; height: 900px"></iframe>
<script>
addEventListener("message", (event) => { document.documentElement.dataset.read = event.data; });
addEventListener("load", () => document.querySelector("iframe").focus());
</script>"""
"""A window of a browser is not as narrow as a phone, a frame can be."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page that the browser opens is written."""
    return tmp_path_factory.mktemp("page") / "report.html"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_whole_and_legible(tables: Tables, shown: Path, width: int, scheme: str) -> None:
    page = report_page(**tables)
    shown.write_text(page.replace("<head>", f"<head>{FIRST}", 1).replace("</body>", f"{LAST}</body>", 1), encoding="utf-8")
    (shown.parent / "frame.html").write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    seen = _seen(shown.parent / "frame.html", scheme)
    assert seen["problems"] == [] and seen["requests"] == []
    assert seen["dark"] == (scheme == "dark")
    assert seen["width"] == width and seen["overflow"] <= 0 and seen["too_wide"] == 0
    assert seen["drawn"] == seen["plots"] > 5
    assert seen["faint"] == []
    assert seen["first"] == "#answer" and seen["unseen"] == []


def _seen(page: Path, scheme: str) -> dict[str, Any]:
    """What a script in the page found, after everything is drawn."""
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--virtual-time-budget=12000", "--dump-dom",
        "--window-size=1400,1000", f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        f"--user-data-dir={page.parent / 'profile'}", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'data-read="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen
