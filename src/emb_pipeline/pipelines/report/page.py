"""The step that writes the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from emb_pipeline.config.active import find_tracking_uri, project_path
from emb_pipeline.diagnostics.options import DiagnosisOptions
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.pipelines.gathering import concatenate_tables, split_inputs
from emb_pipeline.provenance.environment import list_versions, read_git_state
from emb_pipeline.reporting.gathered_tables import CONCATENATED, STORED, gather_tables
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.statistics.embedding_facts import read_facts
from emb_pipeline.statistics.options import ReportOptions


def write_page(
    use_case: str,
    seed: int,
    options: ReportOptions,
    diagnosis: DiagnosisOptions,
    methods: Mapping[str, Any],
    facts: pa.Table,
    **parts: Any,
) -> str:
    """Write the report, as one page.

    ``parts``: tables of the report by their name, the scores of all origins, definitions of tasks, corpora, and figures.
    """
    scores, known = split_inputs(parts, "scores_"), read_facts(facts)
    of_origins = {name: concatenate_tables(scores, name) for name in CONCATENATED}
    stored = {name: parts[name].to_pandas() for name in STORED}
    tables = ReportTables(**stored, **gather_tables(of_origins, known, split_inputs(parts, "corpus_")))
    figures = {name.removesuffix("_figure"): part for name, part in parts.items() if name.endswith("_figure")}
    used = {name: methods[name] for name in methods if name in set(known["method"])}
    run = describe_run(use_case, seed, options.level, diagnosis.probe_words, split_inputs(parts, "definition_"), used)
    return render_report(tables, replace(run, examples=options.examples), figures=figures)


def describe_run(
    use_case: str,
    seed: int,
    level: float,
    probe_words: Sequence[str],
    definitions: Mapping[str, Any],
    methods: Mapping[str, Any],
) -> Run:
    """Describe what is needed to repeat a run."""
    state = read_git_state(project_path())
    tasks = {name: TaskDefinition.model_validate(each) for name, each in definitions.items()}
    return Run(
        use_case=use_case,
        level=level,
        command="kedro run" if use_case == "base" else f"kedro run --env {use_case}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        git_commit=state.get("git_commit") or "",
        dirty=state.get("git_dirty") == "true",
        versions=list_versions(),
        seed=seed,
        probe_words=list(probe_words),
        tracking_uri=find_tracking_uri(),
        tasks={
            name: {
                "kind": task.kind,
                "sample": task.sample,
                "definition": task.source.model_dump(mode="json", exclude_defaults=True),
                "evaluation": task.evaluation.model_dump(mode="json"),
            }
            for name, task in tasks.items()
        },
        methods=dict(methods),
    )
