"""Hyper-parameters of all runs can be filtered and compared: one name, one meaning."""

from __future__ import annotations

import json

import pytest

from emb_pipeline.datasets.mlflow.params import list_inputs, list_params, name_option
from emb_pipeline.embeddings.registry import METHODS

AXES = {"origin": "domain", "method": "word2vec", "dim": 100, "tuned": False, "seed": 0}


def record(options: dict[str, object], **more: object) -> dict[str, object]:
    return {"params": AXES, "tags": {"options": json.dumps(options)}, **more}


def test_options_axes_corpus_and_probe_are_flat_params() -> None:
    found = list_params(record({"window": 5, "sample": None}, task="topic", probe={"folds": 3, "c": {"low": -2}}))
    assert found == {
        "corpus": "domain",
        "window": "5",
        "probe.folds": "3",
        "probe.c.low": "-2",
        "origin": "domain",
        "method": "word2vec",
        "dim": "100",
        "tuned": "False",
        "seed": "0",
    }


def test_what_fine_tuning_is_told_is_kept_apart_from_what_the_method_is_told() -> None:
    tuned = {**record({"epochs": 3}), "params": {**AXES, "tuned": True}}
    assert list_params(tuned)["tuning.epochs"] == "3" and list_params({**tuned, "task": "topic"})["epochs"] == "3"


def test_an_embedding_that_learns_from_no_corpus_names_none() -> None:
    assert "corpus" not in list_params({"params": {**AXES, "method": "tfidf", "origin": "task"}})


def test_a_name_that_two_methods_use_for_different_values_is_that_of_the_first() -> None:
    assert name_option("word2vec", "backend") == "backend"
    assert name_option("sentence_transformer", "backend") == "sentence_transformer.backend"
    assert name_option("glove", "window") == name_option("word2vec", "window") == "window"


def test_no_option_of_any_method_is_called_as_an_axis() -> None:
    for name, method in METHODS.items():
        named = {name_option(name, option) for option in method.options.model_fields}
        assert not named & {"origin", "method", "dim", "seed", "tuned", "corpus", "probe", "embedding"}, name


def test_a_value_that_is_too_long_for_mlflow_is_cut_and_says_so() -> None:
    found = list_params(record({"stop_words": ["of"] * 5000}))["stop_words"]
    assert len(found) == 6000 and found.endswith("...")


@pytest.mark.parametrize("address", ["http://me:secret@host/x", "https://host/?api_key=secret"])
def test_params_and_sources_hold_no_password(address: str) -> None:
    assert "secret" not in list_params(record({"base_url": address}))["base_url"]


def test_a_training_is_about_its_corpus_and_an_evaluation_about_its_examples() -> None:
    training = {"params": AXES, "tags": {"provenance": {"corpus_fingerprint": "a" * 64, "corpus_tokens": 9}}}
    (corpus,) = list_inputs(training, "tiny")
    assert corpus["name"] == "domain corpus" and corpus["digest"] == "a" * 36 and corpus["profile"] == {"tokens": 9}
    (examples,) = list_inputs({"inputs": [{"name": "topic", "digest": "b" * 40}], "tags": {}}, "tiny")
    assert examples == {"name": "topic", "digest": "b" * 36}
