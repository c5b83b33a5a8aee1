"""``emb-pipeline gate``: is a candidate worse than what is deployed? An exit code, Markdown and JUnit XML."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from emb_pipeline.cli.command import VerdictCommand, open_use_case
from emb_pipeline.cli.deployed import CandidateReader, load_leaderboard, read_baselines, take_deployed_and_candidate
from emb_pipeline.datasets.mlflow.models import tag_newest_version
from emb_pipeline.deployment.gate.baseline import Baseline, select_tasks
from emb_pipeline.deployment.gate.history import PastTest, add_test, find_level, read_history
from emb_pipeline.reporting.swap.gate import Gated, describe_verdict, find_exit_code, write_junit, write_markdown
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.swap.common_units import join_units
from emb_pipeline.statistics.swap.gate import GateRules, judge_candidate


@click.command("gate", cls=VerdictCommand)
@take_deployed_and_candidate
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
    with open_use_case(use_case) as context:
        catalog, params = context.catalog, context.params
        baselines = select_tasks(read_baselines(catalog, baseline, deployed), tasks)
        options = ReportOptions.model_validate(params["report"])
        decision = DecisionOptions.model_validate(params["decision"])
        reader = CandidateReader(catalog, params, load_leaderboard(catalog, use_case), candidate)
        gated = []
        for each in baselines:
            scored = reader.read(each.task)
            units, metric, definition = scored.keep_metric(), scored.metric, scored.definition
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
