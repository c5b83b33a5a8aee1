"""Prompts that a model was saved with: by role, as sentence-transformers puts them before a text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.deployment.card import write_embedding_card
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.encodings.vectors import encode_texts, encode_unstored
from emb_pipeline.embeddings.protocols import details_of
from emb_pipeline.errors import DataError
from emb_pipeline.text.texts import Texts
from tests.embeddings.contextual.test_contextual_encoder import hidden_states

TEXTS = ["a cat sat", "dog", "the cat sat on the mat and a dog sat", ""]
Save = Callable[..., SentenceTransformerOptions]


@pytest.fixture
def save(tiny_transformer: Path, tmp_path: Path) -> Save:
    """Writes the tiny transformer as sentence-transformers saves one, with these settings."""

    def saved(config: dict[str, Any] | None, include_prompt: bool = True, mode: str = "mean") -> SentenceTransformerOptions:
        model = Path(shutil.copytree(tiny_transformer, tmp_path / "model"))
        places = {"Transformer": "", "Pooling": "1_Pooling"}
        modules = [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for number, (kind, path) in enumerate(places.items())
        ]
        (model / "modules.json").write_text(json.dumps(modules))
        (model / "1_Pooling").mkdir()
        pooling = {"embedding_dimension": 16, "pooling_mode": mode, "include_prompt": include_prompt}
        (model / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        (model / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
        if config is not None:
            (model / "config_sentence_transformers.json").write_text(json.dumps(config))
        return SentenceTransformerOptions(path=model)

    return saved


def encoder_of(options: SentenceTransformerOptions, tmp_path: Path, **more: Any) -> ContextualEncoder:
    return ContextualEncoder(load(options, tmp_path / "encoder"), options.model_copy(update=more))


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        None,
        {"prompts": {}, "default_prompt_name": None},
        {"prompts": {"query": "the ", "document": "a "}},
        {"prompts": {"query": "the ", "passage": "a dog "}, "default_prompt_name": "passage"},
        {"prompts": {"query": "the ", "corpus": "on ", "sat": "sat "}, "default_prompt_name": "sat"},
        {"prompts": {"clustering": "on the "}, "default_prompt_name": "clustering"},
        {"prompts": {"query": "", "document": None}, "default_prompt_name": "query"},
        {"prompts": {"query": "the "}, "model_type": "CrossEncoder"},
    ],
)
@pytest.mark.parametrize(("include_prompt", "mode"), [(True, "mean"), (False, "mean"), (False, "cls"), (False, "max")])
def test_each_role_has_the_vector_that_sentence_transformers_gives(
    config: dict[str, Any] | None, include_prompt: bool, mode: str, save: Save, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    if config and config.get("model_type") == "CrossEncoder" and mode != "mean":
        pytest.skip("the library puts a mean in place of the modules")
    options = save(config, include_prompt, mode)
    encoder = encoder_of(options, tmp_path)
    library = SentenceTransformer(str(options.path), local_files_only=True)
    np.testing.assert_allclose(encoder.encode(TEXTS), library.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, "query"), library.encode_query(TEXTS), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS, "passage"), library.encode_document(TEXTS), atol=1e-5)


def test_no_prompt_and_an_own_one_take_the_place_of_the_models(save: Save, tmp_path: Path) -> None:
    options = save({"prompts": {"query": "the ", "document": "a "}, "default_prompt_name": "document"})
    plain = encoder_of(options, tmp_path, query_prompt="", passage_prompt="")
    own = encoder_of(options, tmp_path, query_prompt="dog ", passage_prompt="sat ", text_prompt="on ")
    states = hidden_states(plain.folder, "cat").mean(axis=0)
    for role in ("text", "query", "passage"):
        np.testing.assert_allclose(plain.encode(["cat"], role)[0], states, atol=1e-5)
    for role, prompt in (("query", "dog "), ("passage", "sat "), ("text", "on ")):
        np.testing.assert_allclose(own.encode(["cat"], role), plain.encode([f"{prompt}cat"]), atol=1e-6)
    assert encoder_of(options, tmp_path, passage_prompt="sat ").prompts == {
        "text": "sat ",
        "query": "the ",
        "passage": "sat ",
    }


def test_a_prompt_that_is_not_pooled_is_left_out_of_the_mean_of_its_chunk_alone(save: Save, tmp_path: Path) -> None:
    options = save({"prompts": {"document": "the "}}, include_prompt=False)
    encoder = encoder_of(options, tmp_path, long_texts="chunk_mean", max_length=8)
    (ids, second), _ = encoder.chunks(["cat sat on mat dog a"], "passage")
    assert (len(ids), len(second)) == (8, 3)
    of_first = hidden_states(encoder.folder, "the cat sat on mat dog")[2:].mean(axis=0)
    of_second = hidden_states(encoder.folder, "a").mean(axis=0)
    expected = (5 * of_first + 1 * of_second) / 6
    np.testing.assert_allclose(encoder.encode(["cat sat on mat dog a"], "passage")[0], expected, atol=1e-5)


def test_prompts_belong_to_the_key_of_the_encoding_store(save: Save, tmp_path: Path) -> None:
    options = save({"prompts": {"query": "the ", "document": "a "}})
    encoder = encoder_of(options, tmp_path)
    names = {role: encoder.fingerprint(role) for role in ("text", "query", "passage")}
    assert len(set(names.values())) == 3
    assert encoder_of(options, tmp_path, query_prompt="").fingerprint("query") == names["text"]
    stored = StoredEncoder(encoder, tmp_path / "store")
    for role in ("text", "query", "passage"):
        np.testing.assert_array_equal(encode_texts(stored, TEXTS, "task", role)[0], encoder.encode(TEXTS, role))
        np.testing.assert_array_equal(encode_texts(encoder, TEXTS, "task", role)[0], encoder.encode(TEXTS, role))
        np.testing.assert_array_equal(encode_unstored(stored, "cat", role), encoder.encode(["cat"], role))


def test_a_reduced_encoder_is_fitted_on_vectors_of_the_role_that_it_is_used_in(save: Save, tmp_path: Path) -> None:
    encoder = encoder_of(save({"prompts": {"query": "the ", "document": "a dog "}}), tmp_path)
    reduced = Reduced(ReducedOptions(dims=2), encoder).fit(Texts(TEXTS), role="passage")
    np.testing.assert_allclose(reduced.mean, encoder.encode(TEXTS, "passage").mean(axis=0), atol=1e-6)
    assert details_of(reduced) == encoder.details == details_of(StoredEncoder(encoder, tmp_path / "store"))


def test_the_card_names_each_prompt_and_whose_it_is(save: Save, tmp_path: Path) -> None:
    import pandas as pd

    options = save({"prompts": {"query": "the ", "document": "a "}})
    encoder = encoder_of(options, tmp_path, passage_prompt="on ")
    facts = {"embedding": "pretrained.e5", "task": "t", "metric": "ndcg@10", "best": "pretrained.e5", "value": 0.5, "n": 9}
    facts |= {
        "difference_to_best": 0.0,
        "bound": 0.0,
        "margin": 0.01,
        "standing": "shown",
        "origin": "pretrained",
        "method": "sentence_transformer",
        **encoder.details,
    }
    card = write_embedding_card(facts, encoder.options.model_dump(), pd.DataFrame())
    assert "- prompt of a query: `the ` (the model's own)\n" in card
    assert "- prompt of a passage: `on ` (yours)\n" in card
    assert "query_prompt" not in card
    assert "- origin `pretrained`, method Sentence Transformer (`sentence_transformer`)\n" in card
    n_parameters = encoder.details["model"]["parameters"]
    assert f"- model: `bert`, {n_parameters:,} parameters, 0.0 MB, reads 12 sub-words of a text\n" in card
    assert "- license of the model, as its card says: `unknown`\n" in card and "compared by" not in card
    told = {"similarity": "dot", "encoded_by": "sentence-transformers, because of something"}
    card = write_embedding_card(facts | told, {}, pd.DataFrame())
    assert "- compared by dot\n- encoded by `sentence-transformers, because of something`\n" in card


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"prompts": {"query": "the "}, "default_prompt_name": "passage"}, "default prompt 'passage' is none of 'query'"),
        ({"prompts": ["query"]}, "no texts under names"),
        ({"prompts": {"query": 3}}, "no texts under names"),
        ({"prompts": {"document": "a cat sat on the mat and a dog sat "}}, "takes all of them"),
    ],
)
def test_prompts_that_cannot_be_used_are_refused(config: dict[str, Any], reason: str, save: Save, tmp_path: Path) -> None:
    options = save(config)
    with pytest.raises(DataError, match=reason):
        load(options, tmp_path / "encoder")
    if "takes all" in reason:
        shorter = options.model_copy(update={"passage_prompt": "a "})
        assert encoder_of(shorter, tmp_path).prompts["passage"] == "a "
