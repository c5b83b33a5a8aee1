"""Vectors of users and items of a task, looked at by themselves: what they carry, what is near, and a map."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.diagnostics.neighbors import find_nearest_words
from emb_pipeline.diagnostics.word_map import build_word_map, join_maps
from emb_pipeline.embeddings.protocols import AttributeRecommender
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.storage.failures import is_containable
from emb_pipeline.tasks.cell_tables import read_setting
from emb_pipeline.tasks.recommendation.attribute_probes import (
    ACTIVITY,
    ProbedAttribute,
    count_activity,
    score_attribute,
    take_rows,
)
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.tables import ATTRIBUTE_PROBES, ITEM_MAP, NEAREST_ITEMS
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.recommendation.user_item_vectors import UserItemVectors, fit_vectors
from emb_pipeline.tasks.shown_units import cut_text

LOGGER = logging.getLogger(__name__)
ONE_HOT = {"user": "history, one-hot", "item": "users, one-hot"}
"""The sparse baseline of each side: a column for each item that a user may have taken, or for each user of an item."""
SHOWN, NEAREST, MAPPED, MAPS = 6, 5, 400, 2
"""Popular items whose neighbors are shown, and how many; items on a map, and maps."""
_LONGEST_NAME = 40


def examine_users_and_items(
    task: RecommendationTask,
    cells: pd.DataFrame,
    encoders: StoredEncoders,
    options: RecommendationOptions,
    encodings: Path,
    *,
    seed: int,
) -> dict[str, pa.Table]:
    """Fit each embedding again as it was tested, and look at its vectors of users and items.

    Parameters
    ----------
    task : RecommendationTask
        The task.
    cells : DataFrame
        What was evaluated on it, the highest first: embedding, origin, and the setting that was chosen.
    encoders : StoredEncoders
        The embeddings.
    options : RecommendationOptions
        Those of the evaluation.
    encodings : Path
        Store of what was encoded before.
    seed : int
        Of folds, permutations, resamples and the placement on maps.

    Returns
    -------
    dict of str to Table
        Those of `emb_pipeline.tasks.recommendation.tables.SHOWN_TABLES`, and the dense vectors themselves.
    """
    stored, loaded = encoders.by_name(), dict[str, Any]()
    origin_of = dict(zip(cells["embedding"], cells["origin"], strict=True))
    found: dict[str, UserItemVectors] = {}
    told: set[str] = set()
    with threadpool_limits(1):
        for cell in cells.to_dict("records"):
            name = str(cell["embedding"])
            try:
                encoder = loaded.get(name) or stored[name].load(encodings, loaded)
                vectors = fit_vectors(task, encoder, options, read_setting(cell))
            except BaseException as error:  # one embedding's trouble is its own
                if not is_containable(error):
                    raise
                LOGGER.warning("vectors of %s on %s: %s", name, task.name, error)
                continue
            if vectors is not None:
                found[name] = vectors
            if isinstance(encoder, AttributeRecommender) and encoder.attributes_of == "user":
                told.add(name)
        dense = {name: vectors for name, vectors in found.items() if vectors.is_dense}
        items = {name: name_items(task, vectors) for name, vectors in dense.items()}
        return {
            "attribute_probes": _probe_attributes(task, found, told, origin_of, seed=seed),
            "nearest_items": _list_nearest(task, items, origin_of),
            "item_map": _draw_maps(task, items, origin_of, seed=seed),
            **{f"{name}.{side}": table for name, each in dense.items() for side, table in each.to_tables(task).items()},
        }


def _probe_attributes(
    task: RecommendationTask,
    found: Mapping[str, UserItemVectors],
    told: Collection[str],
    origin_of: Mapping[str, str],
    *,
    seed: int,
) -> pa.Table:
    """Probe all vectors, but for those of users that are their attributes."""
    learnt = task.testing.learnt
    rows: list[dict[str, Any]] = []
    for side, attributes, one_hot in (
        ("user", task.user_attributes, learnt.matrix),
        ("item", task.item_attributes, learnt.matrix.T.tocsr()),
    ):
        counts = np.asarray(one_hot.sum(axis=1)).ravel()
        if attributes is None:
            continue
        for attribute in attributes.names:
            asked = ProbedAttribute.of(attributes, attribute, counts > 0, seed=seed)
            if asked is None:
                continue
            features = {ACTIVITY: count_activity(counts[asked.rows]), ONE_HOT[side]: take_rows(one_hot, asked.rows)}
            for name, vectors in found.items():
                if side == "user" and name in told:
                    continue
                of_side = vectors.users if side == "user" else vectors.items
                places = asked.rows if side == "user" else np.searchsorted(vectors.known, asked.rows)
                features[name] = take_rows(of_side, places)
            for name, score in score_attribute(asked, features, baseline=ACTIVITY, seed=seed).items():
                of = {"task": task.name, "embedding": name, "origin": origin_of.get(name), "side": side}
                sizes = {"n_units": len(asked.rows), "n_values": len(asked.values), "dim": features[name].shape[1]}
                rows.append({**of, "attribute": attribute, **sizes, **asdict(score)})
    return pa.Table.from_pylist(rows, schema=ATTRIBUTE_PROBES)


def name_items(task: RecommendationTask, vectors: UserItemVectors) -> WordVectors:
    """Take items for words, the most popular first: each by what is said of it, and its id where that is said of several."""
    counts = task.testing.learnt.counts[vectors.known]
    order = np.argsort(-counts, kind="stable")
    numbers = vectors.known[order].tolist()
    texts = [task.texts[number] if task.texts is not None else "" for number in numbers]
    short = [cut_text(" ".join(text.split()), _LONGEST_NAME)[0] for text in texts]
    repeated = Counter(short)
    ids = task.item_ids[numbers].tolist()
    names = [
        text if text and repeated[text] == 1 else f"{text} ({key})".strip() for text, key in zip(short, ids, strict=True)
    ]
    return WordVectors(names, counts[order], np.asarray(vectors.items, dtype=np.float32)[order])


def _select_popular(task: RecommendationTask, items: Mapping[str, WordVectors]) -> Sequence[str]:
    return next(iter(items.values())).tokens[:SHOWN] if items else ()


def _list_nearest(task: RecommendationTask, items: Mapping[str, WordVectors], origin_of: Mapping[str, str]) -> pa.Table:
    popular = _select_popular(task, items)
    parts = [
        find_nearest_words(vectors, popular, NEAREST, commonest=len(vectors))
        .rename(columns={"word": "item"})
        .assign(task=task.name, embedding=name, origin=origin_of[name])
        for name, vectors in items.items()
    ]
    return _as_table(parts, NEAREST_ITEMS)


def _draw_maps(
    task: RecommendationTask, items: Mapping[str, WordVectors], origin_of: Mapping[str, str], *, seed: int
) -> pa.Table:
    popular = _select_popular(task, items)
    parts = [
        build_word_map(items[name], popular, words=MAPPED, seed=seed).assign(embedding=name, origin=origin_of[name])
        for name in list(items)[:MAPS]
    ]
    joined = [join_maps(pd.concat(parts, ignore_index=True)).assign(task=task.name)] if parts else []
    return _as_table(joined, ITEM_MAP)


def _as_table(parts: Sequence[pd.DataFrame], schema: pa.Schema) -> pa.Table:
    tables = [pa.Table.from_pandas(part[schema.names], schema=schema, preserve_index=False) for part in parts]
    return pa.concat_tables([schema.empty_table(), *tables])
