"""The formats by name: each takes a plan and returns the text of one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emb_pipeline.jobs.formats.airflow import write_airflow
from emb_pipeline.jobs.formats.argo import write_argo
from emb_pipeline.jobs.formats.aws_batch import write_aws_batch
from emb_pipeline.jobs.formats.json import write_json
from emb_pipeline.jobs.formats.make import write_make
from emb_pipeline.jobs.formats.slurm import write_slurm
from emb_pipeline.jobs.formats.table import write_table
from emb_pipeline.jobs.plan import Plan

FORMATS: Mapping[str, Callable[[Plan], str]] = {
    "table": write_table,
    "json": write_json,
    "make": write_make,
    "slurm": write_slurm,
    "argo": write_argo,
    "aws-batch": write_aws_batch,
    "airflow": write_airflow,
}
IN_CONTAINERS = ("argo", "aws-batch")
"""Formats that need a container image."""
