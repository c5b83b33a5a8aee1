"""Texts as a transformer reads them: prompts, sub-words, pieces and windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.architectures import count_positions
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.loading import load_tokenizer
from emb_pipeline.embeddings.contextual.models.saved_settings import SavedSettings, prompt_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.protocols import ROLES, Role, Vectors
from emb_pipeline.errors import DataError

_TEXTS_PER_TOKENIZATION = 4096
_PROBE = ["is", "it"]
_USUAL_LENGTH = 512


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


class TextReader:
    """A tokenizer with the settings that say what a model reads of a text.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : EncoderOptions
        Prompts and lengths.

    Raises
    ------
    DataError
        A prompt, or what chunks share, leaves no room for text; a module or setting of the model is not known.
    """

    def __init__(self, folder: EncoderFolder, options: EncoderOptions) -> None:
        self.folder, self.options = folder, options
        self._saved = SavedSettings(folder.model_path, options.pooling, options.similarity)
        room = self.max_length - self.n_ends
        if options.chunk_overlap >= room:
            ends = f", {self.n_ends} of them ends" if self.n_ends else ""
            reason = f"reads {self.max_length} sub-words{ends}: chunks cannot share {options.chunk_overlap}"
            raise DataError(str(folder.model_path), reason, "lower chunk_overlap")
        for role in ROLES:
            if self.prompts[role] and self._prompt_length(role) >= self.max_length - len(self.ends[1]):
                reason = f"reads {self.max_length} sub-words, and the prompt {self.prompts[role]!r} takes all of them"
                raise DataError(str(folder.model_path), reason, f"write a shorter {role}_prompt, or raise max_length")

    def chunks(self, texts: Sequence[str], role: Role = "text") -> tuple[list[list[int]], np.ndarray]:
        """All that there is of each text, in chunks that the model can read.

        Returns
        -------
        ids : list of list of int
            Sub-word numbers of each chunk, the ends included. A prompt is at the start of a text's first chunk.
        text_of : ndarray of shape (n_chunks,), int64
            The text that each chunk is of, in ascending order.
        """
        prompt = self.prompts[role]
        ids: list[list[int]] = []
        text_of: list[int] = []
        for start in range(0, len(texts), _TEXTS_PER_TOKENIZATION):
            found = self._tokenizer(
                [self.folder.prepare_text(prompt + text) for text in texts[start : start + _TEXTS_PER_TOKENIZATION]],
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
                [self.folder.prepare_text(prompt + text) for text in texts[start : start + _TEXTS_PER_TOKENIZATION]],
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
            [self.folder.prepare_text(text) for text in texts],
            add_special_tokens=False,
            truncation=True,
            max_length=self.max_length - self.n_ends,
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
        # A sub-word has a byte, but for a space before the first: what has fewer bytes than room needs no tokenizer.
        room = self.max_length - self.n_ends - 1
        long = [row for row, text in enumerate(texts) if len((prompt + text).encode()) > room]
        if long:
            ids = self._tokenizer(
                [self.folder.prepare_text(prompt + texts[row]) for row in long],
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
        before, behind = self.ends
        room, start = self.max_length - self.n_ends, 0
        while start < len(ids):
            end = min(start + room, len(ids))
            if end < len(ids) and word_of[end] != word_of[start]:
                while word_of[end] == word_of[end - 1]:  # keep a word in one piece
                    end -= 1
            yield [*before, *ids[start:end].tolist(), *behind], word_of[start:end]
            start = end

    def windows(self, question: Sequence[str], context: Sequence[str]) -> Iterator[Window]:
        """Question and context in one sequence, ``[CLS] question [SEP] context [SEP]``, as often as the context needs.

        A decoder's tokenizer has no [CLS], and an end-of-text token for [SEP].

        A context that does not fit is read in windows, each of which starts a third of a window before the end of the one
        before, so that an answer near a border is whole in one of them. A question takes half of a sequence at most. All
        sub-words are of the first segment: the encoders here are trained on single sequences.
        """
        asked, _ = self._sub_words(question) if len(question) else (np.empty(0, np.int64), None)
        ids, word_of = self._sub_words(context)
        before, behind = self.ends
        between = behind or self._separator
        longest = (self.max_length - self.n_ends - len(between)) // 2
        opening = [*before, *asked[:longest].tolist(), *between]
        room, start = self.max_length - len(opening) - len(behind), 0
        while start < len(ids):
            end = min(start + room, len(ids))
            while start + 1 < end < len(ids) and word_of[end] == word_of[end - 1] != word_of[start]:
                end -= 1  # keep a word in one window
            part = [*opening, *ids[start:end].tolist(), *behind]
            yield Window(part, len(opening), word_of[start:end])
            if end == len(ids):
                return
            again = int(np.searchsorted(word_of, word_of[end - max(1, room // 3)]))
            start = again if again > start else end

    def _sub_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Sub-word numbers of some words, without ends, and the word of each."""
        known = [self.folder.prepare_text(word) or word for word in words]
        if self._reads_words_alone:
            found = self._tokenizer(known, is_split_into_words=True, add_special_tokens=False, truncation=False)
            return np.array(found["input_ids"], dtype=np.int64), np.array(found.word_ids(), dtype=np.int64)
        found = self._tokenizer(" ".join(known), add_special_tokens=False, truncation=False, return_offsets_mapping=True)
        starts = np.cumsum([0, *(len(word) + 1 for word in known[:-1])])
        # A space belongs to the word behind it: what counts is where a sub-word ends.
        last = [max(end - 1, start) for start, end in found["offset_mapping"]]
        word_of = np.searchsorted(starts, np.array(last, dtype=np.int64), side="right") - 1
        return np.array(found["input_ids"], dtype=np.int64), word_of.astype(np.int64)

    @cached_property
    def _reads_words_alone(self) -> bool:
        """True where words by themselves give the sub-words of a text, False where those depend on the space before."""
        try:
            alone = self._tokenizer(_PROBE, is_split_into_words=True, add_special_tokens=False)["input_ids"]
        except Exception:  # a tokenizer of bytes refuses words that were not cut as it wants them
            return False
        return bool(alone == self._tokenizer(" ".join(_PROBE), add_special_tokens=False)["input_ids"])

    @cached_property
    def _separator(self) -> list[int]:
        known = self._tokenizer.sep_token_id, self._tokenizer.eos_token_id
        return [next((number for number in known if number is not None), self.padding_id)]

    def n_unpooled(self, role: Role) -> int:
        """Sub-words at the start of a text that are read and not pooled: those of a prompt, where the model says so."""
        return 0 if self._saved.pools_prompt or not self.prompts[role] else self._prompt_length(role)

    @cached_property
    def prompts(self) -> dict[Role, str]:
        """The prompt of each role that is in force."""
        return {role: prompt_in_force(self.options, self._saved, role)[0] for role in ROLES}

    @property
    def padding_id(self) -> int:
        """Number of the sub-word that fills up a batch."""
        return int(self._tokenizer.pad_token_id or 0)

    @cached_property
    def ends(self) -> tuple[list[int], list[int]]:
        """Sub-words that the tokenizer puts before and behind a text: [CLS] and [SEP]; a decoder often has none."""
        bare, whole = (
            self._tokenizer(_PROBE[0], add_special_tokens=added, return_attention_mask=False)["input_ids"]
            for added in (False, True)
        )
        if not bare:
            return [], []
        first = next((place for place in range(len(whole)) if whole[place : place + len(bare)] == bare), 0)
        return whole[:first], whole[first + len(bare) :]

    @property
    def n_ends(self) -> int:
        """Number of these."""
        return sum(map(len, self.ends))

    def _prompt_length(self, role: Role) -> int:
        """Sub-words of a prompt by itself, with the first end and without the last, as sentence-transformers counts them."""
        ids = self._tokenizer(self.folder.prepare_text(self.prompts[role]))["input_ids"]
        return len(ids) - (len(ids) > 0 and ids[-1] in self._tokenizer.all_special_ids)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The transformer's configuration."""
        return dict(read_json(self.folder.model_path / "config.json") or {})

    @property
    def max_length(self) -> int:
        """Sub-words read of a text, special ones included."""
        positions = count_positions(self.config)
        usual = min(positions or _USUAL_LENGTH, self._tokenizer.model_max_length)
        wanted = self.options.max_length or self._saved.max_length or usual
        return int(wanted if positions is None else min(wanted, positions))

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self.folder.model_path)
