"""Check the English of docs, docstrings, comments and messages: plain words, one for each thing, in short sentences.

    python .ci/plain_english.py

Prints each place as ``file:line: what is wrong``, and exits with 1 where there is any.
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


def check_page(path: Path) -> Iterator[Finding]:
    """Check a page of Markdown: words everywhere but in code, sentences in prose."""
    lines = path.read_text(encoding="utf-8").splitlines()
    is_code = False
    paragraph: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
            line = ""
        if is_code:
            continue
        prose = re.sub(r"`[^`]*`", "x", line)
        yield from (Finding(path, number, wrong) for wrong in find_words(prose))
        starts = not line.strip() or line.lstrip().startswith(("|", "#", "- ", "* ", "> ")) or re.match(r"\s*\d+\. ", line)
        if starts:
            yield from check_sentences(path, paragraph)
            paragraph = []
        if line.strip() and not line.lstrip().startswith(("|", "#")):
            paragraph.append((number, prose))


def check_sentences(path: Path, paragraph: list[tuple[int, str]]) -> Iterator[Finding]:
    """Check how long the sentences of a paragraph are."""
    if not paragraph:
        return
    text = " ".join(line for _, line in paragraph)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    for sentence in re.split(r"(?<=[.!?:;])[\"'’)*_]*\s+", text):
        n_words = len(re.findall(r"[A-Za-z][\w’'-]*", sentence))
        if n_words > MOST_WORDS:
            yield Finding(path, paragraph[0][0], f"a sentence of {n_words} words: {sentence.strip()[:60]} …")


def check_module(path: Path) -> Iterator[Finding]:
    """Check a module: identifiers, comments, docstrings and messages."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
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
            for number, line in enumerate(token.string.splitlines()):
                yield from (Finding(path, token.start[0] + number, wrong) for wrong in find_words(line))


def find_words(text: str) -> Iterator[str]:
    """Find words that have a plainer one."""
    for pattern, instead in INSTEAD.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            yield f"{found[0]!r}: write {instead}"


def main() -> None:
    """Check the whole project."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "conf").rglob("*.md"))]
    modules = sorted({*(ROOT / "src").rglob("*.py")} - OLD_NAMES)
    found = {finding: None for page in pages for finding in check_page(page)}
    found |= {finding: None for module in modules for finding in check_module(module)}
    for file, line, wrong in found:
        print(f"{file.relative_to(ROOT)}:{line}: {wrong}")
    if found:
        sys.exit(f"{len(found)} places")


if __name__ == "__main__":
    main()
