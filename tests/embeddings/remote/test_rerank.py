"""Scores from a real reranking service on this machine, in each dialect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.remote.options import RerankOptions
from emb_pipeline.embeddings.remote.rerank import RerankClient
from emb_pipeline.errors import DataError

from .conftest import Build
from .server import Service, encode_by_hash

PASSAGES = [f"passage {number}" for number in range(11)]
EXPECTED = encode_by_hash(PASSAGES) @ encode_by_hash(["a query"])[0]


@pytest.mark.parametrize("dialect", ["cohere", "voyage", "tei"])
def test_scores_are_in_the_order_of_the_passages(dialect: str, service: Service, build: Build) -> None:
    client = RerankClient(RerankOptions(base_url=service.url, model="tiny", dialect=dialect, batch_texts=4))
    service.faults.extend(["429", "500"])
    service.largest_batch = 3
    scores = client.score("a query", [*PASSAGES, " "])
    np.testing.assert_allclose(scores[:-1], EXPECTED, rtol=1e-6)
    assert scores[-1] == -np.inf
    assert len(service.billed_texts) == len(PASSAGES)
    assert client.score("a query", []).shape == (0,)


def test_an_answer_without_a_score_for_each_passage_is_refused(service: Service, build: Build) -> None:
    service.faults.append("count")
    with pytest.raises(DataError, match=r"gave 10 scores for 11 passages; correct 'dialect'"):
        RerankClient(RerankOptions(base_url=service.url, model="tiny")).score("a query", PASSAGES)


def test_searches_are_paid_by_their_number_and_stop_before_the_budget(
    service: Service, build: Build, tmp_path: Path
) -> None:
    options = RerankOptions(base_url=service.url, model="tiny", price_per_thousand_requests=2, budget_usd=0.005)
    for _ in range(2):
        RerankClient(options, tmp_path).score("a query", PASSAGES)
    with pytest.raises(DataError, match=r"\$0.004000 of the budget of \$0.005 are spent, .* can cost \$0.002000"):
        RerankClient(options, tmp_path).score("a query", PASSAGES)
    assert len(service.billed) == 2
