"""The grid: which cells exist, how they are called, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.expand import expand_grid, merge_evaluation
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.experiment.schema import Corruption, Resample
from emb_pipeline.pipelines import decide, measure, report

METHODS = {"word2vec": {"window": 3}, "tfidf": {}, "lsa": {}, "random": {}, "bm25": {}, "one_hot": {}}
GRID = {
    "corpora": ["domain", "generic"],
    "methods": {"word2vec": [50, 100]},
    "seeds": {"word2vec_50": [1]},
    "baselines": ["one_hot", "lsa_20", "bm25"],
    "controls": ["random_50", "shuffled_tfidf"],
    "pretrained": {"glove_50": {"options": {"path": "glove.txt", "format": "glove_text"}}},
    "tasks": ["topic", "search"],
}


def test_every_corpus_meets_every_method_and_dimension() -> None:
    cells = expand_grid(GRID, METHODS, seed=0)
    assert list(cells) == ["domain", "generic", "pretrained", "task", "control"]
    assert list(cells["domain"]) == ["word2vec_50", "word2vec_50_seed1", "word2vec_100"]
    assert cells["domain"]["word2vec_50_seed1"]["seed"] == 1
    assert list(cells["task"]) == ["one_hot", "lsa_20", "bm25"]


def test_a_cell_carries_the_hyper_parameters_of_its_method() -> None:
    cell = EmbeddingSpec.model_validate(expand_grid(GRID, METHODS)["generic"]["word2vec_100"])
    assert (cell.name, cell.dim, cell.options.window) == ("generic.word2vec_100", 100, 3)


def test_dimension_is_read_from_the_name_unless_the_name_is_a_method() -> None:
    cells = expand_grid(GRID, METHODS)["task"]
    assert cells["one_hot"]["dim"] is None
    assert (cells["lsa_20"]["method"], cells["lsa_20"]["dim"]) == ("lsa", 20)


def test_a_shuffled_control_permutes_labels_and_is_no_retrieval_system() -> None:
    cell = EmbeddingSpec.model_validate(expand_grid(GRID, METHODS)["control"]["shuffled_tfidf"])
    assert cell.shuffle_labels and cell.method == "tfidf"
    assert cell.supports("classification") and not cell.supports("retrieval")


def test_bm25_serves_retrieval_only() -> None:
    cell = EmbeddingSpec.model_validate(expand_grid(GRID, METHODS)["task"]["bm25"])
    assert cell.supports("retrieval") and not cell.supports("classification")


def test_an_unknown_method_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'word3vec'; did you mean 'word2vec'"):
        expand_grid({**GRID, "methods": {"word3vec": [50]}}, METHODS)


def test_a_misspelt_section_of_the_grid_is_refused() -> None:
    with pytest.raises(ValidationError, match="metods"):
        expand_grid({**GRID, "metods": {}}, METHODS)


def test_a_name_that_could_not_name_a_file_is_refused() -> None:
    with pytest.raises(ValidationError, match="lower-case letters"):
        expand_grid({**GRID, "tasks": ["my.task"]}, METHODS)


@pytest.mark.parametrize("bad", [{"window": 0}, {"windw": 3}, {"window": "wide"}])
def test_a_wrong_hyper_parameter_is_refused_by_name(bad: dict[str, object]) -> None:
    cell = expand_grid(GRID, {**METHODS, "word2vec": bad})["domain"]["word2vec_50"]
    with pytest.raises(ValidationError, match=next(iter(bad))):
        EmbeddingSpec.model_validate(cell)


def test_a_task_of_the_grid_must_be_defined() -> None:
    parameters = {
        "use_case": "x",
        "grid": GRID,
        "embeddings": expand_grid(GRID, METHODS),
        "tasks": {"topic": {"kind": "classification"}},
        "corpora": {"domain": {}, "generic": {}},
    }
    with pytest.raises(ValueError, match=r"grid.tasks: search is not defined under tasks:; define it"):
        build_experiment(parameters)


def test_a_task_takes_the_options_of_its_kind_unless_it_says_otherwise() -> None:
    tasks = {"a": {"kind": "classification", "evaluation": {"folds": 3}}, "b": {"kind": "classification"}}
    filled = merge_evaluation(tasks, {"classification": {"folds": 10, "inner_folds": 2}})
    assert filled["a"]["evaluation"] == {"folds": 3, "inner_folds": 2}
    assert filled["b"]["evaluation"] == {"folds": 10, "inner_folds": 2}


def test_a_task_has_a_curve_where_its_options_ask_for_one() -> None:
    tasks = {
        "topic": {"kind": "classification"},
        "quick": {"kind": "classification", "evaluation": {"label_draws": 0}},
        "names": {"kind": "sequence_labeling"},
        "places": {"kind": "sequence_labeling", "evaluation": {"label_draws": 3}},
        "search": {"kind": "retrieval"},
    }
    parameters = {
        "use_case": "x",
        "grid": {**GRID, "tasks": list(tasks)},
        "tasks": tasks,
        "corpora": {"domain": {}, "generic": {}},
        "embeddings": {},
    }
    experiment = build_experiment(parameters)
    assert experiment.curves == {"topic", "places"}
    figures = {
        name for name in report.create_pipeline(experiment=experiment).all_outputs() if name.endswith("_curve_figure")
    }
    assert figures == {"topic_curve_figure", "places_curve_figure"}


def test_a_figure_of_corruption_is_drawn_on_the_tasks_that_corrupted_embeddings_are_evaluated_on() -> None:
    tasks = {"topic": {"kind": "classification"}, "other": {"kind": "classification"}, "search": {"kind": "retrieval"}}
    corrupted = {"of": "domain.word2vec_50", "typos": [0.3], "evaluate_on": ["topic", "search"]}
    grid = {**GRID, "tasks": list(tasks), "corrupted": [corrupted]}
    parameters = {"use_case": "x", "grid": grid, "tasks": tasks, "corpora": {"domain": {}, "generic": {}}}
    experiment = build_experiment({**parameters, "embeddings": expand_grid(grid, METHODS)})
    assert experiment.corrupted_on == ["topic", "search"]
    figures = {
        name for name in report.create_pipeline(experiment=experiment).all_outputs() if name.endswith("_corruption_figure")
    }
    assert figures == {"topic_corruption_figure", "search_corruption_figure"}


def test_a_reader_of_another_kind_of_task_is_refused() -> None:
    with pytest.raises(ValidationError, match="csv"):
        TaskDefinition.model_validate({"kind": "retrieval", "source": {"reader": "csv", "path": "x.csv"}})


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValidationError, match=r"unknown kind 'clasification'; did you mean 'classification'"):
        TaskDefinition.model_validate({"kind": "clasification", "source": {"reader": "csv", "path": "x.csv"}})


def test_a_pretrained_embedding_may_be_evaluated_on_some_tasks_only() -> None:
    grid = {**GRID, "pretrained": {"glove_50": {**GRID["pretrained"]["glove_50"], "evaluate_on": ["topic"]}}}  # type: ignore[index]
    parameters = {
        "use_case": "x",
        "grid": grid,
        "embeddings": expand_grid(grid, METHODS),
        "tasks": {"topic": {"kind": "classification"}, "search": {"kind": "retrieval"}},
        "corpora": {"domain": {}, "generic": {}},
    }
    experiment = build_experiment(parameters)
    assert experiment.tasks_of(experiment.cell_named("pretrained.glove_50")) == ["topic"]
    assert experiment.tasks_of(experiment.cell_named("domain.word2vec_50")) == ["topic", "search"]


@pytest.mark.parametrize(
    ("indexes", "needed"),
    [([], False), ([{"index": "HAMMING"}], False), ([{"index": "HAMMING"}, {"index": "FLAT"}], True), (["FLAT"], True)],
)
def test_a_vector_store_is_needed_where_an_index_is_made_there(indexes: list[object], needed: bool) -> None:
    parameters = {
        "use_case": "any",
        "grid": GRID,
        "embeddings": expand_grid(GRID, METHODS),
        "tasks": {"topic": {"kind": "classification"}, "search": {"kind": "retrieval"}},
        "corpora": {"domain": {}, "generic": {}},
        "vector_search": {"indexes": indexes},
    }
    experiment = build_experiment(parameters)
    assert experiment.needs_store is needed
    taken = measure.create_pipeline(experiment=experiment).inputs()
    assert ("examples@search.collection" in taken) is needed


@pytest.mark.parametrize("refuse", [{}, {"topic": {"recall": 0.5}}])
def test_cut_offs_are_measured_before_the_decision_only_where_it_requires_them(refuse: dict[str, object]) -> None:
    """Otherwise the options of cut-offs would make a decision stale that does not depend on them."""
    parameters = {
        "use_case": "any",
        "grid": GRID,
        "embeddings": expand_grid(GRID, METHODS),
        "tasks": {"topic": {"kind": "classification"}, "search": {"kind": "retrieval"}},
        "corpora": {"domain": {}, "generic": {}},
        "decision": {"refuse": refuse},
    }
    steps = decide.create_pipeline(experiment=build_experiment(parameters))
    assert ("params:cutoffs" in steps.inputs()) == bool(refuse) == ("examples@topic" in steps.inputs())


def test_an_embedding_is_trained_again_on_corrupted_text_at_each_level() -> None:
    grid = {**GRID, "corrupted": [{"of": "generic.word2vec_50", "less_text": [0.5, 0.9], "typos": [0.3]}]}
    cells = expand_grid(grid, METHODS)["generic"]
    made = ["word2vec_50_less_text_50", "word2vec_50_less_text_90", "word2vec_50_typos_30"]
    assert [key for key in cells if key not in expand_grid(GRID, METHODS)["generic"]] == made
    cell = EmbeddingSpec.model_validate(cells["word2vec_50_less_text_90"])
    assert cell.changed_text == Corruption(of="generic.word2vec_50", kind="less_text", level=0.9)
    assert (cell.dim, cell.seed, cell.options.window) == (50, 0, 3)


@pytest.mark.parametrize(
    ("corrupted", "message"),
    [
        (
            {"of": "task.one_hot", "typos": [0.5]},
            r"task.one_hot is no word vectors that the grid trains; these are: domain.word2",
        ),
        ({"of": "domain.word2vec_50", "noise": [0.5]}, "noise"),
    ],
)
def test_only_the_text_of_trained_word_vectors_can_be_corrupted(corrupted: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand_grid({**GRID, "corrupted": [corrupted]}, METHODS)


def test_an_embedding_is_trained_again_on_each_resample_of_its_corpus() -> None:
    grid = {**GRID, "resampled": [{"of": "domain.word2vec_50", "bootstraps": 2, "evaluate_on": []}]}
    cells = expand_grid(grid, METHODS)
    added = [key for key in cells["domain"] if key not in expand_grid(GRID, METHODS)["domain"]]
    assert added == ["word2vec_50_bootstrap1", "word2vec_50_bootstrap2"]
    cell = EmbeddingSpec.model_validate(cells["domain"]["word2vec_50_bootstrap2"])
    assert cell.changed_text == Resample(of="domain.word2vec_50", number=2)
    assert (cell.dim, cell.seed, cell.options.window, cell.evaluate_on) == (50, 0, 3, ())


@pytest.mark.parametrize(
    ("resampled", "message"),
    [
        (
            {"of": "domain.word2vec_50", "bootstraps": 0},
            "from 1 to 100, not 0: 2 show how far .* leave the line out for none",
        ),
        (
            {"of": "pretrained.glove_50", "bootstraps": 2},
            r"grid.resampled: pretrained.glove_50 is no word vectors that the grid trains; these are: domain.word2",
        ),
        ({"of": "domain.word2vec_50", "bootstraps": 1, "evaluate_on": ["topics"]}, "evaluated on topics, which is no task"),
    ],
)
def test_only_trained_word_vectors_have_resamples_and_at_least_one(resampled: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand_grid({**GRID, "resampled": [resampled]}, METHODS)


@pytest.mark.parametrize("section", ["pretrained", "derived", "fine_tune"])
def test_a_task_to_be_evaluated_on_must_be_in_the_grid(section: str) -> None:
    added = {
        "pretrained": {"small_16": {"options": {"path": "glove.txt"}, "evaluate_on": ["topics"]}},
        "derived": {
            "generic.bert_next_32": {"method": "bert", "continue_from": "generic.bert_32", "evaluate_on": ["topics"]}
        },
        "fine_tune": [{"base": "generic.word2vec_50", "tasks": ["topic"], "evaluate_on": ["topics"]}],
    }
    grid = {**GRID, "methods": {"word2vec": [50], "bert": [32]}, section: added[section]}
    with pytest.raises(ValueError, match=r"is to be evaluated on topics, which is no task of the grid \(topic, search\)"):
        expand_grid(grid, {**METHODS, "bert": {"layers": 2}})


DERIVED = {
    **GRID,
    "methods": {"word2vec": [50], "bert": [32]},
    "pretrained": {"minilm_384": {"method": "sentence_transformer", "options": {"path": "model"}}},
    "derived": {
        "domain.bert_adapted_32": {"method": "bert", "continue_from": "generic.bert_32", "options": {"learning_rate": 1e-4}},
        "pretrained.minilm_distilled_16": {"method": "distilled", "teacher": "pretrained.minilm_384"},
    },
}


def test_a_derived_encoder_names_what_it_is_made_from_and_keeps_the_other_options() -> None:
    cells = expand_grid(DERIVED, {**METHODS, "bert": {"layers": 2}})
    adapted = EmbeddingSpec.model_validate(cells["domain"]["bert_adapted_32"])
    assert (adapted.starts_from, adapted.dim) == ("generic.bert_32", 32)
    assert (adapted.options.layers, adapted.options.learning_rate) == (2, 1e-4)
    distilled = EmbeddingSpec.model_validate(cells["pretrained"]["minilm_distilled_16"])
    assert (distilled.starts_from, distilled.artifact) == ("pretrained.minilm_384", "encoder")


@pytest.mark.parametrize(
    ("name", "base", "message"),
    [
        (
            "domain.bert_adapted_32",
            "generic.bert_64",
            "generic.bert_64, which is no encoder of the grid; encoders are: domain",
        ),
        ("domain.bert_adapted_32", "generic.word2vec_50", "which is no encoder of the grid"),
        ("pretrained.bert_adapted_32", "generic.bert_32", "start it with one of domain, generic"),
    ],
)
def test_a_derived_encoder_without_a_base_or_a_corpus_is_refused(name: str, base: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand_grid({**DERIVED, "derived": {name: {"method": "bert", "continue_from": base}}}, METHODS)


def _tuning_on(source: dict[str, object], base: str = "minilm_384") -> dict[str, object]:
    pretrained = {**GRID["pretrained"], **DERIVED["pretrained"]}
    grid = {**DERIVED, "pretrained": pretrained, "fine_tune": [{"base": f"pretrained.{base}", "tasks": ["search"]}]}
    return {
        "use_case": "x",
        "grid": grid,
        "embeddings": expand_grid(grid, {**METHODS, "bert": {"layers": 2}}),
        "tasks": {"topic": {"kind": "classification"}, "search": {"kind": "retrieval", "source": source}},
        "corpora": {"domain": {}, "generic": {}},
    }


def test_tuning_on_retrieval_needs_training_queries() -> None:
    pairs = {"reader": "pairs", "path": "pairs.csv"}
    assert build_experiment(_tuning_on({**pairs, "training_queries": 50})).tasks["search"] == "retrieval"
    with pytest.raises(
        ValueError, match=r"grid.fine_tune: search has nothing to tune pretrained.minilm_384 on; set training_q"
    ):
        build_experiment(_tuning_on(pairs))


def test_tuning_what_a_task_cannot_tune_is_refused() -> None:
    refused = r"leaves vectors, and a task of kind retrieval \(search\) can tune cross_encoder, encoder"
    with pytest.raises(ValueError, match=refused):
        build_experiment(_tuning_on({"reader": "pairs", "path": "pairs.csv"}, base="glove_50"))


def test_distilled_vectors_are_not_tuned() -> None:
    with pytest.raises(
        ValueError, match=r"pretrained.minilm_distilled_16 is no embedding that can be tuned; these can: domain"
    ):
        build_experiment(_tuning_on({"reader": "pairs", "path": "pairs.csv"}, base="minilm_distilled_16"))


def test_repaired_vectors_are_made_from_word_vectors_and_keep_their_size() -> None:
    derived = {"generic.word2vec_50_repaired": {"method": "counter_fitted", "of": "generic.word2vec_50"}}
    pairs = {"antonyms": [["hot", "cold"]], "synonyms": [["cold", "chilly"]]}
    cells = expand_grid({**GRID, "derived": derived}, {**METHODS, "counter_fitted": {"pooling": "idf", **pairs}})
    cell = EmbeddingSpec.model_validate(cells["generic"]["word2vec_50_repaired"])
    assert (cell.dim, cell.made_from, cell.artifact) == (50, ("generic.word2vec_50",), "vectors")
    assert cell.options.antonyms == (("hot", "cold"),) and cell.options.pooling == "idf"
    with pytest.raises(
        ValueError, match=r"made from task.one_hot, which is no word vectors of the grid; word vectors are: dom"
    ):
        expand_grid({**GRID, "derived": {"task.x": {"method": "counter_fitted", "of": "task.one_hot"}}}, METHODS)


RECOMMENDING = {
    **GRID,
    "baselines": ["one_hot", "ease"],
    "derived": {
        "task.hybrid_word2vec_50": {"method": "hybrid", "text": "domain.word2vec_50", "options": {"weights": [0.5]}}
    },
    "tasks": ["topic", "likes"],
}


def _recommending(source: dict[str, object]) -> dict[str, object]:
    return {
        "use_case": "x",
        "grid": RECOMMENDING,
        "embeddings": expand_grid(RECOMMENDING, {**METHODS, "ease": {}, "hybrid": {}}),
        "tasks": {"topic": {"kind": "classification"}, "likes": {"kind": "recommendation", "source": source}},
        "corpora": {"domain": {}, "generic": {}},
    }


def test_a_hybrid_is_made_from_any_embedding_of_texts_and_meets_recommendation_only() -> None:
    experiment = build_experiment(_recommending({"reader": "interactions", "path": "log.csv", "items": "items.csv"}))
    tasks = {cell.name: experiment.tasks_of(cell) for cell in experiment.cells}
    assert tasks["task.hybrid_word2vec_50"] == tasks["task.ease"] == ["likes"]
    assert tasks["domain.word2vec_50"] == ["topic", "likes"]
    assert tasks["control.shuffled_tfidf"] == ["topic"]
    hybrid = experiment.cell_named("task.hybrid_word2vec_50")
    assert hybrid.bases == ("domain.word2vec_50",) and not hybrid.is_trained
    cell = EmbeddingSpec.model_validate(expand_grid(RECOMMENDING, {**METHODS, "ease": {}, "hybrid": {}})["task"][hybrid.key])
    assert cell.options.weights == (0.5,)


def test_items_without_texts_meet_what_learns_from_interactions_only() -> None:
    experiment = build_experiment(_recommending({"reader": "interactions", "path": "log.csv"}))
    assert [cell.name for cell in experiment.cells if "likes" in experiment.tasks_of(cell)] == ["task.ease"]


@pytest.mark.parametrize("base", ["task.ease", "domain.word2vec_51", "control.shuffled_tfidf"])
def test_a_hybrid_of_what_has_no_texts_is_refused(base: str) -> None:
    derived = {"task.hybrid_x": {"method": "hybrid", "text": base}}
    with pytest.raises(
        ValueError, match=f"{base}, which is no embedding of texts of the grid; embeddings of texts are: domain"
    ):
        expand_grid({**RECOMMENDING, "derived": derived}, METHODS)


def test_digits_in_the_name_of_a_pretrained_or_derived_embedding_say_nothing_of_its_dimension() -> None:
    pretrained = {
        "glove_6b_50": {"options": {"path": "glove.txt"}},
        "bge_small_v_15": {"method": "sentence_transformer", "options": {"path": "bge"}},
    }
    derived = {
        "generic.bert_2024": {"method": "bert", "continue_from": "generic.bert_32"},
        "generic.bert_2025": {"method": "bert", "continue_from": "generic.bert_2024"},
        "generic.bge_10": {"method": "bert", "continue_from": "pretrained.bge_small_v_15"},
        "pretrained.glove_99": {"method": "reduced", "of": "pretrained.glove_6b_50", "options": {"dims": 5}},
        "pretrained.glove_8": {"method": "reduced", "of": "pretrained.glove_6b_50", "options": {"precision": "int8"}},
    }
    grid = {**GRID, "seeds": {}, "methods": {"bert": [32]}, "pretrained": pretrained, "derived": derived}
    cells = expand_grid(grid, {**METHODS, "bert": {}, "reduced": {}})
    dims = {f"{origin}.{key}": cell["dim"] for origin, members in cells.items() for key, cell in members.items()}
    assert {name: dims[name] for name in ("pretrained.glove_6b_50", "pretrained.bge_small_v_15")} == {
        "pretrained.glove_6b_50": None,
        "pretrained.bge_small_v_15": None,
    }
    assert {name: dims[name] for name in derived} == {
        "generic.bert_2024": 32,
        "generic.bert_2025": 32,
        "generic.bge_10": None,
        "pretrained.glove_99": 5,
        "pretrained.glove_8": None,
    }


USE_CASES = sorted(path.parent.name for path in (Path(__file__).parents[1] / "conf").glob("*/globals.yml"))


@pytest.mark.parametrize("use_case", USE_CASES)
def test_a_shipped_use_case_cuts_no_model_short_but_where_the_name_says_so(use_case: str) -> None:
    path = Path(__file__).parents[1] / "conf" / use_case / "globals.yml"
    grid = yaml.safe_load(path.read_text(encoding="utf-8"))["grid"]
    lengths = {name: each.get("options", {}).get("max_length") for name, each in (grid.get("pretrained") or {}).items()}
    assert lengths == {name: int(name.rpartition("_cut_")[2]) if "_cut_" in name else None for name in lengths}
    assert not [each for each in grid.get("fine_tune") or () if "max_length" in each.get("options", {})]


def test_chunks_of_several_sizes_are_an_embedding_each() -> None:
    chunks = {"method": "chunked", "of": "task.bm25", "options": {"size": [64, 128], "by": ["tokens", "sentences"]}}
    cells = expand_grid({**GRID, "derived": {"task.chunks": chunks}}, METHODS)["task"]
    made = [key for key in cells if key not in GRID["baselines"]]
    assert made == [f"chunks_by_{by}_size{size}" for by in ("tokens", "sentences") for size in (64, 128)]
    found = EmbeddingSpec.model_validate(cells["chunks_by_tokens_size128"])
    assert (found.options.size, found.options.by, found.bases) == (128, "tokens", ("task.bm25",))
