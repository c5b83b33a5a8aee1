"""The input of masked-language training: blocks of sub-tokens, their order, and the places that are hidden."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

HELD_OUT_SHARE = 0.01
MAX_HELD_OUT_BLOCKS = 2_000


@dataclass(frozen=True)
class Vocabulary:
    """The facts of a tokenizer that masking needs.

    Attributes
    ----------
    cls, sep, pad, mask : int
        Ids of the special sub-tokens.
    special : ndarray of shape (n_sub_tokens,)
        True for sub-tokens that are never hidden.
    continues_word : ndarray of shape (n_sub_tokens,)
        True for sub-tokens that continue a word (``##…``).
    """

    cls: int
    sep: int
    pad: int
    mask: int
    special: np.ndarray
    continues_word: np.ndarray

    @property
    def ordinary(self) -> np.ndarray:
        """Ids of the sub-tokens that are not special."""
        return np.flatnonzero(~self.special)


@dataclass(frozen=True)
class MaskedBatch:
    """Sequences with hidden places.

    Attributes
    ----------
    ids : ndarray of shape (n_sequences, length)
        What the model sees, int64.
    positions : ndarray of shape (n_masked,)
        Flat positions in ``ids`` that are to be predicted.
    targets : ndarray of shape (n_masked,)
        The sub-tokens that were there.
    """

    ids: np.ndarray
    positions: np.ndarray
    targets: np.ndarray


def is_held_out(tokens: Sequence[str]) -> bool:
    """Tell if a sentence is kept for perplexity: 1 % of all, by a hash of the sentence, so that its copies are, too.

    The hash is salted: it is independent of the one that splits the default tasks into training and test.
    """
    digest = hashlib.blake2b(" ".join(tokens).encode(), digest_size=8, person=b"perplexity").digest()
    return int.from_bytes(digest, "little") < HELD_OUT_SHARE * 2**64


def pack(sentences: Iterable[Sequence[int]], length: int, vocabulary: Vocabulary) -> Iterator[np.ndarray]:
    """Pack consecutive sentences into blocks ``[CLS] … [SEP]``, all full but for the last, which is padded.

    Sentences follow one another without a mark; one that does not fit continues in the next block.

    Yields
    ------
    ndarray of shape (length,)
        int32.
    """
    room = length - 2
    pending: list[int] = []
    for sentence in sentences:
        pending.extend(sentence)
        while len(pending) >= room:
            yield _block(pending[:room], length, vocabulary)
            del pending[:room]
    if pending:
        yield _block(pending, length, vocabulary)


def write_blocks(blocks: Iterable[np.ndarray], path: Path) -> None:
    """Write blocks one after another, as they come."""
    with path.open("wb") as file:
        for block in blocks:
            block.tofile(file)


def read_blocks(path: Path, length: int) -> np.ndarray:
    """Map the blocks of a file: ndarray of shape (n_blocks, length), int32."""
    if not path.stat().st_size:
        return np.empty((0, length), np.int32)
    return np.memmap(path, np.int32, "r").reshape(-1, length)


def batch_rows(step: int, *, n_blocks: int, batch_size: int, seed: int) -> np.ndarray:
    """Choose the blocks of a step: pass after pass, each in its own random order; a function of seed and step alone."""
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    rows = np.empty(batch_size, np.int64)
    for number in np.unique(places // n_blocks):
        of_pass = places // n_blocks == number
        rows[of_pass] = _order(int(number), n_blocks, seed)[places[of_pass] % n_blocks]
    return rows


def mask(
    ids: np.ndarray, *, vocabulary: Vocabulary, share: float, whole_words: bool, rng: np.random.Generator
) -> MaskedBatch:
    """Hide sub-tokens as BERT does.

    Each ordinary sub-token (each word, if ``whole_words``) is chosen with probability ``share``. Of those chosen, 80 %
    become ``[MASK]``, 10 % a random ordinary sub-token, and 10 % stay as they are [1]_.

    Parameters
    ----------
    ids : ndarray of shape (n_sequences, length)
        Sub-tokens; they stay as they are.

    References
    ----------
    .. [1] Devlin et al. (2019), BERT, NAACL, §3.1 and appendix A.1.
    """
    flat = ids.astype(np.int64).reshape(-1)
    draws = rng.random(len(flat))
    if whole_words:
        draws = draws[np.cumsum(~vocabulary.continues_word[flat]) - 1]
    positions = np.flatnonzero((draws < share) & ~vocabulary.special[flat])
    targets = flat[positions]
    fate = rng.random(len(positions))
    flat[positions[fate < 0.8]] = vocabulary.mask
    replaced = positions[fate >= 0.9]
    flat[replaced] = rng.choice(vocabulary.ordinary, size=len(replaced))
    return MaskedBatch(flat.reshape(ids.shape), positions, targets)


def _block(content: list[int], length: int, vocabulary: Vocabulary) -> np.ndarray:
    block = np.full(length, vocabulary.pad, np.int32)
    block[0] = vocabulary.cls
    block[1 : len(content) + 1] = content
    block[len(content) + 1] = vocabulary.sep
    return block


@lru_cache(maxsize=2)
def _order(number: int, n_blocks: int, seed: int) -> np.ndarray:
    """The order of one pass; every step of a pass asks for the same."""
    return np.random.default_rng([seed, 0, number]).permutation(n_blocks)
