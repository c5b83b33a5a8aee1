"""Label purity of each embedding among a task's training texts, for tasks whose texts have a class."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.diagnostics.label_purity import measure_label_purity
from emb_pipeline.embeddings.encodings.vectors import encode_texts
from emb_pipeline.embeddings.protocols import TaskEncoder, learns_from_labels, list_remote_parts
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.storage.failures import is_containable
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.request_times import Definition
from emb_pipeline.tasks.splits.training_texts import TrainingTexts

LOGGER = logging.getLogger(__name__)
LABEL_PURITY = {**dict.fromkeys(("task", "embedding"), "string"), "value": "float64", "n": "int64"}
"""Columns of the purity of each embedding on each task, with the number of texts."""
PURITY_UNITS = dict.fromkeys(("task", "unit_id"), "string")
"""Columns of the test units whose labels it has used."""


def measure_label_purities(
    cells: pd.DataFrame,
    encoders: StoredEncoders,
    definitions: Mapping[str, Definition],
    examples: Mapping[str, Mapping[str, pa.Table]],
    tuned_tasks: Mapping[str, Set[str]],
    encodings: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the label purity of each embedding among the training texts of each task, one after the other.

    Parameters
    ----------
    cells : DataFrame
        What was evaluated: embedding and task.
    encoders : StoredEncoders
        The embeddings. One is loaded at a time, and what others are made from stays.
    definitions, examples : mapping
        Of each task.
    tuned_tasks : mapping of str to set of str
        Tasks whose labels an embedding has learned from. It is left out there: it knows these texts' classes. So does one
        that is fitted on labels (target encoding), on every task.
    encodings : Path
        Store of what was encoded before.

    Returns
    -------
    tuple of DataFrame
        Of `LABEL_PURITY` and `PURITY_UNITS`. An embedding whose texts could not be encoded is left out, with a warning, and
        so is one that a service would have to be paid for.
    """
    chosen: dict[str, TrainingTexts] = {}
    units: list[dict[str, object]] = []
    for name, definition in definitions.items():
        kind = KINDS[definition.kind]
        if not kind.training_texts:
            continue
        task = kind.create_task(examples[name], name)
        texts = kind.choose_training_texts(task, definition.evaluation)
        assert texts is not None
        chosen[name] = texts
        units += [{"task": name, "unit_id": unit} for unit in task.example_ids[texts.tested].tolist()]
    stored, loaded = encoders.by_name(), dict[str, Any]()
    rows = []
    pairs = cells[cells["task"].isin(chosen)].drop_duplicates(["embedding", "task"])
    for embedding, of_embedding in pairs.groupby("embedding", sort=False):
        name = str(embedding)
        wanted = [str(task) for task in of_embedding["task"] if task not in tuned_tasks.get(name, set())]
        try:
            encoder: Any = (loaded.get(name) or stored[name].load(encodings, loaded)) if wanted else None
            if not wanted or list_remote_parts(encoder) or learns_from_labels(encoder):
                continue
            with threadpool_limits(1):
                rows += [{"embedding": name, **_measure(encoder, task, chosen[task])} for task in wanted]
        except BaseException as error:  # one embedding's trouble is its own
            if not is_containable(error):
                raise
            LOGGER.warning("label purity of %s could not be measured: %s", name, error)
    return make_table(rows, LABEL_PURITY), make_table(units, PURITY_UNITS)


def _measure(encoder: Any, task: str, of_task: TrainingTexts) -> dict[str, object]:
    fitted = encoder.fit(of_task.fitted_on) if isinstance(encoder, TaskEncoder) else encoder
    vectors, _ = encode_texts(fitted, of_task.texts, task)
    value = measure_label_purity(vectors, of_task.classes, of_task.groups)
    return {"task": task, "value": value, "n": len(of_task.classes)}
