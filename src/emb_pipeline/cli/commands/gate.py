"""``emb-pipeline gate``: is a candidate worse than what is deployed? An exit code, Markdown and JUnit XML."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click
import pandas as pd

from emb_pipeline.cli.command import ProjectCommand, find_project
from emb_pipeline.datasets.mlflow_models import tag_newest_version
from emb_pipeline.deployment.gate.baseline import Baseline, read_bundles, read_version, select_tasks
from emb_pipeline.deployment.gate.history import PastTest, add_test, find_level, read_history
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.reporting.swap.gate import Gated, describe_verdict, find_exit_code, write_junit, write_markdown
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.swap.common_units import join_units
from emb_pipeline.statistics.swap.gate import GateRules, judge_candidate
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scored_units import build_scored_units, select_task

UNITS = "scored_units"
"""The dataset with the scores of units of each version of the leaderboard."""


class GateCommand(ProjectCommand):
    """A command whose exit codes 1 and 2 are verdicts: errors, those of its options too, have 3."""

    error_code = 3

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            vars(error)["exit_code"] = self.error_code
            raise


@click.command("gate", cls=GateCommand)
@click.option("--env", "use_case", default="base", show_default=True, help="Use case that has been run with the candidate.")
@click.option("--baseline", required=True, help="What is deployed: a bundle, a folder of them, or a leaderboard's version.")
@click.option("--deployed", help="The deployed embedding, where a version of the leaderboard is the baseline.")
@click.option("--candidate", required=True, help="Name of the candidate in the leaderboard.")
@click.option("--task", "tasks", multiple=True, help="A task; by default all that something is deployed for.")
@click.option("--margin", type=click.FloatRange(0, 1, min_open=True), help="By default that of the decision.")
@click.option("--level", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), help="By default that of the report.")
@click.option("--history", type=click.Path(dir_okay=False, path_type=Path), help="File of earlier tests: one error budget.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write the verdict for a pull request.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write it as JUnit XML.")
def command(
    use_case: str,
    baseline: str,
    deployed: str | None,
    candidate: str,
    tasks: tuple[str, ...],
    margin: float | None,
    level: float | None,
    history: Path | None,
    markdown: Path | None,
    junit: Path | None,
) -> None:
    """Hold a candidate against what is deployed, on the test items that both were scored on.

    Exit code 0: it is shown to be not worse by the margin. 1: it is shown to be worse by more than that. 2: neither, there
    are too few test items to say; so many would be needed. 3: an error.
    """
    from kedro.framework.session import KedroSession

    project = find_project()
    with KedroSession.create(project, env=None if use_case == "base" else use_case) as session:
        context: Any = session.load_context()  # type: ignore[attr-defined]
        catalog, params = context.catalog, context.params
        baselines = select_tasks(_read_baselines(catalog, baseline, deployed), tasks)
        options = ReportOptions.model_validate(params["report"])
        decision = DecisionOptions.model_validate(params["decision"])
        board = _load_leaderboard(catalog, use_case)
        gated = []
        for each in baselines:
            units, metric, definition = _read_candidate(catalog, params, board, candidate, each.task)
            whole = level or options.level
            found = join_units(each.units, units, metric)
            scores = Baseline(each.task, candidate, units).fingerprint
            of_test = find_level(read_history(history), each.fingerprint, scores, whole) if history else whole
            allowed = margin or decision.margins.get(each.task, decision.margin)
            verdict = judge_candidate(found, metric, GateRules(allowed, of_test, whole / len(baselines)), options.resampling)
            gated.append(Gated(each.task, definition.kind, metric, each.embedding, candidate, found, verdict))
            if history:
                passed, now = verdict.outcome == "not inferior", datetime.now(UTC).isoformat(timespec="seconds")
                add_test(history, PastTest(each.fingerprint, candidate, scores, of_test, passed, now))
    for one in gated:
        click.echo(f"{one.task}: {describe_verdict(one)}")
        for one in gated:
            _tag_model(catalog.get("deployment"), one)
    for file, text in ((markdown, write_markdown(gated)), (junit, write_junit(gated))):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    raise SystemExit(find_exit_code(gated))


def _tag_model(deployment: Any, gated: Gated) -> None:
    """Tag the candidate's version of the registered model of the task, if there is one."""
    verdict = gated.verdict
    tags = {"verdict": verdict.outcome, "baseline": gated.deployed, "difference": f"{verdict.difference:.6g}"}
    name = f"{deployment._registered_name}.{gated.task}"
    named = {f"gate.{tag}": value for tag, value in tags.items()}
    version = tag_newest_version(deployment._tracking_uri, name, gated.candidate, named)
    if version is not None:
        click.echo(f"{gated.task}: version {version} of the model {name} is tagged")


def _read_baselines(catalog: Any, baseline: str, deployed: str | None) -> list[Baseline]:
    """Read what is deployed, from a folder, or else from a version of the leaderboard."""
    if Path(baseline).is_dir():
        if deployed is not None:
            raise DataError("--deployed", "a bundle names its embedding itself", "leave it out")
        return read_bundles(Path(baseline))
    units = _load_version(catalog, UNITS, baseline)
    if units is None:
        raise DataError(
            f"--baseline {baseline}",
            "is no folder, and no version of this use case's leaderboard",
            f"the folders of {catalog.get('leaderboard')._filepath} are the versions",
        )
    decision = _load_version(catalog, "decision", baseline)
    chosen = pd.DataFrame({"task": [], "embedding": []}) if decision is None else decision[decision["chosen"]]
    return read_version(baseline, units, chosen, deployed)


def _load_version(catalog: Any, name: str, version: str) -> pd.DataFrame | None:
    """Load a version of a table; None where there is none."""
    from kedro.io import Version

    from emb_pipeline.datasets.tables import TableDataset

    dataset = TableDataset(filepath=str(catalog.get(name)._filepath), version=Version(version, None))
    if not dataset.exists():
        return None
    table: Any = dataset.load()
    return cast(pd.DataFrame, table.to_pandas())


def _load_leaderboard(catalog: Any, use_case: str) -> pd.DataFrame:
    if not catalog.exists("leaderboard"):
        raise DataError(f"use case {use_case}", "it has no results yet", f"emb-pipeline run {use_case}")
    board: pd.DataFrame = catalog.load("leaderboard").to_pandas()
    return board


def _read_candidate(
    catalog: Any, params: Any, board: pd.DataFrame, candidate: str, task: str
) -> tuple[pd.DataFrame, str, TaskDefinition]:
    """Read the scored units of the candidate on a task, and what the task is judged by."""
    if task not in params["tasks"]:
        reason = "something is deployed for it, but the use case lacks it"
        raise DataError(f"task {task}", reason, suggest(task, params["tasks"]))
    rows = board[(board["task"] == task) & board["primary"] & board["failed"].isna()]
    if candidate not in rows["embedding"].tolist():
        reason = f"was not scored on {task}"
        raise DataError(f"--candidate {candidate}", reason, suggest(candidate, rows["embedding"]))
    definition = TaskDefinition.model_validate(params["tasks"][task])
    (row,) = rows[rows["embedding"] == candidate].to_dict("records")
    scores = catalog.load(f"{row['origin']}.scores")["item_scores"].read()
    tables, metric = catalog.load(f"examples@{task}"), str(row["metric"])
    kept = build_scored_units(select_task(scores, task), KINDS[definition.kind], tables, [candidate], [metric])
    return kept.to_pandas(), metric, definition
