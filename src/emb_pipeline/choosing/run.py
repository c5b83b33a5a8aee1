"""A run under a budget: what the rounds need, the rounds, and the ordinary run of what remains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from emb_pipeline.choosing.budget import Budget
from emb_pipeline.choosing.clock import Clock
from emb_pipeline.choosing.rounds import Rounds
from emb_pipeline.choosing.use_case import UseCase, fingerprint_cells, list_prepared, name_question
from emb_pipeline.config.active import build_active_experiment, load_active_parameters
from emb_pipeline.embeddings.remote.account import read_gone_usd
from emb_pipeline.experiment.choosing import DROPPED, Outcome
from emb_pipeline.hooks.command import OUTCOME

Run = Callable[..., Any]
"""The function of ``kedro run``, which takes its options."""


def run_under_budget(budget: Budget, options: Mapping[str, Any], run: Run, say: Callable[[str], Any]) -> Any:
    """Train, choose by rounds, and run what remains as usual.

    Parameters
    ----------
    budget : Budget
        What may be spent.
    options : mapping
        Options of ``kedro run``.
    run : callable
        Takes them.
    say : callable
        Prints a line.
    """
    with _open(options) as case:
        encodings = Path(case.parameters["folders"]["encodings"])
        fingerprints = fingerprint_cells(case)
        clock = Clock(case.folder / "spent.json", name_question(fingerprints), lambda: read_gone_usd(encodings))
        wanted = list_prepared(case.experiment, case.pipeline)
    with clock.run():
        say("Before the first round: examples, and what is trained")
        run(**{**options, "to_outputs": wanted})
        with _open(options) as case:
            outcome = Rounds(case, budget, clock, say, fingerprints).run()
    say(describe_outcome(outcome))
    given = options["params"] or {}
    forget_pipelines()
    choosing = {**given.get("choosing", {}), OUTCOME: outcome.model_dump(mode="json")}
    return run(**{**options, "params": {**given, "choosing": choosing}})


@contextmanager
def _open(options: Mapping[str, Any]) -> Iterator[UseCase]:
    """Open the use case as the options name it."""
    from kedro.framework.project import pipelines, settings
    from kedro.utils import load_obj

    forget_pipelines()

    given_to_runner = options["runner_params"] or {}
    runner = partial(load_obj(options["runner"], "kedro.runner"), **given_to_runner)
    one_by_one = options["runner"] == "SequentialRunner"
    given = {"env": options["env"], "conf_source": options["conf_source"], "runtime_params": options["params"]}
    with settings.SESSION_CLASS.create(**given) as session:
        context = session.load_context()
        n_workers = 1 if one_by_one else int(given_to_runner.get("max_workers") or os.cpu_count() or 1)
        whole = pipelines["__default__"]
        yield UseCase(build_active_experiment(), load_active_parameters(), context.catalog, whole, runner, n_workers)


def forget_pipelines() -> None:
    """Forget the pipelines of the last session: Kedro makes them once in a process, and what is dropped is in none."""
    from kedro.framework import project

    project.configure_project(str(project.PACKAGE_NAME))


def describe_outcome(outcome: Outcome) -> str:
    """Say in a few lines what the rounds found."""
    dropped = [each for each in outcome.standings if each.state == DROPPED]
    lines = [
        f"  {each.task}: {each.embedding} is dropped after {each.n:,} of {each.of:,} test units: "
        f"{each.value:.3f} against {each.best_value:.3f} of {each.best}"
        for each in dropped
    ]
    end = "All that remains is evaluated in full." if outcome.is_decided else f"Not decided: {outcome.reason}."
    return "\n".join([*lines, end])
