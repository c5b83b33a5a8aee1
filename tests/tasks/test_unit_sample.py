"""A part of the test units is drawn by hash; a larger part contains a smaller one, and what is learned from stays whole."""

import numpy as np
import pyarrow as pa
from sklearn.metrics import ndcg_score

from emb_pipeline.tasks.examples.unit_sample import FEWEST_UNITS, draw_examples, draw_pairs, draw_queries
from emb_pipeline.tasks.registry import KINDS

EXAMPLES = pa.table(
    {
        "example_id": [f"e{number}" for number in range(1000)],
        "text": [f"text {number % 900}" for number in range(1000)],
        "label": ["a"] * 1000,
        "split": ["train" if number < 200 else "test" for number in range(1000)],
    }
)


def ids(table: pa.Table) -> set[str]:
    return set(table.column(0).to_pylist())


def test_a_larger_part_contains_a_smaller_one_and_training_texts_stay() -> None:
    parts = [draw_examples({"examples": EXAMPLES}, share) for share in (1 / 16, 1 / 4, 1.0)]
    assert [part.n_units for part in parts] == [50, 200, 800]
    assert {part.of_units for part in parts} == {800}
    small, large, whole = (ids(part.tables["examples"]) for part in parts)
    assert small < large < whole
    assert len(small) == 50 + 200
    assert {f"e{number}" for number in range(200)} < small


def test_the_part_depends_on_texts_and_not_on_the_order_of_rows() -> None:
    backwards = EXAMPLES.take(list(range(999, -1, -1)))
    first, second = (draw_examples({"examples": table}, 1 / 4).tables["examples"] for table in (EXAMPLES, backwards))
    assert ids(first) == ids(second)


def test_a_task_without_a_split_is_scored_whole() -> None:
    part = draw_examples({"examples": EXAMPLES.drop_columns("split")}, 1 / 16)
    assert (part.n_units, part.tables["examples"].num_rows) == (1000, 1000)


def test_pairs_that_nothing_is_learned_from_need_no_split() -> None:
    pairs = pa.table(
        {"pair_id": [str(n) for n in range(400)], "text_a": ["a"] * 400, "text_b": [f"b{n}" for n in range(400)]}
    )
    assert draw_pairs({"pairs": pairs}, 1 / 4).n_units == 100


def test_passages_that_answer_a_kept_query_stay_with_the_first_of_the_others() -> None:
    queries = pa.table({"query_id": [f"q{n}" for n in range(400)], "text": [f"query {n}" for n in range(400)]})
    passages = pa.table({"passage_id": [f"p{n}" for n in range(4000)], "text": [f"passage {n}" for n in range(4000)]})
    pairs = {"query_id": [f"q{n}" for n in range(390)], "passage_id": [f"p{n}" for n in range(390)]}
    qrels = pa.table({**pairs, "relevance": pa.array([1.0] * 390, pa.float32())})
    tables = {"queries": queries, "passages": passages, "qrels": qrels}
    small, large = (draw_queries(tables, share, share) for share in (1 / 8, 1 / 4))
    assert (small.n_units, small.of_units) == (FEWEST_UNITS, 390)
    assert ids(small.tables["queries"]) < ids(large.tables["queries"])
    kept = small.tables["qrels"]
    assert set(kept["passage_id"].to_pylist()) <= ids(small.tables["passages"])
    assert kept.num_rows == FEWEST_UNITS
    assert 500 <= small.n_passages < 500 + FEWEST_UNITS
    assert ids(small.tables["passages"]) - set(kept["passage_id"].to_pylist()) < ids(large.tables["passages"])
    assert draw_queries(tables, 1 / 8).n_passages == 4000


def test_each_kind_with_scores_of_single_units_can_be_drawn_from() -> None:
    drawn = {name for name, kind in KINDS.items() if kind.draw_tests}
    assert drawn == set(KINDS) - {"clustering", "recommendation"}


def test_passages_that_are_added_never_raise_the_score_of_a_query() -> None:
    rng = np.random.default_rng(0)
    names = {"query_id": [f"q{n}" for n in range(60)], "passage_id": [f"p{n}" for n in range(800)]}
    queries, passages = (pa.table({key: ids, "text": [f"text of {name}" for name in ids]}) for key, ids in names.items())
    relevant = [(f"q{n}", f"p{place}", 1.0 + place % 2) for n in range(60) for place in rng.choice(800, 3, replace=False)]
    qrels = pa.table(dict(zip(("query_id", "passage_id", "relevance"), map(list, zip(*relevant, strict=True)), strict=True)))
    similarity, grades = rng.normal(size=(60, 800)), np.zeros((60, 800))
    for query, passage, grade in relevant:
        grades[int(query[1:]), int(passage[1:])] = grade
        similarity[int(query[1:]), int(passage[1:])] += 1.5
    part = draw_queries({"queries": queries, "passages": passages, "qrels": qrels}, 1.0, 1 / 8)
    columns = sorted(int(name[1:]) for name in ids(part.tables["passages"]))
    assert 100 <= len(columns) < 400
    score = lambda row, places: ndcg_score(grades[[row]][:, places], similarity[[row]][:, places], k=10)  # noqa: E731
    differences = np.array([score(row, columns) - score(row, list(range(800))) for row in range(60)])
    assert differences.min() >= 0 and differences.mean() > 0.05
