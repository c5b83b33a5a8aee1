"""Tables of a report of one task, with a few rows each and exactly the columns of their schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.tables import COLUMNS, ReportTables
from tests.reporting.conftest import TOPIC, audit, comparisons, leaderboard, word_map

DENSE, OTHER, BASELINE = "domain.word2vec_100", "generic.word2vec_100", "task.tfidf"
ON_TOPIC = {"task": "topic", "metric": "accuracy"}
CHANGE = {"difference": 0.061, "ci_low": 0.049, "ci_high": 0.073, "p": 0.001, "p_adjusted": 0.002, "n": 300}
AVERAGE = {"design": "corpus × embedding", "factor": "corpus", "level_a": "domain", "level_b": "generic", "within": ""}
PAIR = {"embedding_a": DENSE, "method": "word2vec", "dim": 100}
CHOICE = {**ON_TOPIC, "best": BASELINE, "standing": "shown", "floor": "control.random_100", "margin": 0.01, "fits": True}


def shaped(name: str, *rows: Mapping[str, Any]) -> pd.DataFrame:
    """A table of the report: what a row leaves out is missing or false; what its schema does not name is an error."""
    columns = COLUMNS[name]
    rows = tuple(_with_facts(row, columns) for row in rows)
    unknown = {column for row in rows for column in row} - set(columns)
    assert not unknown, f"{name} has no {sorted(unknown)}"
    empty: dict[str, Any] = {"bool": False, "int64": 0, "string": None, "object": None, "Int64": None}
    filled = [{column: row.get(column, empty.get(kind, float("nan"))) for column, kind in columns.items()} for row in rows]
    return pd.DataFrame(filled, columns=list(columns)).astype(
        {name: kind for name, kind in columns.items() if kind == "bool"}
    )


def _with_facts(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The row with origin and key of its embedding, where its table has them."""
    origin, _, key = str(row.get("embedding") or row.get("embedding_a") or row.get("of")).partition(".")
    facts = {"origin": origin, "key": key}
    return {**{fact: value for fact, value in facts.items() if fact in columns}, **row}


