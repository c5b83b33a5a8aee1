"""``emb-pipeline swap``: what changes where a candidate replaces what is deployed? A report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pandas as pd

from emb_pipeline.cli.command import ProjectCommand, open_use_case
from emb_pipeline.cli.deployed import (
    CandidateReader,
    ScoredCandidate,
    load_leaderboard,
    read_baselines,
    take_deployed_and_candidate,
)
from emb_pipeline.deployment.gate.baseline import Baseline, select_tasks
from emb_pipeline.deployment.swap.compare import COSTS, Candidate, compare_swap
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import Folders
from emb_pipeline.reporting.markdown_page import require_report_name, write_report
from emb_pipeline.reporting.swap.report import describe_swap, write_swap_report
from emb_pipeline.scaffold.language import guess_language
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.periods.options import DriftOptions
from emb_pipeline.tasks.registry import KINDS

MOST_TEXTS = 2000
"""Test items of which the language is guessed."""


@click.command("swap", cls=ProjectCommand)
@take_deployed_and_candidate
@click.option("--items", type=click.IntRange(min=1), help="Items to encode again; by default those of the task.")
@click.option(
    "--examples", type=click.IntRange(min=0), default=5, show_default=True, help="Items shown as won, and as lost."
)
@click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report: .md or .html.")
def command(
    use_case: str,
    baseline: str,
    deployed: str | None,
    candidate: str,
    tasks: tuple[str, ...],
    items: int | None,
    examples: int,
    file: Path | None,
) -> None:
    """Report what changes where a candidate replaces what is deployed.

    The gain, overall and on parts of the test items; items won and lost; neighbors that stay; what it takes to encode the
    collection again; and what is lost where the old index is kept and vectors are mapped.
    """
    require_report_name(file)
    with open_use_case(use_case) as context:
        catalog, params = context.catalog, context.params
        options, drift = ReportOptions.model_validate(params["report"]), DriftOptions.model_validate(params["drift"])
        times = _load_times(catalog)
        reader = CandidateReader(catalog, params, load_leaderboard(catalog, use_case), candidate)
        swapped = []
        for each in select_tasks(read_baselines(catalog, baseline, deployed), tasks):
            scored = reader.read(each.task)
            swapped.append(
                compare_swap(
                    each,
                    _describe_candidate(reader, each, scored, times),
                    KINDS[scored.definition.kind],
                    scored.tables,
                    scored.definition.evaluation,
                    options.resampling,
                    n_items=items,
                    n_examples=examples,
                    find_language=guess_language if len(each.units["unit_id"].unique()) <= MOST_TEXTS else None,
                    drift=drift,
                )
            )
    for one in swapped:
        click.echo(describe_swap(one))
    if file is not None:
        write_report(file, write_swap_report(swapped))
        click.echo(f"The report: {file}")


def _describe_candidate(
    reader: CandidateReader, baseline: Baseline, scored: ScoredCandidate, times: pd.DataFrame
) -> Candidate:
    name = reader.name

    def load() -> Any:
        encoders: StoredEncoders = reader.stored["encoders"]
        stored = encoders.by_name().get(name)
        if stored is None:
            raise DataError(f"--candidate {name}", "its encoder was not stored", "run the use case again")
        return stored.load(Folders.model_validate(reader.params["folders"]).encodings)

    both = (_find_costs(reader.board, times, baseline.task, each) for each in (baseline.embedding, name))
    old, new = both
    costs = {cost: (old[cost], new[cost]) for cost in COSTS}
    return Candidate(name, scored.units, scored.metric, load, costs, float(scored.row["encode_seconds"]))


def _find_costs(board: pd.DataFrame, times: pd.DataFrame, task: str, embedding: str) -> dict[str, float]:
    """Find the costs of an embedding on a task; NaN of what was not measured."""
    found = dict.fromkeys(COSTS, float("nan"))
    for table in (board, times):
        rows = table[(table["task"] == task) & (table["embedding"] == embedding)]
        for cost in COSTS:
            if cost in rows and rows[cost].notna().any():
                found[cost] = float(rows[cost].dropna().iloc[0])
    return found


def _load_times(catalog: Any) -> pd.DataFrame:
    """Load the times of requests; none where they were not measured."""
    name = "report.request_times"
    if not catalog.exists(name):
        return pd.DataFrame({"task": [], "embedding": []})
    times: pd.DataFrame = catalog.load(name).to_pandas()
    return times
