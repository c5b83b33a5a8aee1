"""Runs that are killed, and workers that share a budget: real processes, a real service that counts what it bills.

The guarantee: a text whose answer was stored is never sent again. A killed process loses, and a later run pays again, at
most the requests that it had under way, or had just been answered: ``concurrency`` of them.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.remote.account import STATE, Account, BudgetError
from emb_pipeline.embeddings.remote.api_encoder import build_api_encoder
from emb_pipeline.embeddings.remote.options import ApiOptions, RerankOptions
from emb_pipeline.embeddings.remote.rerank import EndpointScorer
from emb_pipeline.embeddings.retrieval.cross_encoder import SEPARATOR
from emb_pipeline.storage.vector_rows import DenseRows
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts
from tests.forked import PROCESSES, make_process

from .server import Service, count_tokens, encode_by_hash, serve

pytestmark = pytest.mark.slow
KILLS, CONCURRENCY, BATCH = 20, 4, 4
TEXTS = [f"text number {number} of the shop" for number in range(800)]
PAIRS = [f"query {number}{SEPARATOR}passage {place}" for number in range(40) for place in range(10)]


def encode_all(options: dict[str, Any], store: Path, ends: Any = None) -> None:
    """The work of one process."""
    try:
        build_api_encoder(ApiOptions(**options), store).encode(TEXTS)
    except BudgetError as error:
        ends.put(str(error))


def score_all(options: dict[str, Any], store: Path) -> None:
    """The same of a reranker: the passages of 40 queries."""
    StoredEncoder(EndpointScorer(RerankOptions(**options), store / STATE), store).encode(PAIRS)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve(Service(seconds=0.005)) as running:
        yield running


def kill_after(process: Any, service: Service, n_billed: int) -> None:
    """Start a process, and kill it once the service has billed so many requests."""
    process.start()
    while len(service.billed) < n_billed:
        assert process.is_alive(), "there is nothing left to be killed"
        time.sleep(0.001)
    process.kill()
    process.join()


def settled(service: Service) -> int:
    """Requests that were billed, when none is under way any more."""
    time.sleep(0.05)
    while service.at_once:
        time.sleep(0.01)
    return len(service.billed)


def test_no_text_that_was_answered_is_paid_again_over_twenty_kills(service: Service, tmp_path: Path) -> None:
    given = {"base_url": service.url, "model": "tiny", "dimensions": 8, "drift_texts": 0, "price_per_million_tokens": 1000}
    options = {**given, "batch_texts": BATCH, "concurrency": CONCURRENCY}
    name = build_api_encoder(ApiOptions(**options), tmp_path).unstored.fingerprint()[:32]  # type: ignore[union-attr]
    lost: Counter[str] = Counter()
    before = 0
    for number in range(KILLS):
        process = make_process(encode_all, options, tmp_path)
        kill_after(process, service, before + random.Random(number).randint(2, 10))
        assert process.exitcode == -9
        shards = VectorShards(tmp_path / name, DenseRows(8))
        requests = service.billed[before : (before := settled(service))]
        unstored = [request.texts for request in requests if not shards.find_stored(hash_texts(request.texts)).all()]
        assert len(unstored) <= CONCURRENCY
        lost.update(text for texts in unstored for text in texts)
    np.testing.assert_array_equal(build_api_encoder(ApiOptions(**options), tmp_path).encode(TEXTS), encode_by_hash(TEXTS))
    assert Counter(service.billed_texts) == Counter(TEXTS) + lost
    spending = Account(ApiOptions(**options), tmp_path / STATE).read()
    assert spending.gone_usd >= 1e-3 * sum(map(count_tokens, service.billed_texts)) - 1e-9


def test_no_pair_that_was_scored_is_paid_again_over_three_kills(service: Service, tmp_path: Path) -> None:
    options = {"base_url": service.url, "model": "tiny", "batch_texts": BATCH, "concurrency": CONCURRENCY}
    shards_of = EndpointScorer(RerankOptions(**options)).fingerprint()[:32]
    n_lost = before = 0
    for number in range(3):
        process = make_process(score_all, options, tmp_path)
        kill_after(process, service, before + random.Random(number).randint(2, 10))
        shards = VectorShards(tmp_path / shards_of, DenseRows(1))
        requests = service.billed[before : (before := settled(service))]
        pairs = [[f"{each.body['query']}{SEPARATOR}{text}" for text in each.texts] for each in requests]
        unstored = [each for each in pairs if not shards.find_stored(hash_texts(each)).all()]
        assert len(unstored) <= CONCURRENCY
        n_lost += sum(map(len, unstored))
    score_all(options, tmp_path)
    assert len(service.billed_texts) == len(PAIRS) + n_lost


def test_two_workers_and_a_later_run_share_one_budget(service: Service, tmp_path: Path) -> None:
    budget = 0.6 * 1e-3 * sum(map(count_tokens, TEXTS))
    options = {
        "base_url": service.url,
        "model": "tiny",
        "dimensions": 8,
        "drift_texts": 0,
        "price_per_million_tokens": 1000,
        "budget_usd": budget,
        "batch_texts": BATCH,
    }
    # The first estimate is not above the budget: the account believes in few tokens.
    cheap = Account(ApiOptions(**options), tmp_path / STATE)
    cheap.settle(cheap.reserve(0.0), 0.0, purpose="encode", tokens=1, n_bytes=10_000_000, texts=1)
    ends = PROCESSES.Queue()
    for n_workers in (2, 1):
        workers = [make_process(encode_all, options, tmp_path, ends) for _ in range(n_workers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert "of the budget of" in ends.get(timeout=30)
    billed = 1e-3 * sum(map(count_tokens, service.billed_texts))
    assert 0.9 * budget < billed <= budget
    assert len(service.billed_texts) == len(set(service.billed_texts))
    assert cheap.read().spent_usd == pytest.approx(billed)


def test_an_estimate_above_the_budget_is_refused_before_anything_is_sent(service: Service, tmp_path: Path) -> None:
    options = ApiOptions(
        base_url=service.url, model="tiny", dimensions=8, price_per_million_tokens=1000, budget_usd=0.5, drift_texts=0
    )
    with pytest.raises(BudgetError, match=r"800 texts need about 5372 tokens and \$5.37\d+; of the budget of \$0.5"):
        build_api_encoder(options, tmp_path).encode(TEXTS)
    assert not service.billed
