from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.static.options import FastTextOptions, GloveOptions, StaticFileOptions, Word2VecOptions
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus


@pytest.mark.slow
def test_looking_at_the_registry_loads_no_heavy_library() -> None:
    heavy = ["numpy", "gensim", "numba", "sklearn", "bm25s", "pyarrow", "torch", "transformers"]
    program = f"import sys, emb_pipeline.embeddings.registry; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


def test_pretrained_vectors_are_loaded(tmp_path) -> None:
    (tmp_path / "glove.txt").write_text("cat 1 2\n", encoding="utf-8")
    options = StaticFileOptions(path=tmp_path / "glove.txt", format="glove_text", pooling="mean")
    vectors = factory.load("static_file", options)
    encoder = factory.build_encoder("static_file", options, artifact=vectors)
    np.testing.assert_array_equal(encoder.encode(["cat"]), [[1, 2]])


def test_mistakes_are_named(animals_and_tools: TokenCorpus) -> None:
    with pytest.raises(ValueError, match="unknown method 'word3vec'; known: word2vec"):
        factory.train("word3vec", TrainingRequest(animals_and_tools, dim=4, options=GloveOptions(), seed=1))
    with pytest.raises(ValueError, match="word2vec takes Word2VecOptions, not GloveOptions"):
        factory.train("word2vec", TrainingRequest(animals_and_tools, dim=4, options=GloveOptions(), seed=1))
    with pytest.raises(ValueError, match="glove needs a dimension"):
        factory.train("glove", TrainingRequest(animals_and_tools, dim=None, options=GloveOptions(), seed=1))
    with pytest.raises(ValueError, match="tfidf is not trained on a corpus; these are: word2vec, fasttext, glove"):
        factory.train("tfidf", TrainingRequest(animals_and_tools, dim=None, options=METHODS["tfidf"].options(), seed=1))
    with pytest.raises(ValueError, match="glove is built from what its training or loading left: give it as artifact="):
        factory.build_encoder("glove", GloveOptions())
