"""Tokenized corpora on disk: written as a stream, read as a stream."""

from __future__ import annotations

import hashlib
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, repeat
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet
from emb_pipeline.text.id_stream import IdStream, open_ids, write_ids
from emb_pipeline.text.token_blocks import (
    IsHeldOut,
    Numbering,
    TokenBlock,
    build_block,
    split_line,
    tokenize_in_blocks,
)
from emb_pipeline.text.words import TOKENIZER, tokenize_sentences

_REMEDY = "write it again with the ingest stage"
_FACTS = ("n_tokens", "n_sentences", "n_types", "n_documents", "fingerprint")


class EmptyCorpusError(DataError):
    """A corpus of which no sentence is left to train on."""


class TokenCorpus:
    """A tokenized corpus on disk.

    The folder holds ``tokens.txt`` (one sentence per line, tokens separated by one space: the LineSentence format of
    gensim, GloVe and fastText), ``vocabulary.parquet`` (token: string, count: int64; most frequent first, then by token),
    ``documents.parquet`` (sentences: uint32, a row for each document in their order), ``ids.arrow`` (ids: list<int32>, a
    row for each line of ``tokens.txt``; an id is a row of the vocabulary: `emb_pipeline.text.id_stream`) and
    ``manifest.json``, which is written last.

    Parameters
    ----------
    folder : Path
        A folder that `write_tokens` or `cut` made.

    Raises
    ------
    DataError
        The folder holds no complete corpus.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._checked_text: tuple[int, int] | None = None
        manifest = self.folder / "manifest.json"
        if not manifest.is_file():
            raise DataError(
                str(folder),
                "holds no complete token corpus (manifest.json is missing)",
                _REMEDY,
            )
        self.manifest: dict[str, Any] = read_json(manifest, _REMEDY)
        if missing := [name for name in _FACTS if name not in self.manifest]:
            raise DataError(str(manifest), f"says nothing of {missing[0]}", _REMEDY)

    def __repr__(self) -> str:
        return f"TokenCorpus({str(self.folder)!r}, n_tokens={self.n_tokens:,}, n_sentences={self.n_sentences:,})"

    def __iter__(self) -> Iterator[list[str]]:
        """Stream the sentences; every loop starts again."""
        self._require_whole_text()
        with self.tokens_path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield line.split()

    def _require_whole_text(self) -> None:
        """Compare the text with the manifest, once for each object as long as the file stays as it is."""
        try:
            stat = self.tokens_path.stat()
            if self._checked_text == (stat.st_size, stat.st_mtime_ns):
                return
            with self.tokens_path.open("rb") as text:
                found = hashlib.file_digest(text, "sha256").hexdigest()
        except OSError as error:
            raise DataError(str(self.tokens_path), f"cannot be read ({error})", _REMEDY) from error
        if found != self.fingerprint:
            raise DataError(str(self.tokens_path), "is not the text that was written (SHA-256)", _REMEDY)
        self._checked_text = (stat.st_size, stat.st_mtime_ns)

    def read_documents(self) -> Iterator[list[list[str]]]:
        """Stream the sentences of each document; none where all of a document's were left out."""
        sentences = iter(self)
        for n_sentences in self.sentences_per_document.tolist():
            yield list(islice(sentences, n_sentences))

    def read_document_numbers(self) -> Iterator[int]:
        """Stream the number of each sentence's document, counted from 0."""
        for document, n_sentences in enumerate(self.sentences_per_document.tolist()):
            yield from repeat(document, n_sentences)

    @property
    def tokens_path(self) -> Path:
        """The LineSentence file."""
        return self.folder / "tokens.txt"

    def read_vocabulary(self) -> pa.Table:
        """Table of token: string and count: int64, most frequent first."""
        return read_parquet(self.folder / "vocabulary.parquet", columns=("token", "count"), remedy=_REMEDY)

    def open_ids(self) -> IdStream:
        """The sentences as rows of the vocabulary, mapped from ``ids.arrow``; all of it is checked first.

        Raises
        ------
        DataError
            The file is missing, damaged, or not that of this corpus.
        """
        return open_ids(
            self.folder / "ids.arrow",
            n_tokens=self.n_tokens,
            n_sentences=self.n_sentences,
            n_types=int(self.manifest["n_types"]),
        )

    @cached_property
    def counts(self) -> dict[str, int]:
        """Frequency of each token in the corpus, most frequent first."""
        table = self.read_vocabulary()
        return dict(zip(table["token"].to_pylist(), table["count"].to_pylist(), strict=True))

    @property
    def sentences_per_document(self) -> np.ndarray:
        """Sentences of each document: shape (n_documents,)."""
        path = self.folder / "documents.parquet"
        if not path.is_file():
            raise DataError(
                str(path),
                "is missing: which sentences are one document is not known",
                _REMEDY,
            )
        numbers: np.ndarray = read_parquet(path, columns=("sentences",), remedy=_REMEDY)["sentences"].to_numpy()
        return numbers

    @property
    def n_tokens(self) -> int:
        """Running words."""
        return int(self.manifest["n_tokens"])

    @property
    def n_sentences(self) -> int:
        """Lines of ``tokens.txt``."""
        return int(self.manifest["n_sentences"])

    @property
    def n_documents(self) -> int:
        """Documents that the sentences come from (for a cut: of the corpus that was cut)."""
        return int(self.manifest["n_documents"])

    @property
    def n_held_out_sentences(self) -> int:
        """Sentences that were left out because a task is tested on them."""
        return int(self.manifest["n_held_out_sentences"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of ``tokens.txt``, in hexadecimal."""
        return str(self.manifest["fingerprint"])


def write_tokens(
    documents: Iterable[tuple[str, str]],
    folder: Path,
    *,
    held_out: IsHeldOut | None = None,
    max_tokens: int | None = None,
    workers: int = 1,
) -> TokenCorpus:
    """Tokenize documents into a corpus on disk, as a stream.

    Memory grows with the vocabulary and the longest document, not with the corpus (but for four bytes a document). The
    folder appears complete or not at all: everything is written next to it and renamed.

    Parameters
    ----------
    documents : iterable of (str, str)
        doc_id and text of each document.
    folder : Path
        Where the corpus goes; one that is there already is replaced.
    held_out : callable of a sentence's tokens, optional
        True for sentences to leave out, because tasks are tested on them (`emb_pipeline.text.held_out.HeldOut.is_held_out`).
    max_tokens : int, optional
        Stop before the sentence that would pass this number of tokens. It takes the *beginning* of the documents; to
        bring two corpora to equal size use `cut`, which takes sentences from everywhere.
    workers : int
        Processes; the corpus does not depend on them. One works where ``max_tokens`` is given, and for a small corpus.

    Returns
    -------
    TokenCorpus

    Raises
    ------
    DataError
        No token is left to write.
    """
    found = _Found()
    with _Writer(Path(folder)) as writer:
        if max_tokens is None:
            for block in tokenize_in_blocks((text for _, text in documents), held_out, workers=workers):
                writer.add_block(block, found.n_documents)
                found.add(len(block.lines_per_document), block.n_held_out, block.n_held_out_tokens)
        else:
            for document, tokens in _keep_sentences(documents, held_out, found):
                if writer.n_tokens + len(tokens) > max_tokens:
                    break
                writer.add(tokens, document)
        writer.finish(
            n_documents=found.n_documents,
            n_held_out_sentences=found.n_held_out,
            n_held_out_tokens=found.n_held_out_tokens,
            max_tokens=max_tokens,
        )
    return TokenCorpus(folder)


@dataclass
class _Found:
    """Documents that were read, and what was left out of them."""

    n_documents: int = 0
    n_held_out: int = 0
    n_held_out_tokens: int = 0

    def add(self, n_documents: int, n_held_out: int, n_held_out_tokens: int) -> None:
        self.n_documents += n_documents
        self.n_held_out += n_held_out
        self.n_held_out_tokens += n_held_out_tokens


def _keep_sentences(
    documents: Iterable[tuple[str, str]], held_out: IsHeldOut | None, found: _Found
) -> Iterator[tuple[int, list[str]]]:
    for document, (_, text) in enumerate(documents):
        found.add(1, 0, 0)
        for tokens in tokenize_sentences(text):
            if held_out is not None and held_out(tokens):
                found.add(0, 1, len(tokens))
            else:
                yield document, tokens


def cut(corpus: TokenCorpus, folder: Path, max_tokens: int) -> TokenCorpus:
    """Write a smaller corpus with sentences from everywhere in a larger one.

    Each sentence draws a number from its position alone, and those with the lowest numbers stay, in their order: every
    document and every sentence length keeps its share, the choice is the same on every machine, and a smaller cut is
    part of a larger one (but for a handful of sentences at the border). The corpus is read twice, in constant memory.

    Parameters
    ----------
    corpus : TokenCorpus
        The corpus to cut; it stays as it is.
    folder : Path
        Where the smaller corpus goes.
    max_tokens : int
        Tokens that it has at most; it comes within a few sentences of that. A corpus that is no larger is copied.

    Returns
    -------
    TokenCorpus
    """
    n_bins = 1 << 16
    tokens_per_bin = [0] * n_bins
    for position, tokens in enumerate(corpus):
        tokens_per_bin[_draw(position)] += len(tokens)
    whole, room = 0, max_tokens
    while whole < n_bins and tokens_per_bin[whole] <= room:
        room -= tokens_per_bin[whole]
        whole += 1
    with _Writer(Path(folder)) as writer:
        for position, (document, tokens) in enumerate(zip(corpus.read_document_numbers(), corpus, strict=True)):
            draw = _draw(position)
            if draw < whole:
                writer.add(tokens, document)
            elif draw == whole and len(tokens) <= room:
                room -= len(tokens)
                writer.add(tokens, document)
        writer.finish(
            n_documents=corpus.n_documents,
            n_held_out_sentences=corpus.n_held_out_sentences,
            n_held_out_tokens=corpus.manifest.get("n_held_out_tokens", 0),
            max_tokens=max_tokens,
            cut_from=corpus.fingerprint,
        )
    return TokenCorpus(folder)


def write_sentences(sentences: Iterable[tuple[int, list[str]]], folder: Path, *, like: TokenCorpus) -> TokenCorpus:
    """Write a corpus of sentences that were made from those of another one; empty ones are left out.

    Parameters
    ----------
    sentences : iterable of (int, list of str)
        The document that each sentence is in, counted from 0 and in order, and its tokens.
    folder : Path
        Where the corpus goes.
    like : TokenCorpus
        The other one: its number of documents, and what was held out of it, hold for this one too.
    """
    with _Writer(Path(folder)) as writer:
        for document, tokens in sentences:
            if tokens:
                writer.add(tokens, document)
        writer.finish(
            n_documents=like.n_documents,
            n_held_out_sentences=like.n_held_out_sentences,
            n_held_out_tokens=like.manifest.get("n_held_out_tokens", 0),
            made_from=like.fingerprint,
        )
    return TokenCorpus(folder)


def _draw(position: int) -> int:
    """Draw a number below 65,536 that looks random (splitmix64's finalizer, the top 16 bits)."""
    z = (position + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (z ^ z >> 31) >> 48


class _Writer:
    """Lines, words and manifest of a corpus, in a folder that gets its name at the end."""

    _LINES_TOGETHER = 1_000

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_tokens = self.n_sentences = 0
        self._hash = hashlib.sha256()
        self._words = Numbering()
        self._counts = np.zeros(1 << 16, dtype=np.int64)
        self._lines: list[str] = []
        self._tokens: list[str] = []
        self._sentences_per_document = array("I")

    def __enter__(self) -> _Writer:
        with ExitStack() as entered:
            self._partial = entered.enter_context(write_atomically(self.folder))
            self._partial.mkdir()
            self._text: BinaryIO = entered.enter_context((self._partial / "tokens.txt").open("wb"))
            self._numbers: BinaryIO = entered.enter_context(tempfile.TemporaryFile(dir=self._partial))
            self._leave = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave.__exit__(kind, error, traceback)

    def add(self, tokens: list[str], document: int) -> None:
        lines = split_line(tokens)
        self.n_tokens += len(tokens)
        self.n_sentences += len(lines)
        self._open(document + 1)
        self._sentences_per_document[document] += len(lines)
        self._lines += lines
        self._tokens += tokens
        if len(self._lines) >= self._LINES_TOGETHER:
            self._flush()

    def add_block(self, block: TokenBlock, first_document: int) -> None:
        self._open(first_document)
        self._sentences_per_document.extend(block.lines_per_document)
        self.n_tokens += len(block.numbers)
        self.n_sentences += sum(block.lines_per_document)
        self._write(block)

    def finish(self, *, n_documents: int, **facts: object) -> None:
        self._flush()
        if not self.n_tokens:
            held_out = int(str(facts.get("n_held_out_sentences") or 0))
            raise EmptyCorpusError(
                str(self.folder),
                f"the corpus has no token to write: tasks are tested on all of its {held_out} sentences"
                if held_out
                else "the corpus has no token to write",
                "add other text; or name the column split of the task whose texts these are: training texts stay; or "
                "set corpus_options: held_out: keep, and say with your results that the vectors have read the tested texts"
                if held_out
                else "check which files and which column its sources name",
            )
        found = pa.table({"token": pa.array(list(self._words), pa.string()), "count": self._counts[: len(self._words)]})
        self._words.clear()
        order = pc.sort_indices(found, [("count", "descending"), ("token", "ascending")]).to_numpy()
        table = found.take(order).combine_chunks()
        write_parquet(table, self._partial / "vocabulary.parquet")
        id_of = np.empty(len(order), dtype=np.int32)
        id_of[order] = np.arange(len(order), dtype=np.int32)
        self._text.flush()
        self._numbers.seek(0)
        write_ids(self._partial / "tokens.txt", self._numbers, id_of, table["token"], self._partial / "ids.arrow")
        self._open(n_documents)
        lengths = pa.table({"sentences": pa.array(np.asarray(self._sentences_per_document, dtype=np.uint32))})
        write_parquet(lengths, self._partial / "documents.parquet")
        manifest = {
            "tokenizer": TOKENIZER,
            "n_tokens": self.n_tokens,
            "n_sentences": self.n_sentences,
            "n_types": len(order),
            "n_documents": n_documents,
            "fingerprint": self._hash.hexdigest(),
            **facts,
        }
        write_json(manifest, self._partial / "manifest.json")

    def _open(self, n_documents: int) -> None:
        """Make room for this many documents; those that get no sentence are left empty."""
        missing = n_documents - len(self._sentences_per_document)
        if missing > 0:
            self._sentences_per_document.extend(repeat(0, missing))

    def _flush(self) -> None:
        if self._lines:
            self._write(build_block(self._lines, self._tokens, array("I")))
            self._lines.clear()
            self._tokens.clear()

    def _write(self, block: TokenBlock) -> None:
        numbers = np.fromiter(map(self._words.__getitem__, block.words), np.int32, len(block.words))
        if len(self._words) > len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(len(self._words), dtype=np.int64)])
        self._counts[numbers] += np.bincount(block.numbers, minlength=len(numbers))
        self._numbers.write(numbers[block.numbers].tobytes())
        self._hash.update(block.lines)
        self._text.write(block.lines)
