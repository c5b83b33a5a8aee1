"""Similarity from docstrings: functions that name one another under "See Also", against others of the same sub-package."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.docstrings.packages import SEE_ALSO
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.words import tokenize

_ENTRY = re.compile(r"^[ \t]*((?:[A-Za-z_][\w.]*(?:[ \t]*,[ \t]*)?)+)(?:[ \t]*:|[ \t]*$)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def build_linked_summaries(table: pa.Table, *, max_links: int, min_tokens: int) -> pa.Table:
    """Build pairs of summaries, scored 1 where one's docstring names the other under "See Also" and 0 where neither does.

    For each linked pair there is an unlinked one whose first text is the same and whose second is another summary of the
    linked one's sub-package: the topic alone does not tell them apart. Summaries do not hold the section itself.

    Parameters
    ----------
    table : pa.Table
        From `emb_pipeline.readers.docstrings.packages.build_docstring_table`.
    max_links : int
        Linked pairs at most: those with the lowest hashes.
    min_tokens : int
        Tokens that a summary needs.

    Returns
    -------
    pa.Table
        pair_id, text_a, text_b: string, score: float64.

    Raises
    ------
    DataError
        No docstring names another one.
    """
    summaries: dict[str, tuple[str, str]] = {}
    bodies: dict[str, str] = {}
    for name, label, summary, body in zip(
        *(table[column].to_pylist() for column in ("qualified_name", "subpackage", "summary", "body")), strict=True
    ):
        if label and len(tokenize(summary)) >= min_tokens:
            summaries.setdefault(name, (summary, label))
            bodies.setdefault(name, body)
    named = _by_last_part(summaries)
    links = {
        tuple(sorted((name, other)))
        for name, body in bodies.items()
        for mention in _see_also(body)
        if (other := _resolve(mention, name, named)) is not None and summaries[name][0] != summaries[other][0]
    }
    if not links:
        raise DataError("docstrings", "no docstring names another one under 'See Also'", "name more packages")
    chosen = sorted(links, key=lambda pair: hash_text(" ".join(pair)))[:max_links]
    members: dict[str, list[str]] = defaultdict(list)
    for name, (_, label) in summaries.items():
        members[label].append(name)
    rows = []
    taken = set(links)
    for first, second in chosen:
        text_a, text_b = summaries[first][0], summaries[second][0]
        rows.append((f"{first} {second}", text_a, text_b, 1.0))
        for other in sorted(members[summaries[second][1]], key=lambda name: hash_text(f"{first} {second} {name}")):
            pair = tuple(sorted((first, other)))
            if pair not in taken and summaries[other][0] not in (text_a, text_b):
                taken.add(pair)
                rows.append((f"{first} {other}", text_a, summaries[other][0], 0.0))
                break
    columns = list(zip(*rows, strict=True))
    return pa.table(
        {
            "pair_id": pa.array(columns[0], pa.string()),
            "text_a": pa.array(columns[1], pa.string()),
            "text_b": pa.array(columns[2], pa.string()),
            "score": pa.array(columns[3], pa.float64()),
        }
    )


def _see_also(body: str) -> Iterator[str]:
    for section in SEE_ALSO.findall(body):
        for entry in _ENTRY.findall(section):
            yield from _NAME.findall(entry)


def _by_last_part(names: dict[str, tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found[name.rpartition(".")[2]].append(name)
    return found


def _resolve(mention: str, place: str, named: dict[str, list[str]]) -> str | None:
    """Find the function that a mention means: of this package, ending in the mention, nearest to the one that names it."""
    package = place.partition(".")[0]
    candidates = [
        name
        for name in named.get(mention.rpartition(".")[2], ())
        if name != place and name.partition(".")[0] == package and f".{name}".endswith(f".{mention}")
    ]
    return max(candidates, key=lambda name: (_count_shared(name, place), -len(name)), default=None)


def _count_shared(first: str, second: str) -> int:
    """Leading parts that two dotted names have in common."""
    count = 0
    for a, b in zip(first.split("."), second.split("."), strict=False):
        if a != b:
            break
        count += 1
    return count
