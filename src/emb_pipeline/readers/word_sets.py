"""Files of words: pairs with a score, pairs of a kind, and analogies."""

from __future__ import annotations

import math
from pathlib import Path

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.options import PlacedSource


class WordSetSource(PlacedSource):
    """Where a set of word pairs or analogies is; ``#`` starts a comment.

    A line holds words with blanks between them, or terms of one or more words with tabs between them.
    """


def read_scored_pairs(source: WordSetSource, raw: Path, project: Path) -> tuple[list[tuple[str, str]], list[float]]:
    """Read pairs of words, in lower case, with the number behind each.

    Raises
    ------
    DataError
        A line that is not two words and a number.
    """
    pairs, scores = [], []
    for place, fields in _lines(source, raw, project):
        try:
            first, second, score = fields
            value = float(score)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(place, f"{' '.join(fields)!r} is not two words and a number", "correct the line")
        pairs.append((first.lower(), second.lower()))
        scores.append(value)
    return pairs, scores


def read_analogy_questions(source: WordSetSource, raw: Path, project: Path) -> list[tuple[str, str, str, str]]:
    """Read analogies of four words a line, in lower case; lines that start with a colon name sections and are left out.

    Raises
    ------
    DataError
        A line that is not four words.
    """
    questions = []
    for place, fields in _lines(source, raw, project):
        if fields[0].startswith(":"):
            continue
        if len(fields) != 4:
            raise DataError(place, f"{' '.join(fields)!r} is not four words", "correct the line")
        first, second, third, fourth = (word.lower() for word in fields)
        questions.append((first, second, third, fourth))
    return questions


def _lines(source: WordSetSource, raw: Path, project: Path) -> list[tuple[str, list[str]]]:
    found = []
    for file in named_files(source, raw, project):
        try:
            content = file.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise DataError(file.name, f"is not UTF-8 ({error})", "save it as UTF-8") from error
        for number, line in enumerate(content.splitlines(), 1):
            # Between tabs a term may have several words.
            fields = [field.strip() for field in line.split("\t")] if line.count("\t") > 1 else line.split()
            if fields and not line.startswith("#"):
                found.append((f"{file.name}, line {number}", fields))
    return found
