"""A page about many embeddings shows some of them, says so, and stays small."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.shown import MOST_SHOWN, limit_tables
from emb_pipeline.reporting.tables import ReportTables
from tests.reporting.conftest import leaderboard
from tests.reporting.tiny import shaped

TASKS = ("one", "two", "three", "four")
MOST_BYTES = 10_000_000


def tables_of(n: int) -> ReportTables:
    rng = np.random.default_rng(1)
    names = [f"{('domain', 'generic')[number % 2]}.word2vec_{number + 2}" for number in range(n - 2)]
    values = {task: dict(zip([*names, "task.tfidf", "control.random_8"], rng.random(n), strict=True)) for task in TASKS}
    board = pd.concat([leaderboard(values[task], task=task) for task in TASKS], ignore_index=True)
    rows, decided = [], []
    for task in TASKS:
        best = max(names, key=values[task].__getitem__)
        measured = {"task": task, "metric": "accuracy", "p": 0.01, "p_adjusted": 0.02, "n": 300}
        for name, value in values[task].items():
            difference = values[task][best] - value
            interval = {"ci_low": difference - 0.1, "ci_high": difference + 0.1}
            if name.startswith("control"):
                continue
            if name != best:
                rows.append({**measured, **interval, "embedding_a": best, "embedding_b": name, "difference": difference})
            choice = {"standing": "shown", "fits": True, "non_inferior": True, "margin": 0.01, "value": value}
            decided.append(
                {**choice, "task": task, "metric": "accuracy", "embedding": name, "best": best, "chosen": name == names[-1]}
            )
    return ReportTables(leaderboard=board, comparisons=shaped("comparisons", *rows), decision=shaped("decision", *decided))


def test_a_page_of_as_many_embeddings_as_it_can_show_shows_all() -> None:
    tables = tables_of(MOST_SHOWN)
    assert limit_tables(tables) == (tables, 0)


def test_a_page_of_a_thousand_embeddings_shows_the_best_of_each_task_and_origin_and_what_was_chosen() -> None:
    tables = tables_of(1000)
    limited, n_left_out = limit_tables(tables)
    shown = set(limited.leaderboard["embedding"])
    assert len(shown) + n_left_out == 1000 and len(shown) <= 2 * MOST_SHOWN
    assert {"generic.word2vec_999", "task.tfidf", "control.random_8"} <= shown
    for task in TASKS:
        rows = tables.leaderboard[(tables.leaderboard["task"] == task) & tables.leaderboard["primary"]]
        assert set(rows.nlargest(10, "value")["embedding"]) <= shown
    assert set(limited.decision["embedding"]) <= shown and limited.decision["chosen"].sum() == len(TASKS)
    assert {*limited.comparisons["embedding_a"], *limited.comparisons["embedding_b"]} <= shown


def test_the_page_of_a_thousand_embeddings_is_small_and_says_what_it_leaves_out() -> None:
    page = render_report(tables_of(1000), Run("many", tasks={task: {"kind": "classification"} for task in TASKS}))
    assert len(page.encode()) < MOST_BYTES / 2
    assert "of 1,000 embeddings" in page and "leaderboard.parquet" in page
