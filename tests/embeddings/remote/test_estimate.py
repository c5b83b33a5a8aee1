"""What a run will cost is known, and can be refused, before the first text is sent."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from emb_pipeline.embeddings.protocols import list_remote_parts
from emb_pipeline.embeddings.remote.api_encoder import ApiEncoder, build_api_encoder
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.options import Bm25Options, FusionOptions
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.pipelines.evaluate.nodes import ESTIMATE, evaluate_with_bases
from emb_pipeline.pipelines.evaluate.pipeline import create_pipeline
from emb_pipeline.tasks.examples.paid_texts import estimate_cost, require_allowed

from .conftest import Build
from .server import Service

TOPIC = {"examples": pa.table({"text": [f"text {number}" for number in range(9)] + ["text 0", ""], "label": ["a"] * 11})}
SEARCH = {"queries": pa.table({"text": ["text 1", "text 2"]}), "passages": pa.table({"text": ["text 1", "a passage"]})}


def test_texts_of_all_tasks_count_once_for_each_role_and_stored_ones_not_at_all(
    service: Service, build: Build, tmp_path: Path
) -> None:
    options = build(price_per_million_tokens=4, query_prompt="query: ")
    (row,) = estimate_cost(build_api_encoder(options, tmp_path), [TOPIC, SEARCH]).to_pylist()
    assert row["texts"] == 9 + 2 + 2 and row["refused"] is None
    assert row["usd"] == pytest.approx(4e-6 * row["tokens"])
    n_bytes = 9 * 6 + 2 * 13 + 6 + 9
    assert row["tokens"] == pytest.approx(n_bytes / 4)
    assert not service.billed
    build_api_encoder(options, tmp_path).encode([f"text {number}" for number in range(9)])
    (row,) = estimate_cost(build_api_encoder(options, tmp_path), [TOPIC, SEARCH]).to_pylist()
    # Passages are encoded as other texts are: one of the two is stored.
    assert row["texts"] == 2 + 1


def test_an_estimate_above_the_budget_is_the_failure_of_each_task(service: Service, build: Build, tmp_path: Path) -> None:
    options = build(price_per_million_tokens=1e6, budget_usd=2)
    estimate = estimate_cost(build_api_encoder(options, tmp_path), [TOPIC, SEARCH])
    with pytest.raises(DataError, match=r"tiny at .*: 13 texts need about .* of the budget of \$2, .* raise 'budget_usd'"):
        require_allowed(estimate)
    assert not service.billed
    (row,) = estimate_cost(ApiEncoder(build()), [TOPIC]).to_pylist()
    assert row["texts"] == 0  # what is not stored is not estimated


def test_no_task_is_evaluated_before_the_estimate_of_all(build: Build) -> None:
    options = build().model_dump(mode="json", exclude_defaults=True)
    source = {"reader": "csv", "path": "a.csv", "label": "label"}
    tasks = {name: {"kind": "classification", "source": source} for name in ("one", "other")}
    grid = {"corpora": [], "pretrained": {"service": {"method": "api", "options": options}}, "tasks": list(tasks)}
    embeddings = expand_grid(grid, {})
    experiment = build_experiment(
        {"use_case": "shop", "grid": grid, "embeddings": embeddings, "tasks": tasks, "corpora": {}}
    )
    nodes = {node.name: node for node in create_pipeline(experiment=experiment).nodes}
    estimate = nodes["pretrained.service.estimate_cost"]
    assert {"examples@one", "examples@other"} <= set(estimate.inputs)
    for task in tasks:
        assert set(estimate.outputs) <= set(nodes[f"pretrained.service.{task}.evaluate_classification"].inputs)


def test_what_builds_on_a_service_waits_for_its_estimate_too(build: Build) -> None:
    """Of a service that is evaluated on no task by itself, a fusion and smaller vectors read what is paid for."""
    options = build().model_dump(mode="json", exclude_defaults=True)
    tasks = {
        "search": {"kind": "retrieval", "source": {"reader": "squad", "download": "squad_v1"}},
        "topic": {"kind": "classification", "source": {"reader": "csv", "path": "a.csv", "label": "label"}},
    }
    grid = {
        "corpora": [],
        "pretrained": {"service": {"method": "api", "options": options, "evaluate_on": []}},
        "baselines": ["bm25"],
        "derived": {
            "pretrained.small": {"method": "reduced", "of": "pretrained.service", "options": {"dims": 2}},
            "pretrained.both": {"method": "fusion", "of": ["task.bm25", "pretrained.small"]},
        },
        "tasks": list(tasks),
    }
    embeddings = expand_grid(grid, {})
    sections = {"use_case": "shop", "grid": grid, "embeddings": embeddings, "tasks": tasks, "corpora": {}}
    nodes = {node.name: node for node in create_pipeline(experiment=build_experiment(sections)).nodes}
    estimate = nodes["pretrained.service.estimate_cost"]
    assert {"examples@search", "examples@topic"} <= set(estimate.inputs)
    waiting = [name for name, node in nodes.items() if set(estimate.outputs) <= set(node.inputs)]
    evaluated = ("small.topic", "small.search", "both.search")
    assert len(waiting) == 3 and all(any(each in name for name in waiting) for each in evaluated)


def test_an_estimate_above_the_budget_of_a_base_is_the_failure_of_what_builds_on_it(build: Build, tmp_path: Path) -> None:
    paid = build_api_encoder(build(price_per_million_tokens=1e6, budget_usd=2), tmp_path)
    refused = evaluate_with_bases(
        SEARCH, cell=None, definition=None, folders=None, **{f"{ESTIMATE}0": estimate_cost(paid, [TOPIC])}
    )
    assert all("of the budget of $2" in str(each) for each in refused)


def test_a_fusion_with_a_service_costs_what_the_service_asks_for(service: Service, build: Build, tmp_path: Path) -> None:
    paid = build_api_encoder(build(price_per_million_tokens=4), tmp_path)
    searcher = Bm25(Bm25Options())
    fusion = Fusion(FusionOptions(), {"words": searcher, "service": paid})
    (part,) = list_remote_parts(fusion)
    assert part is paid.unstored and list_remote_parts(searcher) == []  # type: ignore[union-attr]
    assert part.price_texts(["four", "letters8"]) == pytest.approx(4 * 6 / 4)