def of_frame(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The same of a table that lacks columns."""
    return shaped(name, *table.to_dict("records"))  # type: ignore[arg-type]


def effect(factor: str, second: str, **more: Any) -> dict[str, Any]:
    return {**ON_TOPIC, **CHANGE, "factor": factor, **PAIR, "embedding_b": second, **more}


PERIOD_CHOICE = {
    **ON_TOPIC,
    "kind": "classification",
    "chosen_by": "measured best",
    "embedding": BASELINE,
    "period": "2024",
    "n_earlier": 190,
    "n": 98,
    "earlier": 0.775,
    "value": 0.69,
    "best": DENSE,
    "best_value": 0.75,
    "among": 2,
    "difference": 0.06,
    "ci_low": 0.012,
    "ci_high": 0.108,
    "p_adjusted": 0.01,
    "p_not_inferior": 0.99,
    "margin": 0.01,
    "verdict": "no longer",
    "units_needed": float("inf"),
    "slope": -0.045,
    "slope_low": -0.08,
    "slope_high": -0.01,
    "change": -0.085,
    "change_low": -0.16,
    "change_high": -0.01,
}
"""The best of the first two years, which another one is ahead of in the third."""


FUSED = leaderboard({"task.fused": 0.7}).assign(
    bases=f"{BASELINE}, {DENSE}", method="fusion", pool_depth=20, pool_ceiling=0.8
)
"""A retriever that is made of others."""


def exchange_names(board: pd.DataFrame) -> pd.DataFrame:
    """Rows of the scores of test texts with other names."""
    rows = board[board["primary"]].drop_duplicates("embedding")
    values = {"changed_names": 0.04, "accuracy_names": 0.7, "lost_names": 0.03, "gap_names": -0.1, "samegap_names": 0.01}
    counts = {"swapped_names": 120.0, "firstside_names": 70.0, "secondside_names": 40.0}
    scored = [
        rows.assign(metric=name, value=value, ci_low=value - 0.02, ci_high=value + 0.02, letters=None, primary=False)
        for name, value in values.items()
    ]
    counted = [
        rows.assign(metric=name, value=value, ci_low=None, ci_high=None, letters=None, primary=False)
        for name, value in counts.items()
    ]
    return pd.concat([*scored, *counted])


TINY: dict[str, pd.DataFrame] = {
    "leaderboard": of_frame("leaderboard", pd.concat([leaderboard(TOPIC), FUSED, exchange_names(leaderboard(TOPIC))])),
    "comparisons": of_frame("comparisons", comparisons(TOPIC)),
    "pair_outcomes": shaped(
        "pair_outcomes",
        *(
            {
                **ON_TOPIC,
                "embedding_a": DENSE,
                "embedding_b": BASELINE,
                "group": group,
                "wins": 40,
                "losses": 50,
                "ties": ties,
            }
            for group, ties in ((None, 210), ("heart", 60))
        ),
    ),
    "item_examples": shaped(
        "item_examples",
        *(
            {
                "task": "topic",
                "unit_id": "t1",
                "text": "A pump",
                "text_left_out": 12,
                "answer": "heart",
                "answer_left_out": 0,
            }
            | {"embedding": name, "score": score, "predicted": label}
            for name, score, label in ((DENSE, 1.0, "heart"), (BASELINE, 0.0, "lung"))
        ),
    ),
    "effects": shaped(
        "effects",
        effect("corpus", OTHER),
        effect("fusion", BASELINE, embedding_a="task.fused", method="fusion", value_a=0.7, value_b=0.6),
        effect("corruption", OTHER, value_a=0.7, value_b=0.6, corruption="typos", corruption_level=0.3),
    ),
    "variance_shares": shaped(
        "variance_shares",
        {
            **ON_TOPIC,
            "design": AVERAGE["design"],
            "term": "corpus",
            "share": 0.7,
            "spread": 0.05,
            "ci_low": 0.6,
            "ci_high": 0.8,
        },
    ),
    "factor_effects": shaped("factor_effects", {**ON_TOPIC, **AVERAGE, **CHANGE, "instead_of": "", "pairs": 6}),
    "effects_across_tasks": shaped(
        "effects_across_tasks",
        {
            **{name: value for name, value in {**AVERAGE, **CHANGE}.items() if name != "n"},
            "instead_of": "",
            "tasks": 1,
            "sample_low": -0.1,
            "sample_high": 0.1,
            "heterogeneity_p": 0.5,
            "i_squared": 0.1,
            "lowest_task": "topic",
            "lowest": 0.061,
            "highest_task": "topic",
            "highest": 0.061,
        },
    ),
    "any_difference": shaped("any_difference", {**ON_TOPIC, "labels": "all", "p_adjusted": 0.001, "label_share": 0.3}),
    "closeness": shaped(
        "closeness",
        {**ON_TOPIC, "measure": "similarity", "about": "simlex999", "population": "without controls and copies"}
        | {
            "direction": 1,
            "rho": 0.7,
            "ci_low": 0.2,
            "ci_high": 0.9,
            "p": 0.01,
            "p_adjusted": 0.02,
            "n": 9,
            "n_clusters": 7,
        },
    ),
    "closeness_savings": shaped(
        "closeness_savings",
        {**ON_TOPIC, "measure": "similarity", "about": "simlex999", "k": 1, "n": 9, "loss": 0.013, "loss_by_chance": 0.2}
        | {"k_by_others": True, "measure_by_others": True},
    ),
    "cutoffs": shaped(
        "cutoffs",
        *(
            {
                "task": "topic",
                "embedding": name,
                "origin": name.partition(".")[0],
                "kind": "classification",
                "measure": "log-odds",
                "unanswerable": "search",
                "level": 0.05,
                **{f"auroc{end}": value for end, value in (("", 0.9), ("_low", 0.85), ("_high", 0.95))},
                "n_answerable": 200,
                "n_unanswerable": n,
                "n_calibration": n,
                "n_recall": 200 if exists else 0,
                "exists": exists,
                "reason": "" if exists else "10 unanswerable requests choose the cut-off, and a level of 5 % needs 19",
                **(
                    {"threshold": 0.61, "expected": 0.049, "bound": 0.09, "right": 0.75, "right_low": 0.7, "right_high": 0.8}
                    | {"recall": 0.81, "recall_low": 0.77, "recall_high": 0.85}
                    if exists
                    else {}
                ),
            }
            for name, n, exists in ((BASELINE, 100, True), (DENSE, 10, False))
        ),
    ),
    "periods": shaped(
        "periods",
        *(
            {**ON_TOPIC, "kind": "classification", "embedding": name, "period": period, "n": n, "value": value}
            | {"start": f"{period}-01-01T00:00:00", "end": f"{period}-12-31T00:00:00", "n_untimed": 12}
            | {"ci_low": value - 0.05, "ci_high": value + 0.05}
            | {"together_low": value - 0.07, "together_high": value + 0.07}
            for name, values in ((DENSE, (0.7, 0.72, 0.75)), (BASELINE, (0.78, 0.77, 0.69)))
            for period, n, value in zip(("2022", "2023", "2024"), (90, 100, 98), values, strict=True)
        ),
    ),
    "period_choices": shaped("period_choices", PERIOD_CHOICE),
    "learning_curves": shaped(
        "learning_curves",
        *(
            {**ON_TOPIC, "embedding": BASELINE, "n_labels": n, "value": value, "doubling": 0.01}
            for n, value in ((100, 0.5), (1000, 0.8))
        ),
    ),
    "crossovers": shaped(
        "crossovers",
        {
            **ON_TOPIC,
            "embedding": DENSE,
            "reference": BASELINE,
            "verdict": "as good below",
            "n_labels": 300.0,
            "fewest_labels": 100,
            "most_labels": 1000,
        },
    ),
    "zero_shot": shaped(
        "zero_shot",
        {
            **ON_TOPIC,
            "embedding": DENSE,
            "value": 0.4,
            "ci_low": 0.35,
            "ci_high": 0.45,
            "is_ahead": True,
            "ahead_from": 100.0,
        }
        | {"crossing": 0.0, "crossing_low": 0.0, "crossing_high": 130.0, "gain": 0.2}
        | {"fewest_labels": 100.0, "most_labels": 1000.0, "n": 300},
    ),
    "checks": shaped(
        "checks",
        {"embedding": DENSE, "check": "shape", "item": "hubs", "value": 0.5, "known": 9, "total": 9},
        {"embedding": DENSE, "check": "PIP loss", "item": "domain.word2vec_200", "value": 12.5, "known": 9, "total": 9},
    ),
    "neighbors": shaped("neighbors", {"embedding": DENSE, "word": "dose", "rank": 1, "neighbor": "drug", "probe": True}),
    "overlaps": shaped(
        "overlaps", {"first": DENSE, "second": OTHER, "shared": 0.2, "words": 90, "differs_in": "corpus", "of": DENSE}
    ),
    "word_map": of_frame("word_map", word_map(DENSE)),
    "decision": shaped(
        "decision",
        {**CHOICE, "embedding": BASELINE, "value": 0.756, "chosen": True, "non_inferior": True, "bytes_per_item": 204.0},
        {**CHOICE, "embedding": DENSE, "value": 0.748, "bytes_per_item": 400.0},
        {**CHOICE, "task": "all tasks", "metric": "margins", "embedding": BASELINE, "value": 0.0, "chosen": True},
    ).assign(exceeds="", unknown=""),
    "relaxations": shaped(
        "relaxations",
        {**ON_TOPIC, "budget": "bytes_per_item", "limit": 100.0, "needed": 204.0, "embedding": DENSE, "chosen": None},
    ),
    "budget_choices": shaped(
        "budget_choices",
        {"task": "topic", "bytes_per_item": 400.0, "best": DENSE, "chosen": DENSE, "standing": "only candidate"}
        | {"ties": "", "competing": 1, "shown": 1},
        {"task": "topic", "is_stored": True, "best": BASELINE, "chosen": BASELINE, "standing": "shown"}
        | {"ties": "", "competing": 2, "shown": 1},
    ),
    "joint_choice": shaped(
        "joint_choice",
        {**ON_TOPIC, "embedding": BASELINE, "competes": True, "chosen": True, "best": BASELINE, "reason": ""},
    ),
    "sizes": shaped(
        "sizes",
        {
            **ON_TOPIC,
            "family": "domain.word2vec",
            "embedding": DENSE,
            "dim": 100,
            "bytes_per_item": 400.0,
            "value": 0.748,
            "best": DENSE,
            "difference_to_best": 0.0,
            "bound": 0.0,
            "margin": 0.01,
            "standing": "shown",
            "chosen": True,
        },
    ),
    "vector_search": shaped(
        "vector_search",
        {
            "task": "topic",
            "metric": "accuracy",
            "embedding": DENSE,
            "index": "exact",
            "parameter": "",
            "recall": 1.0,
            "value": 0.7,
            "loss": 0.0,
            "ci_low": 0.0,
            "ci_high": 0.0,
            "latency_ms_p50": 0.3,
            "items": 9000,
        },
    ),
    "matrix_operations": shaped(
        "matrix_operations",
        {"operation": "memory copy", "n": 1000, "columns": 1, "seconds": 1e-6, "bytes": 8000.0},
        {"operation": "product of large matrices", "n": 10, "columns": 10, "seconds": 1e-6, "flops": 2000.0},
        *(
            {"operation": name, "n": 1000, "columns": columns, "nonzeros": nonzeros, "seconds": seconds, "repeats": 3}
            | {"seconds_low": seconds, "seconds_high": seconds, "bound_seconds": 1e-6, "bytes_per_row": 8 * nonzeros}
            for name, columns, nonzeros, seconds in (
                ("dense, one query", 100, 100.0, 3e-3),
                ("sparse, one query", 9000, 10.0, 1e-3),
                ("sparse, one query", 9000, 90.0, 9e-3),
            )
        ),
        {"operation": "dense one-hot product", "n": 1000, "columns": 100, "note": "too large"},
    ).assign(note=lambda table: table["note"].fillna("")),
    "failures": shaped(
        "failures", {"embedding": "domain.glove_100", "origin": "domain", "task": "topic", "reason": "the loss is no number"}
    ),
    "rounds": shaped(
        "rounds",
        {
            "round": 1,
            "task": "topic",
            "kind": "classification",
            "embedding": "domain.glove_50",
            "origin": "domain",
            "method": "glove",
            "dim": 50,
            "tuned": False,
            "seed": 0,
            "state": "dropped",
            "metric": "accuracy",
            "n": 50,
            "of": 800,
            "passages": 0,
            "of_passages": 0,
            "value": 0.5,
            "low": 0.4,
            "high": 0.6,
            "best": "domain.word2vec_100",
            "best_value": 0.9,
            "behind": 0.2,
            "allowed": 0.01,
            "seconds": 1.0,
            "share": 0.0625,
            "passage_share": 1.0,
            "is_decided": True,
            "reason": "",
            "budget": "10min",
            "level": 0.05,
            "spent_seconds": 12.0,
            "spent_usd": 0.0,
            "full_seconds": 90.0,
            "full_usd": None,
        },
    ),
    "class_results": shaped(
        "class_results",
        *(
            {"task": "topic", "embedding": BASELINE, "class": name, "recall": 1.0, "n": 3, "n_predicted": 4}
            for name in ("heart", "skin")
        ),
    ),
    "confusions": shaped(
        "confusions", {"task": "topic", "embedding": BASELINE, "label": "heart", "predicted": "skin", "n": 7}
    ),
    "agreement": shaped(
        "agreement",
        {
            "made": "docs_made",
            "real": "docs_real",
            "metric": "ndcg@10",
            "n_embeddings": 2,
            "n_made": 400,
            "n_real": 50,
            "n_paired": 50,
            "n_pairs": 1,
            "n_decided": 1,
            "n_agreeing": 1,
            "tau": 1.0,
            "ci_low": 1.0,
            "ci_high": 1.0,
        },
    ),
    "agreement_pairs": shaped(
        "agreement_pairs",
        {
            "made": "docs_made",
            "real": "docs_real",
            "metric": "ndcg@10",
            "embedding_a": DENSE,
            "embedding_b": BASELINE,
            "weight": 0.8,
            "effective_units": 85.0,
            **{
                f"{part}{end}": value
                for part in ("real_difference", "made_difference", "shift", "corrected")
                for end, value in (("", 0.05), ("_low", 0.01), ("_high", 0.09))
            },
        },
    ),
    "transfers": shaped(
        "transfers",
        *(
            {
                "within": "films",
                "across": "topic",
                "metric": "accuracy",
                "embedding": name,
                "n_within": 200,
                "n_across": 300,
                "same_training": True,
                **{
                    f"{part}{end}": value + off
                    for part, value in (("value_within", within), ("value_across", across), ("change", across - within))
                    for end, off in (("", 0.0), ("_low", -0.02), ("_high", 0.02))
                },
            }
            for name, within, across in ((DENSE, 0.8, 0.75), (BASELINE, 0.82, 0.7))
        ),
    ),
    "transfer_pairs": shaped(
        "transfer_pairs",
        {
            "within": "films",
            "across": "topic",
            "metric": "accuracy",
            "embedding_a": BASELINE,
            "embedding_b": DENSE,
            **{
                f"{part}{end}": value + off
                for part, value in (("difference_within", 0.02), ("difference_across", -0.05), ("change", -0.07))
                for end, off in (("", 0.0), ("_low", -0.02), ("_high", 0.02))
            },
        },
    ),
    "label_errors": shaped(
        "label_errors",
        {
            "task": "topic",
            "unit_id": "t7",
            "text": "an itching rash",
            "label": "heart",
            "likely": "skin",
            "votes": 4,
            "voters": 5,
            "confidence": 0.9,
            "probability_of_label": 0.05,
        },
    ),
    "without_label_errors": shaped(
        "without_label_errors",
        *(
            {
                **ON_TOPIC,
                "embedding": name,
                "origin": name.partition(".")[0],
                "n": 200,
                "n_left_out": 1,
                "value": value,
                "value_without": value + 0.02,
                "ci_low": value - 0.03,
                "ci_high": value + 0.06,
                "difference": -0.02,
            }
            for name, value in ((BASELINE, 0.8), (DENSE, 0.7))
        ),
    ),
    "attribute_probes": shaped(
        "attribute_probes",
        *(
            {"task": "topic", "embedding": name, "origin": origin, "side": "user", "attribute": "age", "n_units": 90}
            | {"n_values": 3, "dim": 8, "auroc": area, "ci_low": area - 0.05, "ci_high": area + 0.05, "shuffled": 0.5}
            | {"balanced_accuracy": 0.6, "difference": area - 0.6, "difference_low": area - 0.65, "difference_high": area}
            for name, origin, area in ((DENSE, "domain", 0.8), ("number of interactions", None, 0.6))
        ),
    ),
    "nearest_items": shaped(
        "nearest_items",
        {"task": "topic", "embedding": DENSE, "origin": "domain", "item": "Star Wars", "rank": 1, "neighbor": "Alien"}
        | {"cosine": 0.8},
    ),
    "item_map": of_frame("item_map", word_map(DENSE).assign(task="topic")),
    "audit": of_frame("audit", audit(("leakage", 12, 300), ("classes", 3, 3))),
    "without_seen": shaped(
        "without_seen",
        {
            **ON_TOPIC,
            "embedding": BASELINE,
            "n": 200,
            "n_seen": 50,
            "value": 0.9,
            "value_unseen": 0.8,
            "ci_low": 0.75,
            "ci_high": 0.85,
            "difference": 0.1,
        },
    ),
    "rare_values": shaped(
        "rare_values",
        {**ON_TOPIC, "embedding": BASELINE, "part": "in no training row", "n": 1, "value": 0.5},
        {**ON_TOPIC, "embedding": BASELINE, "part": "in 1 to 9", "n": 199, "value": 0.9, "ci_low": 0.85, "ci_high": 0.95},
    ),
    "embeddings": shaped(
        "embeddings", {"embedding": DENSE, "origin": "domain", "dim": 100, "corpus_tokens": 20_000.0, "train_seconds": 30.0}
    ),
    "corpora": shaped("corpora", {"corpus": "domain", "documents": 40, "tokens": 20_000, "fingerprint": "feed"}),
}


def tiny_report(**changes: pd.DataFrame) -> Report:
    """The report of these tables, some of them replaced."""
    run = Run("tiny", command="kedro run --env tiny", tasks={"topic": {"kind": "classification"}})
    return Report(ReportTables(**{**TINY, **changes}), run)
