"""Steps of the stage `train` as plain functions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.pipelines.train import nodes
from emb_pipeline.storage.failures import Failed
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

ONE_WORKER = nodes.TrainingOptions(workers=1)
BERT = {"layers": 1, "heads": 2, "vocabulary": 100, "max_length": 16, "batch_size": 8, "max_tokens": 1500}
GLOVE = {"epochs": 3, "min_count": 1}
PAIRS = {"antonyms": [["sand", "moss"]]}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(**dict.fromkeys(Folders.model_fields, tmp_path / "data"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenCorpus:
    """Two groups of words that never stand together: 120 sentences."""
    rng = np.random.default_rng(0)
    groups = ["sand tide gull wave".split(), "moss bark owl fern".split()]
    texts = [" ".join(rng.choice(groups[number % 2], size=6)) for number in range(120)]
    return write_tokens(((str(number), text) for number, text in enumerate(texts)), tmp_path_factory.mktemp("text") / "c")


def spec(method: str, dim: int | None = None, **more: Any) -> EmbeddingSpec:
    values = {"origin": "domain", "key": f"{method}_{dim}", "method": method, "dim": dim, "options": {}}
    return EmbeddingSpec.model_validate(values | more)


def list_files(folders: Folders) -> list[Path]:
    return [path for path in folders.scratch.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_vectors_are_trained_and_their_record_says_what_they_cost(corpus: TokenCorpus, folders: Folders) -> None:
    vectors, record = nodes.train_vectors(corpus, spec("glove", 4, options=GLOVE), ONE_WORKER, folders)
    assert vectors.vectors.shape == (8, 4) and np.isfinite(vectors.vectors).all()
    assert record["params"] == {
        "origin": "domain",
        "method": "glove",
        "dim": 4,
        "seed": 0,
        "tuned": False,
        "corpus_tokens": 720,
    }
    assert record["metrics"]["train_seconds"] > 0 and record["metrics"]["vocabulary"] == 8
    assert len(record["series"]["loss"]) == 3
    assert not list_files(folders)


@pytest.mark.slow
def test_a_resample_is_trained_on_other_text_than_the_corpus_and_leaves_none_of_it(
    corpus: TokenCorpus, folders: Folders
) -> None:
    resample = {"of": "domain.glove_4", "number": 1}
    cells = [spec("glove", 4, options=GLOVE), spec("glove", 4, options=GLOVE, key="glove_4_b1", changed_text=resample)]
    made = [nodes.train_vectors(corpus, cell, ONE_WORKER, folders)[0] for cell in cells]
    of_corpus, of_resample = (vectors.provenance["corpus_fingerprint"] for vectors in made)
    assert of_corpus == corpus.fingerprint != of_resample
    assert not list_files(folders)


def test_a_training_without_a_frequent_word_fails_alone_and_leaves_no_files(corpus: TokenCorpus, folders: Folders) -> None:
    rare = spec("word2vec", 4, options={"min_count": 1000, "epochs": 1})
    vectors, record = nodes.train_vectors(corpus, rare, ONE_WORKER, folders)
    assert isinstance(vectors, Failed) and record is vectors
    assert vectors.place == vectors.root == "domain.word2vec_4" and "lower min_count" in vectors.reason
    assert vectors.cell["method"] == "word2vec" and "task" not in vectors.cell
    assert not list_files(folders)


def static_file(path: Path, text: str, **more: Any) -> EmbeddingSpec:
    path.write_text(text)
    options = {"path": str(path), "format": "glove_text", **more}
    return spec("static_file", origin="pretrained", key="small_2", options=options)


def test_vectors_of_a_file_are_loaded_with_a_record_and_no_corpus(tmp_path: Path) -> None:
    vectors, record = nodes.load_vectors(static_file(tmp_path / "v.txt", "sand 1 2\nmoss 3 4\n"))
    np.testing.assert_array_equal(vectors.vectors, [[1, 2], [3, 4]])
    assert record["params"]["corpus_tokens"] is None and record["params"]["dim"] == 2
    assert record["metrics"]["vocabulary"] == 2 and record["series"] == {}


def test_a_file_with_a_bad_line_fails_alone_and_what_is_made_of_it_says_so(tmp_path: Path) -> None:
    bad, _ = nodes.load_vectors(static_file(tmp_path / "v.txt", "sand 1 2\nmoss three 4\n", strict=True))
    assert isinstance(bad, Failed) and bad.place == "pretrained.small_2" and "v.txt" in bad.reason
    reduced = spec("counter_fitted", origin="pretrained", key="fitted_2", starts_from="pretrained.small_2", options=PAIRS)
    vectors, record = nodes.derive_vectors(bad, reduced)
    assert vectors is record and vectors.place == "pretrained.fitted_2"
    assert vectors.reason == f"its base pretrained.small_2 failed: {bad.reason}"


def test_vectors_are_made_from_other_ones_which_stay_as_they_are(tmp_path: Path) -> None:
    base, _ = nodes.load_vectors(static_file(tmp_path / "v.txt", "sand 1 0.2\nmoss 1 0.1\n"))
    before = base.vectors.copy()
    fitted = spec("counter_fitted", origin="pretrained", key="fitted_2", starts_from="pretrained.small_2", options=PAIRS)
    vectors, record = nodes.derive_vectors(base, fitted)
    assert measure_cosine(vectors) < 0.5 < measure_cosine(base)
    np.testing.assert_array_equal(base.vectors, before)
    assert record["params"]["method"] == "counter_fitted" and record["params"]["dim"] == 2


def measure_cosine(words: WordVectors) -> float:
    first, second = words.vectors / np.linalg.norm(words.vectors, axis=1, keepdims=True)
    return float(first @ second)


@pytest.mark.slow
def test_an_encoder_is_trained_in_the_scratch_folder_and_trained_on_from_there(
    corpus: TokenCorpus, folders: Folders
) -> None:
    encoder, record = nodes.train_encoder(corpus, spec("bert", 16, options=BERT), folders)
    assert encoder.dim == record["params"]["dim"] == 16 and encoder.path.is_relative_to(folders.scratch)
    assert record["params"]["corpus_tokens"] == 720 and record["metrics"]["perplexity"] > 1 and record["series"]["loss"]
    adapted = spec("bert", origin="domain", key="bert_adapted_16", starts_from="domain.bert_16", options=BERT)
    further, of_further = nodes.train_encoder(corpus, adapted, folders, encoder)
    assert further.vocabulary == encoder.vocabulary and further.fingerprint != encoder.fingerprint
    assert of_further["metrics"]["perplexity_before"] == pytest.approx(record["metrics"]["perplexity"], rel=0.05)


def test_an_encoder_with_more_heads_than_dimensions_fails_alone(corpus: TokenCorpus, folders: Folders) -> None:
    encoder, record = nodes.train_encoder(corpus, spec("bert", 15, options=BERT), folders)
    assert isinstance(encoder, Failed) and record is encoder and encoder.place == "domain.bert_15"
    assert "heads" in encoder.reason


def test_a_model_of_others_is_found_and_one_that_is_gone_fails_alone(tiny_transformer: Path, folders: Folders) -> None:
    small = {"origin": "pretrained", "key": "small_16"}
    there = spec("sentence_transformer", **small, options={"path": str(tiny_transformer)})
    encoder, record = nodes.load_encoder(there, folders)
    assert isinstance(encoder, EncoderFolder) and encoder.model_path == tiny_transformer
    assert record["params"]["dim"] == 16 and record["params"]["corpus_tokens"] is None
    gone = spec("sentence_transformer", **small, options={"path": str(folders.scratch / "nowhere")})
    failed, _ = nodes.load_encoder(gone, folders)
    assert isinstance(failed, Failed) and "nowhere" in failed.reason


@pytest.mark.slow
def test_an_encoder_is_made_from_another_one(tiny_transformer: Path, folders: Folders) -> None:
    there = spec("sentence_transformer", origin="pretrained", key="small_16", options={"path": str(tiny_transformer)})
    base, _ = nodes.load_encoder(there, folders)
    distilled = spec("distilled", origin="pretrained", key="small_8", starts_from="pretrained.small_16", options={"dims": 8})
    encoder, record = nodes.derive_encoder(base, distilled, folders)
    assert encoder.dim == 8 and encoder.fingerprint != base.fingerprint
    assert record["params"]["method"] == "distilled" and record["metrics"]["vocabulary"] == encoder.vocabulary


def test_an_encoder_whose_teacher_is_gone_fails_alone(tiny_transformer: Path, folders: Folders, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_transformer, tmp_path / "model")
    there = spec("sentence_transformer", origin="pretrained", key="small_16", options={"path": str(model)})
    base, _ = nodes.load_encoder(there, folders)
    shutil.rmtree(model)
    distilled = spec("distilled", origin="pretrained", key="small_8", starts_from="pretrained.small_16", options={"dims": 8})
    encoder, record = nodes.derive_encoder(base, distilled, folders)
    assert isinstance(encoder, Failed) and record is encoder and encoder.place == "pretrained.small_8"
