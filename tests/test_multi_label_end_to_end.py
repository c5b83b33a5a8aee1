"""Texts with any number of labels, in a real Kedro session on a tiny use case: from the YAML to the page and a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.deployment.bundle import Bundle
from tests.conftest import FILLER, TOPICS
from tests.test_end_to_end import newest
from tests.test_small_grids import _page

TASK = """task_definitions:
  complaints:
    kind: multi_label
    source: {reader: jsonl, path: data/01_raw/tiny/complaints.jsonl, label: organs}
    evaluation:
      {folds: 3, label_counts: [40], label_draws: 2, training_draws: 5, log10_c_low: 0, log10_c_high: 2, steps_per_decade: 1}
"""
GRID = """use_case: tiny
grid:
  corpora: [domain]
  methods: {word2vec: [8]}
  baselines: [tfidf]
  controls: [random_8, shuffled_tfidf]
  tasks: [complaints]
"""


def write_use_case(project: Path) -> None:
    rng = np.random.default_rng(3)
    lines = []
    for _ in range(150):
        organs = [organ for organ in TOPICS if rng.random() < 0.4]
        words = [word for organ in organs for word in rng.choice(TOPICS[organ], 3)]
        text = " ".join(rng.permutation([*words, *rng.choice(FILLER, 5)]))
        lines.append(json.dumps({"text": text, "organs": organs}))
    (project / "data/01_raw/tiny/complaints.jsonl").write_text("\n".join(lines) + "\n")
    parameters = project / "conf/tiny/parameters_tiny.yml"
    written = parameters.read_text()
    start, end = written.index("task_definitions:"), written.index("evaluation:")
    parameters.write_text(written[:start] + TASK + written[end:])
    (project / "conf/tiny/globals.yml").write_text(GRID)


@pytest.mark.slow
def test_label_sets_are_scored_compared_shown_and_exported(project: Path) -> None:
    write_use_case(project)
    configure_project("emb_pipeline")
    quick = {"report": {"resamples": 200, "permutations": 199}, "vector_search": {"indexes": []}}
    with KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session:
        session.run()
    board = newest(project, "leaderboard")
    assert set(board["metric"]) >= {"micro_f1", "macro_f1", "lrap", "subset_accuracy"}
    primary = board[board["primary"]].set_index("embedding")
    assert set(primary["metric"]) == {"micro_f1"} and primary["letters"].notna().all()
    assert primary["value"]["task.tfidf"] > 0.9 > primary["value"]["control.shuffled_tfidf"] + 0.2
    assert (primary["ci_low"] < primary["value"]).all() and (primary["value"] <= primary["ci_high"]).all()
    classes = newest(project, "class_results")
    assert set(classes["class"]) == set(TOPICS) and classes["recall"].notna().all()
    assert set(newest(project, "learning_curves")["metric"]) == {"micro_f1"}
    assert set(newest(project, "decision")["metric"]) == {"micro_f1"}
    audit = pd.read_parquet(next((project / "data").rglob("complaints/audit.parquet")))
    assert audit.set_index("check")["count"]["without_label"] > 0
    page = _page(project)
    assert "micro-F1" in page and "complaints class by class" in page
    with KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session:
        session.run(pipeline_names=["decide", "deploy"])
    bundle = Bundle.read(project / "data/08_reporting/tiny/deployment/complaints")
    answers = bundle.model.answer(["artery valve aorta and rash itch eczema", "of the was seen"])
    assert set(answers["labels"][0]) == {"heart", "skin"} and answers["labels"][1] == []
