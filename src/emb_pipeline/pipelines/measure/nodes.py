"""Steps of the stage that measures vector search."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from itertools import islice
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.efficiency.vector_search import VectorSearchOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment import EmbeddingCell, Folders, TaskDefinition
from emb_pipeline.failures import Failed
from emb_pipeline.names import without_seed
from emb_pipeline.pipelines.facts import cells_of
from emb_pipeline.pipelines.failures import contained
from emb_pipeline.pipelines.report.nodes import PRIMARY, ReportOptions, of_all_tasks
from emb_pipeline.pipelines.stored import stored_encoder
from emb_pipeline.statistics.score_tables import framed
from emb_pipeline.tasks.options import RetrievalOptions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.vector_search import SEARCHES, SearchCosts

Tables = Mapping[str, pa.Table]


@contained(1)
def search_passages(
    task: Tables,
    definition: TaskDefinition,
    options: VectorSearchOptions,
    report: ReportOptions,
    embeddings: Mapping[str, Any],
    folders: Folders,
    store: Any = None,
    **scores: Tables,
) -> pd.DataFrame:
    """Time exact searches, and those of each index over the vectors of the best dense embedding; its collection stays.

    There is a store where an index needs one.
    """
    if isinstance(definition.evaluation, RetrievalOptions) and definition.evaluation.rank == "judged":
        return framed([], SEARCHES)
    cells = {cell.name: cell for cell in cells_of(embeddings)}
    costs = SearchCosts(KINDS[definition.kind].task(task, definition.name), options, report.resampling)
    names = best_first(of_all_tasks(scores, "cells"), cells, definition, options)
    encoders = ((name, stored_encoder(cells[name], cells, folders)) for name in names)
    dense = ((name, encoder) for name, encoder in encoders if options.embeddings or costs.is_dense(encoder))
    searched = list(dense if options.embeddings else islice(dense, 1))
    failed = {row["embedding"] for tables in scores.values() for row in tables["failures"].to_pylist()}
    beside = [name for name in options.beside if name in cells and name not in {*failed, *dict(searched)}]
    rows = [costs.exact(name, stored_encoder(cells[name], cells, folders)) for name in beside]
    if not options.indexes:
        return framed([*rows, *(costs.exact(name, encoder) for name, encoder in searched)], SEARCHES)
    with nullcontext() if store is None else store:
        for name, encoder in searched:
            rows += costs.of_indexes(name, encoder, store)
    return framed(rows, SEARCHES)


def collect_searches(use_case: str, **searches: pa.Table | Failed) -> pd.DataFrame:
    """The searches of all tasks."""
    parts = [table.to_pandas() for table in searches.values() if not isinstance(table, Failed)]
    found: pd.DataFrame = pd.concat(parts, ignore_index=True) if parts else framed([], SEARCHES)
    return found.assign(use_case=use_case)


def best_first(
    measured: pd.DataFrame, cells: Mapping[str, EmbeddingCell], definition: TaskDefinition, options: VectorSearchOptions
) -> list[str]:
    """The embeddings that were asked for; where none was, those that give vectors of texts, best on the task first.

    Raises
    ------
    ValueError
        One that was asked for was not evaluated on the task, or gives no vectors of texts.
    """
    rows = measured[(measured["task"] == definition.name) & (measured["metric"] == PRIMARY[definition.kind])]
    known = [name for name in rows["embedding"] if "texts" in METHODS[cells[name].method].serves]
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
    means = values.groupby(values["embedding"].map(without_seed), sort=False)["value"].mean()
    return [str(name) for name in means.sort_values(ascending=False, kind="stable").index]
