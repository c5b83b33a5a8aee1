"""A sample of a task's examples: drawn by hash, classes and splits keep their share, answers stay with their queries."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.registry import KINDS
from tests.scaffold import brought_files


def make_table(n_rows: int) -> pa.Table:
    labels = ["common" if number % 10 else "rare" for number in range(n_rows)]
    texts = [f"text {number // 2}" for number in range(n_rows)]  # each twice
    return pa.table({"id": [str(number) for number in range(n_rows)], "text": texts, "label": labels})


def test_strata_keep_their_share_and_equal_texts_stay_together() -> None:
    drawn = draw_rows(make_table(1000), 200, ("text",), ("label",))
    counts = Counter(drawn["label"].to_pylist())
    assert 180 <= drawn.num_rows <= 240 and 18 <= counts["rare"] <= 40
    texts = Counter(draw_rows(make_table(1000), 200, ("text",))["text"].to_pylist())
    assert set(texts.values()) == {2}


def test_the_draw_is_the_same_whatever_the_order_of_rows() -> None:
    table = make_table(400)
    turned = table.take(pa.array(range(399, -1, -1)))
    assert set(draw_rows(table, 100, ("id",))["id"].to_pylist()) == set(draw_rows(turned, 100, ("id",))["id"].to_pylist())


def test_small_classes_keep_what_they_need_and_a_large_sample_is_all() -> None:
    table = pa.table({"text": [f"t{n}" for n in range(300)], "label": ["a"] * 294 + ["b"] * 6})
    assert Counter(draw_rows(table, 60, ("text",), ("label",))["label"].to_pylist())["b"] == 5
    assert draw_rows(table, 300, ("text",)) is table and draw_rows(table, None, ("text",)) is table


@pytest.mark.parametrize(
    ("layout", "kind", "source", "sample", "counted"),
    [
        (brought_files.table_with_an_index, "classification", {"text": "title", "label": "category"}, 60, "examples"),
        (
            brought_files.scored_pairs,
            "similarity",
            {"text_a": "sentence1", "text_b": "sentence2", "score": "score"},
            50,
            "pairs",
        ),
    ],
    ids=["classification", "similarity"],
)
def test_every_reader_takes_a_sample(layout, kind, source, sample, counted, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (file,) = layout(tmp_path)
    reader = KINDS[kind].create_reader()
    made = TypeAdapter(reader.source_type).validate_python({"reader": "csv", "path": file.name, **source})
    whole = reader.read(made, tmp_path, tmp_path, "mine")
    part = reader.read(made, tmp_path, tmp_path, "mine", sample)
    assert part[counted].num_rows < whole[counted].num_rows
    KINDS[kind].create_task(part, "mine")


def test_a_search_keeps_the_answers_of_its_queries(tmp_path: Path) -> None:
    brought_files.three_tables(tmp_path)
    reader = KINDS["retrieval"].create_reader()
    named = {"queries": "queries.csv", "passages": "passages.csv", "qrels": "judged.csv"}
    made = TypeAdapter(reader.source_type).validate_python({"reader": "tables", **named})
    part = reader.read(made, tmp_path, tmp_path, "mine", 50)
    queries, passages = set(part["queries"]["query_id"].to_pylist()), set(part["passages"]["passage_id"].to_pylist())
    assert 10 <= len(queries) < 30 and len(passages) < 60
    assert {f"p{name[1:]}" for name in queries} <= passages
    assert set(part["qrels"]["query_id"].to_pylist()) == queries


def test_a_recommendation_keeps_all_that_a_drawn_user_took(tmp_path: Path) -> None:
    brought_files.interactions(tmp_path)
    reader = KINDS["recommendation"].create_reader()
    named = {"path": "ratings.csv", "user": "userId", "item": "movieId", "rating": "rating", "min_rating": 4}
    made = TypeAdapter(reader.source_type).validate_python({"reader": "interactions", **named})
    whole, part = (reader.read(made, tmp_path, tmp_path, "mine", sample)["interactions"] for sample in (None, 400))
    counts, drawn = (Counter(table["user_id"].to_pylist()) for table in (whole, part))
    assert 10 <= len(drawn) < len(counts) and all(counts[user] == n for user, n in drawn.items())
