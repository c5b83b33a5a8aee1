"""Documents tokenized in blocks, by one process or by several: the blocks are the same, and in the same order."""

from __future__ import annotations

import logging
import multiprocessing
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.storage.orphans import end_with_parent
from emb_pipeline.text.words import tokenize_sentences

LONGEST_LINE = 10_000
"""Tokens on one line at most: gensim drops what is behind its ``MAX_WORDS_IN_BATCH``."""

IsHeldOut = Callable[[list[str]], bool]

_CHARACTERS_PER_BLOCK = 1 << 20
_FEWEST_BLOCKS = 16
"""A corpus of fewer blocks is tokenized before other processes have started."""
_AHEAD = 2
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TokenBlock:
    """Some consecutive documents as tokens.

    Attributes
    ----------
    lines : bytes
        One sentence per line, tokens separated by one space; longer ones than `LONGEST_LINE` are several lines.
    words : list of str
        Different tokens, in the order of their first occurrence.
    numbers : ndarray of shape (n_tokens,), int32
        Which of these each token is.
    lines_per_document : array of unsigned int
        Lines of each document.
    n_held_out, n_held_out_tokens : int
        Sentences that were left out, and their tokens.
    """

    lines: bytes
    words: list[str]
    numbers: np.ndarray
    lines_per_document: array[int]
    n_held_out: int
    n_held_out_tokens: int


def tokenize_in_blocks(
    texts: Iterable[str], is_held_out: IsHeldOut | None = None, *, workers: int = 1
) -> Iterator[TokenBlock]:
    """Tokenize the texts of documents, a million characters or one document at a time.

    Parameters
    ----------
    texts : iterable of str
        Read as they are needed: at most two blocks for each process are ahead of what was yielded.
    is_held_out : callable of a sentence's tokens, optional
        True for sentences to leave out. It is sent to other processes.
    workers : int
        Processes. With 1, and for a small corpus, this one does all.
    """
    blocks = _group_texts(texts)
    if workers > 1 and multiprocessing.current_process().daemon:
        _LOG.warning("one process tokenizes, not %d: this one may not start others", workers)
        workers = 1
    if workers > 1:
        first = list(islice(blocks, _FEWEST_BLOCKS))
        blocks = chain(first, blocks)
        if len(first) == _FEWEST_BLOCKS:
            yield from _tokenize_in_parallel(blocks, is_held_out, workers)
            return
    for block in blocks:
        yield tokenize_block(block, is_held_out)


def tokenize_block(texts: Iterable[str], is_held_out: IsHeldOut | None = None) -> TokenBlock:
    """Tokenize the texts of some documents."""
    lines: list[str] = []
    kept: list[str] = []
    per_document = array("I")
    n_held_out = n_held_out_tokens = 0
    for text in texts:
        n_before = len(lines)
        for tokens in tokenize_sentences(text):
            if is_held_out is not None and is_held_out(tokens):
                n_held_out += 1
                n_held_out_tokens += len(tokens)
                continue
            kept += tokens
            lines += split_line(tokens)
        per_document.append(len(lines) - n_before)
    return build_block(lines, kept, per_document, n_held_out, n_held_out_tokens)


def build_block(
    lines: Iterable[str],
    tokens: Sequence[str],
    lines_per_document: array[int],
    n_held_out: int = 0,
    n_held_out_tokens: int = 0,
) -> TokenBlock:
    """Build a block of lines, and of the tokens in all of them."""
    numbers = Numbering()
    of_tokens = np.fromiter(map(numbers.__getitem__, tokens), np.int32, len(tokens))
    text = "".join(f"{line}\n" for line in lines).encode()
    return TokenBlock(text, list(numbers), of_tokens, lines_per_document, n_held_out, n_held_out_tokens)


class Numbering(dict[str, int]):
    """A number for each word, in the order in which they are asked for."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def split_line(tokens: list[str]) -> list[str]:
    """Write the tokens of a sentence as lines of `LONGEST_LINE` tokens at most."""
    if len(tokens) <= LONGEST_LINE:
        return [" ".join(tokens)]
    return [" ".join(tokens[start : start + LONGEST_LINE]) for start in range(0, len(tokens), LONGEST_LINE)]


def _group_texts(texts: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    length = 0
    for text in texts:
        group.append(text)
        length += len(text)
        if length >= _CHARACTERS_PER_BLOCK:
            yield group
            group, length = [], 0
    if group:
        yield group


def _tokenize_in_parallel(blocks: Iterable[list[str]], is_held_out: IsHeldOut | None, workers: int) -> Iterator[TokenBlock]:
    # A new process, and no copy of this one: its other threads may hold locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(is_held_out,)) as pool:
        pending: deque[Future[TokenBlock]] = deque()
        try:
            for block in blocks:
                if len(pending) == _AHEAD * workers:
                    yield pending.popleft().result()
                pending.append(pool.submit(_tokenize_in_worker, block))
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise EmbPipelineError(
                "tokenizing", "a process was killed, most often because memory ran out", "set training.workers to 1"
            ) from error
        finally:
            for future in pending:
                future.cancel()


_is_held_out: IsHeldOut | None = None


def _start_worker(is_held_out: IsHeldOut | None) -> None:
    global _is_held_out
    _is_held_out = is_held_out
    end_with_parent()


def _tokenize_in_worker(texts: list[str]) -> TokenBlock:
    return tokenize_block(texts, _is_held_out)
