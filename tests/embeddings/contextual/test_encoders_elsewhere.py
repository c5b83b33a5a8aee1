"""Encoders that were trained elsewhere: found, checked, described, refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, fingerprint_of
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.errors import DataError


@pytest.fixture
def model(tiny_transformer: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_transformer, tmp_path / "model"))


def test_a_model_is_described_and_stays_where_it_is(model: Path, tmp_path: Path) -> None:
    made = load(SentenceTransformerOptions(path=model), tmp_path / "encoder")
    assert (made.dim, made.vocabulary, made.format, made.model_path) == (16, 16, "transformers", model)
    moved = made.move_to(tmp_path / "elsewhere")
    assert EncoderFolder.read(tmp_path / "elsewhere") == moved
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["encoder.json"]


def test_a_model_inside_the_folder_moves_with_it(model: Path, tmp_path: Path) -> None:
    shutil.copytree(model, tmp_path / "encoder" / "model")
    EncoderFolder.write(tmp_path / "encoder", format="transformers", dim=16, vocabulary=16).move_to(tmp_path / "moved")
    assert EncoderFolder.read(tmp_path / "moved").model_path == tmp_path / "moved" / "model"


def test_a_model_that_has_changed_or_gone_is_refused(model: Path, tmp_path: Path) -> None:
    load(SentenceTransformerOptions(path=model), tmp_path / "encoder")
    (model / "config.json").touch()
    EncoderFolder.read(tmp_path / "encoder")  # another time, the same bytes
    (model / "config.json").write_text((model / "config.json").read_text().replace("gelu", "relu"))
    with pytest.raises(DataError, match="no longer the model"):
        EncoderFolder.read(tmp_path / "encoder")
    shutil.rmtree(model)
    with pytest.raises(DataError, match="is not there"):
        EncoderFolder.read(tmp_path / "encoder")


def test_the_fingerprint_knows_names_and_bytes(model: Path) -> None:
    before = fingerprint_of(model)
    (model / "extra.txt").write_text("x")
    with_extra = fingerprint_of(model)
    (model / "extra.txt").rename(model / "other.txt")
    assert len({before, with_extra, fingerprint_of(model)}) == 3


def broken(model: Path, how: str) -> None:
    if how == "pickle":
        (model / "model.safetensors").rename(model / "pytorch_model.bin")
    elif how == "no weights":
        (model / "model.safetensors").unlink()
    elif how == "damaged weights":
        (model / "model.safetensors").write_bytes(b"x" * 100)
    elif how == "no tokenizer":
        (model / "tokenizer.json").unlink()
    elif how == "broken config":
        (model / "config.json").write_text("{")
    elif how.startswith("dense"):
        places = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense"}
        modules = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in places.items()]
        (model / "modules.json").write_text(json.dumps(modules))
        (model / "2_Dense").mkdir()
        if how == "dense of pickles":
            (model / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    elif how == "folder elsewhere":
        modules = [{"type": f"sentence_transformers.models.{name}", "path": "../.."} for name in ("Transformer", "Pooling")]
        (model / "modules.json").write_text(json.dumps(modules))
    elif how == "foreign tokenizer":
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "vocab_size": 10}))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pickle", r"pickles \(pytorch_model.bin\).*save_pretrained"),
        ("no weights", "holds no weights"),
        ("damaged weights", "model.safetensors.*is damaged"),
        ("no tokenizer", "no tokenizer.json"),
        ("broken config", "config.json.*cannot be read"),
        ("dense without weights", "2_Dense.*holds no weights"),
        ("dense of pickles", r"2_Dense.*pickles \(pytorch_model.bin\).*SentenceTransformer\(folder\).save"),
        ("folder elsewhere", "names the folder ../.., which is not the model's"),
        ("foreign tokenizer", "tokenizer knows 16 tokens, the model has vectors for 10"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_when_it_is_loaded(
    how: str, message: str, model: Path, tmp_path: Path
) -> None:
    broken(model, how)
    with pytest.raises(DataError, match=message):
        load(SentenceTransformerOptions(path=model), tmp_path / "encoder")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"path": "/nowhere"}, "is no folder"),
        ({"package": "no_such_package"}, "is not installed"),
        ({"package": "emb_pipeline"}, "carries no model"),
    ],
)
def test_a_place_without_a_model_is_refused(place: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load(SentenceTransformerOptions(**place), tmp_path / "encoder")


def test_other_weights_than_expected_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has SHA-256 .*, not 0000"):
        load(SentenceTransformerOptions(path=model, sha256="0" * 64), tmp_path / "encoder")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "a", "package": "b"},
        {"hub": "a/b"},
        {"path": "a", "revision": "0" * 40},
        {"hub": "a/b", "revision": "main"},
    ],
)
def test_a_place_is_named_once_and_a_hub_model_by_its_commit(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SentenceTransformerOptions(**options)


def test_a_gpu_that_is_not_there_is_refused_at_the_start(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DataError, match=r"no GPU here.*device: cpu"):
        load(SentenceTransformerOptions(path=model, device="cuda"), tmp_path / "encoder")
