"""Small tables as the report gets them: a classification and a retrieval task, two corpora, baselines and controls."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.tables import ReportTables

TOPIC = {
    "task.tfidf": 0.756,
    "domain.word2vec_100": 0.748,
    "domain.word2vec_50": 0.601,
    "generic.word2vec_100": 0.534,
    "generic.word2vec_50": 0.48,
    "control.random_100": 0.412,
    "control.shuffled_tfidf": 0.112,
}
SEARCH = {"domain.word2vec_100": 0.471, "task.bm25": 0.42, "generic.word2vec_100": 0.3, "control.random_100": 0.2}
SIGNIFICANT = 0.02
"""Differences below this are not significant in these tables."""

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDS_BROWSER = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]

Tables = dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser that is installed, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def report_of(run: Mapping[str, Any], **tables: pd.DataFrame) -> Report:
    """The report of these tables; ``origins`` are effects of the corpus. What has no column is left empty."""
    found = {name: add_facts(table, name) for name, table in tables.items() if len(table.columns)}
    effects = [found.pop("effects", pd.DataFrame()), found.pop("origins", pd.DataFrame()).assign(factor="corpus")]
    if any(len(part) for part in effects):
        found["effects"] = pd.concat([part for part in effects if len(part)])
    return Report(ReportTables(**found), Run(**run))


def add_facts(table: pd.DataFrame, name: str = "") -> pd.DataFrame:
    """Add origin and key, where a table lacks them: the names in these tables are made of the two."""
    column = {"effects": "embedding_a", "origins": "embedding_a", "overlaps": "of"}.get(name, "embedding")
    if column not in table:
        return table
    parts = [str(each).partition(".") for each in table[column]]
    facts = {"origin": [origin for origin, _, _ in parts], "key": [key for _, _, key in parts]}
    return table.assign(**{fact: values for fact, values in facts.items() if fact not in table})


def report_page(run: Mapping[str, Any], drawn: Mapping[str, go.Figure] | None = None, **tables: pd.DataFrame) -> str:
    """The page of these tables."""
    report = report_of(run, **tables)
    return render_report(report.tables, report.run, figures=drawn)


def leaderboard(
    values: Mapping[str, float],
    *,
    task: str = "topic",
    kind: str = "classification",
    n: int = 300,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Rows of one task; embeddings whose values differ by less than SIGNIFICANT share a letter with the best.

    ``facts`` of an embedding replace those of one of the grid itself.
    """
    primary, other = ("accuracy", "macro_f1") if kind == "classification" else ("ndcg@10", "mrr@10")
    rows = []
    for embedding, value in values.items():
        origin, key = embedding.split(".", 1)
        method, _, dim = key.split("_seed")[0].split("_bootstrap")[0].rpartition("_")
        if not dim.isdigit():
            method, dim = key, ""
        cost = {
            "train_seconds": 30.0 if origin in ("domain", "generic") else 0.0,
            "encode_seconds": 1.5,
            "fit_seconds": 4.0,
            "bytes_per_item": 4.0 * (int(dim) if dim else 600),
        }
        for metric, shift in ((primary, 0.0), (other, -0.05)):
            rows.append(
                {
                    "use_case": "tiny",
                    "task": task,
                    "kind": kind,
                    "origin": origin,
                    "method": method,
                    "dim": int(dim) if dim else None,
                    "embedding": embedding,
                    "tuned": False,
                    "seed": 0,
                    "metric": metric,
                    "value": value + shift,
                    "ci_low": value + shift - 0.015,
                    "ci_high": value + shift + 0.015,
                    "n": n,
                    "letters": ("a" if max(values.values()) - value < SIGNIFICANT else "b") if metric == primary else None,
                    "primary": metric == primary,
                    **cost,
                    "mlflow_run_id": "run",
                    "key": key,
                    "shuffled_labels": key.startswith("shuffled_"),
                    "family": embedding.split("_seed")[0],
                    "base": embedding.split("_bootstrap")[0] if "_bootstrap" in embedding else None,
                    "derivation": "resampling" if "_bootstrap" in embedding else None,
                    "corruption": None,
                    "corruption_level": None,
                    "curve": f"{origin} {method}" if dim and origin in ("domain", "generic", "task") else None,
                    **(facts or {}).get(embedding, {}),
                }
            )
    return pd.DataFrame(rows)


def comparisons(values: Mapping[str, float], *, task: str = "topic", metric: str = "accuracy") -> pd.DataFrame:
    rows = []
    for a, b in combinations(values, 2):
        difference = values[a] - values[b]
        p = 0.0004 if abs(difference) >= SIGNIFICANT else 0.3
        rows.append(
            {
                "task": task,
                "metric": metric,
                "embedding_a": a,
                "embedding_b": b,
                "difference": difference,
                "ci_low": difference - 0.01,
                "ci_high": difference + 0.01,
                "p": p / 2,
                "p_adjusted": p,
                "n": 300,
            }
        )
    return pd.DataFrame(rows)


