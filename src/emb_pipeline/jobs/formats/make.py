"""Jobs as a Makefile: several processes of one machine."""

from __future__ import annotations

from emb_pipeline.datasets.mlflow.jobs import JOBS
from emb_pipeline.jobs.plan import Plan, PlannedJob

_HEAD = """\
# The use case {use_case} as jobs.
#   make -j2 -f THIS_FILE          two jobs at a time
#   make -j2 -f THIS_FILE again    after a change: asks every job; each makes what is missing of it
# A file in $(DONE) says that a job has ended well.

DONE ?= data/.jobs/{use_case}
KEDRO ?= kedro
ifndef {jobs}
NOTED := $(DONE)/.jobs
export {jobs} := $(shell mkdir -p $(DONE); [ -s $(NOTED) ] || date +%Y-%m-%dT%H.%M.%S > $(NOTED); cat $(NOTED))
endif
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
"""
_TAIL = """\
.PHONY: all again
again:
\trm -rf $(DONE)
\t$(MAKE) -f $(firstword $(MAKEFILE_LIST)) all
"""


def write_make(plan: Plan) -> str:
    """Write a Makefile with one target for each job."""
    variables = [f"export {name} ?= {_escape(value)}" for name, value in plan.place.variables.items()]
    everything = " ".join(["all:", *(_name_target(each.name) for each in plan)])
    targets = "\n".join(map(_write_target, plan))
    return "\n".join(
        [_HEAD.format(use_case=plan.use_case, jobs=JOBS) + "\n".join(variables), everything, "", targets, _TAIL]
    )


def _write_target(planned: PlannedJob) -> str:
    target = " ".join([f"{_name_target(planned.name)}:", *map(_name_target, planned.needs)])
    command = _escape(planned.command).replace("kedro ", "$(KEDRO) ", 1)
    return f"{target}\n\t{command}\n\t@mkdir -p $(DONE) && touch $@\n"


def _name_target(name: str) -> str:
    return f"$(DONE)/{_escape(name)}"


def _escape(text: str) -> str:
    return text.replace("$", "$$")
