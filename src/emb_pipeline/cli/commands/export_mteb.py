"""``emb-pipeline export-mteb``: scores on tasks of MTEB, as files that its package reads."""

from __future__ import annotations

from pathlib import Path

import click

from emb_pipeline.cli.command import ProjectCommand, open_use_case
from emb_pipeline.cli.deployed import load_leaderboard
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.readers.mteb.source import MtebTask
from emb_pipeline.readers.mteb.stored import place_task, read_about
from emb_pipeline.reporting.mteb_results import Scored, write_mteb_results


@click.command("export-mteb", cls=ProjectCommand)
@click.argument("use_case", default="base")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), default=Path("mteb_results"), show_default=True)
def command(use_case: str, to: Path) -> None:
    """Write the scores on tasks of MTEB of a use case that has been run, as files that the package mteb reads."""
    with open_use_case(use_case) as context:
        tasks = [TaskDefinition.model_validate(each) for each in context.params["tasks"].values()]
        of_mteb = [task for task in tasks if isinstance(task.source, MtebTask)]
        if not of_mteb:
            raise DataError(f"use case {use_case}", "none of its tasks has 'reader: mteb'", "there is nothing to export")
        board = load_leaderboard(context.catalog, use_case)
        raw = Folders.model_validate(context.params["folders"]).raw
    for task in of_mteb:
        about = read_about(place_task(task.source, raw))
        written = write_mteb_results(board, Scored(task.name, task.kind, about), to)
        if written:
            click.echo(f"{task.name}: {len(written)} files, {written[0].parent.parent.parent}/…/{written[0].name}")
        else:
            click.echo(
                f"{task.name}: left out, MTEB judges {about['task']} by {about['main_score']}, which was not measured"
            )