def origins(differences: Mapping[tuple[str, int], float], *, task: str = "topic", metric: str = "accuracy") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "task": task,
                "metric": metric,
                "method": method,
                "dim": dim,
                "embedding_a": f"domain.{method}_{dim}",
                "embedding_b": f"generic.{method}_{dim}",
                "difference": difference,
                "ci_low": difference - 0.02,
                "ci_high": difference + 0.02,
                "p": 0.001 if abs(difference) > 0.02 else 0.4,
                "n": 300,
            }
            for (method, dim), difference in differences.items()
        ]
    )


def audit(*lines: tuple[str, int, int], task: str = "topic") -> pd.DataFrame:
    severities = {
        "ceiling": "ceiling",
        "classes": "size",
        "largest_class": "size",
        "class.heart": "size",
        "near_duplicates": "warning",
    }
    return pd.DataFrame(
        [
            {
                "scope": task,
                "check": check,
                "count": count,
                "total": total,
                "share": count / total,
                "severity": severities.get(check, "fault"),
                "note": f"note on {check}",
                "examples": ["id1", "id2"] if count else [],
            }
            for check, count, total in lines
        ]
    )


def word_map(*names: str) -> pd.DataFrame:
    """A map of two probe words with two neighbours each, and of two other words, the same for each embedding."""
    words = {"dose": (0, 0), "drug": (1, 0), "pill": (0, 1), "pain": (-9, 9), "ache": (-9, 8), "sore": (9, 9)}
    near = {"drug": "dose", "pill": "dose", "ache": "pain", "sore": "pain"}
    rows = [(word, *place, near.get(word) is None, near.get(word)) for word, place in words.items()]
    rows += [("the", 5, -9, False, None), ("<b>of</b>", 6, -9, False, None)]
    nearest = {"dose": "drug, pill", "pain": "sore, ache"}
    return pd.DataFrame(
        [
            {
                "embedding": name,
                "origin": name.partition(".")[0],
                **dict(zip(("word", "x", "y", "probe", "near"), row, strict=True)),
                "kept": 0.4,
                "rank": rank,
                "nearest": nearest.get(row[0], "the, dose"),
                "neighbors": {"ids": [0, 1], "distances": [0.1, 0.2]},
            }
            for name in names
            for rank, row in enumerate(rows, 1)
        ],
        columns=["embedding", "origin", "word", "x", "y", "kept", "probe", "near", "rank", "nearest", "neighbors"],
    )


@pytest.fixture
def tables() -> Tables:
    """All inputs of the page."""
    return make_tables()


def make_tables() -> Tables:
    """Make all inputs of the page."""
    return {
        "run": {
            "use_case": "tiny",
            "git_commit": "0123456789abcdef",
            "dirty": False,
            "created": "2025-01-02T03:04:05+00:00",
            "versions": {"python": "3.11.9"},
            "command": "kedro run --env tiny",
            "seed": 0,
            "kedro_run_id": "run-1",
            "tracking_uri": "postgresql://someone:secret@tracking/db",
            "tasks": {"topic": {"kind": "classification", "definition": {"reader": "csv", "text": ["title", "body"]}}},
            "methods": {"word2vec": {"window": 5}},
        },
        "leaderboard": pd.concat([leaderboard(TOPIC), leaderboard(SEARCH, task="search", kind="retrieval", n=60)]),
        "comparisons": pd.concat([comparisons(TOPIC), comparisons(SEARCH, task="search", metric="ndcg@10")]),
        "origins": pd.concat(
            [
                origins({("word2vec", 50): 0.121, ("word2vec", 100): 0.214}),
                origins({("word2vec", 100): 0.171}, task="search", metric="ndcg@10"),
            ]
        ),
        "audit": audit(
            ("leakage", 12, 300),
            ("label_conflicts", 1, 300),
            ("near_duplicates", 0, 300),
            ("classes", 3, 3),
            ("largest_class", 33, 300),
            ("class.heart", 33, 300),
            ("ceiling", 288, 300),
            ("overlap with domain", 0, 300),
        ),
        "embeddings": pd.DataFrame(
            [
                {
                    "embedding": "domain.word2vec_100",
                    "origin": "domain",
                    "method": "word2vec",
                    "dim": 100,
                    "corpus_tokens": 20_000,
                    "vocabulary": 900,
                    "train_seconds": 30.0,
                    "peak_rss_bytes": 4.1e8,
                    "bytes": 360_000,
                    "final_loss": float("nan"),
                    "options": "{}",
                    "base": None,
                    "corruption": None,
                }
            ]
        ),
        "corpora": pd.DataFrame(
            [
                {
                    "corpus": "domain",
                    "documents": 40,
                    "sentences": 2000,
                    "tokens": 20_000,
                    "vocabulary": 900,
                    "held_out_sentences_removed": 17,
                    "fingerprint": "feed",
                },
                {
                    "corpus": "generic",
                    "documents": 40,
                    "sentences": 1900,
                    "tokens": 20_000,
                    "vocabulary": 1900,
                    "held_out_sentences_removed": 0,
                    "fingerprint": "cafe",
                },
            ]
        ),
    }
