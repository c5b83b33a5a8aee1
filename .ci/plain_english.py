"""Check the English of docs, docstrings, comments and messages: plain words, one for each thing, in short sentences.

python .ci/plain_english.py              # prints each place as ``file:line: what is wrong``; exits with 1 where there is any
python .ci/plain_english.py --measure    # prints ``file: mean 14.2 words, longest 31`` for each page
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MOST_WORDS = 35
"""In a sentence of a page."""
MOST_WORDS_ON_AVERAGE = 16
"""Over the sentences of a page."""
INSTEAD = {
    r"(?:told|tell) apart|cannot be told": "significantly different, no significant difference",
    r"spoil\w*": "corrupted text",
    r"\bdoses?\b": "corruption level",
    r"hand(?:ed|s|ing)? over": "export, deployable",
    r"artefact\w*": "artifact",
    r"\brecipes?\b": "fingerprint",
    r"\bledgers?\b": "manifest",
    r"\banew\b": "again",
    r"bears? slips|slips? of the finger": "robust to typos",
    r"(?:a|the) (?:fiftieth|hundredth|five-hundredth|thousandth) of the time": "… × faster",
    r"\bgoes on from\b": "resumes from",
}
"""Words that the field has a better one for."""
ARCHAIC = {
    r"\bst(?:ands?|ood)\b(?! (?:in )?for\b)": "is, occurs, is in",
    r"\bbeside\b(?![`:])": "next to, besides",
    r"\b(?:lies?|lay|lain)\b": "is, is stored in",
    r"\b(?:hangs?|hung) on\b": "depends on",
    r"\bbears?\b": "has",
    r"\bmend(?:s|ed|ing)?\b": "repair",
}
"""Words of older English in comments, docstrings and the sentences of pages; not in messages, which results depend on."""
BRITISH = re.compile(
    r"(?i)(label(?:led|ling)|tokenis|normalis|factoris|randomis|optimis|initialis|serialis|standardis|regularis|"
    r"artefact|colour|behaviour|neighbour|centre|favour|catalogue)"
)
"""Spellings that no identifier has."""
OLD_NAMES = {ROOT / "src/emb_pipeline" / name for name in ("experiment/renamed.py", "provenance/manifest.py")}
"""The modules that have to name old words: keys of YAML, and a folder on disk."""
OPENINGS = re.compile(r"^(What|Whether|How)\b")


class Finding(NamedTuple):
    """One thing that is wrong, and where."""

    file: Path
    line: int
    wrong: str


class Sentence(NamedTuple):
    """One sentence of a page, and the line where its paragraph begins."""

    line: int
    text: str

    @property
    def n_words(self) -> int:
        """Number of words; code in backticks is one word."""
        return sum(any(map(str.isalnum, word)) for word in self.text.split())


def check_page(path: Path) -> Iterator[Finding]:
    """Check a page of Markdown: the words of its text and tables, and the length of its sentences."""
    text = path.read_text(encoding="utf-8")
    for number, line in read_prose(text):
        yield from (Finding(path, number, wrong) for wrong in find_words(line))
    sentences = [*split_into_sentences(text)]
    for sentence in sentences:
        if sentence.n_words > MOST_WORDS:
            yield Finding(path, sentence.line, f"a sentence of {sentence.n_words} words: {sentence.text[:60]} …")
        yield from (Finding(path, sentence.line, wrong) for wrong in find_words(sentence.text, ARCHAIC))
    mean = mean_words(sentences)
    if mean > MOST_WORDS_ON_AVERAGE:
        yield Finding(path, 1, f"mean {mean:.1f} words in a sentence: at most {MOST_WORDS_ON_AVERAGE}")


def read_prose(text: str) -> Iterator[tuple[int, str]]:
    """Read the numbered lines of a page that are no code; a line of a code block is empty, code in backticks is one word."""
    is_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        is_fence = line.lstrip().startswith("```")
        yield number, "" if is_code or is_fence else re.sub(r"`[^`]*`", "x", line)
        is_code ^= is_fence


def split_into_sentences(text: str) -> Iterator[Sentence]:
    """Split a page at full stops, exclamation and question marks; headings, tables and code are left out."""
    paragraph: list[tuple[int, str]] = []
    for number, line in [*read_prose(text), (0, "")]:
        is_left_out = not line.strip() or line.lstrip().startswith(("|", "#"))
        if paragraph and (is_left_out or re.match(r"\s*([-*>]|\d+\.) ", line)):
            yield from _split_paragraph(paragraph)
            paragraph = []
        if not is_left_out:
            paragraph.append((number, line))


def _split_paragraph(paragraph: list[tuple[int, str]]) -> Iterator[Sentence]:
    text = re.sub(r"\]\([^)]*\)", "]", " ".join(line.strip() for _, line in paragraph))
    for part in re.split(r"(?<=[.!?])[\"'’)*_\]]*\s+", text):
        sentence = Sentence(paragraph[0][0], part)
        if sentence.n_words:
            yield sentence


def mean_words(sentences: list[Sentence]) -> float:
    """Calculate the mean number of words in a sentence; 0 for a page without any."""
    return sum(sentence.n_words for sentence in sentences) / max(len(sentences), 1)


def check_module(path: Path) -> Iterator[Finding]:
    """Check a module: identifiers, comments, docstrings and messages."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    texts = {
        node.value.lineno for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            if OPENINGS.match(first):
                line = node.body[0].lineno
                yield Finding(
                    path, line, f"a docstring opens with {first.split()[0]!r}: name the thing, or say what it does"
                )
        names = [getattr(node, field, None) for field in ("id", "arg", "attr", "name")]
        for name in names:
            if isinstance(name, str) and BRITISH.search(name):
                yield Finding(path, getattr(node, "lineno", 1), f"identifier {name!r}: American spelling")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            is_prose = token.type == tokenize.COMMENT or token.start[0] in texts
            words = INSTEAD | ARCHAIC if is_prose else INSTEAD
            for number, line in enumerate(token.string.splitlines()):
                yield from (Finding(path, token.start[0] + number, wrong) for wrong in find_words(line, words))


def find_words(text: str, words: dict[str, str] = INSTEAD) -> Iterator[str]:
    """Find words that have a plainer one."""
    for pattern, instead in words.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield f"{found[0]!r}: write {instead}"


def find_pages() -> list[Path]:
    """Find the pages that people read."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "conf").rglob("*.md"))]


def measure() -> None:
    """Print how long the sentences of each page are."""
    for page in find_pages():
        sentences = [*split_into_sentences(page.read_text(encoding="utf-8"))]
        longest = max((sentence.n_words for sentence in sentences), default=0)
        print(f"{page.relative_to(ROOT)}: mean {mean_words(sentences):.1f} words, longest {longest}")


def main() -> None:
    """Check the whole project."""
    modules = sorted({*(ROOT / "src").rglob("*.py")} - OLD_NAMES)
    found = {finding: None for page in find_pages() for finding in check_page(page)}
    found |= {finding: None for module in modules for finding in check_module(module)}
    for file, line, wrong in found:
        print(f"{file.relative_to(ROOT)}:{line}: {wrong}")
    if found:
        sys.exit(f"{len(found)} places")


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["--measure"] else main()
