"""The command that a run prints for repeating it."""

from __future__ import annotations

from emb_pipeline.hooks.command import format_kedro_command


def test_the_whole_default_run_needs_no_option() -> None:
    assert format_kedro_command({"pipeline_names": ["__default__"], "env": None, "tags": ()}) == "kedro run"


def test_every_choice_stands_in_the_command() -> None:
    command = format_kedro_command(
        {
            "env": "medical",
            "pipeline_names": ["train", "evaluate"],
            "tags": ("diagnosis",),
            "node_names": ("a", "b"),
            "namespaces": ("domain.glove_100",),
            "runtime_params": {"methods": {"word2vec": {"window": 9}}, "seed": 1},
        }
    )
    assert command == (
        "kedro run --env medical --pipelines train,evaluate --tags diagnosis --nodes a,b "
        "--namespaces domain.glove_100 --params methods.word2vec.window=9,seed=1"
    )
