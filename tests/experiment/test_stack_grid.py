"""Grids of fusions and rerankers: those of the page are valid, and those that cannot be made are refused with a remedy."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from emb_pipeline.embeddings.learned.options import ContrastOptions
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.facts import build_embedding_facts
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.experiment.problems import GridError
from emb_pipeline.experiment.shared_trainings import share_trainings
from emb_pipeline.pipelines import evaluate, fine_tune, train
from emb_pipeline.statistics.embedding_facts import list_exportable
from tests.conftest import PROJECT
from tests.test_docs import BLOCK

METHODS: dict[str, Any] = {"bert": {"layers": 1}}
GRID: dict[str, Any] = {
    "corpora": ["domain"],
    "methods": {"bert": [8]},
    "baselines": ["bm25", "tfidf", "token_features"],
    "tasks": ["search"],
}
BOTH = ["task.bm25", "task.tfidf"]


def expand(derived: dict[str, Any], **more: Any) -> dict[str, EmbeddingSpec]:
    cells = expand_grid({**GRID, "derived": derived, **more}, METHODS)
    specs = [EmbeddingSpec.model_validate(cell) for members in cells.values() for cell in members.values()]
    return {spec.name: spec for spec in specs}


def test_the_grids_of_the_page_hold_the_names_of_the_page() -> None:
    page = (PROJECT / "docs/build-the-retrieval-stack.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    grids = [yaml.safe_load(body) for _, target, body in blocks if target == "grid"]
    names = [set(body.split()) for kind, _, body in blocks if kind == "names"]
    assert len(grids) == len(names) == 4
    for grid, expected in zip(grids, names, strict=True):
        cells = expand_grid({"tasks": ["category"], **grid}, METHODS)
        specs = [EmbeddingSpec.model_validate(cell) for members in cells.values() for cell in members.values()]
        assert {spec.name for spec in specs} == expected


def test_what_is_tuned_is_evaluated_and_what_it_starts_from_is_not() -> None:
    derived = {"domain.reranked": {"method": "reranker", "of": "task.bm25", "start_from": "domain.bert_8"}}
    specs = expand(derived, fine_tune=[{"base": "domain.reranked", "tasks": ["search"]}])
    start, tuned = specs["domain.reranked"], specs["domain.reranked_tuned_search"]
    assert (start.bases, start.starts_from, start.evaluate_on) == (("task.bm25",), "domain.bert_8", ())
    assert (tuned.bases, tuned.starts_from, tuned.tuned_on) == (("task.bm25",), "domain.reranked", "search")
    assert tuned.evaluate_on is None


def test_a_list_where_a_single_value_is_due_is_an_axis_and_a_list_that_is_a_value_is_none() -> None:
    tried = {"overlap": 2, "size": [8, 128], "by": ["tokens", "sentences"]}
    weighted = {"rule": "weighted", "weights": [3, 1], "depth": [10, 100]}
    specs: dict[str, Any] = expand(
        {
            "task.chunks": {"method": "chunked", "of": "task.bm25", "options": tried},
            "task.both": {"method": "fusion", "of": BOTH, "options": weighted},
        }
    )
    found = {name: (each.options.by, each.options.size) for name, each in specs.items() if each.method == "chunked"}
    assert found == {f"task.chunks_by_{by}_size{size}": (by, size) for by in ("tokens", "sentences") for size in (8, 128)}
    assert [specs[f"task.both_depth{depth}"].options.weights for depth in (10, 100)] == [(3, 1), (3, 1)]


def test_rerankers_of_several_depths_share_one_training() -> None:
    options = {"depth": [10, 30], "max_length": 16}
    derived = {"domain.one": {"method": "reranker", "of": "task.bm25", "start_from": "domain.bert_8", "options": options}}
    bases = [f"domain.one_depth{depth}" for depth in (10, 30)]
    specs = expand(derived, fine_tune=[{"base": base, "tasks": ["search"]} for base in bases])
    tuned = [specs[f"{base}_tuned_search"] for base in bases]
    assert [specs[base].trained_as for base in bases] == [bases[0]] * 2
    assert [spec.starts_from for spec in tuned] == [bases[0]] * 2
    assert [spec.trained_as for spec in tuned] == [tuned[0].name] * 2
    experiment = Experiment(use_case="mine", corpora=("domain",), cells=tuple(specs.values()), tasks={"search": "retrieval"})
    made = {name for stage in (train, fine_tune) for name in stage.create_pipeline(experiment=experiment).all_outputs()}
    trained = {name for name in made if name.endswith(".cross_encoder")}
    assert trained == {f"{bases[0]}.cross_encoder", f"{tuned[0].name}.cross_encoder"}
    evaluation = evaluate.create_pipeline(experiment=experiment)
    taken = {name for name in evaluation.inputs() if name.startswith("domain.one")}
    assert taken == {f"{base}.{part}" for base in (bases[0], tuned[0].name) for part in ("cross_encoder", "training")} - {
        f"{bases[0]}.cross_encoder"
    }
    assert {f"{spec.name}.search.item_scores" for spec in tuned} <= evaluation.all_outputs()


@pytest.mark.parametrize("other", [{"max_length": 32}, {"seed": 1}])
def test_embeddings_that_differ_in_what_is_trained_share_nothing(other: dict[str, Any]) -> None:
    cells = {
        key: {"method": "reranker", "options": {"depth": 10, "max_length": 16}, "seed": 0, "bases": ("task.bm25",)}
        for key in ("one", "two", "same")
    }
    cells["two"] = {**cells["two"], **other, "options": {**cells["two"]["options"], **other}}
    share_trainings({"domain": cells})
    assert [cells[key]["shares_training"] for key in cells] == [None, None, "domain.one"]


@pytest.mark.parametrize(
    ("method", "section"),
    [("learned_sparse", "fine_tuned_sparse"), ("late_interaction", "fine_tuned_late_interaction")],
)
def test_an_encoder_of_the_grid_is_trained_into_a_model_of_search(method: str, section: str) -> None:
    derived = {"domain.mine": {"method": method, "start_from": "domain.bert_8"}}
    tunings = [{"base": "domain.mine", "tasks": ["search"], "options": {"epochs": 2}}]
    cells = expand_grid({**GRID, "derived": derived, "fine_tune": tunings}, {**METHODS, section: {"negatives": 2}})
    start, tuned = (EmbeddingSpec.model_validate(cells["domain"][key]) for key in ("mine", "mine_tuned_search"))
    assert (start.bases, start.starts_from, start.evaluate_on) == ((), "domain.bert_8", ())
    assert (tuned.starts_from, tuned.tuned_on, tuned.evaluate_on) == ("domain.mine", "search", None)
    assert isinstance(tuned.tuning, ContrastOptions) and (tuned.tuning.epochs, tuned.tuning.negatives) == (2, 2)


@pytest.mark.parametrize(
    ("derived", "message"),
    [
        ({"task.one": {"method": "fusion", "of": ["task.bm25"]}}, "fusion takes 2 to 3"),
        (
            {"task.one": {"method": "fusion", "of": ["task.bm25", "task.token_features"]}},
            "is no retriever of the grid",
        ),
        (
            {
                "task.one": {"method": "fusion", "of": ["task.bm25", "task.two"]},
                "task.two": {"method": "fusion", "of": ["task.bm25", "task.one"]},
            },
            "is made from itself, by way of task.two",
        ),
        (
            {"task.one": {"method": "reranker", "of": "task.bm25", "start_from": "task.tfidf"}},
            "which is no encoder of the grid",
        ),
        (
            {"task.one": {"method": "reranker", "of": "task.bm25", "start_from": "domain.bert_8"}},
            "is no cross-encoder yet",
        ),
        ({"domain.one": {"method": "learned_sparse", "start_from": "domain.bert_8"}}, "is no sparse encoder yet"),
        ({"domain.one": {"method": "late_interaction", "start_from": "task.tfidf"}}, "which is no encoder of the grid"),
        ({"domain.one": {"method": "learned_sparse", "of": "domain.bert_8"}}, "name the encoder to train as start_from"),
        (
            {"task.one": {"method": "fusion", "of": ["task.bm25", "task.tfidf"], "start_from": "domain.bert_8"}},
            "leave it out",
        ),
        (
            {"task.one": {"method": "reranker", "of": "task.bm25", "options": {"path": "x", "depth": []}}},
            "task.one.options.depth: there is no value; name one",
        ),
        (
            {"task.one": {"method": "reranker", "of": "task.bm25", "options": {"path": "x", "depth": [10, 0]}}},
            "task.one.options.depth: 0: Input should be greater than or equal to 1; depth: passages of each query",
        ),
        (
            {
                "task.one": {"method": "chunked", "of": "task.two", "options": {"size": [8]}},
                "task.two": {"method": "chunked", "of": "task.one_size8"},
            },
            "is made from itself, by way of task.two",
        ),
    ],
)
def test_a_stack_that_cannot_be_made_is_refused(derived: dict[str, Any], message: str) -> None:
    with pytest.raises(GridError, match=message):
        expand(derived)


def test_an_embedding_that_stands_twice_and_weights_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        expand({"task.one": {"method": "fusion", "of": ["task.bm25", "task.bm25"]}})
    options = {"rule": "weighted", "weights": [1, 1, 1]}
    with pytest.raises(ValueError, match="3 weights for 2 retrievers"):
        expand({"task.one": {"method": "fusion", "of": ["task.bm25", "task.tfidf"], "options": options}})
    with pytest.raises(ValueError, match="needs a cross-encoder"):
        expand({"task.one": {"method": "reranker", "of": "task.bm25"}})
    with pytest.raises(ValueError, match="name the embedding that it is made from"):
        expand({"domain.one": {"method": "learned_sparse"}})
    both = {"method": "learned_sparse", "start_from": "domain.bert_8", "options": {"path": "x"}}
    with pytest.raises(ValueError, match="there is one model"):
        expand({"domain.one": both}, fine_tune=[{"base": "domain.one", "tasks": ["search"]}])


def test_what_is_made_of_a_control_cannot_be_exported() -> None:
    derived = {
        "task.both": {"method": "fusion", "of": BOTH},
        "task.lucky": {"method": "fusion", "of": ["task.both", "control.random_8"]},
        "task.chunks": {"method": "chunked", "of": "task.lucky"},
    }
    facts = build_embedding_facts(expand(derived, controls=["random_8"]).values())
    exportable = list_exportable(facts)
    assert {"task.bm25", "task.both"} <= exportable
    assert not exportable & {"control.random_8", "task.lucky", "task.chunks", "task.token_features"}


def test_depths_of_a_services_reranker_are_embeddings_of_their_own() -> None:
    options = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "dialect": "tei", "depth": [10, 30]}
    specs = expand({"task.paid": {"method": "api_reranker", "of": "task.bm25", "options": options}})
    assert [specs[f"task.paid_depth{depth}"].options.depth for depth in (10, 30)] == [10, 30]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="'budget_usd' needs 'price_per_million_tokens'"):
        expand({"task.paid": {"method": "api_reranker", "of": "task.bm25", "options": {**options, "budget_usd": 1}}})
    with pytest.raises(ValueError, match="start_from, which means nothing to api_reranker"):
        expand(
            {"task.paid": {"method": "api_reranker", "of": "task.bm25", "start_from": "domain.bert_8", "options": options}}
        )
