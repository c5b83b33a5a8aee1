"""Steps of the stage that exports what was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.cutoffs import describe_cutoff
from emb_pipeline.deployment.export import build_bundle, describe_parts, leave_out_unexportable, leave_out_worthless
from emb_pipeline.deployment.options import DeployOptions
from emb_pipeline.embeddings.protocols import Setting, list_remote_parts
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.gathering import concatenate_tables, read_item_scores, split_inputs
from emb_pipeline.provenance.environment import list_versions
from emb_pipeline.statistics.decision.scored import ALL_TASKS
from emb_pipeline.statistics.embedding_facts import list_exportable, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.cell_tables import read_setting
from emb_pipeline.tasks.cutoffs.options import CutoffOptions
from emb_pipeline.tasks.cutoffs.table import find_cutoff
from emb_pipeline.tasks.cutoffs.unanswerable import read_unanswerable
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scored_units import build_scored_units, select_task


def export_chosen(
    options: DeployOptions,
    cutoffs: CutoffOptions,
    report: ReportOptions,
    decision: pa.Table,
    facts: pa.Table,
    folders: Folders,
    **parts: Any,
) -> dict[str, Bundle]:
    """Export each task's chosen embedding as a bundle, where its method can be exported.

    Raises
    ------
    DataError
        Nothing that was chosen is shown to be better than its task's controls, and ``force`` is not set.
    """
    scores, tasks = split_inputs(parts, "scores_"), split_inputs(parts, "task_")
    definitions = {name: TaskDefinition.model_validate(each) for name, each in split_inputs(parts, "definition_").items()}
    encoders = StoredEncoders.join(each["encoders"] for each in scores.values()).by_name()
    cells, item_scores = concatenate_tables(scores, "cells"), read_item_scores(scores)
    table, known = decision.to_pandas(), read_facts(facts)
    chosen = leave_out_unexportable(table[table["chosen"] & (table["task"] != ALL_TASKS)], list_exportable(known))
    origins = known.set_index("embedding")["origin"]
    bundles = {}
    for row in (chosen if options.force else leave_out_worthless(chosen)).to_dict("records"):
        stored, definition = encoders[row["embedding"]], definitions[row["task"]]
        loaded: dict[str, Any] = {}
        encoder = stored.load(folders.encodings, loaded)
        kind, task = KINDS[definition.kind], KINDS[definition.kind].create_task(tasks[row["task"]], definition.name)
        is_cell = (cells["embedding"] == stored.name) & (cells["task"] == definition.name)
        cell = cells[is_cell].iloc[0].to_dict()
        bundles[row["task"]] = build_bundle(
            table,
            task,
            encoder,
            definition.evaluation,
            {
                "kind": definition.kind,
                "origin": origins[stored.name],
                "method": stored.method,
                "versions": list_versions(),
                "parts": describe_parts(stored, loaded),
                **({"chosen_on": cell["chosen_on"]} if isinstance(cell["chosen_on"], str) else {}),
            },
            stored.options.model_dump(mode="json"),
            seed=stored.seed,
            setting=read_setting(cell),
            scored_units=build_scored_units(
                select_task(item_scores, definition.name), kind, tasks[row["task"]], [stored.name]
            ),
            describe_cutoff=_make_description(
                kind, task, encoder, definition, read_setting(cell), cutoffs, report.resampling, tasks, folders
            ),
        )
    return bundles


def _make_description(
    kind: Kind,
    task: Any,
    encoder: Any,
    definition: TaskDefinition,
    setting: Setting | None,
    options: CutoffOptions,
    resampling: Resampling,
    tasks: Mapping[str, Mapping[str, pa.Table]],
    folders: Folders,
) -> Callable[[Any], dict[str, Any]] | None:
    """Give what describes the cut-off of what is served; None where the kind has none."""
    if not kind.best_scores or not options.embeddings or list_remote_parts(encoder):
        return None

    def describe(model: Any) -> dict[str, Any]:
        given = options.unanswerable.get(definition.name)
        unanswerable = read_unanswerable(given, tasks, folders.raw, folders.project)
        found = find_cutoff(kind, task, encoder, definition, unanswerable, setting, options, resampling)
        is_of_part = bool(kind.hold_out) and task.split is None
        return describe_cutoff(found, unanswerable, model, options, seed=resampling.seed, is_of_part=is_of_part)

    return describe
