"""Models that sentence-transformers runs, of whatever kind: prompts, length, batches, and what the tokenizer reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.library_loading import (
    LibraryClass,
    cut_into_ids,
    list_unknown_ids,
    load_library_model,
)
from emb_pipeline.embeddings.contextual.models.loading import require_device
from emb_pipeline.embeddings.contextual.models.model_card import describe_model
from emb_pipeline.embeddings.contextual.models.precision import batch_tokens_in_force, device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_settings import SavedSettings, prompt_in_force
from emb_pipeline.embeddings.contextual.options import ReadingOptions
from emb_pipeline.embeddings.extras import read_version, require_packages
from emb_pipeline.embeddings.protocols import ROLES, Role, Similarity
from emb_pipeline.errors import DataError

_CHARACTERS_PER_TOKEN = 3
_NO_LIMIT = 1 << 30
_MOST_TOKENS = 512
"""Of a text, where nothing says how many are read of it."""
_VERSIONS = "sentence_transformers", "transformers", "torch"
LOOKS_UP = "SparseStaticEmbedding"
"""Module that looks words up: it reads no ends, and as many sub-words as its tokenizer says."""
TASKS: Mapping[Role, str | None] = {"query": "query", "passage": "document", "text": None}
"""The library's names of the roles."""


class LibraryModel:
    """A model that sentence-transformers runs.

    It is read when something is first encoded, from safetensors alone and without code of its own.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : ReadingOptions
        Prompts, length, device and precision.
    reason : str
        Why the library runs it.
    similarity : str
        Measure that compares its vectors: ``model`` for the one that it was saved with.

    Raises
    ------
    DataError
        A GPU is asked for and there is none; a package is missing.
    """

    library_class: ClassVar[LibraryClass] = "SentenceTransformer"

    def __init__(self, folder: EncoderFolder, options: ReadingOptions, reason: str, similarity: str = "model") -> None:
        require_packages("sentence_transformer", "sentence_transformers")
        require_device(options)
        self.folder, self.reading, self.reason = folder, options, reason
        self._saved = SavedSettings(folder.model_path, similarity=similarity, library_class=self.library_class)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: prompts, what encodes, and the model's card."""
        found = {role: prompt_in_force(self.reading, self._saved, role) for role in ROLES}
        prompts = {role: {"prompt": prompt, "from": whose} for role, (prompt, whose) in found.items()}
        encoded_by = f"sentence-transformers, because {self.reason}"
        return {"prompts": prompts, "encoded_by": encoded_by, "model": self._model_facts}

    @cached_property
    def _model_facts(self) -> dict[str, Any]:
        length = self.reading.max_length or self._saved.max_length
        return {**describe_model(self.folder.model_path), **({} if length is None else {"max_length": length})}

    def list_causes(self, role: Role) -> dict[str, Any]:
        """List what the vectors of all kinds of models depend on besides the text."""
        return {
            "model": self.folder.fingerprint,
            "input": self.folder.input,
            "library": [read_version(name) for name in _VERSIONS],
            "prompt": prompt_in_force(self.reading, self._saved, role)[0],
            "task": TASKS[role],
            "max_length": self.reading.max_length,
            "dtype": precision_in_force(self.reading.dtype, self.reading.device),
            "device": device_in_force(self.reading.device),
        }

    def cuts(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Say of each text whether it is longer than what is read of it: shape (n_texts,), bool."""
        longest, prompt = self._find_longest(role), prompt_in_force(self.reading, self._saved, role)[0]
        tokenizer = getattr(self._first_module(role), "tokenizer", None)
        if longest is None or tokenizer is None:
            return np.zeros(len(texts), dtype=bool)
        has_ends = type(self._first_module(role)).__name__ != LOOKS_UP
        ids = cut_into_ids(tokenizer, [prompt + self.folder.prepare_text(text) for text in texts], ends=has_ends)
        return np.array([len(row) > longest for row in ids], dtype=bool)

    def find_known(self, texts: Sequence[str]) -> np.ndarray | None:
        """Say of each text whether the tokenizer knows anything of it, (n_texts,); None where there is no tokenizer."""
        tokenizer = getattr(self._first_module("passage"), "tokenizer", None)
        if tokenizer is None:
            return None
        unknown = list_unknown_ids(tokenizer)
        ids = cut_into_ids(tokenizer, [self.folder.prepare_text(text) for text in texts], ends=False)
        return np.array([any(number not in unknown for number in row) for row in ids], dtype=bool)

    def load(self) -> Any:
        """Load the model, once, before anything is timed; it is one of the library."""
        return self._model

    def cut_texts(self, texts: Sequence[str], role: Role, max_length: int | None = None) -> dict[str, Any]:
        """Cut texts, with their prompt, into the sub-words that the model reads, or fewer: the library's features."""
        task: dict[str, Any] = {} if TASKS[role] is None else {"task": TASKS[role]}
        if max_length is not None:
            task["max_length"] = min(max_length, self._find_longest(role) or max_length)
        prompt = prompt_in_force(self.reading, self._saved, role)[0]
        read = [self.folder.prepare_text(text) for text in texts]
        return dict(self._model.preprocess(read, prompt=prompt or None, **task))

    @cached_property
    def _model(self) -> Any:
        """The model, set up as the options say."""
        import torch

        dtype = precision_in_force(self.reading.dtype, self.reading.device)
        model = self._read_model(dtype, device_in_force(self.reading.device))
        if self.reading.max_length is not None:
            self._set_length(model, self.reading.max_length)
        if dtype == "bfloat16":
            model.to(torch.bfloat16)
        return model

    def _read_model(self, dtype: str, device: str) -> Any:
        return load_library_model(self.folder.model_path, dtype, device, self.library_class)

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
            module = module.sub_modules[module._resolve_route(task=TASKS[role], modality="text")][0]
        return module

    def _find_longest(self, role: Role) -> int | None:
        """Find how many sub-words are read of a text; None where nothing limits them."""
        known = getattr(self._first_module(role), "max_seq_length", None)
        return int(known) if known is not None and known < _NO_LIMIT else None

    def _draw_batches(self, texts: Sequence[str], role: Role) -> list[list[int]]:
        """Rows of texts of like length, with about as many tokens as the options allow."""
        longest = self._find_longest(role) or _MOST_TOKENS
        tokens = [min(longest, 1 + len(text) // _CHARACTERS_PER_TOKEN) for text in texts]
        most = batch_tokens_in_force(self.reading.batch_tokens, self.reading.device, self.folder.dim)
        batches: list[list[int]] = []
        for row in sorted(range(len(texts)), key=lambda row: -tokens[row]):
            first = tokens[batches[-1][0]] if batches else 0
            if batches and first * (len(batches[-1]) + 1) <= most:
                batches[-1].append(row)
            else:
                batches.append([row])
        return batches


class LibraryVectorModel(LibraryModel):
    """A model that sentence-transformers runs, with one vector a text."""

    @property
    def similarity(self) -> Similarity:
        """The measure that compares its vectors."""
        return self._saved.similarity

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know."""
        return {**self.facts, "similarity": self.similarity}
