"""Words and sentences of a text.

One tokenizer serves every corpus, task and baseline, so that a difference between two embeddings is never one of
word-splitting. Its rules, and why:

* **Unicode NFC, then case folding.** ``Insulin`` and ``insulin`` share a vector; small corpora cannot teach both.
* **A hyphen separates**: ``beta-blocker`` is ``beta``, ``blocker``. The parts are seen far more often than the compound,
  text that comes already split (``beta - blocker``) agrees with text that does not, and 2-grams bring the pair back.
* **An apostrophe inside a word stays** (``don't``), except the possessive, which splits off as ``s``: ``crohn's`` is
  ``crohn``, ``s``, again as in text that comes already split. A typographic apostrophe is a plain one.
* **Digits stay as they are**: ``type 2``, ``p53``, ``float32``, ``24`` hours mean something; rare values fall under a
  method's ``min_count`` by themselves. A decimal number is one token (``2.5``), so a number does not become two counts.
* **Underscores stay inside and behind** (``n_samples``, ``coef_``): an identifier is one word of API text. Leading ones go.
* **Scripts without spaces between words** (Chinese, Japanese, Thai, Lao, Khmer, Burmese and their neighbors) come out as
  overlapping pairs of characters, as in Lucene's CJK analyzer: ``我喜欢`` is ``我喜``, ``喜欢``. A character takes its vowel
  signs along, one that is alone is a token, and Tibetan is cut at the mark between its syllables.
* All other punctuation separates and is dropped.

Who has a better segmenter brings its words: `mark_words` makes a text of them that is cut at white space alone.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

TOKENIZER = 2
"""Version of the rules above; a corpus remembers the one that it was written with."""

# Vowel signs and accents that no precomposed letter holds are not ``\w``, but belong to the word they are in.
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
_RUN_OF_LETTERS = re.compile(r"\S+")
_WORD = re.compile(rf"[^\W_][\w{_MARKS}]*(?:{_JOINT}[^\W_][\w{_MARKS}]*)*")

# The same rule for plain ASCII, in two faster ways: three quarters of all sentences need the second alone.
_ASCII_WORD = re.compile(rf"[a-z0-9]\w*(?:{_JOINT}[a-z0-9]\w*)*", re.ASCII)
_ASCII_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}

# A stop, perhaps closing quotes or brackets, white space, then something that opens a sentence. The abbreviations are
# the ones that are before capitals and digits in scientific prose.
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
    """Split a text into words, in order, by the rules at the top of this module.

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
        far = _encode_far_characters(text)
        if not far and len(folded := text.casefold()) == len(text):  # the dot of a folded İ could change places with a sign
            return _WORD.findall(_replace_apostrophes(folded))
        if not far.translate(None, _BELOW_U0800):
            return _WORD.findall(_fold_text(text))
        return _split_marked_words(text) if WORDS_MARK in text else _list_words_and_pairs(_fold_text(text))
    lowered = text.lower()
    if "." in lowered or "'" in lowered or "_" in lowered:
        return _ASCII_WORD.findall(lowered)
    return lowered.translate(_ASCII_SEPARATORS).split()


def mark_words(text: str | Iterable[str]) -> str:
    """Make a text that `tokenize` cuts at white space alone: of a text with spaces between its words, or of the words.

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
    return "\n".join(WORDS_MARK + line for line in unmark_words(text).split("\n"))


def unmark_words(text: str) -> str:
    """Remove the mark of `mark_words`, for people and for models with a tokenizer of their own."""
    return text.replace(WORDS_MARK, "") if WORDS_MARK in text else text


def count_spaceless(text: str) -> int:
    """Count the characters of a text that are of scripts without spaces between words."""
    return 0 if text.isascii() else len(_SPACELESS.findall(text))


def tokenize_sentences(text: str) -> list[list[str]]:
    """Split a text into sentences of tokens; sentences without a word are left out.

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
    >>> tokenize_sentences("It works. Does it, e.g. Here?\\n\\nYes")
    [['it', 'works'], ['does', 'it', 'e', 'g', 'here'], ['yes']]
    """
    return [tokens for part in split_sentences(text) if (tokens := tokenize(part))]


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences as they are written, as `tokenize_sentences` does; the stop goes with the white space."""
    if WORDS_MARK in text:
        return [mark_words(part) for part in _MARKED_BREAK.split(unmark_words(text))]
    return _choose_break(text).split(text)


