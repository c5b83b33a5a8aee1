"""A run in plain lines: one where a stage ends, one every half minute, and each warning."""

from __future__ import annotations

from collections.abc import Iterator

from emb_pipeline.hooks.display.state import RunState
from emb_pipeline.hooks.display.words import write_clock, write_node, write_time

SECONDS_BETWEEN = 30.0


class PlainLines:
    """The lines that are due, by the state of a run."""

    def __init__(self) -> None:
        self._ended: set[str] = set()
        self._warned: set[str] = set()
        self._noticed = 0
        self._said = 0.0

    def find_due(self, state: RunState) -> Iterator[str]:
        """Give the lines that are due now."""
        for text in state.notices[self._noticed :]:
            yield text
        self._noticed = len(state.notices)
        for text in state.warnings:
            if text not in self._warned:
                self._warned.add(text)
                yield f"warning: {text}"
        if self._said == 0.0:
            self._said = state.started
        for stage in state.stages:
            done, n = state.count(stage)
            if n and done == n and stage not in self._ended:
                self._ended.add(stage)
                self._said = state.now
                yield f"{write_clock(state.elapsed)}  {stage}: {n} of {n} nodes done"
        if state.now - self._said >= SECONDS_BETWEEN:
            self._said = state.now
            yield _write_progress(state)


def _write_progress(state: RunState) -> str:
    done, n = state.count()
    line = f"{write_clock(state.elapsed)}  {done} of {n} nodes, about {write_time(state.estimate_left())} left"
    running = [write_node(step.name) + (f" ({step.says})" if step.says else "") for step in state.running[:2]]
    return f"{line}; now {', '.join(running)}" if running else line
