"""Embeddings that were compared, and the tasks they were compared on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.theme import in_order, look
from emb_pipeline.reporting.wording import (
    name_metric,
    pluralize,
)

CORPUS_COLUMNS = ("corpus", "documents", "sentences", "tokens", "vocabulary", "held_out_sentences_removed", "fingerprint")


def view(report: Report) -> dict[str, Any]:
    """Show origins, tasks, embeddings and corpora."""
    tables = report.tables
    n_embeddings = len(tables.leaderboard["embedding"].drop_duplicates())
    return {
        "folded": f"{pluralize(n_embeddings, 'embedding')}, {pluralize(len(report.results), 'task')}, "
        f"{pluralize(len(tables.corpora), 'corpus', 'corpora')}",
        "legend": [(origin, look(origin)) for origin in in_order(tables.leaderboard["origin"].astype(str))],
        "tasks": [
            {
                "name": each.task,
                "kind": each.kind.replace("_", " "),
                "size": each.items,
                "metric": name_metric(each.metric),
                "definition": _write_definition(report.run.definition(each.task).get("definition")),
            }
            for each in report.results
        ],
        "grid": _list_grid(tables.leaderboard),
        "corpora": tables.corpora.reindex(columns=list(CORPUS_COLUMNS)).to_dict("records"),
    }


def _write_definition(definition: Any) -> str:
    """Write a definition of any shape as one line: ``reader: csv; text: title, abstract``."""
    if isinstance(definition, Mapping):
        return "; ".join(f"{name}: {_write_definition(value)}" for name, value in definition.items())
    if isinstance(definition, list | tuple):
        return ", ".join(map(_write_definition, definition))
    return "" if definition is None else str(definition)


def _list_grid(leaderboard: pd.DataFrame) -> list[tuple[str, list[str]]]:
    names = leaderboard[["origin", "key"]].drop_duplicates()
    return [(origin, list(names.loc[names["origin"] == origin, "key"])) for origin in in_order(names["origin"].astype(str))]


SECTION = Section("compared", "What was compared", view, heading="What was compared, and on what")
