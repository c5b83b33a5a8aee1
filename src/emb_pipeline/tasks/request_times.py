"""Times of single requests to each embedding on each task that it was evaluated on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from emb_pipeline.efficiency.latency import REQUEST_TIMES, LatencyOptions, measure_requests, measure_service
from emb_pipeline.embeddings.protocols import list_remote_parts
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import is_containable
from emb_pipeline.tasks.cell_tables import read_setting
from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.registry import KINDS

LOGGER = logging.getLogger(__name__)
Tables = Mapping[str, pa.Table]


class Definition(Protocol):
    """A task's kind, and how it evaluates."""

    @property
    def kind(self) -> str:
        """Name of the kind."""

    @property
    def evaluation(self) -> BaseModel:
        """Options of the evaluation."""


def time_embeddings(
    cells: pd.DataFrame,
    encoders: StoredEncoders,
    definitions: Mapping[str, Definition],
    examples: Mapping[str, Tables],
    options: LatencyOptions,
    encodings: Path,
) -> pd.DataFrame:
    """Time requests to each embedding on each of its tasks, one pair after the other.

    Parameters
    ----------
    cells : DataFrame
        What was evaluated: embedding, task, and the setting that was chosen.
    encoders : StoredEncoders
        The embeddings. One is loaded at a time, and what others are made from stays.
    definitions, examples : mapping
        Of each task.
    options : LatencyOptions
        Seconds and rounds.
    encodings : Path
        Store of what was encoded before.

    Returns
    -------
    DataFrame of REQUEST_TIMES
        A pair that could not be timed has a note that says why.
    """
    stored, tasks = encoders.by_name(), _Tasks(definitions, examples)
    loaded: dict[str, Any] = {}
    rows = []
    for name, of_embedding in cells.drop_duplicates(["embedding", "task"]).groupby("embedding", sort=False):
        encoder: Any = None
        for cell in of_embedding.to_dict("records"):
            found: dict[str, Any] = {"task": cell["task"], "embedding": name}
            try:
                encoder = encoder or loaded.get(str(name)) or stored[str(name)].load(encodings, loaded)
                with threadpool_limits(1):
                    found |= _time_requests(tasks, cell, encoder, options)
            except BaseException as error:  # one pair's trouble is that pair's
                if not is_containable(error):
                    raise
                LOGGER.warning("%s on %s could not be timed: %s", name, cell["task"], error)
                found |= {"note": f"could not be timed: {type(error).__name__}: {error}"}
            rows.append({"n_requests": 0, "rounds": 0, "steady": False, **found})
    return make_table(rows, REQUEST_TIMES)


def _time_requests(tasks: _Tasks, cell: Mapping[Any, Any], encoder: Any, options: LatencyOptions) -> dict[str, Any]:
    kind, task, evaluation = tasks[cell["task"]]
    if not kind.serve:
        return {"note": f"requests of tasks of kind {kind.name} are not timed"}
    service = kind.create_service(task, encoder, evaluation, read_setting(cell))
    if not len(service.requests):
        return {"note": "not timed: latency_requests is 0"}
    if remote := list_remote_parts(encoder):
        n_requests = min(part.latency_requests for part in remote)
        if not n_requests:
            return {"note": "not timed: the embedding's option latency_requests is 0"}
        return measure_service(service.answer, service.requests, n_requests).as_dict()
    return measure_requests(service.answer, service.requests, options).as_dict()


class _Tasks:
    """Tasks by name, made when they are first needed."""

    def __init__(self, definitions: Mapping[str, Definition], examples: Mapping[str, Tables]) -> None:
        self._definitions, self._examples = definitions, examples
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> tuple[Kind, Any, Any]:
        definition = self._definitions[name]
        kind = KINDS[definition.kind]
        if name not in self._made:
            self._made[name] = kind.create_task(self._examples[name], name)
        return kind, self._made[name], definition.evaluation
