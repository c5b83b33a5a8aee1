"""A use case of rows with columns, run to its report and its bundle by a real Kedro session."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

ROWS = 240
GRID = {
    "baselines": ["one_hot_columns", "target_columns", "entity_columns", "tfidf"],
    "controls": ["shuffled_one_hot_columns"],
    "variants": {"task.one_hot_columns_binned": {"of": "task.one_hot_columns", "options": {"numeric": "binned"}}},
    "derived": {
        "task.learned": {"method": "joined", "of": ["task.tfidf", "task.entity_columns"]},
        "task.both": {"method": "joined", "of": ["task.tfidf", "task.one_hot_columns"]},
        "task.names": {"method": "value_texts", "of": "task.tfidf"},
    },
    "tasks": ["returned"],
}


def write_table(path: Path) -> None:
    """Orders that are returned by colour and by what their note says, of many shops, with some values missing."""
    rng = np.random.default_rng(0)
    colour, note, shop = rng.integers(0, 4, ROWS), rng.integers(0, 2, ROWS), rng.integers(0, 60, ROWS)
    score = np.array([3.0, -3.0, 2.0, -2.0])[colour] + 5 * note - 2.5
    returned = np.where(score + rng.logistic(scale=0.3, size=ROWS) > 0, "yes", "no")
    filler = [" ".join(f"word{each}" for each in rng.integers(0, 40, 12)) for _ in range(ROWS)]
    texts = [f"{'too small' if each else 'fits well'} {words}" for each, words in zip(note, filler, strict=True)]
    table = {"colour": colour, "shop": shop, "price": rng.normal(20, 5, ROWS).round(1), "note": texts, "returned": returned}
    frame = pd.DataFrame(table).astype({"colour": object, "price": object})
    frame.loc[::20, "colour"], frame.loc[::15, "price"] = None, None
    frame.to_csv(path, index=False)


def test_columns_and_text_are_compared_to_the_report(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_table(project / "data" / "01_raw" / "tiny" / "orders.csv")
    (project / "conf" / "tiny" / "globals.yml").write_text(yaml.safe_dump({"use_case": "tiny", "grid": GRID}))
    source = {
        "reader": "csv",
        "path": "data/01_raw/tiny/orders.csv",
        "text": "note",
        "label": "returned",
        "features": {"categorical": ["colour", "shop"], "numeric": ["price"]},
    }
    quick = {
        "report": {"resamples": 100, "permutations": 99},
        "task_definitions": {"returned": {"kind": "classification", "source": source}},
        "evaluation": {
            "classification": {
                "folds": 3,
                "label_draws": 1,
                "label_counts": [60],
                "training_draws": 2,
                "latency_requests": 3,
            }
        },
        "methods": {"entity_columns": {"epochs": 5}},
        "latency": {"seconds": 0.05},
        "vector_search": {"indexes": []},
    }
    configure_project("emb_pipeline")
    with (
        caplog.at_level(logging.WARNING),
        KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session,
    ):
        session.run()
    newest = sorted((project / "data" / "08_reporting" / "tiny" / "leaderboard.parquet").iterdir())[-1]
    board = pd.read_parquet(newest / "leaderboard.parquet")
    score = board[(board["metric"] == "accuracy") & board["primary"]].set_index("embedding")["value"]
    assert set(score.index) == {
        *(
            f"task.{name}"
            for name in ("one_hot_columns", "target_columns", "entity_columns", "tfidf", "both", "learned", "names")
        ),
        "task.one_hot_columns_binned",
        "control.shuffled_one_hot_columns",
    }
    assert score["task.both"] > max(score["task.tfidf"], score["task.one_hot_columns"]), (
        "each block has a part of what decides"
    )
    assert score["task.one_hot_columns"] > score["control.shuffled_one_hot_columns"]
    page = (project / "data" / "08_reporting" / "tiny" / "latest" / "report.html").read_text()
    assert "missing values.colour" in page and "one-hot columns" in page
    messages = [record.getMessage() for record in caplog.records]
    assert not [message for message in messages if "could not be" in message], "every embedding is timed and measured"
