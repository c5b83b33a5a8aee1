"""Steps of the stage that measures what requests and vector search take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.efficiency.latency import LatencyOptions
from emb_pipeline.efficiency.matrix_operations import time_operations
from emb_pipeline.efficiency.matrix_options import MatrixOptions
from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.experiment.facts import build_embedding_facts, list_embeddings
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.pipelines.failures import contain_failures
from emb_pipeline.pipelines.gathering import Scores, concatenate_tables, split_inputs
from emb_pipeline.statistics.embedding_facts import add_origins, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.request_times import time_embeddings
from emb_pipeline.tasks.retrieval.best_embeddings import rank_embeddings, search_with_best
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES, SearchCosts

Tables = Mapping[str, pa.Table]


def describe_embeddings(embeddings: Mapping[str, Any]) -> pd.DataFrame:
    """Describe all embeddings of the grid: what each is, and what it was made from."""
    return build_embedding_facts(list_embeddings(embeddings))


def time_requests(options: LatencyOptions, folders: Folders, **parts: Any) -> pd.DataFrame:
    """Time single requests to each embedding on each task that it was evaluated on, one pair after the other."""
    scores, definitions = split_inputs(parts, "scores_"), split_inputs(parts, "definition_")
    tasks = {name: TaskDefinition.model_validate(each) for name, each in definitions.items()}
    encoders = StoredEncoders.join(each["encoders"] for each in scores.values())
    cells = concatenate_tables(scores, "cells")
    return time_embeddings(cells, encoders, tasks, split_inputs(parts, "task_"), options, folders.encodings)


def time_matrix_operations(options: MatrixOptions, after: pa.Table) -> pd.DataFrame:
    """Time dense and sparse matrix operations on this machine; ``after`` what was timed before."""
    from emb_pipeline.tasks.probes.softmax import fit_once  # takes numba along

    return time_operations(options, fit_once)


@contain_failures(1)
def search_passages(
    task: Tables,
    definition: TaskDefinition,
    options: VectorSearchOptions,
    report: ReportOptions,
    facts: pa.Table,
    folders: Folders,
    after: pa.Table,
    store: Any = None,
    **scores: Scores,
) -> pd.DataFrame:
    """Time exact searches, and those of each index over the vectors of the best dense embedding; its collection stays.

    There is a store where an index needs one. ``after`` is what was timed before: nothing is timed at the same time.
    """
    if isinstance(definition.evaluation, RetrievalOptions) and definition.evaluation.rank == "judged":
        return add_origins(make_table([], SEARCHES), read_facts(facts))
    known = read_facts(facts)
    costs = SearchCosts(KINDS[definition.kind].create_task(task, definition.name), options, report.resampling)
    cells, failures = concatenate_tables(scores, "cells"), concatenate_tables(scores, "failures")
    names = rank_embeddings(cells, known, definition.name, definition.primary_metric, options)
    encoders = StoredEncoders.join(each["encoders"] for each in scores.values()).by_name()
    found = search_with_best(costs, names, set(failures["embedding"]), encoders, options, folders.encodings, store)
    return add_origins(found, known)


def collect_searches(use_case: str, **searches: pa.Table | Failed) -> pd.DataFrame:
    """Gather the searches of all tasks."""
    parts = [table.to_pandas() for table in searches.values() if not isinstance(table, Failed)]
    found: pd.DataFrame = pd.concat(parts, ignore_index=True) if parts else make_table([], {**SEARCHES, "origin": "string"})
    return found.assign(use_case=use_case)
