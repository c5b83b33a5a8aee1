"""Recommendation among very many items: vectors are drawn as real ones are, and each search is held against exact search."""

from __future__ import annotations

import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "real_time_recommendation.py"
SMALL = {"items": 3000, "users": 50, "requests": 60, "threads": 2, "seconds": 60, "indexes": ["FLAT", "IVF_FLAT"]}


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(BENCHMARK))


@pytest.fixture(scope="module")
def factors() -> tuple[np.ndarray, np.ndarray]:
    """Factors of users and items, 16 dimensions of falling strength."""
    rng = np.random.default_rng(1)
    strength = np.arange(1, 17, dtype=np.float32) ** -0.5
    users, items = (rng.standard_normal((400, 16), dtype=np.float32) * strength + 0.2 for _ in range(2))
    return users, items * rng.lognormal(size=400).astype(np.float32)[:, None]


def test_drawn_vectors_have_the_lengths_and_the_directions_of_real_ones(
    benchmark: dict[str, Any], factors: tuple[np.ndarray, np.ndarray]
) -> None:
    real = factors[1]
    drawn = benchmark["draw_like"](real, 20_000, np.random.default_rng(0))
    quantiles = np.linspace(0, 1, 11)
    lengths = [np.quantile(np.linalg.norm(vectors, axis=1), quantiles) for vectors in (real, drawn)]
    np.testing.assert_allclose(*lengths, rtol=1e-3)
    spectra = [np.linalg.eigvalsh(np.cov(vectors.T)) for vectors in (real, drawn)]
    assert np.corrcoef(np.log(spectra[0]), np.log(spectra[1]))[0, 1] > 0.95


def test_a_click_solves_one_step_of_implicit_als(benchmark: dict[str, Any], factors: tuple[np.ndarray, np.ndarray]) -> None:
    items = factors[1]
    taken, weight, regularization = np.array([3, 5]), 10.0, 1.0
    confidence = np.where(np.isin(np.arange(len(items)), taken), 1 + weight, 1.0)
    preference = np.isin(np.arange(len(items)), taken).astype(float)
    left = items.T @ (confidence[:, None] * items) + regularization * np.eye(16)
    expected = np.linalg.solve(left, items.T @ (confidence * preference))
    np.testing.assert_allclose(
        benchmark["Clicks"](items, weight, regularization).update(taken), expected, rtol=1e-3, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("part", ["exact", "faiss", "milvus"])
def test_exact_searches_agree_and_recall_rises_with_what_is_looked_at(
    part: str,
    benchmark: dict[str, Any],
    factors: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MILVUS_URI", raising=False)
    found = {each.name: each for each in benchmark["measure"](factors, Namespace(only=part, **SMALL), tmp_path)}
    click = found.pop("a click")
    assert len(click.times) == len(found) * SMALL["requests"] // 10
    assert all(len(each.times) == SMALL["requests"] and each.rate > 0 for each in found.values())
    recall = {name: each.recall for name, each in found.items()}
    assert recall["faiss, exact"] == 1
    if part == "exact":
        assert recall["own, exact"] == 1
    elif part == "faiss":
        by_lists = [value for name, value in recall.items() if "IVF" in name]
        by_graph = [value for name, value in recall.items() if "HNSW" in name]
        assert by_lists == sorted(by_lists) and by_lists[0] < 0.9 < by_lists[-1]
        assert by_graph == sorted(by_graph) and by_graph[-1] > 0.95
    else:
        assert recall["Milvus Lite, FLAT"] == 1
        by_lists = [value for name, value in recall.items() if "IVF_FLAT" in name]
        assert by_lists == sorted(by_lists) and by_lists[-1] > 0.9
        assert all(not len(each.processor_times) for name, each in found.items() if "Milvus" in name)
