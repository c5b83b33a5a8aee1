"""Tables of a report as large as that of the embedded default: 43 embeddings on four tasks, all sections filled."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.tables import ReportTables
from tests.reporting.conftest import audit, comparisons, leaderboard, word_map
from tests.reporting.tiny import TINY, of_frame, shaped

TASKS = {"topic": "classification", "level": "classification", "search": "retrieval", "passages": "retrieval"}
_TRAINED = [f"{origin}.word2vec_{dim}" for origin, dim in product(("domain", "generic"), (25, 50, 100, 200, 300))]
_SEEDS = [f"{origin}.word2vec_100_seed{seed}" for origin, seed in product(("domain", "generic"), (1, 2))]
_COPIES = {
    f"{origin}.word2vec_100_{kind}_{level}": {
        "base": f"{origin}.word2vec_100",
        "derivation": "corruption",
        "corruption": kind,
        "corruption_level": level / 100,
        "curve": None,
        "method": "word2vec",
    }
    for origin, kind, level in product(("domain", "generic"), ("less_text", "typos"), (50, 90))
}
_REDUCED = {
    f"pretrained.minilm_pca_{dim}": {
        "base": "pretrained.minilm",
        "derivation": "reduction",
        "method": "reduced",
        "curve": "pretrained.minilm by pca",
        "dim": dim,
    }
    for dim in (16, 32, 64, 128)
}
_FACTS: dict[str, dict[str, Any]] = {
    **_COPIES,
    **_REDUCED,
    **{f"{origin}.{name}": {"curve": None} for origin in ("domain", "generic") for name in ("fasttext_100", "glove_100")},
    **{
        name: {"base": "domain.bert_128", "derivation": "fine_tuning", "method": "bert", "curve": None, "tuned": True}
        for name in ("domain.bert_128_tuned_topic", "domain.bert_128_tuned_search", "domain.bert_128_tuned_level")
    },
}
_OTHERS = [
    "pretrained.minilm", "pretrained.distilled_256", "pretrained.fused", "domain.bert_128", "generic.bert_128", "task.tfidf",
    "task.bm25", "task.one_hot", "task.lsa_100", "control.random_100", "control.shuffled_tfidf", "control.random_300",
]  # fmt: skip
EMBEDDINGS = list(dict.fromkeys([*_TRAINED, *_SEEDS, *_FACTS, *_OTHERS]))[:43]
_COUNTS = (50, 100, 300, 1000, 3000)
_WORDS = [f"word{number}" for number in range(500)]


def many_report() -> Report:
    """The report of these tables."""
    rng = np.random.default_rng(0)
    scores = {task: dict(zip(EMBEDDINGS, rng.uniform(0.2, 0.8, len(EMBEDDINGS)), strict=True)) for task in TASKS}
    boards = [leaderboard(scores[task], task=task, kind=kind, facts=_FACTS) for task, kind in TASKS.items()]
    metric_of = {task: "accuracy" if kind == "classification" else "ndcg@10" for task, kind in TASKS.items()}
    board = pd.concat(boards)
    cells = board[board["primary"]].to_dict("records")
    tables = {
        "leaderboard": of_frame("leaderboard", board),
        "comparisons": of_frame(
            "comparisons", pd.concat([comparisons(scores[task], task=task, metric=metric_of[task]) for task in TASKS])
        ),
        "effects": _repeat("effects", metric_of, rng, 6),
        "factor_effects": _repeat("factor_effects", metric_of, rng, 12),
        "variance_shares": _repeat("variance_shares", metric_of, rng, 3),
        "sizes": _repeat("sizes", metric_of, rng, 10),
        "relaxations": _repeat("relaxations", metric_of, rng, 2),
        "any_difference": _repeat("any_difference", metric_of, rng, 1),
        "decision": shaped(
            "decision",
            *(
                {
                    **TINY["decision"].iloc[0 if cell["embedding"] == "task.tfidf" else 1].drop(["origin"]).to_dict(),
                    **{name: cell[name] for name in ("task", "metric", "embedding", "origin", "value", "bytes_per_item")},
                }
                for cell in cells
                if cell["family"] == cell["embedding"] and cell["origin"] != "control" and cell["derivation"] != "corruption"
            ),
        ),
        "learning_curves": shaped(
            "learning_curves",
            *(
                {
                    **{name: cell[name] for name in ("task", "metric", "embedding")},
                    "n_labels": n,
                    "value": cell["value"] - 0.02 * k,
                    "ci_low": 0.1,
                    "ci_high": 0.9,
                    "doubling": 0.01234,
                }
                for cell in cells
                for k, n in enumerate(reversed(_COUNTS))
            ),
        ),
        "checks": shaped(
            "checks",
            *(
                {"embedding": name, "check": check, "item": item, "value": value, "ci_low": 0.1, "known": 9, "total": 9}
                for name in EMBEDDINGS[:20]
                for check, item, value in zip(
                    ("similarity", "similarity", "analogies", "shape"),
                    ("men", "rare", "capitals", "hubs"),
                    rng.random(4),
                    strict=True,
                )
            ),
        ),
        "word_map": _map_of(EMBEDDINGS[:2], rng),
        "without_seen": shaped(
            "without_seen",
            *({**TINY["without_seen"].iloc[0].to_dict(), "task": c["task"], "embedding": c["embedding"]} for c in cells),
        ),
        "embeddings": shaped(
            "embeddings",
            *({**TINY["embeddings"].iloc[0].to_dict(), "embedding": name} for name in EMBEDDINGS if name[0] in "dg"),
        ),
        "class_results": shaped(
            "class_results",
            *(
                {
                    "task": "topic",
                    "embedding": c["embedding"],
                    "class": f"class {k}",
                    "recall": 0.5,
                    "n": 30,
                    "n_predicted": 9,
                }
                for c in cells
                if c["task"] == "topic"
                for k in range(12)
            ),
        ),
        "audit": of_frame(
            "audit",
            pd.concat([audit(("leakage", 1, 300), ("classes", 3, 3), ("ceiling", 288, 300), task=task) for task in TASKS]),
        ),
    }
    run = Run("many", command="kedro run --env many", tasks={task: {"kind": kind} for task, kind in TASKS.items()})
    return Report(ReportTables(**{**TINY, **tables}), run)


def _repeat(name: str, metric_of: dict[str, str], rng: np.random.Generator, times: int) -> pd.DataFrame:
    """The rows of the tiny table for each task, with other numbers; those of `sizes` for other embeddings, too."""
    rows = []
    for task, number, row in product(metric_of, range(times), TINY[name].to_dict("records")):
        changed: dict[Any, Any] = {**row, "task": task, "metric": metric_of[task]}
        if "difference" in row:
            changed["difference"] = row["difference"] + rng.normal(0, 0.01)
        if name == "sizes":
            changed |= {"embedding": EMBEDDINGS[number], "chosen": number == 0}
        if name == "factor_effects":
            changed |= {"level_b": f"level {number}"}
        if name == "effects":
            changed |= {"embedding_b": EMBEDDINGS[number], "dim": 100 + number}
        rows.append(changed)
    return shaped(name, *rows)


def _map_of(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Five hundred words in two dimensions, for each embedding."""
    like = word_map(names[0]).iloc[-1].to_dict()
    places = [
        {**like, "embedding": name, "origin": name.partition(".")[0], "word": word, "x": x, "y": y, "rank": rank}
        for name in names
        for rank, (word, (x, y)) in enumerate(zip(_WORDS, rng.normal(0, 9, (len(_WORDS), 2)), strict=True), 1)
    ]
    return of_frame("word_map", pd.concat([word_map(*names), pd.DataFrame(places)]))
