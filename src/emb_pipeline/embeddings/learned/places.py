"""Models in their folders: what they were saved as, and whether they can be used here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, require_safe_model
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.loading import require_device, require_matching_tokenizer
from emb_pipeline.embeddings.contextual.models.saved_modules import read_modules
from emb_pipeline.embeddings.contextual.models.saved_settings import PROMPTS
from emb_pipeline.embeddings.contextual.sentence_transformer import model_folder
from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.embeddings.learned.options import LateInteractionOptions, LearnedSparseOptions
from emb_pipeline.errors import DataError


def require_place(
    method: str, options: LearnedSparseOptions | LateInteractionOptions, require_kind: Callable[[Path], None]
) -> None:
    """Refuse a model that is not there or cannot be used; one from the hub is not asked for yet.

    Raises
    ------
    DataError
        It is not there, is not safe to load, is of another kind, or a package or a GPU is missing.
    """
    require_packages(method, "torch", "transformers", "tokenizers", "sentence_transformers")
    require_device(options)
    if options.n_places and options.hub is None:
        model = model_folder(options)
        require_safe_model(model)
        require_matching_tokenizer(model)
        require_kind(model)


def copy_start(base: EncoderFolder, folder: Path, find_dim: Callable[[Path], int]) -> EncoderFolder:
    """Copy an encoder of the grid that a training starts from, with the dimensions of what it gives here.

    Raises
    ------
    DataError
        It has no transformer.
    """
    if base.format == "model2vec":
        raise DataError(str(base.path), "holds static vectors, which no training starts from", "take its teacher")
    return base.copy_to(folder, dim=find_dim(base.model_path))


def name_saved_class(model: Path) -> str | None:
    """Name the class of sentence-transformers that a folder was saved by; None for a plain transformer."""
    if not read_modules(model):
        return None
    return str((read_json(model / PROMPTS) or {}).get("model_type", "SentenceTransformer"))


def read_architecture(model: Path) -> str:
    """Read the class of transformers that a plain model was saved by; empty where its configuration names none."""
    architectures = (read_json(model / "config.json") or {}).get("architectures") or [""]
    return str(architectures[0])
