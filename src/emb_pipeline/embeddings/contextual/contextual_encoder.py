"""Vectors of texts and of words from a transformer that is run here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.models.architectures import ARCHITECTURES, count_layers, find_hidden_size
from emb_pipeline.embeddings.contextual.models.loading import (
    Hidden,
    copy_to_host,
    pool_states,
    require_device,
    torch_backend,
)
from emb_pipeline.embeddings.contextual.models.model_card import describe_model
from emb_pipeline.embeddings.contextual.models.precision import batch_tokens_in_force, device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_settings import prompt_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.contextual.text_reader import TextReader, Window
from emb_pipeline.embeddings.extras import read_version
from emb_pipeline.embeddings.protocols import ROLES, Role, Similarity
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch

    from emb_pipeline.embeddings.contextual.library_encoder import LibraryEncoder

_ROUNDING = "transformers", "torch"
_IN_NUMPY = ("mean",), ("cls",), ("max",)


class ContextualEncoder(TextReader):
    """A transformer with a rule that pools the vectors of a text's tokens.

    The model is read when something is first encoded. Texts are encoded in batches of like length. Of a text longer than the
    model reads, its start is encoded, or all of it in chunks (``long_texts``).

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : EncoderOptions
        How text vectors are made.
    cache : Path, optional
        Where a model that is converted for ONNX Runtime is kept; without it, it is converted again.

    Raises
    ------
    DataError
        A tokenizer that does not go with the model, a layer or dimensions that it does not have, a setting that is not
        known, or a GPU is asked for and there is none.
    """

    export_format: ClassVar[str] = "transformer"

    def __init__(self, folder: EncoderFolder, options: EncoderOptions, cache: Path | None = None) -> None:
        require_device(options)
        super().__init__(folder, options)
        self._cache = cache
        layers = count_layers(self.config)
        if not -layers - 1 <= options.layer <= layers:
            raise DataError(str(folder.model_path), f"has layers 0 to {layers}, not {options.layer}", "choose one of these")
        architecture = ARCHITECTURES.get(str(self.config.get("model_type")))
        if options.backend != "torch" and architecture is not None and not architecture.exports:
            reason = f"is of the architecture {architecture.name}, which cannot be converted for ONNX Runtime"
            raise DataError(str(folder.model_path), reason, "set backend: torch; dtype: bfloat16 or a GPU makes it faster")
        if options.truncate_dim is not None and options.truncate_dim > self._full_dim:
            reason = f"gives {self._full_dim} dimensions; truncate_dim: {options.truncate_dim} cannot be kept"
            raise DataError(str(folder.model_path), reason, "lower truncate_dim")

    @property
    def dim(self) -> int:
        """Dimensions of a text's vector."""
        return min(self._full_dim, self.options.truncate_dim or self._saved.truncate_dim or self._full_dim)

    @property
    def token_dim(self) -> int:
        """Dimensions of a token's vector."""
        return find_hidden_size(self.config)

    @property
    def _full_dim(self) -> int:
        return self._saved.after_pooling.find_dim(self.token_dim * len(self.poolings))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(EncoderOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ContextualEncoder | LibraryEncoder:
        """Read the encoder that `write_state` of this class, or of `LibraryEncoder`, wrote."""
        from emb_pipeline.embeddings.contextual.open_encoder import open_encoder

        return open_encoder(EncoderFolder.read(folder / ENCODER), EncoderOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Names everything that a text's vector depends on besides the text."""
        facts = {
            "model": self.folder.fingerprint,
            "input": self.folder.input,
            "prompt": self.prompts[role],
            "pooling": "+".join(self.poolings),
            "normalise": self.normalizes,
            "layer": self.options.layer,
            "max_length": self.max_length,
            "backend": self.options.backend,
            "dtype": precision_in_force(self.options.dtype, self.options.device),
            "device": device_in_force(self.options.device),
            "libraries": [read_version(name) for name in _ROUNDING],
        }
        if self.options.backend != "torch":
            facts["attention"] = "eager"
        if self.prompts[role] and not self._saved.pools_prompt:
            facts["pools_prompt"] = False
        if self.dim != self._full_dim:
            facts["truncate_dim"] = self.dim
        if self.options.long_texts != "truncate":
            facts["long_texts"] = [self.options.long_texts, self.options.chunk_overlap]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32."""
        if self.options.long_texts != "truncate":
            return self._of_chunks(texts, role)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for rows, hidden, mask in self._hidden_states(self.token_ids(texts, role)):
            mask[:, : self.n_unpooled(role)] = False
            vectors[rows] = self._finish(self._pooled(hidden, mask))
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Vectors of single tokens: the mean over the sub-words of each.

        A sentence that is longer than the model reads is encoded in pieces; a token without a sub-word is zeros.

        Returns
        -------
        list of ndarray of shape (n_tokens, token_dim), float32
            One array per sentence.
        """
        pieces = [(row, *piece) for row, sentence in enumerate(sentences) for piece in self.pieces(sentence)]
        sums = [np.zeros((len(sentence), self.token_dim), dtype=np.float32) for sentence in sentences]
        counts = [np.zeros(len(sentence), dtype=np.float32) for sentence in sentences]
        first = len(self.ends[0])
        for batch, hidden, _ in self._hidden_states([ids for _, ids, _ in pieces]):
            for place, states in zip(batch.tolist(), copy_to_host(hidden), strict=True):
                row, _, words = pieces[place]
                np.add.at(sums[row], words, states[first : first + len(words)])
                np.add.at(counts[row], words, 1)
        return [total / np.maximum(count, 1)[:, None] for total, count in zip(sums, counts, strict=True)]

    def window_states(self, windows: Sequence[Window]) -> Iterator[tuple[int, np.ndarray]]:
        """Number and hidden states, of shape (n_sub_words, dim), of each window, the longest first."""
        for rows, hidden, mask in self._hidden_states([window.ids for window in windows]):
            for row, states, attended in zip(rows.tolist(), copy_to_host(hidden), mask, strict=True):
                yield row, states[attended]

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: each prompt, and whose it is."""
        found = {role: prompt_in_force(self.options, self._saved, role) for role in ROLES}
        prompts = {role: {"prompt": prompt, "from": whose} for role, (prompt, whose) in found.items()}
        return {"prompts": prompts, "similarity": self.similarity, "model": self._model_facts}

    @cached_property
    def _model_facts(self) -> dict[str, Any]:
        return {**describe_model(self.folder.model_path), "max_length": self.max_length}

    @property
    def similarity(self) -> Similarity:
        """The measure that compares its vectors."""
        return self._saved.similarity

    @property
    def poolings(self) -> tuple[str, ...]:
        """The rules that are in force; the vectors of several are put one after the other."""
        return self._saved.pooling

    @property
    def normalizes(self) -> bool:
        """Tell whether vectors are scaled to length 1."""
        return self._saved.normalizes if self.options.normalize is None else self.options.normalize

    def _hidden_states(self, ids: list[list[int]]) -> Iterator[tuple[np.ndarray, Any, np.ndarray]]:
        """Rows, hidden states and mask of batches of texts of like length, the longest first."""
        lengths = np.array([len(found) for found in ids], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            if not longest:  # a tokenizer without ends gives nothing of an empty text
                rows = order[start:]
                yield rows, np.zeros((len(rows), 1, self.token_dim), np.float32), np.zeros((len(rows), 1), dtype=bool)
                return
            rows = order[start : start + max(1, self._batch_tokens // longest)]
            padded = np.full((len(rows), longest), self.padding_id, dtype=np.int64)
            mask = np.arange(longest) < lengths[rows, None]
            padded[mask] = np.concatenate([ids[row] for row in rows])
            yield rows, self._hidden(padded, mask.astype(np.int64)), mask
            start += len(rows)

    def _pooled(self, hidden: Any, mask: np.ndarray) -> np.ndarray:
        """Pool tokens, and apply what follows, but for the last scaling to length 1: shape (n, dim)."""
        if isinstance(hidden, np.ndarray) and self.poolings in _IN_NUMPY and not self._saved.after_pooling:
            return _pool_arrays(hidden, mask, self.poolings[0])
        import torch

        with torch.inference_mode():
            states = torch.from_numpy(hidden) if isinstance(hidden, np.ndarray) else hidden
            pooled = pool_states(states, states.new_tensor(mask), self.poolings)
            return np.asarray(copy_to_host(self._saved.after_pooling.apply(pooled)), dtype=np.float32)

    def finish_tensors(self, pooled: torch.Tensor) -> torch.Tensor:
        """Make vectors of pooled tokens as `encode` does, for a training: shape (n, dim)."""
        import torch

        vectors = self._saved.after_pooling.apply(pooled)
        if self.normalizes:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        if self.dim == self._full_dim:
            return vectors
        cut = vectors[:, : self.dim]
        return torch.nn.functional.normalize(cut, dim=1) if self.options.normalize else cut

    def _finish(self, vectors: np.ndarray) -> np.ndarray:
        """Scale vectors to length 1 and cut them, as the model was saved with and the options say."""
        if self.normalizes:
            vectors = _scale_rows(vectors)
        if self.dim == self._full_dim:
            return vectors
        cut = vectors[:, : self.dim]
        return _scale_rows(cut) if self.options.normalize else cut

    def _of_chunks(self, texts: Sequence[str], role: Role) -> np.ndarray:
        """Vectors of texts out of those of their chunks, which are added up as they come and never held together."""
        ids, text_of = self.chunks(texts, role)
        takes_mean = self.options.long_texts == "chunk_mean"
        vectors = np.full((len(texts), self._full_dim), 0 if takes_mean else -np.inf, dtype=np.float32)
        sub_words = np.zeros(len(texts), dtype=np.float32)
        is_first = np.diff(text_of, prepend=-1) > 0
        for rows, hidden, mask in self._hidden_states(ids):
            mask[is_first[rows], : self.n_unpooled(role)] = False
            pooled, of = self._pooled(hidden, mask), text_of[rows]
            if takes_mean:
                # Without the ends, the first of which go with a prompt that is not pooled.
                before, behind = map(len, self.ends)
                counts = np.maximum(mask.sum(axis=1) - behind - mask[:, :before].sum(axis=1), 1).astype(np.float32)
                np.add.at(vectors, of, pooled * counts[:, None])
                np.add.at(sub_words, of, counts)
            else:
                np.maximum.at(vectors, of, pooled)
        return self._finish(vectors / sub_words[:, None] if takes_mean else vectors)

    @cached_property
    def _batch_tokens(self) -> int:
        return batch_tokens_in_force(self.options.batch_tokens, self.options.device, self.token_dim)

    def load(self) -> None:
        """Load the model, or convert it, before anything is timed."""
        _ = self._tokenizer, self._hidden

    @cached_property
    def _hidden(self) -> Hidden:
        if self.options.backend == "torch":
            return torch_backend(self.folder, self.options)
        from emb_pipeline.embeddings.contextual.models.onnx_backend import onnx_backend

        return onnx_backend(self.folder, self.options, self._cache)


def _pool_arrays(hidden: np.ndarray, mask: np.ndarray, pooling: str) -> np.ndarray:
    """Pool as `pool_states` does, without a copy to tensors."""
    if pooling == "cls":
        pooled = hidden[np.arange(len(hidden)), mask.argmax(axis=1)]
    elif pooling == "max":
        pooled = np.where(mask[:, :, None], hidden, -np.inf).max(axis=1)
        pooled[~mask.any(axis=1)] = 0
    else:
        n_pooled = np.maximum(mask.sum(axis=1, keepdims=True), 1)
        pooled = np.einsum("ntd,nt->nd", hidden, mask.astype(np.float32)) / n_pooled
    return np.asarray(pooled, dtype=np.float32)


def _scale_rows(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
