"""Axes of an embedding: a short form of entries that a person could have written."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.experiment.axes import expand_axes
from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.facts import build_embedding_facts, list_embeddings
from emb_pipeline.experiment.schema import Grid
from emb_pipeline.pipelines import evaluate, train
from emb_pipeline.statistics.embedding_facts import VARIANT, list_candidates, match_corpora, pair_derived
from tests.conftest import PROJECT
from tests.test_docs import BLOCK

METHODS: dict[str, Any] = {"word2vec": {"window": 5}, "reduced": {"by": "pca"}, "bm25": {}}
MODEL: dict[str, Any] = {
    "method": "sentence_transformer",
    "options": {"path": "m", "max_length": 64},
    "evaluate_on": ["topic"],
}
GRID: dict[str, Any] = {
    "corpora": ["domain", "generic"],
    "methods": {"word2vec": [50, 100]},
    "seeds": {"word2vec_50": [1]},
    "baselines": ["bm25"],
    "tasks": ["topic", "search"],
}


WINDOW_3 = {"of": "domain.word2vec_50", "options": {"window": 3}}


def with_axes(model: dict[str, Any] | None = None, **methods: Any) -> dict[str, Any]:
    pretrained = {} if model is None else {"mine": {**MODEL, "axes": model}}
    return {**GRID, "pretrained": pretrained, "axes": methods}


def test_axes_give_what_a_person_would_have_written() -> None:
    short = with_axes({"dims": [16], "precision": ["int8"], "prompt": ["none"]}, word2vec={"window": [2, 5]})
    no_prompt = {f"{role}_prompt": "" for role in ("query", "passage", "text")}
    small = {"method": "reduced", "evaluate_on": ["topic"]}
    mine, silent = "pretrained.mine", "pretrained.mine_prompt_none"
    by_hand = {
        **GRID,
        "pretrained": {"mine": MODEL},
        "variants": {
            silent: {"of": mine, "options": no_prompt},
            **{
                f"{corpus}.word2vec_{dim}_window2": {"of": f"{corpus}.word2vec_{dim}", "options": {"window": 2}}
                for corpus in ("domain", "generic")
                for dim in (50, 100)
            },
        },
        "derived": {
            f"{base}{end}": {**small, "of": base, "options": options}
            for base in (mine, silent)
            for end, options in {
                "_precision_int8": {"precision": "int8"},
                "_dims16": {"dims": 16},
                "_dims16_precision_int8": {"dims": 16, "precision": "int8"},
            }.items()
        },
    }
    assert expand_axes(Grid.model_validate(short), METHODS) == Grid.model_validate(by_hand)
    assert expand_grid(short, METHODS) == expand_grid(by_hand, METHODS)
    cells = {spec.name: spec for spec in list_embeddings(expand_grid(short, METHODS))}
    assert cells["generic.word2vec_100_window2"].options.window == 2  # type: ignore[attr-defined]
    assert cells["generic.word2vec_100"].options.window == 5  # type: ignore[attr-defined]
    assert cells["generic.word2vec_100_window2"].dim == 100
    assert cells[silent].options.max_length == 64  # type: ignore[attr-defined]
    assert cells[silent].evaluate_on == ("topic",)
    assert "domain.word2vec_50_window5" not in cells and "domain.word2vec_50_seed1_window2" not in cells


def test_a_single_value_holds_for_all_points_and_nothing_is_made_that_is_not_smaller() -> None:
    fixed = expand_axes(Grid.model_validate(with_axes({"dims": [16], "by": "prefix"})), METHODS)
    assert {name: entry.options for name, entry in fixed.derived.items()} == {
        "pretrained.mine_dims16": {"dims": 16, "by": "prefix"}
    }
    both = expand_axes(Grid.model_validate(with_axes({"dims": [16], "by": ["pca", "prefix"]})), METHODS)
    assert list(both.derived) == ["pretrained.mine_dims16", "pretrained.mine_dims16_by_prefix"]


def test_chunks_are_an_axis_of_every_retriever_and_of_its_smaller_sizes() -> None:
    axes = {"bm25": {"chunk": [128, 256], "variant": ["atire"]}, "word2vec": {"chunk": [64], "precision": ["int8"]}}
    plan = {**GRID, "corpora": ["domain"], "methods": {"word2vec": [50]}, "seeds": {}, "axes": axes}
    found = expand_axes(Grid.model_validate(plan), METHODS)
    of = {name: (entry.method, *entry.made_from, *entry.options.values()) for name, entry in found.derived.items()}
    small, wide = "domain.word2vec_50_precision_int8", "domain.word2vec_50"
    assert of == {
        **{
            f"task.bm25{variant}_chunk{size}": ("chunked", f"task.bm25{variant}", size)
            for variant in ("", "_variant_atire")
            for size in (128, 256)
        },
        small: ("reduced", wide, "int8"),
        f"{wide}_chunk64": ("chunked", wide, 64),
        f"{small}_chunk64": ("chunked", small, 64),
    }
    assert {spec.name for spec in list_embeddings(expand_grid(plan, METHODS))} >= set(of)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (with_axes({"dimms": [16]}), "mine.axes: .* sentence_transformer has no axis 'dimms'; did you mean 'dims'"),
        (with_axes({"precision": ["int9"]}), "mine.axes.precision: 'int9': Input should be 'float32', 'float16', 'int8' or"),
        (with_axes({"dims": [0]}), "mine.axes.dims: 0: Input should be greater than or equal to 1"),
        (with_axes({"dims": []}), "mine.axes.dims: there is no value; name one, or leave the axis out"),
        (with_axes({"by": ["prefix"]}), "mine.axes: by: nothing would become smaller; add a list of dims or of precision"),
        (with_axes({"max_length": 32}), r"mine.axes.max_length: 32 is no list of values; write \[32\], or set it"),
        (with_axes({"chunk": 64}), r"mine.axes.chunk: 64 is no list of values; write \[64\]$"),
        (with_axes({"prompt": ["a!", "a?"]}), "two values would give one name, …_prompt_a; leave one out, or write"),
        (with_axes({"prompt": [{"qery": "q"}]}), "axes.prompt: unknown role 'qery'; did you mean 'query'"),
        (with_axes({"prompt": [3]}), "axes.prompt: 3: Input should be a valid string"),
        (with_axes(word2vec={"windoww": [2]}), "axes.word2vec: .* has no axis 'windoww'; did you mean 'window'"),
        (with_axes(word2vec={"prompt": ["none"]}), "axes.word2vec: .* has no axis 'prompt'"),
        (with_axes(word3vec={"window": [2]}), "'word3vec' is no method .* baselines:; did you mean 'word2vec'"),
        (with_axes(glove={"window": [2]}), "'glove' is no method of the grid's methods: or baselines:"),
        (
            {**with_axes(word2vec={"window": [2]}), "variants": {"domain.word2vec_50_window2": WINDOW_3}},
            "two embeddings are called domain.word2vec_50_window2; leave the value out, or rename the other one",
        ),
        (
            {**GRID, "variants": {"domain.a": {**WINDOW_3, "of": "domain.word2vec_5"}}},
            "domain.word2vec_5 is no embedding of the grid; did you mean 'domain.word2vec_50'",
        ),
        ({**GRID, "variants": {"generic.a": WINDOW_3}}, "word2vec_50 learns from domain; call it domain.a"),
    ],
)
def test_what_is_no_axis_or_no_value_is_refused_with_a_way_out(grid: dict[str, Any], message: str) -> None:
    with pytest.raises(EmbPipelineError, match=message):
        expand_grid(grid, METHODS)


def test_the_report_finds_variants_under_their_model_and_windows_as_lines_of_their_own() -> None:
    facts = build_embedding_facts(list_embeddings(expand_grid(with_axes(word2vec={"window": [10]}), METHODS)))
    assert ("domain.word2vec_50_window10", "domain.word2vec_50") in pair_derived(facts)[VARIANT]
    curves = facts.set_index("embedding")["curve"]
    assert curves["domain.word2vec_50_window10"] == curves["domain.word2vec_100_window10"] == "domain word2vec, window 10"
    assert curves["domain.word2vec_50"] == "domain word2vec"
    assert "domain.word2vec_50_window10" in list_candidates(facts)
    assert match_corpora(facts) == [
        ("domain.word2vec_50", "generic.word2vec_50"),
        ("domain.word2vec_100", "generic.word2vec_100"),
    ]


def test_what_is_reduced_from_a_variant_is_evaluated_on_its_artifact_and_each_variant_is_trained_once() -> None:
    grid = with_axes({"dims": [16], "prompt": ["none"]}, word2vec={"window": [10]})
    tasks = {"topic": {"kind": "classification"}, "search": {"kind": "retrieval"}}
    sections = {"use_case": "x", "grid": grid, "tasks": tasks, "corpora": {"domain": {}, "generic": {}}}
    experiment = build_experiment({**sections, "embeddings": expand_grid(grid, METHODS)})
    trained = sorted(train.create_pipeline(experiment=experiment).all_outputs())
    for name in ("domain.word2vec_50_window10", "generic.word2vec_100_window10"):
        assert trained.count(f"{name}.vectors") == 1
    assert trained.count("pretrained.mine_prompt_none.encoder") == 1
    nodes = evaluate.create_pipeline(experiment=experiment).nodes
    reduced = next(node for node in nodes if "mine_prompt_none_dims16" in node.name and "topic" in node.name)
    assert any("mine_prompt_none" in name and "dims16" not in name and ("encoder" in name) for name in reduced.inputs)


def test_the_page_about_axes_names_the_embeddings_that_its_grids_give() -> None:
    blocks = [(kind, body) for kind, _, body in BLOCK.findall((PROJECT / "docs/axes.md").read_text(encoding="utf-8"))]
    grids = [body for kind, body in blocks if kind == "yaml"]
    names = [body.split() for kind, body in blocks if kind == "names"]
    assert len(grids) == len(names) == 5
    for grid, expected in zip(grids, names, strict=True):
        cells = expand_grid({"tasks": ["category"], **yaml.safe_load(grid)}, METHODS)
        assert sorted(spec.name for spec in list_embeddings(cells)) == sorted(expected)
