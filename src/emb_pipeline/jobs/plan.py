"""A run as jobs with what each takes, and where they run: all that a format writes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from emb_pipeline.hooks.command import format_kedro_command
from emb_pipeline.jobs.graph import Job
from emb_pipeline.jobs.resources import Resources

NOTE = "Memory and time are estimates, wide ones."
_START_SECONDS, _SLACK_SECONDS = 60.0, 600.0
"""The start of a process on a busy machine; what an estimate of a short job may be wrong by."""
_LEAST_MEMORY_BYTES = 2e9


@dataclass(frozen=True)
class Place:
    """Where jobs run.

    Attributes
    ----------
    image : str
        Container image with the project in it; empty where jobs run without containers.
    volume : str
        Name of a volume that all jobs mount at the project's ``data/``; empty where results are at a URL.
    variables : mapping of str to str
        Environment variables of each job.
    """

    image: str = ""
    volume: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedJob:
    """A job with its command and what it takes.

    Attributes
    ----------
    job : Job
        The job.
    takes : Resources
        Estimates.
    command : str
        The command that makes what is missing of it.
    """

    job: Job
    takes: Resources
    command: str

    @property
    def name(self) -> str:
        """Name of the job."""
        return self.job.name

    @property
    def needs(self) -> Sequence[str]:
        """Names of the jobs that must have ended before."""
        return self.job.needs

    @property
    def memory_bytes(self) -> int:
        """Memory to ask for: the highest estimate, since a batch system ends what takes more."""
        return math.ceil(max(self.takes.memory_bytes[2], _LEAST_MEMORY_BYTES))

    @property
    def minutes(self) -> int:
        """Time to ask for: the highest estimate, a start, and some slack."""
        return math.ceil((self.takes.seconds[2] + _START_SECONDS + _SLACK_SECONDS) / 60)


@dataclass(frozen=True)
class Plan:
    """The jobs of a run.

    Attributes
    ----------
    use_case : str
        Name of the use case.
    env : str or None
        Its environment in Kedro; None for the default use case.
    jobs : sequence of PlannedJob
        Each after those that it needs.
    place : Place
        Where they run.
    planned_at : str
        The time, which names the run of all jobs where a batch system has no name for it.
    """

    use_case: str
    env: str | None
    jobs: Sequence[PlannedJob]
    place: Place = field(default_factory=Place)
    planned_at: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H.%M.%S"))

    def __iter__(self) -> Iterator[PlannedJob]:
        return iter(self.jobs)


def plan_jobs(
    use_case: str, env: str | None, estimated: Sequence[tuple[Job, Resources]], place: Place | None = None
) -> Plan:
    """Plan jobs: give each its command.

    Parameters
    ----------
    use_case : str
        Name of the use case.
    env : str or None
        Its environment in Kedro.
    estimated : sequence of (Job, Resources)
        The jobs in an order in which each follows those that it needs.
    place : Place, optional
        Where they run.
    """
    jobs = [PlannedJob(job, takes, write_command(job, env)) for job, takes in estimated]
    return Plan(use_case, env, jobs, place or Place())


def write_command(job: Job, env: str | None) -> str:
    """Write the command that makes what is missing of a job."""
    return format_kedro_command({"env": env, **job.selection, "only_missing_outputs": True})
