"""What the page holds to compare any two of 43 embeddings stays small."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.pairs import view
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.tasks.item_examples import compare_items
from emb_pipeline.tasks.registry import KINDS
from tests.reporting.conftest import comparisons, leaderboard
from tests.reporting.tiny import of_frame

N_EMBEDDINGS, N_UNITS, N_TASKS = 43, 3_000, 4
MOST_BYTES = 450_000
"""Of the page, for four tasks."""


def test_all_pairs_of_43_embeddings_on_four_tasks_take_less_than_450_kb() -> None:
    rng = np.random.default_rng(0)
    names = [f"domain.word2vec_{number}" for number in range(N_EMBEDDINGS)]
    labels = rng.integers(0, 20, N_UNITS)
    right = rng.random(N_UNITS)[:, None] + rng.normal(0, 0.3, (N_UNITS, N_EMBEDDINGS)) < rng.uniform(0.5, 0.8, N_EMBEDDINGS)
    predicted = np.where(right, labels[:, None], (labels[:, None] + 1) % 20)
    words = np.array(["".join(rng.choice(list("abcdefghijklmnop"), rng.integers(2, 9))) for _ in range(4_000)])
    texts = [" ".join(words[rng.zipf(1.3, 60) % len(words)]) for _ in range(N_UNITS)]
    units = [f"u{row}" for row in range(N_UNITS)]
    classes = [f"class {code:02}" for code in range(20)]
    examples = pa.table({"example_id": units, "text": texts, "label": [classes[code] for code in labels]})
    cells: list[dict[str, object]] = [{"family": name} for name in names]
    metrics = {"accuracy": right.astype(float)}
    found = TaskScores("topic", names, cells, np.arange(N_UNITS), metrics, labels, predicted, units=units)
    outcomes, shown = compare_items(
        found, KINDS["classification"], {"examples": examples}, names, per_pair=50, most=500_000 // N_TASKS
    )
    values = dict(zip(names, right.mean(axis=0).tolist(), strict=True))
    tables = ReportTables(
        leaderboard=of_frame("leaderboard", leaderboard(values)),
        comparisons=of_frame("comparisons", comparisons(values)),
        pair_outcomes=outcomes,
        item_examples=shown.to_pandas(),
    )
    viewed = view(Report(tables, Run("tiny")))
    assert viewed is not None and len(viewed["tasks"][0]["options"]) == N_EMBEDDINGS
    assert 20_000 < len(viewed["tasks"][0]["data"]) < MOST_BYTES / N_TASKS
    pairs = shown.to_pandas().pivot(index="unit_id", columns="embedding", values="score")
    ahead = [(pairs[a] > pairs[b]).sum() for a in names for b in names if a != b]
    assert min(ahead) >= 10, "each pair finds items in each direction"
