"""Vectors of texts and of words from a transformer."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.models.loading import (
    Hidden,
    copy_to_host,
    load_tokenizer,
    pool_states,
    require_device,
    torch_backend,
)
from emb_pipeline.embeddings.contextual.models.precision import precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_settings import SavedSettings, prompt_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.protocols import ROLES, Role, Similarity, Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.text.words import tokenize, unmark_words

_TEXTS_PER_TOKENIZATION = 4096
_ROUNDING = "transformers", "torch"


@dataclass(frozen=True, eq=False)
class Window:
    """A question with a part of its context, as a model reads them together.

    Attributes
    ----------
    ids : list of int
        Sub-word numbers, the ends included.
    begin : int
        The place of the context's first sub-word among them.
    word_of : ndarray of shape (n_context_sub_words,), int64
        The word of the context that each sub-word from there on is of.
    """

    ids: list[int]
    begin: int
    word_of: np.ndarray


def build_stored_encoder(
    options: EncoderOptions, artifact: EncoderFolder, encodings: Path | None = None
) -> ContextualEncoder | StoredEncoder:
    """Encode with a transformer; given a store, a text is encoded once."""
    if encodings is None:
        return ContextualEncoder(artifact, options)
    return StoredEncoder(ContextualEncoder(artifact, options, encodings / "converted"), encodings)


class ContextualEncoder:
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
        A tokenizer that does not go with the model, a layer that it does not have, a module after pooling that is not
        known, or a GPU is asked for and there is none.
    """

    export_format: ClassVar[str] = "transformer"

    def __init__(self, folder: EncoderFolder, options: EncoderOptions, cache: Path | None = None) -> None:
        require_device(options)
        self.folder, self.options, self._cache = folder, options, cache
        self._saved = SavedSettings(folder.model_path, options.pooling, options.similarity)
        layers = int(self._config.get("num_hidden_layers", 0))
        if not -layers - 1 <= options.layer <= layers:
            raise DataError(str(folder.model_path), f"has layers 0 to {layers}, not {options.layer}", "choose one of these")
        if options.chunk_overlap >= self.max_length - 2:
            reason = f"reads {self.max_length} sub-words, 2 of them ends: chunks cannot share {options.chunk_overlap}"
            raise DataError(str(folder.model_path), reason, "lower chunk_overlap")
        for role in ROLES:
            if self.prompts[role] and self._prompt_length(role) >= self.max_length - 1:
                reason = f"reads {self.max_length} sub-words, and the prompt {self.prompts[role]!r} takes all of them"
                raise DataError(str(folder.model_path), reason, f"write a shorter {role}_prompt, or raise max_length")

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.folder.dim

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(EncoderOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ContextualEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(EncoderFolder.read(folder / ENCODER), EncoderOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Names everything that a text's vector depends on beside the text."""
        facts = {
            "model": self.folder.fingerprint,
            "input": self.folder.input,
            "prompt": self.prompts[role],
            "pooling": self.pooling,
            "normalise": self.normalizes,
            "layer": self.options.layer,
            "max_length": self.max_length,
            "backend": self.options.backend,
            "dtype": precision_in_force(self.options.dtype, self.options.device),
            "device": self.options.device,
            "libraries": [importlib.metadata.version(name).rsplit(".", 1)[0] for name in _ROUNDING],
        }
        if self.options.backend != "torch":
            facts["attention"] = "eager"
        if self.prompts[role] and not self._saved.pools_prompt:
            facts["pools_prompt"] = False
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
            vectors[rows] = self._normalize(self._pooled(hidden, mask))
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Vectors of single tokens: the mean over the sub-words of each.

        A sentence that is longer than the model reads is encoded in pieces; a token without a sub-word is zeros.

        Returns
        -------
        list of ndarray of shape (n_tokens, dim), float32
            One array per sentence.
        """
        pieces = [(row, *piece) for row, sentence in enumerate(sentences) for piece in self.pieces(sentence)]
        sums = [np.zeros((len(sentence), self.dim), dtype=np.float32) for sentence in sentences]
        counts = [np.zeros(len(sentence), dtype=np.float32) for sentence in sentences]
        for batch, hidden, _ in self._hidden_states([ids for _, ids, _ in pieces]):
            for place, states in zip(batch.tolist(), copy_to_host(hidden), strict=True):
                row, _, words = pieces[place]
                np.add.at(sums[row], words, states[1 : 1 + len(words)])
                np.add.at(counts[row], words, 1)
        return [total / np.maximum(count, 1)[:, None] for total, count in zip(sums, counts, strict=True)]

    def chunks(self, texts: Sequence[str], role: Role = "text") -> tuple[list[list[int]], np.ndarray]:
        """All that there is of each text, in chunks that the model can read.

        Returns
        -------
        ids : list of list of int
            Sub-word numbers of each chunk, the ends included. A prompt stands at the start of a text's first chunk.
        text_of : ndarray of shape (n_chunks,), int64
            The text that each chunk is of, in ascending order.
        """
        prompt = self.prompts[role]
        ids: list[list[int]] = []
        text_of: list[int] = []
        for start in range(0, len(texts), _TEXTS_PER_TOKENIZATION):
            found = self._tokenizer(
                [self._as_trained_on(prompt + text) for text in texts[start : start + _TEXTS_PER_TOKENIZATION]],
                truncation=True,
                max_length=self.max_length,
                stride=self.options.chunk_overlap,
                return_overflowing_tokens=True,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            ids.extend(found["input_ids"])
            text_of.extend(start + row for row in found["overflow_to_sample_mapping"])
        return ids, np.array(text_of, dtype=np.int64)

    def token_ids(self, texts: Sequence[str], role: Role = "text") -> list[list[int]]:
        """Cut each text in this role into the sub-word numbers that the model reads, the ends included."""
        prompt = self.prompts[role]
        ids: list[list[int]] = []
        for start in range(0, len(texts), _TEXTS_PER_TOKENIZATION):
            found = self._tokenizer(
                [self._as_trained_on(prompt + text) for text in texts[start : start + _TEXTS_PER_TOKENIZATION]],
                truncation=True,
                max_length=self.max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            ids.extend(found["input_ids"])
        return ids

    def knows(self, texts: Sequence[str], vectors: Vectors | None = None) -> np.ndarray:
        """Say of each text whether the model knows one of its sub-words, the ends and the prompt aside: (n_texts,), bool."""
        ignored = {*self._tokenizer.all_special_ids}
        ids = self._tokenizer(
            [self._as_trained_on(text) for text in texts],
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return np.array([any(number not in ignored for number in row) for row in ids], dtype=bool)

    def cuts(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Say of each text whether it is longer than what is read of it: shape (n_texts,), bool."""
        found = np.zeros(len(texts), dtype=bool)
        if self.options.long_texts != "truncate":
            return found
        prompt = self.prompts[role]
        # A sub-word has a byte at least: what has fewer bytes than there is room needs no tokenizer.
        long = [row for row, text in enumerate(texts) if len((prompt + text).encode()) > self.max_length - 2]
        if long:
            ids = self._tokenizer(
                [self._as_trained_on(prompt + texts[row]) for row in long],
                truncation=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
            found[long] = [len(row) > self.max_length for row in ids]
        return found

    def pieces(self, sentence: Sequence[str]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Sub-word numbers of parts of a sentence that the model can read, and the word of each between the ends."""
        if not len(sentence):
            return
        ids, word_of = self._sub_words(sentence)
        first, last = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        room, start = self.max_length - 2, 0
        while start < len(ids):
            end = min(start + room, len(ids))
            if end < len(ids) and word_of[end] != word_of[start]:
                while word_of[end] == word_of[end - 1]:  # keep a word in one piece
                    end -= 1
            yield [first, *ids[start:end].tolist(), last], word_of[start:end]
            start = end

    def windows(self, question: Sequence[str], context: Sequence[str]) -> Iterator[Window]:
        """Question and context in one sequence, ``[CLS] question [SEP] context [SEP]``, as often as the context needs.

        A context that does not fit is read in windows, each of which starts a third of a window before the end of the one
        before, so that an answer near a border is whole in one of them. A question takes half of a sequence at most. All
        sub-words are of the first segment: the encoders here are trained on single sequences.
        """
        asked, _ = self._sub_words(question) if len(question) else (np.empty(0, np.int64), None)
        ids, word_of = self._sub_words(context)
        opening = [self._tokenizer.cls_token_id, *asked[: (self.max_length - 3) // 2].tolist(), self._tokenizer.sep_token_id]
        room, start = self.max_length - len(opening) - 1, 0
        while start < len(ids):
            end = min(start + room, len(ids))
            while start + 1 < end < len(ids) and word_of[end] == word_of[end - 1] != word_of[start]:
                end -= 1  # keep a word in one window
            part = [*opening, *ids[start:end].tolist(), self._tokenizer.sep_token_id]
            yield Window(part, len(opening), word_of[start:end])
            if end == len(ids):
                return
            again = int(np.searchsorted(word_of, word_of[end - max(1, room // 3)]))
            start = again if again > start else end

    def window_states(self, windows: Sequence[Window]) -> Iterator[tuple[int, np.ndarray]]:
        """Number and hidden states, of shape (n_sub_words, dim), of each window, the longest first."""
        for rows, hidden, mask in self._hidden_states([window.ids for window in windows]):
            for row, states, attended in zip(rows.tolist(), copy_to_host(hidden), mask, strict=True):
                yield row, states[attended]

    def _sub_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Sub-word numbers of some words, without ends, and the word of each."""
        known = [self._as_trained_on(word) or word for word in words]
        found = self._tokenizer(known, is_split_into_words=True, add_special_tokens=False, truncation=False)
        return np.array(found["input_ids"], dtype=np.int64), np.array(found.word_ids(), dtype=np.int64)

    def n_unpooled(self, role: Role) -> int:
        """Sub-words at the start of a text that are read and not pooled: those of a prompt, where the model says so."""
        return 0 if self._saved.pools_prompt or not self.prompts[role] else self._prompt_length(role)

    @cached_property
    def prompts(self) -> dict[Role, str]:
        """The prompt of each role that is in force."""
        return {role: prompt_in_force(self.options, self._saved, role)[0] for role in ROLES}

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: each prompt, and whose it is."""
        found = {role: prompt_in_force(self.options, self._saved, role) for role in ROLES}
        prompts = {role: {"prompt": prompt, "from": whose} for role, (prompt, whose) in found.items()}
        return {"prompts": prompts, "similarity": self.similarity}

    @property
    def similarity(self) -> Similarity:
        """The measure that compares its vectors."""
        return self._saved.similarity

    @property
    def pooling(self) -> str:
        """The rule that is in force: mean, cls or max."""
        return self._saved.pooling

    @property
    def normalizes(self) -> bool:
        """Tell whether vectors are scaled to length 1."""
        return self._saved.normalizes if self.options.normalize is None else self.options.normalize

    @property
    def padding_id(self) -> int:
        """Number of the sub-word that fills up a batch."""
        return int(self._tokenizer.pad_token_id or 0)

    def _hidden_states(self, ids: list[list[int]]) -> Iterator[tuple[np.ndarray, Any, np.ndarray]]:
        """Rows, hidden states and mask of batches of texts of like length, the longest first."""
        lengths = np.array([len(found) for found in ids], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            rows = order[start : start + max(1, self.options.batch_tokens // max(longest, 1))]
            padded = np.full((len(rows), longest), self.padding_id, dtype=np.int64)
            mask = np.arange(longest) < lengths[rows, None]
            padded[mask] = np.concatenate([ids[row] for row in rows])
            yield rows, self._hidden(padded, mask.astype(np.int64)), mask
            start += len(rows)

    def _pooled(self, hidden: Any, mask: np.ndarray) -> np.ndarray:
        if not isinstance(hidden, np.ndarray):
            return copy_to_host(pool_states(hidden, hidden.new_tensor(mask), self.pooling))
        if self.pooling == "cls":
            pooled = hidden[np.arange(len(hidden)), mask.argmax(axis=1)]
        elif self.pooling == "max":
            pooled = np.where(mask[:, :, None], hidden, -np.inf).max(axis=1)
            pooled[~mask.any(axis=1)] = 0
        else:
            n_pooled = np.maximum(mask.sum(axis=1, keepdims=True), 1)
            pooled = np.einsum("ntd,nt->nd", hidden, mask.astype(np.float32)) / n_pooled
        return np.asarray(pooled, dtype=np.float32)

    def _normalize(self, vectors: np.ndarray) -> np.ndarray:
        if not self.normalizes:
            return vectors
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    def _of_chunks(self, texts: Sequence[str], role: Role) -> np.ndarray:
        """Vectors of texts out of those of their chunks, which are added up as they come and never held together."""
        ids, text_of = self.chunks(texts, role)
        takes_mean = self.options.long_texts == "chunk_mean"
        vectors = np.full((len(texts), self.dim), 0 if takes_mean else -np.inf, dtype=np.float32)
        sub_words = np.zeros(len(texts), dtype=np.float32)
        is_first = np.diff(text_of, prepend=-1) > 0
        for rows, hidden, mask in self._hidden_states(ids):
            mask[is_first[rows], : self.n_unpooled(role)] = False
            pooled, of = self._pooled(hidden, mask), text_of[rows]
            if takes_mean:
                # Without the ends, the first of which goes with a prompt that is not pooled.
                counts = np.maximum(mask.sum(axis=1) - 1 - mask[:, 0], 1).astype(np.float32)
                np.add.at(vectors, of, pooled * counts[:, None])
                np.add.at(sub_words, of, counts)
            else:
                np.maximum.at(vectors, of, pooled)
        return self._normalize(vectors / sub_words[:, None] if takes_mean else vectors)

    def _prompt_length(self, role: Role) -> int:
        """Sub-words of a prompt by itself, with the first end and without the last, as sentence-transformers counts them."""
        ids = self._tokenizer(self._as_trained_on(self.prompts[role]))["input_ids"]
        return len(ids) - (len(ids) > 0 and ids[-1] in self._tokenizer.all_special_ids)

    def _as_trained_on(self, text: str) -> str:
        return " ".join(tokenize(text)) if self.folder.input == "tokens" else unmark_words(text)

    @cached_property
    def _config(self) -> dict[str, Any]:
        return dict(json.loads((self.folder.model_path / "config.json").read_text(encoding="utf-8")))

    @property
    def max_length(self) -> int:
        """Sub-words read of a text, special ones included."""
        positions = int(self._config.get("max_position_embeddings", 512))
        wanted = self.options.max_length or self._saved.max_length or positions
        return int(min(wanted, positions, self._tokenizer.model_max_length))  # some models count positions from 2

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.folder.model_path)

    def load(self) -> None:
        """Load the model, or convert it, before anything is timed."""
        _ = self._tokenizer, self._hidden

    @cached_property
    def _hidden(self) -> Hidden:
        if self.options.backend == "torch":
            return torch_backend(self.folder, self.options)
        from emb_pipeline.embeddings.contextual.models.onnx_backend import onnx_backend

        return onnx_backend(self.folder, self.options, self._cache)
