"""``python -m emb_pipeline.hooks.display.picture EVENTS FILE``: the display of a run, drawn from its events as SVG.

EVENTS is the file next to the run's log (``logs/<use case>/<run>.jsonl``).
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import click
from rich.console import Console
from rich.terminal_theme import MONOKAI

from emb_pipeline.errors import DataError
from emb_pipeline.hooks.display.draw import draw_run
from emb_pipeline.hooks.display.events import EventReader
from emb_pipeline.hooks.display.state import RunState

_FONT = re.compile(r"\s*@font-face \{.*?\n\s*\}", re.DOTALL)
"""Rich names a font on the network; who looks at the picture has one."""
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def replay(events: Path, share: float = 1.0) -> RunState:
    """Give the state of a run when a share of its time had gone.

    Raises
    ------
    DataError
        The file holds no run.
    """
    found = list(EventReader(events).read_new())
    begin = next((event["time"] for event in found if event["event"] == "begin"), None)
    if begin is None:
        raise DataError(str(events), "it holds no run", "name the .jsonl file next to the log of a run: logs/<use case>/")
    until = begin + share * (found[-1]["time"] - begin)
    state = RunState()
    for event in found:
        if event["time"] <= until:
            state.apply(event)
    state.now = max(state.now, until)
    return state


def draw_svg(events: Path, share: float, width: int, height: int, title: str = "") -> str:
    """Draw a moment of a run as SVG."""
    console = Console(
        record=True, width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    state = replay(events, share)
    console.print(draw_run(state, width, height))
    svg = console.export_svg(title=title or f"kedro run, {state.use_case}", theme=MONOKAI)
    return _FONT.sub("", svg).replace("Fira Code, monospace", _FONTS)


@click.command()
@click.argument("events", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--at", "share", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="Share of the run's time.")
@click.option("--width", default=100, show_default=True, help="Columns of the terminal.")
@click.option("--height", default=30, show_default=True, help="Lines of the terminal.")
def main(events: Path, file: Path, share: float, width: int, height: int) -> None:
    """Draw the display of a run at a moment of it."""
    file.write_text(draw_svg(events, share, width, height), encoding="utf-8")
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
