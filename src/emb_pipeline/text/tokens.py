"""Words and sentences, and corpora of them on disk.

One tokeniser serves every corpus, task and baseline, so that a difference between two embeddings is never one of
word-splitting. Its rules, and why:

* **Unicode NFC, then case folding.** ``Insulin`` and ``insulin`` share a vector; small corpora cannot teach both.
* **A hyphen separates**: ``beta-blocker`` is ``beta``, ``blocker``. The parts are seen far more often than the compound,
  text that comes already split (``beta - blocker``) agrees with text that does not, and 2-grams bring the pair back.
* **An apostrophe inside a word stays** (``don't``), except the possessive, which splits off as ``s``: ``crohn's`` is
  ``crohn``, ``s``, again as in text that comes already split. A typographic apostrophe is a plain one.
* **Digits stay as they are**: ``type 2``, ``p53``, ``float32``, ``24`` hours mean something; rare values fall under a
  method's ``min_count`` by themselves. A decimal number is one token (``2.5``), so that a dose does not become two counts.
* **Underscores stay inside and behind** (``n_samples``, ``coef_``): an identifier is one word of API text. Leading ones go.
* **Scripts without spaces between words** (Chinese, Japanese, Thai, Lao, Khmer, Burmese and their neighbors) come out as
  overlapping pairs of characters, as in Lucene's CJK analyzer: ``我喜欢`` is ``我喜``, ``喜欢``. A character takes its vowel
  signs along, one that stands alone is a token, and Tibetan is cut at the mark between its syllables.
* All other punctuation separates and is dropped.

Who has a better segmenter brings its words: `mark_words` makes a text of them that is cut at white space alone.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import chain, islice, pairwise, repeat
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import atomic_path
from emb_pipeline.storage.sealed_files import read_json, read_parquet, write_json, write_parquet
from emb_pipeline.text.id_stream import IdStream, open_ids, write_ids

LONGEST_LINE = 10_000
"""Tokens on one line at most: gensim drops what stands behind its ``MAX_WORDS_IN_BATCH``."""

_REMEDY = "write it again with the ingest stage"
_FACTS = ("n_tokens", "n_sentences", "n_types", "n_documents", "fingerprint")

TOKENISER = 2
"""Version of the rules above; a corpus remembers the one that it was written with."""

# Vowel signs and accents that no precomposed letter holds are not ``\w``, but belong to the word they stand in.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a51"
    "\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c56"
    "\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u102b-\u103e"
    "\u0f18\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0fbc\u0fc6"
)
# Letters of scripts that put no space between words: Chinese and Japanese, then Unicode's line breaking class SA (Thai, Lao,
# Burmese, Khmer, Tai Le, New Tai Lue, Tai Tham, Tai Viet); and the signs that go with the letter before them.
_IDEOGRAPHIC = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_COMPLEX = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd\u0ec0-\u0ec6\u0edc-\u0edf\u1000-\u102a\u103f"
    "\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e\u1780-\u17b3\u17d7\u17dc\u1950-\u1974"
    "\u1980-\u19ab\u19b0-\u19c9\u1a20-\u1a54\u1aa7\ua9e0-\ua9e4\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a\uaa7e-\uaaaf"
    "\uaab1\uaab5\uaab6\uaab9-\uaabd\uaac0\uaac2\uaadb-\uaadd"
)
_SIGNS = (
    "\u3099\u309a\ufe00-\ufe0f\U000e0100-\U000e01ef\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d"
    "\u17b4-\u17d3\u17dd\u1a55-\u1a7f\ua9e5\uaa7b-\uaa7d\uaab0\uaab2-\uaab4\uaab7\uaab8\uaabe\uaabf\uaac1"
)
_SPACELESS = re.compile(rf"[{_IDEOGRAPHIC}{_COMPLEX}]")
_CHARACTER = re.compile(rf"[{_IDEOGRAPHIC}{_COMPLEX}][{_SIGNS}]*")
_RUN = re.compile(rf"((?:[{_IDEOGRAPHIC}{_COMPLEX}][{_SIGNS}]*)+)")
_NEAR = bytes(byte for byte in range(256) if byte < 0xC6 or byte == 0xE2)
_BELOW_U0800 = bytes(range(0xE0))
_HALF_WIDTH = re.compile("[\uff66-\uff9f]")
_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")

WORDS_MARK = "\ufdd0"
"""A character that Unicode keeps for internal use: a line that holds it is cut at white space alone."""
_JOINT = r"['.](?:(?<=')(?!s\b)|(?<=\d\.)(?=\d))"
_WORD = re.compile(rf"[^\W_][\w{_MARKS}]*(?:{_JOINT}[^\W_][\w{_MARKS}]*)*")

# The same rule for plain ASCII, in two faster ways: three quarters of all sentences need the second alone.
_ASCII_WORD = re.compile(rf"[a-z0-9]\w*(?:{_JOINT}[a-z0-9]\w*)*", re.ASCII)
_ASCII_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}

# A stop, perhaps closing quotes or brackets, white space, then something that opens a sentence. The abbreviations are
# the ones that stand before capitals and digits in scientific prose.
_BREAK = re.compile(
    r"\n[^\S\n]*\n\s*"
    r"|[.!?](?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bcf\.)(?<!\bal\.)(?<!\b[Ff]ig\.)(?<!\b[Ee]q\.)"
    r"(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bSt\.)"
    r"[.!?]*[\"'”’»)\]]*\s+(?=[\"'“‘«(\[]*[^\W_a-zß-öø-ÿα-ωа-я])"
)


_STOPS = "。！？｡။។༎།"
_WIDE_BREAK = re.compile(rf"{_BREAK.pattern}|[{_STOPS}]+[\"'”’»)\]」』】）》〉]*\s*")
_MARKED_BREAK = re.compile(rf"\n[^\S\n]*\n\s*|(?<!\S)[.!?{_STOPS}]+(?!\S)")


def tokenize(text: str) -> list[str]:
    """Words of a text, in order, by the rules at the top of this module.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str
        Case-folded tokens, none of them empty or with white space.

    Examples
    --------
    >>> tokenize("Crohn's disease: 2.5 mg of a beta-blocker, n_samples=10")
    ['crohn', 's', 'disease', '2.5', 'mg', 'of', 'a', 'beta', 'blocker', 'n_samples', '10']
    """
    if not text.isascii():
        if "\n" in text:  # most lines of most texts take the faster way below
            return [token for line in text.split("\n") for token in tokenize(line)]
        far = _far_bytes(text)
        if not far and len(folded := text.casefold()) == len(text):  # the dot of a folded İ could change places with a sign
            return _WORD.findall(_plain_apostrophes(folded))
        if not far.translate(None, _BELOW_U0800):
            return _WORD.findall(_folded(text))
        return _marked_words(text) if WORDS_MARK in text else _with_pairs(_folded(text))
    lowered = text.lower()
    if "." in lowered or "'" in lowered or "_" in lowered:
        return _ASCII_WORD.findall(lowered)
    return lowered.translate(_ASCII_SEPARATORS).split()


def mark_words(text: str | Iterable[str]) -> str:
    """A text that `tokenize` cuts at white space alone: of a text with spaces between its words, or of the words.

    Parameters
    ----------
    text : str or iterable of str
        White space inside a word of an iterable becomes an underscore.

    Examples
    --------
    >>> tokenize(mark_words(["Beta-blocker", "我们", "học sinh", "."]))
    ['beta-blocker', '我们', 'học_sinh', '.']
    """
    if not isinstance(text, str):
        text = " ".join("_".join(word.split()) for word in text)
    return "\n".join(WORDS_MARK + line for line in unmarked(text).split("\n"))


def unmarked(text: str) -> str:
    """The text without the mark of `mark_words`, for people and for models with a tokenizer of their own."""
    return text.replace(WORDS_MARK, "") if WORDS_MARK in text else text


def n_spaceless(text: str) -> int:
    """Count the characters of a text that are of scripts without spaces between words."""
    return 0 if text.isascii() else len(_SPACELESS.findall(text))


def sentences(text: str) -> list[list[str]]:
    """Tokens of each sentence of a text; sentences without a word are left out.

    A sentence ends at a blank line, and at ``.``, ``!`` or ``?`` before white space and a capital, a digit or an opening
    quote or bracket; the full stops of Chinese, Japanese, Burmese, Khmer and Tibetan end one whatever follows. Where words
    are marked (`mark_words`), a word of nothing but such stops does. A single line break ends nothing. The rule looks at
    the border alone, so the same sentence is split off alike in any document, and held-out sentences are found again in a
    corpus.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of list of str

    Examples
    --------
    >>> sentences("It works. Does it, e.g. Here?\\n\\nYes")
    [['it', 'works'], ['does', 'it', 'e', 'g', 'here'], ['yes']]
    """
    return [tokens for part in split_sentences(text) if (tokens := tokenize(part))]


def split_sentences(text: str) -> list[str]:
    """The sentences of a text as they stand in it, by the rule of `sentences`; the stop goes with the white space."""
    if text.isascii():
        return _BREAK.split(text)
    if WORDS_MARK in text:
        return [mark_words(part) for part in _MARKED_BREAK.split(unmarked(text))]
    return (_WIDE_BREAK if any(stop in text for stop in _STOPS) else _BREAK).split(text)


def sentence_key(tokens: Sequence[str]) -> int:
    """Stable 64-bit name of a sentence: equal tokens, equal key, on every machine and Python."""
    return int.from_bytes(hashlib.blake2b(" ".join(tokens).encode(), digest_size=8).digest(), "little")


class EmptyCorpusError(DataError):
    """A corpus of which no sentence is left to train on."""


class TokenCorpus:
    """A tokenised corpus on disk.

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
        """The sentences, streamed; every loop starts anew."""
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

    def documents(self) -> Iterator[list[list[str]]]:
        """The sentences of each document, streamed; none where all of a document's were left out."""
        sentences = iter(self)
        for n_sentences in self.sentences_per_document.tolist():
            yield list(islice(sentences, n_sentences))

    def document_numbers(self) -> Iterator[int]:
        """The document that each sentence stands in, counted from 0."""
        for document, n_sentences in enumerate(self.sentences_per_document.tolist()):
            yield from repeat(document, n_sentences)

    @property
    def tokens_path(self) -> Path:
        """The LineSentence file."""
        return self.folder / "tokens.txt"

    def vocabulary(self) -> pa.Table:
        """Table of token: string and count: int64, most frequent first."""
        return read_parquet(self.folder / "vocabulary.parquet", columns=("token", "count"), remedy=_REMEDY)

    def ids(self) -> IdStream:
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
        """How often each token stands in the corpus, most frequent first."""
        table = self.vocabulary()
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
    held_out: Callable[[list[str]], bool] | None = None,
    max_tokens: int | None = None,
) -> TokenCorpus:
    """Tokenise documents into a corpus on disk, as a stream.

    Memory grows with the vocabulary and the longest document, not with the corpus (but for four bytes a document). The
    folder appears complete or not at all: everything is written beside it and renamed.

    Parameters
    ----------
    documents : iterable of (str, str)
        doc_id and text of each document.
    folder : Path
        Where the corpus goes; one that is there already is replaced.
    held_out : callable of a sentence's tokens, optional
        True for sentences to leave out, because tasks are tested on them (`emb_pipeline.text.held_out.HeldOut.holds`).
    max_tokens : int, optional
        Stop before the sentence that would pass this number of tokens. It takes the *beginning* of the documents; to
        bring two corpora to equal size use `cut`, which takes sentences from everywhere.

    Returns
    -------
    TokenCorpus

    Raises
    ------
    DataError
        No token is left to write.
    """
    n_documents = n_held_out = n_held_out_tokens = 0

    def kept() -> Iterator[tuple[int, list[str]]]:
        nonlocal n_documents, n_held_out, n_held_out_tokens
        for document, (_, text) in enumerate(documents):
            n_documents += 1
            for tokens in sentences(text):
                if held_out is not None and held_out(tokens):
                    n_held_out += 1
                    n_held_out_tokens += len(tokens)
                else:
                    yield document, tokens

    with _Writer(Path(folder)) as writer:
        for document, tokens in kept():
            if max_tokens is not None and writer.n_tokens + len(tokens) > max_tokens:
                break
            writer.add(tokens, document)
        writer.finish(
            n_documents=n_documents,
            n_held_out_sentences=n_held_out,
            n_held_out_tokens=n_held_out_tokens,
            max_tokens=max_tokens,
        )
    return TokenCorpus(folder)