def find_sentences(text: str, *, is_marked: bool = False) -> list[int]:
    """Find where the sentences of a text start, by the rule of `tokenize_sentences`: the first at 0.

    Parameters
    ----------
    text : str
        Without marks.
    is_marked : bool
        Whether it had the marks of `mark_words`.
    """
    found = (_MARKED_BREAK if is_marked else _choose_break(text)).finditer(text)
    return [0, *(match.end() for match in found if match.end() < len(text))]


def find_tokens(text: str, *, is_marked: bool = False) -> list[tuple[int, int]]:
    """Find the tokens of a text in it: start and end of each.

    They are those of `tokenize`, but for scripts without spaces: there each character is one.

    Parameters
    ----------
    text : str
        Without marks.
    is_marked : bool
        Whether it had the marks of `mark_words`: its tokens are parted by white space.

    Examples
    --------
    >>> [text[start:end] for text in ["It's 2.5 mg, 我们"] for start, end in find_tokens(text)]
    ['It', 's', '2.5', 'mg', '我', '们']
    """
    if is_marked:
        return [match.span() for match in _RUN_OF_LETTERS.finditer(text)]
    plain = _replace_apostrophes(text)
    if text.isascii() or not _SPACELESS.search(text):
        return [match.span() for match in _WORD.finditer(plain)]
    found, place = [], 0
    for number, part in enumerate(_RUN.split(plain)):
        pattern = _CHARACTER if number % 2 else _WORD
        found += [(place + match.start(), place + match.end()) for match in pattern.finditer(part)]
        place += len(part)
    return found


def _choose_break(text: str) -> re.Pattern[str]:
    return _WIDE_BREAK if not text.isascii() and any(stop in text for stop in _STOPS) else _BREAK


def hash_sentence(tokens: Sequence[str]) -> int:
    """Stable 64-bit name of a sentence: equal tokens, equal key, on every machine and Python."""
    return int.from_bytes(hashlib.blake2b(" ".join(tokens).encode(), digest_size=8).digest(), "little")


def fold(word: str) -> str:
    """Spell a word as `tokenize` does: NFC, without capitals, with plain apostrophes."""
    return word.lower() if word.isascii() else _fold_text(word)


def _fold_text(text: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return _replace_apostrophes(folded)


def _replace_apostrophes(text: str) -> str:
    return text.replace("’", "'") if "’" in text else text


def _split_marked_words(text: str) -> list[str]:
    return _fold_text(text.replace(WORDS_MARK, " ")).split()


def _encode_far_characters(text: str) -> bytes:
    """Empty for text of Latin letters up to U+017F, dashes and quotation marks: case folding leaves it in NFC.

    It is the UTF-8 of a text without the bytes of these characters. To search for others would take three times as long.
    """
    return text.encode("utf-8", "surrogatepass").translate(None, _NEAR)


def _list_words_and_pairs(folded: str) -> list[str]:
    """List the words of a text and the pairs of its runs without spaces, in order."""
    tokens: list[str] = []
    for place, part in enumerate(_RUN.split(folded)):
        if place % 2 == 0:
            tokens.extend(_WORD.findall(part))
            continue
        part = _VARIANTS.sub("", unicodedata.normalize("NFKC", part) if _HALF_WIDTH.search(part) else part)
        characters = _CHARACTER.findall(part)
        tokens.extend(map("".join, pairwise(characters)) if len(characters) > 1 else characters)
    return tokens
