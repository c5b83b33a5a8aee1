"""The language of somebody's texts, from a sample of them."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.description.files import Described
from emb_pipeline.readers.files.content import open_content
from emb_pipeline.readers.files.named_files import NamedFile

MOST_TEXTS = 200
FEWEST_LETTERS = 60
"""Letters from which the language of one text is guessed."""
_MOST_LINES, _LONGEST_LINE = 4000, 2000
_FEWEST_LETTERS = 200
"""Letters from which a guess can be trusted: shorter texts are joined."""
_SURE = 0.6
_LONG_WORD = 60
"""Letters of a text without a blank that is no identifier: in a script without spaces."""
_CODES = (
    "af=Afrikaans ar=Arabic bg=Bulgarian bn=Bengali ca=Catalan cs=Czech cy=Welsh da=Danish de=German "
    "el=Greek en=English es=Spanish et=Estonian fa=Persian fi=Finnish fr=French gu=Gujarati he=Hebrew "
    "hi=Hindi hr=Croatian hu=Hungarian id=Indonesian it=Italian ja=Japanese kn=Kannada ko=Korean "
    "lt=Lithuanian lv=Latvian mk=Macedonian ml=Malayalam mr=Marathi ne=Nepali nl=Dutch no=Norwegian "
    "pa=Punjabi pl=Polish pt=Portuguese ro=Romanian ru=Russian sk=Slovak sl=Slovenian so=Somali "
    "sq=Albanian sv=Swedish sw=Swahili ta=Tamil te=Telugu th=Thai tl=Tagalog tr=Turkish uk=Ukrainian "
    "ur=Urdu vi=Vietnamese zh-cn=Chinese zh-tw=Chinese"
)
_NAMES = dict(pair.split("=") for pair in _CODES.split())


@dataclass(frozen=True)
class Language:
    """The language that most of some texts are in.

    Attributes
    ----------
    name : str
        In English.
    share : float
        Share of the texts that are in it.
    n_texts : int
        Texts that were looked at.
    """

    name: str
    share: float
    n_texts: int

    @property
    def is_clear(self) -> bool:
        """Tell whether most of the texts are in it: names and keywords are in none."""
        return self.share > _SURE

    def __str__(self) -> str:
        found = f"{self.name} ({100 * self.share:.0f} % of {self.n_texts} texts)"
        return found if self.is_clear else f"not clear, or several; the most frequent guess is {found}"


def find_language(texts: Iterable[str]) -> Language | None:
    """Find the language that most texts are in; None where no text has enough letters.

    The guess is the same each time: its random numbers have a seed of their own.

    Parameters
    ----------
    texts : iterable of str
        The first `MOST_TEXTS` are looked at. Short ones are joined with their neighbors.
    """
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    DetectorFactory.seed = 0
    found: Counter[str] = Counter()
    for joined, n_texts in _join_short_texts(islice(texts, MOST_TEXTS)):
        try:
            code = detect(joined)
        except LangDetectException:  # no letters: numbers, codes
            continue
        found[_NAMES.get(code, code)] += n_texts
    if not found:
        return None
    name, n = found.most_common(1)[0]
    return Language(name, n / found.total(), found.total())


def guess_language(text: str) -> str | None:
    """Guess the language of one text; None of one that is too short for it."""
    if sum(map(str.isalpha, text)) < FEWEST_LETTERS:
        return None
    found = find_language([text])
    return None if found is None else found.name


def sample_texts(files: Sequence[Described], columns: Sequence[str], project: Path) -> list[str]:
    """Take a sample of the texts of described files.

    Parameters
    ----------
    files : sequence of Described
        The files.
    columns : sequence of str
        Columns that are the task's texts; where none of them is in a table, its longest column is.
    project : Path
        Folder that their paths are relative to.
    """
    texts = [text for file in files for text in _sample_file(file, columns, project)]
    step = max(len(texts) // MOST_TEXTS, 1)
    return texts[::step][:MOST_TEXTS]


def _sample_file(file: Described, columns: Sequence[str], project: Path) -> Iterator[str]:
    if file.shape == "rows":
        texts = [column for column in file.columns if column.is_text]
        named = [column for column in texts if column.name in columns]
        for column in named or sorted(texts, key=lambda column: -column.words)[:1]:
            yield from column.counts
        return
    paths = [project / file.path]
    if paths[0].is_dir():
        paths = [path for path in sorted(paths[0].rglob("*")) if path.is_file()][: MOST_TEXTS // 4]
    for path in paths:
        yield from _read_texts(path, file)


def _read_texts(path: Path, file: Described) -> Iterator[str]:
    """Read the first texts of a file: values of JSON, words with tags, else lines."""
    try:
        with open_content(NamedFile(path, path.name)) as content:
            text = io.TextIOWrapper(content, encoding=str(file.options.get("encoding", "utf-8")), errors="replace")
            if path.suffix == ".json":
                yield from islice(_list_values(json.load(text)), _MOST_LINES)
                return
            lines = [line[:_LONGEST_LINE] for line in islice(text, _MOST_LINES)]
    except (DataError, OSError, ValueError, RecursionError):  # a PDF, an archive of folders
        return
    if file.shape == "tagged_words":
        yield " ".join(line.split()[0] for line in lines if line.strip())
    elif file.shape == "treebank":
        yield " ".join(line.split("\t")[1] for line in lines if "\t" in line and not line.startswith("#"))
    elif path.suffix in (".jsonl", ".ndjson"):
        for line in lines:
            yield from _list_values(_parse(line))
    else:
        is_labeled = file.shape == "labeled_lines"
        yield from (line.split(" ", 1)[-1] if is_labeled else line for line in lines if line.strip())


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _list_values(value: object) -> Iterator[str]:
    """List the texts that JSON holds: values with a blank."""
    if isinstance(value, str):
        if " " in value.strip() or len(value) > _LONG_WORD:
            yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _list_values(each)


def _join_short_texts(texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    parts: list[str] = []
    for text in texts:
        parts.append(text)
        if sum(map(len, parts)) >= _FEWEST_LETTERS:
            yield " ".join(parts), len(parts)
            parts = []
    if parts:
        yield " ".join(parts), len(parts)
