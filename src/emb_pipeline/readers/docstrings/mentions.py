"""Sequence labeling from docstrings: the classes, functions and parameters that authors marked up, mark-up taken away.

reST marks them: ``:class:`DataFrame```, ``:func:`~numpy.dot```, and parameters by ``*axis*``, ```axis``` or double
back-ticks, which count where the same docstring's parameter list has the name. A sentence is one that the corpus has, too
(`emb_pipeline.text.words.split_sentences`), so that held-out ones can be kept out of it. Only sentences with a mention are
taken: in others, nobody knows whether there is none or it was not marked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.docstrings.packages import is_held_out
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.tagging import OUTSIDE
from emb_pipeline.text.words import split_sentences, tokenize

TYPE_OF_ROLE = {
    "class": "class",
    "exc": "class",
    "func": "function",
    "meth": "function",
    **{
        f"py:{role}": kind
        for role, kind in (("class", "class"), ("exc", "class"), ("func", "function"), ("meth", "function"))
    },
}
PARAMETER = "parameter"
FEWEST_TOKENS, MOST_TOKENS = 5, 60

_MARK_UP = re.compile(
    r":(?P<role>[a-z]+(?::[a-z]+)?):`(?P<target>[^`]+)`|``(?P<literal>[^`]+)``|(?<!\w)`(?P<quoted>[^`]+)`_{0,2}"
    r"|(?<![*\w])\*{1,2}(?P<starred>[^\s*](?:[^*]*[^\s*])?)\*{1,2}(?![*\w])"
)
_TITLED = re.compile(r"(.*\S)\s*<[^<>]*>", re.DOTALL)
_TOKEN = re.compile(r"[^\W\d]\w*(?:\.\w+)*|\d+(?:\.\d+)?|[^\w\s]")
_NO_PROSE = re.compile(r"::|\s:\s|^\s*[-=~^*+.#|]{2,}|>>>|^\s*:\w+|[{}\\$|]|^\s*(?:[-*]|\d+\.)\s", re.MULTILINE)
_NUMPY_SECTION = re.compile(
    r"^[ \t]*(?:Other )?Parameters[ \t]*\n[ \t]*-+[ \t]*\n(.*?)(?=^[^\n]+\n[ \t]*-{3,}|\Z)", re.M | re.S
)
_NUMPY_NAMES = re.compile(r"^([*\w][*\w, ]*?)[ \t]*(?::|$)", re.MULTILINE)
_GOOGLE_SECTION = re.compile(r"^[ \t]*(?:Args|Arguments|Parameters):[ \t]*\n(.*?)(?=^\S|\Z)", re.M | re.S)
_GOOGLE_NAMES = re.compile(r"^[ \t]+\*{0,2}(\w+)[ \t]*(?:\([^\n]*\))?:", re.MULTILINE)
_FIELD_NAMES = re.compile(r"^[ \t]*:param(?:eter)?[^:\n]*?(\w+):", re.MULTILINE)


def build_mention_sentences(table: pa.Table, *, max_sentences: int, test_share: float) -> pa.Table:
    """Build sentences with the mentions in them, as IOB2 tags of types class, function and parameter.

    Parameters
    ----------
    table : pa.Table
        From `emb_pipeline.readers.docstrings.packages.build_docstring_table`.
    max_sentences : int
        Sentences at most: those with the lowest hashes of each split, in the proportion of the splits.
    test_share : float
        Share of the distinct sentences that are held out for testing.

    Returns
    -------
    pa.Table
        example_id, text (the sentence with its mark-up), tokens, tags, split.

    Raises
    ------
    DataError
        No sentence has a mention.
    """
    found: dict[tuple[str, ...], tuple[str, str, list[str], list[str], str]] = {}
    for doc_id, summary, body in zip(*(table[name].to_pylist() for name in ("doc_id", "summary", "body")), strict=True):
        whole = f"{summary}\n\n{body}"
        if "`" not in whole and "*" not in whole:
            continue
        parameters = find_parameter_names(body)
        for number, sentence in enumerate(split_sentences(whole)):
            if _NO_PROSE.search(_MARK_UP.sub("", sentence)):
                continue
            tokens, tags = tag_mentions(sentence, parameters)
            if FEWEST_TOKENS <= len(tokens) <= MOST_TOKENS and set(tags) != {OUTSIDE}:
                split = "test" if is_held_out(tokenize(sentence), test_share) else "train"
                found.setdefault(tuple(tokens), (f"{doc_id}:{number}", sentence, tokens, tags, split))
    if not found:
        raise DataError("docstrings", "no sentence marks up a class, function or parameter", "name more packages")
    by_hash = sorted(found.values(), key=lambda row: hash_text(" ".join(row[2])))
    rows = sorted(by_hash[:max_sentences])
    columns = dict(zip(("example_id", "text", "tokens", "tags", "split"), zip(*rows, strict=True), strict=True))
    return pa.table({name: list(column) for name, column in columns.items()})


def tag_mentions(sentence: str, parameters: set[str]) -> tuple[list[str], list[str]]:
    """Split a sentence into tokens without its mark-up, and tag them.

    Examples
    --------
    >>> tag_mentions("Sums *a* with :func:`~numpy.sum`, ``fast``.", {"a"})
    (['Sums', 'a', 'with', 'sum', ',', 'fast', '.'], ['O', 'B-parameter', 'O', 'B-function', 'O', 'O', 'O'])
    """
    tokens: list[str] = []
    tags: list[str] = []
    for words, kind in _parts(sentence, parameters):
        new = _TOKEN.findall(words)
        tokens += new
        tags += [OUTSIDE] * len(new) if kind is None else [f"{'I' if place else 'B'}-{kind}" for place in range(len(new))]
    return tokens, tags


def find_parameter_names(body: str) -> set[str]:
    """Find the names in the parameter list of a docstring, in the styles of numpydoc, Google and reST fields."""
    names: set[str] = set(_FIELD_NAMES.findall(body))
    for section in _GOOGLE_SECTION.findall(body):
        names.update(_GOOGLE_NAMES.findall(section))
    for section in _NUMPY_SECTION.findall(body):
        for several in _NUMPY_NAMES.findall(section):
            names.update(name.strip(" *") for name in several.split(","))
    return {name for name in names if name.isidentifier()}


def _parts(sentence: str, parameters: set[str]) -> Iterator[tuple[str, str | None]]:
    end = 0
    for match in _MARK_UP.finditer(sentence):
        yield sentence[end : match.start()], None
        end = match.end()
        if match["role"]:
            title = _TITLED.fullmatch(match["target"])
            shown = title[1] if title else match["target"].removeprefix("!")
            shown = shown.rpartition(".")[2] if shown.startswith("~") else shown
            yield shown.removesuffix("()"), TYPE_OF_ROLE.get(match["role"])
        else:
            shown = match["literal"] or match["quoted"] or match["starred"]
            yield shown, PARAMETER if shown in parameters else None
    yield sentence[end:], None
