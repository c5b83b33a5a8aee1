"""``emb-pipeline estimate``: the time, memory and disk of a run on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from emb_pipeline.cli.command import ProjectCommand, find_project, open_use_case
from emb_pipeline.config.active import build_active_experiment, load_active_parameters
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.display.plan import expect_seconds, simulate
from emb_pipeline.hooks.display.words import write_time
from emb_pipeline.hooks.room import find_free_disk, require_room
from emb_pipeline.hooks.sizes import Sizes
from emb_pipeline.jobs.resources import Estimator, Resources
from emb_pipeline.scaffold.calibration import Calibration, calibrate
from emb_pipeline.storage.free_memory import find_free_memory

_START_SECONDS = 15.0
Rows = Sequence[tuple[str, int, Resources]]


@click.command("estimate", cls=ProjectCommand)
@click.option("--env", "-e", metavar="USE_CASE", help="The use case; base by default.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Steps that run at once.")
@click.option("--again", is_flag=True, help="Do not use the times of earlier runs.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(env: str | None, workers: int, again: bool, form: str) -> None:
    """Estimate time, memory and disk of a run from a few seconds of such work here; exit 1 if it cannot fit."""
    from kedro.framework.project import pipelines

    project = find_project()
    with open_use_case(env):
        experiment, parameters = build_active_experiment(), load_active_parameters()
        written = (cell for group in parameters["embeddings"].values() for cell in group.values())
        machine = calibrate(map(EmbeddingSpec.model_validate, written))
        guess, durations = Guess(parameters, project, machine.rates), Durations.of(parameters)
        if again:
            durations.seconds = {}
        estimator = Estimator(experiment, durations, guess, parameters)
        whole = pipelines["__default__"]
        rows = [
            (stage, len(nodes), estimator.estimate_nodes(nodes))
            for stage in pipelines
            if stage != "__default__" and (nodes := [node for node in whole.nodes if stage in node.tags])
        ]
        total = estimator.estimate_nodes(whole.nodes)
        expected = {node.name: expect_seconds(node, durations, guess)[0] for node in whole.nodes}
        wall = _START_SECONDS + simulate(whole.node_dependencies, expected, workers)
        folder = str(parameters["folders"]["models"])
        facts = _gather_facts(machine, rows, total, wall, workers, folder)
        click.echo(
            json.dumps(facts, indent=2) if form == "json" else _write_table(machine, rows, total, facts), nl=form == "json"
        )
        require_room(whole.nodes, Sizes(experiment, guess), folder)


def _gather_facts(
    machine: Calibration, rows: Rows, total: Resources, wall: float, workers: int, folder: str
) -> dict[str, Any]:
    low, expected, high = total.seconds
    return {
        "machine": {
            "words_per_second": round(machine.words),
            "probe_rows_per_second": round(machine.probe_rows),
            "gigaflops": round(machine.gigaflops, 1),
            "measured_in_seconds": round(machine.seconds, 1),
            "free_memory_bytes": round(find_free_memory()),
            "free_disk_bytes": round(min(find_free_disk(folder), 1e18)),
        },
        "stages": {
            name: {
                "steps": n_steps,
                "seconds": takes.seconds,
                "memory_bytes": takes.memory_bytes,
                "disk_bytes": takes.disk_bytes,
            }
            for name, n_steps, takes in rows
        },
        "workers": workers,
        "wall_seconds": [wall * low / expected, wall, wall * high / expected] if expected else [wall] * 3,
        "memory_bytes": total.memory_bytes,
        "disk_bytes": total.disk_bytes,
    }


def _write_table(machine: Calibration, rows: Rows, total: Resources, facts: dict[str, Any]) -> str:
    head = ("stage", "steps", "time, one worker", "memory", "disk")
    lines = [head, *((name, str(n_steps), *_write_resources(takes)) for name, n_steps, takes in rows)]
    lines.append(("all", str(sum(n_steps for _, n_steps, _ in rows)), *_write_resources(total)))
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    table = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    low, wall, high = (write_time(seconds) for seconds in facts["wall_seconds"])
    free = facts["machine"]
    speed = (
        f"This machine: {machine.words / 1e6:.2g} million words and {machine.probe_rows / 1e3:,.0f} thousand probe rows "
        f"a second, {machine.gigaflops:.0f} GFLOP/s on one core (measured in {machine.seconds:.0f} s)."
    )
    return "\n".join(
        [
            speed,
            "",
            *table,
            "",
            f"With {facts['workers']} workers about {wall} ({low} to {high}); each takes memory of its own.",
            f"Free: {free['free_memory_bytes'] / 1e9:,.1f} GB of memory, {free['free_disk_bytes'] / 1e9:,.1f} GB of disk.",
            "Memory and disk are wide estimates: half to three times.",
            "",
        ]
    )


def _write_resources(takes: Resources) -> tuple[str, str, str]:
    low, expected, high = (write_time(seconds) for seconds in takes.seconds)
    return f"{expected} ({low} to {high})", _write_bytes(takes.memory_bytes[1]), _write_bytes(takes.disk_bytes[1])


def _write_bytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.0f} MB"
