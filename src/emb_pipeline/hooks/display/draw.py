"""The picture of a run for a terminal: stages, the grid of cells, what runs now, the first scores, warnings."""

from __future__ import annotations

from collections import Counter

from rich.console import Group
from rich.text import Text

from emb_pipeline.hooks.display.state import DONE, FAILED, REUSED, RUNNING, WAITING, RunState, Score, Step
from emb_pipeline.hooks.display.words import write_clock, write_node, write_time
from emb_pipeline.reporting.rows import is_control
from emb_pipeline.reporting.wording import write_value

MARKS = {
    DONE: ("■", "green"),
    RUNNING: ("▶", "bold yellow"),
    FAILED: ("✗", "bold red"),
    REUSED: ("□", "green"),
    WAITING: ("·", "dim"),
}
"""Sign and style of a cell, by its status."""
_STAGE_WIDTH, _BAR_WIDTH = 25, 6
_BOARD_WIDTH, _BOARD_ROWS = 32, 3
_LONGEST_NAME, _CELL_WIDTH = 34, 11
_MOST_RUNNING = 4


def draw_run(state: RunState, width: int, height: int) -> Group:
    """Draw a run in at most so many lines, none of them longer than the width."""
    top = [_draw_head(state, width), *_draw_stages(state, width)]
    last = _draw_last(state, width)
    running = _draw_running(state, width)
    board = _draw_board(state, width)
    room = height - len(top) - len(last) - len(running) - 1
    grid = _draw_grid(state, width, max(room - (len(board) + 1 if board else 0), 1))
    parts = [top, grid, running]
    if board and len(grid) + len(board) + 1 <= room:
        parts.insert(2, board)
    lines: list[Text] = []
    for part in parts:
        if part and lines and len(lines) + len(part) + len(last) + 1 <= height:
            lines.append(Text())
        lines += part
    lines = lines[: max(height - len(last), 1)] + last
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
        line.truncate(width, overflow="ellipsis")
    return Group(*lines[:height])


def _draw_head(state: RunState, width: int) -> Text:
    done, n = state.count()
    share = done / n if n else 1.0
    line = Text.assemble((state.use_case, "bold"), f"  {done} of {n} nodes  ")
    left = f"  {write_clock(state.elapsed)} gone" + (f", about {write_time(state.estimate_left())} left" if done < n else "")
    return line + _draw_bar(share, max(width - len(line) - len(left), 4)) + Text(left)


def _draw_bar(share: float, width: int) -> Text:
    full = round(share * width)
    return Text.assemble(("━" * full, "green"), ("─" * (width - full), "dim"))


