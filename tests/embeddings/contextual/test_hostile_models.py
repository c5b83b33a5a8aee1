"""Models from strangers: whatever lies in a folder, nothing of it is run."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, fingerprint_of
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.embeddings.static.options import StaticFileOptions
from emb_pipeline.embeddings.static.static_files import load as load_vectors
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.export.vectors import TextVectors


class Payload:
    """Leaves a file where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._canary,)


@pytest.fixture
def model(tiny_transformer: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_transformer, tmp_path / "model"))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def _pickle(path: Path, canary: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(Payload(canary)))


def _script(path: Path, canary: Path) -> None:
    path.write_text(f"from pathlib import Path\nPath({str(canary)!r}).touch()\nclass Evil: ...\n")


def _set(path: Path, **values: object) -> None:
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**known, **values}))


def custom_code(model: Path, canary: Path) -> None:
    _script(model / "modeling_evil.py", canary)
    _set(model / "config.json", auto_map={"AutoConfig": "modeling_evil.Evil", "AutoModel": "modeling_evil.Evil"})


def custom_code_of_an_unknown_type(model: Path, canary: Path) -> None:
    custom_code(model, canary)
    _set(model / "config.json", model_type="evil", architectures=["Evil"])


def custom_tokenizer(model: Path, canary: Path) -> None:
    _script(model / "tokenization_evil.py", canary)
    names = ["tokenization_evil.Evil", "tokenization_evil.Evil"]
    _set(model / "tokenizer_config.json", auto_map={"AutoTokenizer": names}, tokenizer_class="Evil")


def code_of_another_repository(model: Path, canary: Path) -> None:
    _set(model / "config.json", auto_map={"AutoModel": "stranger/evil--modeling_evil.Evil"})


def custom_module(model: Path, canary: Path) -> None:
    _script(model / "evil.py", canary)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Evil", "type": "evil.Evil"},
    ]
    (model / "modules.json").write_text(json.dumps(modules))


def pickled_weights_alone(model: Path, canary: Path) -> None:
    (model / "model.safetensors").unlink()
    _pickle(model / "pytorch_model.bin", canary)


def pickled_weights_as_pt(model: Path, canary: Path) -> None:
    (model / "model.safetensors").unlink()
    _pickle(model / "model.pt", canary)


def pickled_weights_named_as_safe(model: Path, canary: Path) -> None:
    _pickle(model / "model.safetensors", canary)


def pickles_beside_the_weights(model: Path, canary: Path) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "vectors.npy"):
        _pickle(model / name, canary)


def pickled_adapter(model: Path, canary: Path) -> None:
    _set(model / "adapter_config.json", peft_type="LORA", base_model_name_or_path=str(model), target_modules=["query"], r=2)
    _pickle(model / "adapter_model.bin", canary)


def index_of_pickles(model: Path, canary: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": {"a": "part.bin"}}))
    _pickle(model / "part.bin", canary)


def onnx_with_data_outside(model: Path, canary: Path) -> None:
    onnx = pytest.importorskip("onnx")
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    graph = onnx.helper.make_graph([], "g", [], [], [tensor])
    (model / "onnx").mkdir()
    (model / "onnx" / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    shutil.copy(model / "onnx" / "model.onnx", model / "model.onnx")


HOSTILE = [
    custom_code,
    custom_code_of_an_unknown_type,
    custom_tokenizer,
    code_of_another_repository,
    custom_module,
    pickled_weights_alone,
    pickled_weights_as_pt,
    pickled_weights_named_as_safe,
    pickles_beside_the_weights,
    pickled_adapter,
    index_of_pickles,
    onnx_with_data_outside,
]


@pytest.mark.slow
@pytest.mark.parametrize("make", HOSTILE)
def test_nothing_in_a_models_folder_is_run(
    make: Callable[[Path, Path], None], model: Path, canary: Path, tmp_path: Path
) -> None:
    """It is used without what would run, or refused with a word."""
    make(model, canary)
    try:
        folder = load(SentenceTransformerOptions(path=model), tmp_path / "encoder")
        vectors = ContextualEncoder(folder, EncoderOptions()).encode(["the cat sat"])
        assert vectors.shape == (1, 16) and np.isfinite(vectors).all()
    except DataError as error:
        assert str(model) in str(error)
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [custom_code, custom_tokenizer, pickled_weights_alone, pickles_beside_the_weights, pickled_adapter, index_of_pickles],
)
def test_nothing_in_a_bundle_is_run(make: Callable[[Path, Path], None], model: Path, canary: Path, tmp_path: Path) -> None:
    """One whose maker has made description and checksums fit."""
    folder = load(SentenceTransformerOptions(path=model), tmp_path / "encoder")
    Bundle(TextVectors(ContextualEncoder(folder, EncoderOptions()))).write(tmp_path / "bundle")
    place = tmp_path / "bundle" / "embedding" / "encoder"
    make(place / "model", canary)
    _describe_anew(place)
    try:
        answers = Bundle.read(tmp_path / "bundle").model.answer(["the cat sat"])
        assert answers["known"].tolist() == [True]
    except DataError as error:
        assert str(tmp_path / "bundle") in str(error)
    assert not canary.exists()


def _describe_anew(place: Path) -> None:
    from emb_pipeline.embeddings.contextual.encoder_folder import MANIFEST, _sizes
    from emb_pipeline.storage.sealed_files import read_json, write_json

    manifest = read_json(place / MANIFEST, "")
    model = place / "model"
    (place / MANIFEST).unlink()
    write_json({**manifest, "fingerprint": fingerprint_of(model), "files": _sizes(model)}, place / MANIFEST)
    assert EncoderFolder.read(place).fingerprint == fingerprint_of(model)


@pytest.mark.parametrize(
    "name", ["vectors.kv", "vectors.model", "vectors.bin", "vectors.txt", "vectors.arrow", "vectors.vec.gz"]
)
def test_pickled_word_vectors_are_refused(name: str, canary: Path, tmp_path: Path) -> None:
    _pickle(tmp_path / name, canary)
    for form in get_args(StaticFileOptions.model_fields["format"].annotation):
        with pytest.raises(DataError):
            load_vectors(StaticFileOptions(path=tmp_path / name, format=form))
    assert not canary.exists()


def test_the_payload_would_be_noticed(canary: Path, tmp_path: Path) -> None:
    _pickle(tmp_path / "payload", canary)
    pickle.loads((tmp_path / "payload").read_bytes())
    assert canary.exists()


def test_a_pickle_in_place_of_a_checkpoint_is_passed_over(canary: Path, tmp_path: Path) -> None:
    _pickle(tmp_path / "checkpoint" / "epochs.safetensors", canary)
    arrays = {"weights": np.ones(3, dtype=np.float32)}
    assert Checkpoint(tmp_path / "checkpoint", {"seed": 0}).restore(arrays) == []
    assert arrays["weights"].tolist() == [1, 1, 1] and not canary.exists()
