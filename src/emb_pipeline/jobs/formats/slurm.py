"""Jobs for Slurm: a script that submits each with the numbers of those that it needs."""

from __future__ import annotations

import shlex

from emb_pipeline.datasets.mlflow.jobs import JOBS
from emb_pipeline.hooks.one_run import WAIT
from emb_pipeline.jobs.plan import Plan, PlannedJob

_HEAD = """\
#!/usr/bin/env bash
# Submits the use case {use_case} as Slurm jobs, from the project's folder: bash THIS_FILE
# Options for all jobs go behind it: bash THIS_FILE --partition=long --account=nlp
set -euo pipefail
options=("$@")
declare -A id
mkdir -p logs/slurm
export {jobs}=${{{jobs}:-$(date +%Y-%m-%dT%H.%M.%S)}}
export {wait}=1  # a job that is started again waits until the lease of the one that was killed is over
"""
_FUNCTIONS = """
# Submits a job: submit NAME COMMAND OPTIONS... -- NEEDS...
submit() {
    local name=$1 command=$2 given=() after="" number
    shift 2
    while [ "$1" != -- ]; do given+=("$1"); shift; done
    shift
    for need in "$@"; do after+=":${id[$need]}"; done
    [ -z "$after" ] || given+=("--dependency=afterok$after" --kill-on-invalid-dep=yes)
    number=$(sbatch --parsable --job-name="$name" --output=logs/slurm/%x-%j.log --requeue --open-mode=append \\
        "${given[@]}" ${options[@]+"${options[@]}"} --wrap="$command")
    id[$name]=${number%%;*}
    echo "${id[$name]} $name"
}
"""


def write_slurm(plan: Plan) -> str:
    """Write a script for bash that submits every job with ``sbatch``."""
    variables = [f"export {name}={shlex.quote(value)}" for name, value in plan.place.variables.items()]
    lines = [_HEAD.format(use_case=plan.use_case, jobs=JOBS, wait=WAIT), *variables, _FUNCTIONS, *map(_submit, plan)]
    return "\n".join(lines) + "\n"


def _submit(planned: PlannedJob) -> str:
    takes = planned.takes
    threads = f"export OMP_NUM_THREADS={takes.cores} OPENBLAS_NUM_THREADS={takes.cores}; "
    options = [
        f"--cpus-per-task={takes.cores}",
        f"--mem={-(-planned.memory_bytes // 2**20)}M",
        f"--time={planned.minutes}",
        *([f"--gpus={takes.gpus}"] if takes.gpus else []),
    ]
    words = ["submit", shlex.quote(planned.name), shlex.quote(threads + planned.command), *options, "--"]
    return " ".join([*words, *map(shlex.quote, planned.needs)])
