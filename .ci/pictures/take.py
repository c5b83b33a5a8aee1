"""Take the pictures of the README, and the lines of output that it shows, from a run of the default use case.

    make run && make pictures
    python .ci/pictures/take.py [--project FOLDER] [--only report kedro-viz mlflow figures output display]

Kedro-Viz and MLflow run on 127.0.0.1 while they are pictured; MLflow reads a copy of the store. A browser must be installed
(chromium); none is downloaded. A picture of more than 300 KB is refused.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.request import urlopen

import figures
from output import write_output
from playwright.sync_api import Browser, Page, sync_playwright

from emb_pipeline.hooks.display.picture import draw_svg

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
USE_CASE = "base"
TASK = "docs_retrieval"
"""The task whose runs are pictured in MLflow."""
SHOWN_TASK = "subpackage"
"""The task whose answer the README shows."""
LARGEST = 300_000
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""Of rich's pictures: a font that would be fetched when the picture is seen."""
_SMALL = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Environment of the servers: MLflow starts no workers for jobs that a picture does not need."""
PATIENCE_MS = 180_000
_HIDDEN = "[class*=feature-hints], [class*=update-reminder], .pipeline-minimap-container { display: none !important }"
"""Hints of Kedro-Viz that lie over the graph."""
BIN = Path(sys.executable).parent


def picture_report(browser: Browser, project: Path) -> None:
    """Picture the first screen of the report, light and dark."""
    place = project / "data/08_reporting" / USE_CASE / "latest/report.html"
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page = _open(browser, place.resolve().as_uri(), (1280, 884), scheme)
        page.wait_for_timeout(3000)
        _take(page, f"report-{scheme}")


def picture_graph(browser: Browser, project: Path) -> None:
    """Picture the graph of the default use case in Kedro-Viz."""
    command = ["kedro", "viz", "run", "--no-browser", "--host", "127.0.0.1", "--port", "4177"]
    with _serve(command, "http://127.0.0.1:4177", project):
        page = _open(browser, "http://127.0.0.1:4177", (1600, 1000))
        page.wait_for_selector(".pipeline-node")
        for label in ("Hide sidebar", "Toggle theme", "Close"):
            _click(page, f"[aria-label='{label}'], [title='{label}']")
        page.add_style_tag(content=_HIDDEN)
        page.wait_for_timeout(5000)
        _take(page, "kedro-viz", clip={"x": 480, "y": 0, "width": 1120, "height": 1000})  # without the list of nodes


def picture_runs(browser: Browser, project: Path) -> None:
    """Picture the runs of a task in MLflow, as the view that a run saves shows them."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "mlflow.db"
        with sqlite3.connect(project / "mlflow.db") as source, sqlite3.connect(store) as copy:
            source.backup(copy)
        experiment, view = _find_view(store)
        command = [
            "mlflow",
            "server",
            "--backend-store-uri",
            f"sqlite:///{store}",
            "--host",
            "127.0.0.1",
            "--port",
            "5177",
            "--workers",
            "1",
        ]
        with _serve(command, "http://127.0.0.1:5177/health", Path(folder)):
            address = f"http://127.0.0.1:5177/#/experiments/{experiment}/runs?workflowType=machine_learning{view}"
            page = _open(browser, address, (1600, 900))
            page.wait_for_selector(".ag-row")
            _click(page, "[aria-label='Close']")
            page.wait_for_timeout(5000)
            _take(page, "mlflow", clip={"x": 195, "y": 0, "width": 1405, "height": 900})  # without the menu


def _find_view(store: Path) -> tuple[str, str]:
    """Find the experiment of the task, and the key of its saved view."""
    with sqlite3.connect(store) as base:
        ((experiment,),) = base.execute("select experiment_id from experiments where name = ?", (f"emb/{TASK}",)).fetchall()
        keys = base.execute(
            "select key from experiment_tags where experiment_id = ? and key like 'mlflow.sharedViewState.%'", (experiment,)
        ).fetchall()
    return str(experiment), f"&viewStateShareKey={keys[-1][0].rpartition('.')[2]}" if keys else ""


@contextmanager
def _serve(command: list[str], address: str, folder: Path) -> Iterator[None]:
    """Run a server until it answers, and as long as it is needed."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
    called = [str(BIN / command[0]), *command[1:]]
    server = subprocess.Popen(
        called, cwd=folder, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **_SMALL}
    )
    try:
        for _ in range(300):
            if server.poll() is not None:
                log.seek(0)
                sys.exit(f"{' '.join(command)} ended:\n{log.read().decode()[-2000:]}")
            try:
                with urlopen(address, timeout=5):
                    break
            except (URLError, OSError):
                time.sleep(1)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        log.close()


def _open(browser: Browser, address: str, size: tuple[int, int], scheme: Literal["light", "dark"] = "light") -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    return page


def _click(page: Page, what: str) -> None:
    """Click on what a page may show or not."""
    if page.locator(what).count():
        page.locator(what).first.click()


def _take(page: Page, name: str, **options: object) -> None:
    place = PICTURES / f"{name}.png"
    page.screenshot(path=place, **options)
    page.close()
    _check_size(place)


def _check_size(place: Path) -> None:
    size = place.stat().st_size
    print(f"{place.relative_to(ROOT)}: {size // 1000} KB")
    if size > LARGEST:
        sys.exit(f"{place.name} has {size} bytes, more than {LARGEST}: picture less of the page")


PAGES: dict[str, Callable[[Browser, Path], None]] = {
    "report": picture_report,
    "kedro-viz": picture_graph,
    "mlflow": picture_runs,
}


PARTS = [*PAGES, "figures", "output", "display"]


def draw_display(project: Path) -> None:
    """Draw the live display of the last run, from the events next to its log."""
    events = max((project / "logs" / USE_CASE).glob("*.jsonl"), default=None, key=lambda path: path.stat().st_mtime)
    if events is None:
        sys.exit(f"no run has left its events in {project / 'logs' / USE_CASE}: run the use case again")
    picture = draw_svg(events, share=0.7, width=100, height=30)
    place = PICTURES / "display.svg"
    place.write_text(_FONT.sub("", picture), encoding="utf-8")
    _check_size(place)


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=ROOT, help="folder with the run's results; this project by default")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    chosen = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    tables = chosen.project / "data/08_reporting" / USE_CASE
    if "figures" in chosen.only:
        for place in figures.draw_all(tables, PICTURES):
            _check_size(place)
    if "output" in chosen.only:
        report = f"data/08_reporting/{USE_CASE}/latest/report.html"
        write_output(partial(figures.read_table, tables), SHOWN_TASK, report, ROOT / "README.md")
    pages = [picture for name, picture in PAGES.items() if name in chosen.only]
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if pages and browser_path is None:
        sys.exit("no browser is installed: install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        for picture in pages:
            picture(browser, chosen.project)
        browser.close()
    if "display" in chosen.only:
        draw_display(chosen.project)


if __name__ == "__main__":
    main()
