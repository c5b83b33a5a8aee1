"""``emb-pipeline jobs``: the run of a use case as jobs for a batch system."""

from __future__ import annotations

from pathlib import Path

import click

from emb_pipeline.cli.command import ProjectCommand, find_env, find_project, open_use_case
from emb_pipeline.config.active import build_active_experiment, load_active_parameters
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.jobs.formats.registry import FORMATS, IN_CONTAINERS
from emb_pipeline.jobs.graph import build_jobs
from emb_pipeline.jobs.plan import Place, plan_jobs
from emb_pipeline.jobs.resources import Estimator
from emb_pipeline.pipelines.namespaces import find_namespace


@click.command("jobs", cls=ProjectCommand)
@click.option("--env", "-e", metavar="USE_CASE", help="The use case; base by default.")
@click.option("--by", type=click.Choice(["embedding"]), default="embedding", show_default=True, help="One job for each.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="table", show_default=True)
@click.option("--image", default="", help="Container image of the jobs: argo, aws-batch, airflow.")
@click.option("--volume", default="", help="Volume that all jobs mount at data/: a claim of Kubernetes, an EFS file system.")
@click.option("--variable", "variables", multiple=True, metavar="NAME=VALUE", help="Environment variable of each job.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="File to write; the terminal by default.")
def command(
    env: str | None, by: str, form: str, image: str, volume: str, variables: tuple[str, ...], to: Path | None
) -> None:
    """Print the run as jobs, each with its command, its needs, and the memory, cores, GPU and time that it may take."""
    from kedro.framework.project import pipelines

    project, place = find_project(), Place(image, volume, dict(map(_split, variables)))
    if form in IN_CONTAINERS and not image:
        raise click.UsageError(f"--format {form} runs containers: name their --image")
    with open_use_case(env):
        experiment, parameters = build_active_experiment(), load_active_parameters()
        stages = [name for name in pipelines if name != "__default__"]
        jobs = build_jobs(pipelines["__default__"], map(find_namespace, experiment.cells), stages)
        durations, guess = Durations.of(parameters), Guess(parameters, project)
        estimator = Estimator(experiment, durations, guess, parameters)
        estimated = [(job, estimator.estimate(job)) for job in jobs]
        text = FORMATS[form](plan_jobs(parameters["use_case"], find_env(env), estimated, place))
    if to is None:
        click.echo(text, nl=False)
    else:
        to.write_text(text, encoding="utf-8")


def _split(variable: str) -> tuple[str, str]:
    name, equals, value = variable.partition("=")
    if not (name and equals):
        raise click.UsageError(f"--variable {variable}: write NAME=VALUE")
    return name, value
