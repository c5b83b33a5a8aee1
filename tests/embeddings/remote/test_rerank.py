"""Scores from a real reranking service on this machine, in each dialect, and retrievers that it puts in order."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import list_remote_parts
from emb_pipeline.embeddings.remote.account import STATE, Account, BudgetError
from emb_pipeline.embeddings.remote.options import RerankOptions
from emb_pipeline.embeddings.remote.rerank import EndpointScorer, build_api_reranker
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.cross_encoder import SEPARATOR
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.examples.paid_texts import estimate_cost

from .conftest import Build
from .server import Service, encode_by_hash

PASSAGES = [f"passage {number}" for number in range(11)]
EXPECTED = encode_by_hash(PASSAGES) @ encode_by_hash(["a query"])[0]
PAIRS = [f"a query{SEPARATOR}{passage}" for passage in PASSAGES]
USUAL = Bm25(Bm25Options(k1=1.5, b=0.75))


@pytest.fixture
def name_options(service: Service, build: Build) -> Any:
    def options(**given: Any) -> RerankOptions:
        return RerankOptions(**{"base_url": service.url, "model": "tiny", **given})

    return options


@pytest.mark.parametrize("dialect", ["cohere", "voyage", "tei"])
def test_scores_are_in_the_order_of_the_pairs(dialect: str, service: Service, name_options: Any) -> None:
    scorer = EndpointScorer(name_options(dialect=dialect, batch_texts=4))
    service.faults.extend(["429", "500"])
    service.largest_batch = 3
    mixed = [*PAIRS[:5], f"another{SEPARATOR}text", *PAIRS[5:], f"a query{SEPARATOR} ", f" {SEPARATOR}text"]
    scores = scorer.encode(mixed)
    assert scores.shape == (14, 1) and scores.dtype == np.float32
    np.testing.assert_allclose(np.delete(scores[:, 0], [5, 12, 13]), EXPECTED, rtol=1e-6)
    assert np.isneginf(scores[12:]).all()
    assert len(service.billed_texts) == len(PASSAGES) + 1
    assert {request.body["query"] for request in service.billed} == {"a query", "another"}
    assert scorer.encode([]).shape == (0, 1)


def test_an_answer_without_a_score_for_each_passage_is_refused(service: Service, name_options: Any) -> None:
    service.faults.append("count")
    with pytest.raises(DataError, match=r"gave 10 scores for 11 passages; correct 'dialect'"):
        EndpointScorer(name_options()).encode(PAIRS)


def test_searches_are_paid_by_their_number_and_stop_before_the_budget(
    service: Service, name_options: Any, tmp_path: Path
) -> None:
    options = name_options(price_per_thousand_requests=2, budget_usd=0.005)
    for _ in range(2):
        EndpointScorer(options, tmp_path).encode(PAIRS)
    with pytest.raises(DataError, match=r"\$0.004000 of the budget of \$0.005 are spent, .* can cost \$0.002000"):
        EndpointScorer(options, tmp_path).encode(PAIRS)
    assert len(service.billed) == 2


def test_a_pair_is_paid_once_for_all_depths_and_a_query_is_one_request(
    service: Service, name_options: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    passages, queries = [f"heart {'lung ' * number}" for number in range(8)], ["heart", "lung heart"]
    ranked = {}
    for depth in (2, 6, 4):
        options = name_options(depth=depth, price_per_million_tokens=2)
        index = build_api_reranker(options, {"task.bm25": USUAL}, tmp_path).index(passages)
        ranked[depth] = index.search_scored(queries, 8)
        assert len(service.billed_texts) == 2 * max(ranked), "pairs of depth 2 are among those of depth 6"
    assert len(service.billed) == 4, "one request for each query and deeper pool"
    first = USUAL.index(passages).search(queries, 8)
    np.testing.assert_array_equal(ranked[4].passages[:, 4:], first[:, 4:])
    for row, query in enumerate(queries):
        scores = encode_by_hash([passages[place] for place in first[row, :4]])
        order = np.argsort(-(scores @ encode_by_hash([query])[0]))
        np.testing.assert_array_equal(ranked[4].passages[row, :4], first[row, :4][order])
    assert sum("pairs to score, about" in line for line in caplog.messages) == 2
    account = Account(options, tmp_path / STATE).read()
    assert account.by_purpose.keys() == {"rerank"} and account.texts == 4 * 6


def test_what_exceeds_the_budget_is_refused_before_the_first_pair(
    service: Service, name_options: Any, tmp_path: Path
) -> None:
    options = name_options(price_per_thousand_requests=10, budget_usd=0.015)
    index = build_api_reranker(options, {"task.bm25": USUAL}, tmp_path).index(PASSAGES)
    with pytest.raises(BudgetError, match=r"22 pairs need about .* and \$0.020000; of the budget of \$0.015"):
        index.search(["passage", "a passage"], 3)
    assert not service.billed


def test_the_most_that_all_tasks_can_cost_is_estimated_and_not_refused(
    service: Service, name_options: Any, tmp_path: Path
) -> None:
    options = name_options(depth=30, batch_texts=4, price_per_thousand_requests=1, budget_usd=0.001)
    tables = {"queries": pa.table({"text": ["one", "other"]}), "passages": pa.table({"text": PASSAGES})}
    (row,) = estimate_cost(build_api_reranker(options, {"task.bm25": USUAL}, tmp_path), [tables]).to_pylist()
    assert row["texts"] == 2 * 11 and row["usd"] == pytest.approx(2 * 3 * 1e-3) and row["refused"] is None
    assert row["tokens"] == pytest.approx((11 * 8 + 2 * sum(map(len, PASSAGES))) / 4, abs=0.5)
    assert not service.billed


def test_a_request_of_it_is_timed_and_priced_as_a_service(service: Service, name_options: Any, tmp_path: Path) -> None:
    options = name_options(depth=10, batch_texts=4, price_per_thousand_requests=1, latency_requests=3)
    reranker = build_api_reranker(options, {"task.bm25": USUAL}, tmp_path)
    (part,) = list_remote_parts(reranker)
    assert part.latency_requests == 3
    assert part.price_texts(PASSAGES) == pytest.approx(1e6 * 3 * 1e-3)
    assert np.isnan(EndpointScorer(name_options()).price_texts(PASSAGES))
    index: Any = reranker.index(PASSAGES)
    index.search(["passage"], 3)
    n_paid = len(service.billed_texts)
    index.unstored.search(["passage"], 3)
    assert len(service.billed_texts) == 2 * n_paid == 20


def test_a_key_is_sent_and_written_nowhere(
    service: Service, name_options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.key = "sk-of-the-shop-0123456789"
    monkeypatch.setenv("SHOP_KEY", service.key)
    options = name_options(key="SHOP_KEY", budget_usd=1, price_per_million_tokens=1)
    reranker: Any = factory.build_encoder("api_reranker", options, bases={"task.bm25": USUAL}, encodings=tmp_path / "store")
    index = reranker.index(PASSAGES)
    expected = index.search_scored(["a passage"], 5)
    write_embedding(index, tmp_path / "bundle")
    found = read_embedding(tmp_path / "bundle").search_scored(["a passage"], 5)
    np.testing.assert_array_equal(found.passages, expected.passages)
    np.testing.assert_array_equal(found.scores, expected.scores)
    written = json.loads((tmp_path / "bundle/scorer/embedding.json").read_text())
    assert written["options"]["key"] == "SHOP_KEY" and "budget_usd" not in written["options"]
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and service.key.encode() in each.read_bytes()]
    assert service.key not in caplog.text and service.key not in json.dumps(reranker.details)
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(DataError, match="SHOP_KEY"):
        read_embedding(tmp_path / "bundle").search_scored(["a passage"], 5)