def cut(corpus: TokenCorpus, folder: Path, max_tokens: int) -> TokenCorpus:
    """A smaller corpus with sentences from everywhere in a larger one.

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
        for position, (document, tokens) in enumerate(zip(corpus.document_numbers(), corpus, strict=True)):
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
    """A corpus of sentences that were made from those of another one; empty ones are left out.

    Parameters
    ----------
    sentences : iterable of (int, list of str)
        The document that each sentence stands in, counted from 0 and in order, and its tokens.
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


def fold(word: str) -> str:
    """A word as it is spelt in `tokenize`'s tokens: NFC, without capitals, with plain apostrophes."""
    return word.lower() if word.isascii() else _folded(word)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _plain_apostrophes(folded)


def _plain_apostrophes(text: str) -> str:
    return text.replace("’", "'") if "’" in text else text


def _marked_words(text: str) -> list[str]:
    return _folded(text.replace(WORDS_MARK, " ")).split()


def _far_bytes(text: str) -> bytes:
    """Empty for text of Latin letters up to U+017F, dashes and quotation marks: case folding leaves it in NFC.

    It is the UTF-8 of a text without the bytes of these characters. To search for others would take three times as long.
    """
    return text.encode("utf-8", "surrogatepass").translate(None, _NEAR)


def _with_pairs(folded: str) -> list[str]:
    """Words of a text and the pairs of its runs without spaces, in order."""
    tokens: list[str] = []
    for place, part in enumerate(_RUN.split(folded)):
        if place % 2 == 0:
            tokens.extend(_WORD.findall(part))
            continue
        part = _VARIANTS.sub("", unicodedata.normalize("NFKC", part) if _HALF_WIDTH.search(part) else part)
        characters = _CHARACTER.findall(part)
        tokens.extend(map("".join, pairwise(characters)) if len(characters) > 1 else characters)
    return tokens


