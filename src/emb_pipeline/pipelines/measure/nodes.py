"""Steps of the stage that measures what requests and vector search take."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from itertools import islice
from typing import Any

import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.datasets.failures import Failed
from emb_pipeline.efficiency.latency import REQUEST_TIMES, LatencyOptions, measure_requests
from emb_pipeline.efficiency.vector_search import VectorSearchOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec, Folders, TaskDefinition
from emb_pipeline.pipelines.facts import add_origins, cells_of
from emb_pipeline.pipelines.failures import contained, is_containable
from emb_pipeline.pipelines.report.gathering import PRIMARY, of_all_tasks
from emb_pipeline.pipelines.report.nodes import ReportOptions
from emb_pipeline.pipelines.stored import stored_encoder
from emb_pipeline.statistics.score_tables import framed
from emb_pipeline.tasks.registry import KINDS, Kind
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES, SearchCosts

LOGGER = logging.getLogger(__name__)
Tables = Mapping[str, pa.Table]


def time_requests(
    options: LatencyOptions, embeddings: Mapping[str, Any], definitions: Mapping[str, Any], folders: Folders, **parts: Tables
) -> pd.DataFrame:
    """Time single requests to each embedding on each task that it was evaluated on, one pair after the other."""
    scores = {name: part for name, part in parts.items() if name.endswith("_scores")}
    evaluated = of_all_tasks(scores, "cells").drop_duplicates(["embedding", "task"])
    cells = {cell.name: cell for cell in cells_of(embeddings)}
    tasks = _Tasks({name: TaskDefinition.model_validate(definitions[name]) for name in evaluated["task"].unique()}, parts)
    bases: dict[str, Any] = {}
    rows = []
    for name, of_embedding in evaluated.groupby("embedding", sort=False):
        encoder: Any = None
        for cell in of_embedding.to_dict("records"):
            found: dict[str, Any] = {"task": cell["task"], "embedding": name}
            try:
                encoder = encoder or bases.get(str(name)) or stored_encoder(cells[str(name)], cells, folders, bases)
                with threadpool_limits(1):
                    found |= _times(tasks, cell, encoder, options)
            except BaseException as error:  # one pair's trouble is that pair's
                if not is_containable(error):
                    raise
                LOGGER.warning("%s on %s could not be timed: %s", name, cell["task"], error)
                found |= {"note": f"could not be timed: {type(error).__name__}: {error}"}
            rows.append({"n_requests": 0, "rounds": 0, "steady": False, **found})
    return framed(rows, REQUEST_TIMES)


def _times(tasks: _Tasks, cell: Mapping[Any, Any], encoder: Any, options: LatencyOptions) -> dict[str, Any]:
    kind, task, evaluation = tasks[cell["task"]]
    if not kind.serve:
        return {"note": f"requests of tasks of kind {kind.name} are not timed"}
    setting = json.loads(cell["setting"]) if isinstance(cell.get("setting"), str) else None
    service = kind.create_service(task, encoder, evaluation, setting)
    if not len(service.requests):
        return {"note": "not timed: latency_requests is 0"}
    return measure_requests(service.answer, service.requests, options).as_dict()


class _Tasks:
    """Tasks by name, made when they are first needed."""

    def __init__(self, definitions: Mapping[str, TaskDefinition], parts: Mapping[str, Tables]) -> None:
        self._definitions, self._parts = definitions, parts
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> tuple[Kind, Any, Any]:
        definition = self._definitions[name]
        kind = KINDS[definition.kind]
        if name not in self._made:
            self._made[name] = kind.create_task(self._parts[f"task_{name}"], name)
        return kind, self._made[name], definition.evaluation


@contained(1)
def search_passages(
    task: Tables,
    definition: TaskDefinition,
    options: VectorSearchOptions,
    report: ReportOptions,
    embeddings: Mapping[str, Any],
    folders: Folders,
    after: pa.Table,
    store: Any = None,
    **scores: Tables,
) -> pd.DataFrame:
    """Time exact searches, and those of each index over the vectors of the best dense embedding; its collection stays.

    There is a store where an index needs one. ``after`` is what was timed before: nothing is timed at the same time.
    """
    if isinstance(definition.evaluation, RetrievalOptions) and definition.evaluation.rank == "judged":
        return add_origins(framed([], SEARCHES), ())
    cells = {cell.name: cell for cell in cells_of(embeddings)}
    costs = SearchCosts(KINDS[definition.kind].create_task(task, definition.name), options, report.resampling)
    names = best_first(of_all_tasks(scores, "cells"), cells, definition, options)
    encoders = ((name, stored_encoder(cells[name], cells, folders)) for name in names)
    dense = ((name, encoder) for name, encoder in encoders if options.embeddings or costs.is_dense(encoder))
    searched = list(dense if options.embeddings else islice(dense, 1))
    failed = {row["embedding"] for tables in scores.values() for row in tables["failures"].to_pylist()}
    beside = [name for name in options.beside if name in cells and name not in {*failed, *dict(searched)}]
    rows = [costs.exact(name, stored_encoder(cells[name], cells, folders)) for name in beside]
    if not options.indexes:
        rows += [costs.exact(name, encoder) for name, encoder in searched]
        return add_origins(framed(rows, SEARCHES), cells.values())
    with nullcontext() if store is None else store:
        for name, encoder in searched:
            rows += costs.of_indexes(name, encoder, store)
    return add_origins(framed(rows, SEARCHES), cells.values())


def collect_searches(use_case: str, **searches: pa.Table | Failed) -> pd.DataFrame:
    """The searches of all tasks."""
    parts = [table.to_pandas() for table in searches.values() if not isinstance(table, Failed)]
    found = pd.concat(parts, ignore_index=True) if parts else add_origins(framed([], SEARCHES), ())
    return found.assign(use_case=use_case)


def best_first(
    measured: pd.DataFrame, cells: Mapping[str, EmbeddingSpec], definition: TaskDefinition, options: VectorSearchOptions
) -> list[str]:
    """The embeddings that were asked for; where none was, those that give vectors of texts, best on the task first.

    Raises
    ------
    ValueError
        One that was asked for was not evaluated on the task, or gives no vectors of texts.
    """
    rows = measured[(measured["task"] == definition.name) & (measured["metric"] == PRIMARY[definition.kind])]
    known = [name for name in rows["embedding"] if "texts" in METHODS[cells[name].method].supports]
    unknown = [name for name in options.embeddings if name not in known]
    if unknown:
        raise ValueError(
            f"vector_search.embeddings: {unknown[0]} has no vectors of the texts of {definition.name}; "
            f"those that have: {', '.join(sorted(known))}"
        )
    if options.embeddings:
        return list(options.embeddings)
    deployable = [name for name in known if cells[name].origin != "control" and cells[name].changed_text is None]
    values = rows[rows["embedding"].isin(deployable)]
    means = values.groupby("family", sort=False)["value"].mean()
    return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]
