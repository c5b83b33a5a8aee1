from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.embeddings import registry
from emb_pipeline.embeddings.options import FastTextOptions, GloveOptions, StaticFileOptions, Word2VecOptions
from emb_pipeline.embeddings.protocols import Searcher, TaskEncoder, TextEncoder
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.text.tokens import TokenCorpus

CORPUS_METHODS = [name for name, method in METHODS.items() if (method.source, method.artifact) == ("corpus", "vectors")]


def test_looking_at_the_registry_loads_no_heavy_library() -> None:
    heavy = ["numpy", "gensim", "numba", "sklearn", "bm25s", "pyarrow"]
    program = f"import sys, emb_pipeline.embeddings.registry; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_method_has_an_implementation() -> None:
    assert all(callable(method.load()) for method in METHODS.values())


def test_every_option_states_what_it_means() -> None:
    for method in METHODS.values():
        for name, field in method.options.model_fields.items():
            assert field.description, f"{method.name}.{name} has no description"


def test_options_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        Word2VecOptions(windw=5)
    with pytest.raises(ValidationError):
        Word2VecOptions().window = 3
    with pytest.raises(ValidationError, match=r"min_n \(5\) must not be above max_n \(4\)"):
        FastTextOptions(min_n=5, max_n=4)


@pytest.mark.parametrize("name", CORPUS_METHODS)
def test_a_corpus_method_is_trained_and_then_encodes(name: str, animals_and_tools: TokenCorpus) -> None:
    options = METHODS[name].options(epochs=2)
    vectors = registry.train(name, animals_and_tools, dim=4, options=options, seed=1, workers=1)
    assert vectors.provenance["method"] == name
    encoder = registry.encoder(name, options=options, vectors=vectors)
    assert isinstance(encoder, TextEncoder)
    assert encoder.encode(["cat and saw"]).shape == (1, 4)


def test_task_methods_controls_and_searchers_need_no_corpus() -> None:
    made = {
        name: registry.encoder(name, options=METHODS[name].options(), dim=5 if METHODS[name].has_dim else None)
        for name, method in METHODS.items()
        if method.source in ("task", "control")
    }
    assert all(isinstance(made[name], TaskEncoder) for name in ("one_hot", "tfidf", "lsa"))
    assert isinstance(made["bm25"], Searcher)
    assert isinstance(made["random"], TextEncoder)


def test_pretrained_vectors_are_loaded(tmp_path) -> None:
    (tmp_path / "glove.txt").write_text("cat 1 2\n", encoding="utf-8")
    options = StaticFileOptions(path=tmp_path / "glove.txt", format="glove_text", pooling="mean")
    vectors = registry.load("static_file", options)
    encoder = registry.encoder("static_file", options=options, vectors=vectors)
    np.testing.assert_array_equal(encoder.encode(["cat"]), [[1, 2]])


def test_mistakes_are_named(animals_and_tools: TokenCorpus) -> None:
    with pytest.raises(ValueError, match="unknown method 'word3vec'; known: word2vec"):
        registry.train("word3vec", animals_and_tools, dim=4, options=GloveOptions(), seed=1)
    with pytest.raises(ValueError, match="word2vec takes Word2VecOptions, not GloveOptions"):
        registry.train("word2vec", animals_and_tools, dim=4, options=GloveOptions(), seed=1)
    with pytest.raises(ValueError, match="glove needs a dimension"):
        registry.train("glove", animals_and_tools, dim=None, options=GloveOptions(), seed=1)
    with pytest.raises(ValueError, match="tfidf is not trained on a corpus; these are: word2vec, fasttext, glove"):
        registry.train("tfidf", animals_and_tools, dim=None, options=METHODS["tfidf"].options(), seed=1)
    with pytest.raises(ValueError, match="glove is evaluated with its word vectors"):
        registry.encoder("glove", options=GloveOptions())