def _draw(position: int) -> int:
    """A number below 65,536 that looks random (splitmix64's finaliser, the top 16 bits)."""
    z = (position + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    z = (z ^ z >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (z ^ z >> 31) >> 48


class _Writer:
    """Lines, counts and manifest of a corpus, in a folder that gets its name at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_tokens = self.n_sentences = 0
        self._counts: Counter[str] = Counter()
        self._hash = hashlib.sha256()
        self._pending: list[list[str]] = []
        self._sentences_per_document = array("I")

    def __enter__(self) -> _Writer:
        with ExitStack() as entered:
            self._partial = entered.enter_context(atomic_path(self.folder))
            self._partial.mkdir()
            self._lines: BinaryIO = entered.enter_context((self._partial / "tokens.txt").open("wb"))
            self._leave = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave.__exit__(kind, error, traceback)

    def add(self, tokens: list[str], document: int) -> None:
        self.n_tokens += len(tokens)
        self._open(document + 1)
        for start in range(0, len(tokens), LONGEST_LINE):
            self._pending.append(tokens[start : start + LONGEST_LINE])
            self.n_sentences += 1
            self._sentences_per_document[document] += 1
        if len(self._pending) >= 1_000:
            self._flush()

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
                else "check which files and which column its readings name",
            )
        tokens = sorted(self._counts, key=lambda token: (-self._counts[token], token))
        table = pa.table(
            {
                "token": pa.array(tokens, pa.string()),
                "count": pa.array((self._counts[token] for token in tokens), pa.int64()),
            }
        )
        write_parquet(table, self._partial / "vocabulary.parquet")
        self._lines.flush()
        write_ids(self._partial / "tokens.txt", table["token"].combine_chunks(), self._partial / "ids.arrow")
        self._open(n_documents)
        lengths = pa.table({"sentences": pa.array(np.asarray(self._sentences_per_document, dtype=np.uint32))})
        write_parquet(lengths, self._partial / "documents.parquet")
        manifest = {
            "tokeniser": TOKENISER,
            "n_tokens": self.n_tokens,
            "n_sentences": self.n_sentences,
            "n_types": len(tokens),
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
        if self._pending:
            self._counts.update(chain.from_iterable(self._pending))
            block = ("\n".join(map(" ".join, self._pending)) + "\n").encode()
            self._hash.update(block)
            self._lines.write(block)
            self._pending.clear()