def _draw_stages(state: RunState, width: int) -> list[Text]:
    per_line = max(width // _STAGE_WIDTH, 1)
    shown = []
    for stage in state.stages:
        done, n = state.count(stage)
        counts = f"{done}/{n}" if n else "reused"
        style = "green" if done == n else "bold" if done or any(step.stage == stage for step in state.running) else "dim"
        part = Text.assemble((f"{stage:<9.9} ", style), _draw_bar(done / n if n else 1.0, _BAR_WIDTH), f" {counts}")
        part.align("left", _STAGE_WIDTH)
        shown.append(part)
    return [Text().join(shown[start : start + per_line]) for start in range(0, len(shown), per_line)]


def _draw_grid(state: RunState, width: int, room: int) -> list[Text]:
    if not state.cells:
        return []
    if len(state.embeddings) + 1 <= room and _LONGEST_NAME + _CELL_WIDTH * len(state.tasks) <= width:
        return _draw_named_grid(state)
    dense = _draw_dense_grid(state, width)
    if len(dense) > room:
        n_left = len(dense) - room + 1
        dense = [*dense[: max(room - 1, 0)], Text(f"… and {n_left} more tasks", style="dim")][:room]
    return dense


def _draw_named_grid(state: RunState) -> list[Text]:
    """Draw a line for each embedding, with its scores."""
    cells = state.cells
    name_width = min(max(map(len, state.embeddings)) + 2, _LONGEST_NAME)
    head = Text(" " * name_width + "".join(f"{task:<{_CELL_WIDTH}.{_CELL_WIDTH - 1}}" for task in state.tasks), style="dim")
    lines = [head]
    for embedding in state.embeddings:
        line = Text(f"{embedding:<{name_width}.{name_width - 1}}")
        for task in state.tasks:
            part = Text.assemble(MARKS[cells[embedding, task]]) if (embedding, task) in cells else Text(" ")
            score = state.scores.get(task, {}).get(embedding)
            if score is not None:
                part.append(f" {write_value(score.value, score.metric)}")
            part.align("left", _CELL_WIDTH)
            line += part
        lines.append(line)
    return lines


def _draw_dense_grid(state: RunState, width: int) -> list[Text]:
    """Draw a line for each task, with a sign for each embedding; with counts where these are too many."""
    cells = state.cells
    origins: dict[str, list[str]] = {}
    for embedding in state.embeddings:
        origins.setdefault(embedding.partition(".")[0], []).append(embedding)
    name_width = min(max(map(len, state.tasks)) + 2, 20)
    widths = {origin: max(len(origin), len(members)) + 2 for origin, members in origins.items()}
    counts = name_width + sum(widths.values()) > width
    if counts:
        widths = {origin: max((width - name_width) // len(origins), 8) for origin in origins}
    head = Text(" " * name_width + "".join(f"{origin:<{widths[origin]}}" for origin in origins), style="dim")
    lines = [head]
    for task in state.tasks:
        line = Text(f"{task:<{name_width}.{name_width - 1}}")
        for origin, members in origins.items():
            found = [cells.get((embedding, task)) for embedding in members]
            part = _count_marks(found) if counts else _join_marks(found)
            part.align("left", widths[origin])
            line += part
        lines.append(line)
    return lines


def _join_marks(found: list[str | None]) -> Text:
    return Text.assemble(*(MARKS[status] if status else " " for status in found))


def _count_marks(found: list[str | None]) -> Text:
    counted = Counter(status for status in found if status)
    return Text(" ").join(Text.assemble(MARKS[status], str(counted[status])) for status in MARKS if counted[status])


def _draw_board(state: RunState, width: int) -> list[Text]:
    """Draw the best embeddings of each task that has two scores, the tasks next to each other."""
    ranked = {task: ranking for task in state.tasks if len(ranking := state.rank(task)) > 1}
    shown = list(ranked.items())[: max(width // _BOARD_WIDTH, 1)]
    if not shown:
        return []
    column = width // len(shown)
    lines = []
    titles = [Text(f"{task}, best of {len(ranking)}", style="bold") for task, ranking in shown]
    for row in [titles, *([_draw_rank(ranking, n, column) for _, ranking in shown] for n in range(_BOARD_ROWS))]:
        for part in row:
            part.align("left", column)
        lines.append(Text().join(row))
    return lines


def _draw_rank(ranking: list[Score], number: int, column: int) -> Text:
    if number >= len(ranking):
        return Text()
    score = ranking[number]
    value = write_value(score.value, score.metric)
    name_width = min(column - len(value) - 3, _LONGEST_NAME)
    name = f"{score.embedding:<{name_width}.{name_width}} {value}"
    return Text(name, style="dim" if is_control(score.embedding.partition(".")[0]) else "")


def _draw_running(state: RunState, width: int) -> list[Text]:
    steps = state.running
    lines = [_draw_step(step, state.now, width) for step in steps[:_MOST_RUNNING]]
    if len(steps) > _MOST_RUNNING:
        lines.append(Text(f"and {len(steps) - _MOST_RUNNING} more", style="dim"))
    return lines


def _draw_step(step: Step, now: float, width: int) -> Text:
    line = Text.assemble(MARKS[RUNNING], f" {write_node(step.name)}  ", (write_clock(now - step.started), "dim"))
    says = step.says.removeprefix(f"{step.name.rpartition('.')[0]}: ")
    if says:
        room = max(width - len(line) - 2, 8)
        line.append(f"  {says if len(says) <= room else '…' + says[1 - room :]}", style="dim")  # its end says how long still
    return line


def _draw_last(state: RunState, width: int) -> list[Text]:
    lines = []
    if n := sum(state.warnings.values()):
        last = next(reversed(state.warnings)).splitlines()[0]
        lines.append(Text(f"{n} warning{'s' if n > 1 else ''}, the last: {last}", style="yellow"))
    used = {step.status for step in state.steps.values() if step.cell}
    legend = "  ".join(f"{MARKS[status][0]} {status}" for status in (DONE, RUNNING, FAILED, REUSED) if status in used)
    lines.append(Text(f"{legend}  log: {state.log}" if legend else f"log: {state.log}", style="dim"))
    return lines
