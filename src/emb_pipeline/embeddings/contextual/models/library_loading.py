"""Models as sentence-transformers reads them, and what their tokenizers make of texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from emb_pipeline.embeddings.contextual.models.attention import require_no_window
from emb_pipeline.errors import DataError

LibraryClass: TypeAlias = Literal["SentenceTransformer", "SparseEncoder", "MultiVectorEncoder"]
"""The library's classes, by the name that a folder was saved with: ``model_type``."""


def load_library_model(
    model: Path, dtype: str = "float32", device: str = "cpu", library_class: LibraryClass = "SentenceTransformer"
) -> Any:
    """Load a model by sentence-transformers: from this folder alone, its safetensors alone, without code of its own.

    Raises
    ------
    DataError
        It cannot be read, or the library would not follow its attention.
    """
    import sentence_transformers
    import torch

    require_no_window(model)
    silence_library()
    try:
        return getattr(sentence_transformers, library_class)(
            str(model),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, dtype), "use_safetensors": True},
        )
    except Exception as error:  # whatever a broken file makes the library raise
        raise DataError(
            str(model), f"sentence-transformers cannot read it ({error})", "save or download it again"
        ) from error


def silence_library() -> None:
    """Keep progress bars and reports of weights out of the log."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def cut_into_ids(tokenizer: Any, texts: Sequence[str], *, ends: bool = True) -> list[list[int]]:
    """Cut texts into sub-word numbers, whatever their length."""
    if not len(texts):
        return []
    if hasattr(tokenizer, "encode_batch"):  # of static vectors: no ends
        return [found.ids for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    settings = {"add_special_tokens": ends, "truncation": False, "padding": False, "verbose": False}
    found: list[list[int]] = tokenizer(list(texts), **settings)["input_ids"]
    return found


def list_unknown_ids(tokenizer: Any) -> set[int]:
    """List the sub-words that stand for nothing that is known: ends, padding, the unknown."""
    if not hasattr(tokenizer, "encode_batch"):
        return {*tokenizer.all_special_ids}
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    unknown = tokenizer.token_to_id(str(json.loads(tokenizer.to_str())["model"].get("unk_token") or ""))
    return special if unknown is None else special | {unknown}
