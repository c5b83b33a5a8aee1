"""Encoders at rest: a folder with ``encoder.json``, and the model that it names."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from emb_pipeline.embeddings.contextual.models.saved_modules import find_tokenizer, list_weight_folders, read_modules
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_json, write_json
from emb_pipeline.text.words import tokenize, unmark_words

Format = Literal["transformers", "sentence_transformers", "model2vec", "cross_encoder"]
Input = Literal["raw", "tokens"]
MANIFEST = "encoder.json"
MODEL, ENCODER = "model", "encoder"
_PICKLES = ("pytorch_model.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_BYTES_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class EncoderFolder:
    """A model on disk.

    Attributes
    ----------
    path : Path
        The folder that holds ``encoder.json``.
    format : {"transformers", "sentence_transformers", "model2vec", "cross_encoder"}
        The library that reads the model.
    model : str
        Folder of the model's files: below ``path``, or an absolute one of a model that is installed elsewhere.
    dim : int
        Numbers per vector.
    vocabulary : int
        Sub-word tokens of its tokenizer.
    fingerprint : str
        SHA-256 over the names and bytes of the model's files.
    input : {"raw", "tokens"}
        What the model was trained on: text as it is, or the project's own tokens joined by spaces.
    n_bytes : int
        Size of the weights.
    provenance : mapping
        Where it comes from and what its training cost.
    """

    path: Path
    format: Format
    model: str
    dim: int
    vocabulary: int
    fingerprint: str
    input: Input
    n_bytes: int
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_path(self) -> Path:
        """Where the model's files are."""
        return self.path / self.model

    @property
    def is_installed_elsewhere(self) -> bool:
        """True where the model's files are outside the folder."""
        return Path(self.model).is_absolute()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The encoder of a folder.

        Raises
        ------
        DataError
            No encoder was ever finished there, or its model is gone or no longer the same.
        """
        manifest = read_json(path / MANIFEST, "train or load the encoder again")
        files = manifest.pop("files", {})
        try:
            folder = cls(path=path, **manifest)
        except TypeError as error:
            raise DataError(
                str(path / MANIFEST), f"describes no encoder ({error})", "train or load the encoder again"
            ) from error
        place = folder.model_path
        again = "load it again: kedro run --pipelines train,evaluate,report"
        if not place.is_dir():
            raise DataError(str(place), "is not there", f"put the model back, or {again}")
        if _sizes(place) != files and fingerprint_of(place) != folder.fingerprint:
            raise DataError(str(place), "is no longer the model that was loaded", f"put it back, or {again}")
        return folder

    @classmethod
    def write(
        cls,
        path: Path,
        *,
        format: Format,
        dim: int,
        vocabulary: int,
        model: Path | None = None,
        input: Input = "raw",
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Describe a model: the one in ``path/model``, or one that stays where it is.

        Raises
        ------
        DataError
            The model has no safetensors weights or no tokenizer.
        """
        path.mkdir(parents=True, exist_ok=True)
        place = (model or path / MODEL).absolute()
        require_safe_model(place)
        folder = cls(
            path=path,
            format=format,
            model=str(place) if model else MODEL,
            dim=dim,
            vocabulary=vocabulary,
            fingerprint=fingerprint_of(place),
            input=input,
            n_bytes=sum(file.stat().st_size for file in place.rglob("*.safetensors")),
            provenance=dict(provenance or {}),
        )
        entry = {name: value for name, value in vars(folder).items() if name != "path"}
        write_json({**entry, "files": _sizes(place)}, path / MANIFEST)
        return folder

    def prepare_text(self, text: str) -> str:
        """Write a text as the model was trained on texts."""
        return " ".join(tokenize(text)) if self.input == "tokens" else unmark_words(text)

    def copy_to(self, path: Path, *, dim: int | None = None) -> Self:
        """Copy the model's own files, and their description (perhaps other dimensions), to a folder that can be moved."""
        shutil.copytree(self.model_path, path / MODEL, ignore=shutil.ignore_patterns(".*", "*.onnx"))
        return type(self).write(
            path,
            format=self.format,
            dim=dim or self.dim,
            vocabulary=self.vocabulary,
            input=self.input,
            provenance=self.provenance,
        )

    def move_to(self, path: Path) -> Self:
        """The same encoder under another name."""
        shutil.move(self.path, path)
        return type(self)(**{**vars(self), "path": path})


def require_safe_model(place: Path) -> None:
    """Refuse a folder that cannot be loaded, or only by running what is in it.

    Raises
    ------
    DataError
        It is no folder, has no configuration, weights or tokenizer, keeps weights as pickles, or has modules of other code.
    """
    if not place.is_dir():
        raise DataError(str(place), "is no folder", "name the folder that holds config.json and model.safetensors")
    modules = read_modules(place)
    if not any(place.rglob("*.safetensors")):
        _refuse_pickles(place, sorted(file for pattern in _PICKLES for file in place.rglob(pattern)))
        raise DataError(str(place), "holds no weights (*.safetensors)", "give the folder of a saved model")
    for folder in list_weight_folders(place):
        if folder != place and not any(folder.glob("*.safetensors")):
            _refuse_pickles(folder, sorted(file for pattern in _PICKLES for file in folder.glob(pattern)))
    for module in modules:
        if module.kind in ("Dense", "LayerNorm") and not (module.path / "model.safetensors").is_file():
            raise DataError(str(module.path), "holds no weights (model.safetensors)", "save or download the model again")
    for file in place.rglob("*.safetensors"):
        _require_whole(file)
    if modules and modules[0].kind != "Transformer":
        return  # it may have neither a configuration nor a tokenizer in this folder
    try:
        json.loads((modules[0].path if modules else place).joinpath("config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(place / "config.json"), f"cannot be read ({error})", "save the model again") from error
    if find_tokenizer(place) is None:
        raise DataError(
            str(place),
            "holds no tokenizer.json",
            "save its fast tokenizer beside it: AutoTokenizer.from_pretrained(…).save_pretrained(folder)",
        )


def _refuse_pickles(place: Path, pickles: Sequence[Path]) -> None:
    if pickles:
        raise DataError(
            str(place),
            f"keeps its weights as pickles ({', '.join(file.name for file in pickles)}), which run code when they are read",
            "convert them where you trust their source: "
            "AutoModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True), or, with modules.json, "
            "SentenceTransformer(folder).save(folder)",
        )


def _require_whole(file: Path) -> None:
    from safetensors import safe_open

    try:
        with safe_open(file, "numpy") as weights:
            weights.keys()
    except Exception as error:  # the library has an error of its own for a damaged header
        raise DataError(str(file), f"is damaged ({error})", "save or download it again") from error


def fingerprint_of(place: Path) -> str:
    """SHA-256 over the names and bytes of all files of a folder."""
    digest = hashlib.sha256()
    for file in _files(place):
        digest.update(f"{file.relative_to(place).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while block := content.read(_BYTES_AT_A_TIME):
                digest.update(block)
    return digest.hexdigest()


def _sizes(place: Path) -> dict[str, list[int]]:
    """Size and time of each file: what is looked at before all bytes are."""
    found = {file.relative_to(place).as_posix(): file.stat() for file in _files(place)}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in found.items()}


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))
