"""A saved view decodes to the leaderboard that it describes."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from emb_pipeline.datasets.mlflow.views import View, decode_view, link_view

VIEW = View("base", "ndcg@10", ["train_seconds", "bytes_per_item", "peak_rss_bytes"])


def test_a_view_is_deflated_json_in_base_64_as_the_page_of_mlflow_inflates_it() -> None:
    written = VIEW.encode()
    assert written.startswith("deflate;") and len(written) < 5000
    read = json.loads(zlib.decompress(base64.b64decode(written.split(";", 1)[1])))
    assert read == decode_view(written) == VIEW.describe() and VIEW.tag == "mlflow.sharedViewState.base"


def test_a_view_shows_the_last_leaderboard_best_first_with_interval_method_and_the_costs_that_are_known() -> None:
    read = decode_view(VIEW.encode())
    assert read["searchFilter"] == "tags.leaderboard = 'base'"
    assert (read["orderByKey"], read["orderByAsc"]) == ("metrics.`ndcg_at_10`", False)
    assert read["columnOrder"] == ["attributes.`Run Name`", *read["selectedColumns"]]
    assert read["selectedColumns"] == [
        "metrics.`ndcg_at_10`",
        "metrics.`ndcg_at_10_low`",
        "metrics.`ndcg_at_10_high`",
        "params.`method`",
        "params.`dim`",
        "params.`origin`",
        "metrics.`train_seconds`",
        "metrics.`bytes_per_item`",
        "attributes.`Dataset`",
        "attributes.`Models`",
    ]


@pytest.mark.parametrize(
    ("store", "page"),
    [
        ("sqlite:////tmp/mlflow.db", "http://127.0.0.1:5000"),
        ("https://me:secret@mlflow.example.org/team/", "https://mlflow.example.org/team"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_a_link_leads_to_the_page_of_the_store_and_names_no_password(store: str, page: str) -> None:
    link = f"{page}/#/experiments/7/runs?viewStateShareKey=base&workflowType=machine_learning"
    assert link_view(store, "7", "base") == link
