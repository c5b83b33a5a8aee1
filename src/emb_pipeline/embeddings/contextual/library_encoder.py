"""Vectors of texts from sentence-transformers itself: models of other modules than those that this project runs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.models.loading import require_device
from emb_pipeline.embeddings.contextual.models.model_card import describe_model
from emb_pipeline.embeddings.contextual.models.precision import batch_tokens_in_force, device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_settings import SavedSettings, prompt_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.embeddings.protocols import ROLES, Role, Similarity, Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.text.words import unmark_words

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder

_REFUSED = "pooling", "layer", "long_texts", "chunk_overlap", "backend"
"""Options that are about the inside of a model, which the library does not show."""
_CHARACTERS_PER_TOKEN = 3
_NO_LIMIT = 1 << 30
_MOST_TOKENS = 512
"""Of a text, where nothing says how many are read of it."""
_VERSIONS = "sentence_transformers", "transformers", "torch"
_TASKS: Mapping[Role, str | None] = {"query": "query", "passage": "document", "text": None}


class LibraryEncoder:
    """A model that sentence-transformers encodes with: static vectors, routes for queries and documents, weighted layers.

    The model is read when something is first encoded, from safetensors alone and without code of its own.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : EncoderOptions
        Prompts, length, dimensions, device and precision.
    reason : str
        Why the library encodes with it.

    Raises
    ------
    DataError
        An option that the library cannot honor; a GPU is asked for and there is none.
    """

    export_format: ClassVar[str] = "transformer"

    def __init__(self, folder: EncoderFolder, options: EncoderOptions, reason: str) -> None:
        require_packages("sentence_transformer", "sentence_transformers")
        require_device(options)
        self.folder, self.options, self.reason = folder, options, reason
        self._saved = SavedSettings(folder.model_path, similarity=options.similarity)
        require_library_options(folder.model_path, options, reason)
        if options.truncate_dim is not None and options.truncate_dim > folder.dim:
            reason = f"gives {folder.dim} dimensions; truncate_dim: {options.truncate_dim} cannot be kept"
            raise DataError(str(folder.model_path), reason, "lower truncate_dim")

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return min(self.folder.dim, self._truncate_dim or self.folder.dim)

    @property
    def similarity(self) -> Similarity:
        """The measure that compares its vectors."""
        return self._saved.similarity

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know."""
        found = {role: prompt_in_force(self.options, self._saved, role) for role in ROLES}
        prompts = {role: {"prompt": prompt, "from": whose} for role, (prompt, whose) in found.items()}
        encoded_by = f"sentence-transformers, because {self.reason}"
        facts = {"prompts": prompts, "similarity": self.similarity, "encoded_by": encoded_by, "model": self._model_facts}
        return facts

    @cached_property
    def _model_facts(self) -> dict[str, Any]:
        length = self.options.max_length or self._saved.max_length
        return {**describe_model(self.folder.model_path), **({} if length is None else {"max_length": length})}

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(EncoderOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ContextualEncoder | LibraryEncoder:
        """Read the encoder that `write_state` of this class, or of `ContextualEncoder`, wrote."""
        from emb_pipeline.embeddings.contextual.open_encoder import open_encoder

        return open_encoder(EncoderFolder.read(folder / ENCODER), EncoderOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Names everything that a text's vector depends on beside the text."""
        facts = {
            "model": self.folder.fingerprint,
            "library": [importlib.metadata.version(name).rsplit(".", 1)[0] for name in _VERSIONS],
            "prompt": prompt_in_force(self.options, self._saved, role)[0],
            "task": _TASKS[role],
            "normalize": self.options.normalize,
            "truncate_dim": self.dim,
            "max_length": self.options.max_length,
            "dtype": precision_in_force(self.options.dtype, self.options.device),
            "device": device_in_force(self.options.device),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        prompt, task = prompt_in_force(self.options, self._saved, role)[0], _TASKS[role]
        read = [unmark_words(text) for text in texts]
        more = {} if task is None else {"task": task}
        for rows in self._draw_batches(read, role):
            vectors[rows] = self._model.encode(
                [read[row] for row in rows],
                prompt=prompt,
                batch_size=len(rows),
                show_progress_bar=False,
                normalize_embeddings=bool(self.options.normalize),
                truncate_dim=self._truncate_dim,
                **more,
            )
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Refuse to encode tokens.

        Raises
        ------
        DataError
            Always: the library gives vectors of texts.
        """
        raise DataError(
            str(self.folder.model_path),
            f"has no vectors of tokens here: sentence-transformers encodes with it ({self.reason})",
            "leave it out of the grid for tasks of tokens, or name a model of a supported architecture",
        )

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether the tokenizer knows anything of it, else whether its vector is not zeros: (n_texts,)."""
        tokenizer = getattr(self._first_module("passage"), "tokenizer", None)
        if tokenizer is None:
            return np.asarray(np.abs(vectors).sum(axis=1) > 0)
        unknown = _list_unknown_ids(tokenizer)
        ids = _cut_into_ids(tokenizer, [unmark_words(text) for text in texts], ends=False)
        return np.array([any(number not in unknown for number in row) for row in ids], dtype=bool)

    def cuts(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Say of each text whether it is longer than what is read of it: shape (n_texts,), bool."""
        longest, prompt = self._find_longest(role), prompt_in_force(self.options, self._saved, role)[0]
        tokenizer = getattr(self._first_module(role), "tokenizer", None)
        if longest is None or tokenizer is None:
            return np.zeros(len(texts), dtype=bool)
        ids = _cut_into_ids(tokenizer, [prompt + unmark_words(text) for text in texts])
        return np.array([len(row) > longest for row in ids], dtype=bool)

    def load(self) -> None:
        """Load the model, before anything is timed."""
        _ = self._model

    @property
    def _truncate_dim(self) -> int | None:
        return self.options.truncate_dim or self._saved.truncate_dim

    @cached_property
    def _model(self) -> Any:
        """The model, set up as the options say."""
        import torch

        dtype = precision_in_force(self.options.dtype, self.options.device)
        model = load_library_model(self.folder.model_path, dtype, device_in_force(self.options.device))
        if self.options.max_length is not None:
            self._set_length(model, self.options.max_length)
        if dtype == "bfloat16":
            model.to(torch.bfloat16)
        return model

    def _set_length(self, model: Any, max_length: int) -> None:
        if math.isfinite(getattr(model, "max_seq_length", None) or math.inf):
            model.max_seq_length = max_length
        if getattr(model, "max_seq_length", None) != max_length:
            raise DataError(
                f"{self.folder.model_path}, option max_length",
                f"a length cannot be set for this model ({self.reason})",
                "leave max_length alone",
            )

    def _first_module(self, role: Role) -> Any:
        """The module that reads texts in a role."""
        module = self._model[0]
        if hasattr(module, "sub_modules"):
            module = module.sub_modules[module._resolve_route(task=_TASKS[role], modality="text")][0]
        return module

    def _find_longest(self, role: Role) -> int | None:
        """Find how many sub-words are read of a text; None where nothing limits them."""
        known = getattr(self._first_module(role), "max_seq_length", None)
        return int(known) if known is not None and known < _NO_LIMIT else None

    def _draw_batches(self, texts: Sequence[str], role: Role) -> list[list[int]]:
        """Rows of texts of like length, with about as many tokens as the options allow."""
        longest = self._find_longest(role) or _MOST_TOKENS
        tokens = [min(longest, 1 + len(text) // _CHARACTERS_PER_TOKEN) for text in texts]
        most = batch_tokens_in_force(self.options.batch_tokens, self.options.device, self.folder.dim)
        batches: list[list[int]] = []
        for row in sorted(range(len(texts)), key=lambda row: -tokens[row]):
            first = tokens[batches[-1][0]] if batches else 0
            if batches and first * (len(batches[-1]) + 1) <= most:
                batches[-1].append(row)
            else:
                batches.append([row])
        return batches


def require_library_options(model: Path, options: EncoderOptions, reason: str) -> None:
    """Refuse options that sentence-transformers cannot honor.

    Parameters
    ----------
    model : Path
        The model's folder.
    options : EncoderOptions
        What was asked for.
    reason : str
        Why the library encodes with the model.

    Raises
    ------
    DataError
        Names them.
    """
    changed = [name for name in _REFUSED if getattr(options, name) != EncoderOptions.model_fields[name].default]
    if changed:
        raise DataError(
            f"{model}, option {changed[0]}",
            f"sentence-transformers encodes with this model ({reason}), and takes no such option",
            f"leave {', '.join(changed)} alone",
        )


def _cut_into_ids(tokenizer: Any, texts: Sequence[str], *, ends: bool = True) -> list[list[int]]:
    """Cut texts into sub-word numbers, whatever their length."""
    if not len(texts):
        return []
    if hasattr(tokenizer, "encode_batch"):  # of static vectors: no ends
        return [found.ids for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    settings = {"add_special_tokens": ends, "truncation": False, "padding": False, "verbose": False}
    found: list[list[int]] = tokenizer(list(texts), **settings)["input_ids"]
    return found


def _list_unknown_ids(tokenizer: Any) -> set[int]:
    """List the sub-words that stand for nothing that is known: ends, padding, the unknown."""
    if not hasattr(tokenizer, "encode_batch"):
        return {*tokenizer.all_special_ids}
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    unknown = tokenizer.token_to_id(str(json.loads(tokenizer.to_str())["model"].get("unk_token") or ""))
    return special if unknown is None else special | {unknown}


def load_library_model(model: Path, dtype: str = "float32", device: str = "cpu") -> Any:
    """Load a model by sentence-transformers: from this folder alone, its safetensors alone, without code of its own.

    Raises
    ------
    DataError
        It cannot be read.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        return SentenceTransformer(
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
