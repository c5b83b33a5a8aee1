"""Small copies of the data of tasks of MTEB, in the layout that the hub has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SEARCH = """---
configs:
- config_name: default
  data_files: [{split: test, path: qrels/test.jsonl}]
- config_name: corpus
  data_files: [{split: corpus, path: corpus.jsonl}]
- config_name: queries
  data_files: [{split: queries, path: queries.jsonl}]
---
"""
SPORTS, FOOD = "ball goal match team run race".split(), "bread soup pan salt fish cook".split()


def make_text(row: int) -> str:
    """A text of one of two topics."""
    words = FOOD if row % 2 else SPORTS
    return f"{words[row % 6]} {words[(row // 2) % 6]} {words[(row // 3) % 6]} {words[(row // 5) % 6]} {row}"


def write_copies(folder: Path) -> None:
    """Write a copy for a task of each type that can be read."""
    for split, n_rows in (("train", 60), ("test", 30)):
        start = 0 if split == "train" else 60
        texts = [(row, make_text(row)) for row in range(start, start + n_rows)]
        _write(
            folder / "banking" / f"{split}.jsonl",
            ({"text": text, "label": row % 2, "label_text": ["sports", "food"][row % 2]} for row, text in texts),
        )
        _write(
            folder / "toxic" / f"{split}.jsonl",
            ({"text": text, "label": [row % 2, 2] if row % 3 else []} for row, text in texts),
        )
    pairs = [(make_text(row), make_text(row + (2 if row % 3 else 1))) for row in range(40)]
    _write(
        folder / "sts" / "test.jsonl",
        ({"sentence1": a, "sentence2": b, "score": 4.0 if row % 3 else row / 40} for row, (a, b) in enumerate(pairs)),
    )
    columns = {
        "sent1": [a for a, _ in pairs],
        "sent2": [b for _, b in pairs],
        "labels": [int(row % 3 > 0) for row in range(40)],
    }
    _write(folder / "duplicates" / "test.jsonl", [columns])
    of_set = {"sentences": [make_text(row) for row in range(30)], "labels": ["sports", "food"] * 15}
    _write(folder / "clusters" / "test.jsonl", [of_set, of_set])
    search = folder / "search"
    _write(
        search / "corpus.jsonl", ({"_id": f"d{row}", "title": f"title {row}", "text": make_text(row)} for row in range(30))
    )
    _write(search / "queries.jsonl", ({"_id": f"q{row}", "text": make_text(row)} for row in range(20)))
    _write(
        search / "qrels" / "test.jsonl", ({"query-id": f"q{row}", "corpus-id": f"d{row}", "score": 1} for row in range(15))
    )
    (search / "README.md").write_text(SEARCH)


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
