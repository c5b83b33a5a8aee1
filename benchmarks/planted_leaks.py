"""How many planted leaks the audits find, and how often they call clean data leaking.

    PYTHONPATH=. python benchmarks/planted_leaks.py [leaks of each kind, 1,000 by default] [folder with data sets]

Leaks are planted in random texts (`tests/tasks/planted.py`): copies, changed words, texts inside one another, halves, with
as many clean test texts; near-duplicates where folds are drawn; labels that are written into the text; held-out texts inside
longer sentences of a corpus. Real data has no planted leaks: with a folder that has ``sentence_classification`` in it, the
texts of each of its files are halved into training and test, and what is found there is counted. What was found and is a
leak indeed ("What is the speed of light?" asked twice) counts as a false alarm, too.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from tests.tasks.planted import LEAKS, as_examples, changed, leaking_examples, random_texts

from emb_pipeline.tasks.audit.corpus_overlap import measure_corpus_overlap
from emb_pipeline.tasks.classification.audit import audit_classification
from emb_pipeline.text.held_out import HeldOut
from emb_pipeline.text.near_duplicates import find_near_pairs, find_near_pairs_between, group_equal_texts
from emb_pipeline.text.seen import find_seen_classification
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.tokens import write_tokens


def main(n: int, data: Path | None) -> None:
    """Print a line for each kind of leak."""
    rng = np.random.default_rng(0)
    find_near_pairs(TokenIds.of(["a b c d e f", "a b c d e f g"]))  # compiled before the clock starts
    print(f"{'leak':49}{'planted':>9}{'found':>9}{'false alarms':>14}{'of':>9}{'seconds':>9}")
    for trains in ("train", "validation"):
        for kind in LEAKS:
            examples = leaking_examples(kind, n, rng, trains=trains)
            started = perf_counter()
            units = find_seen_classification({"examples": examples})["unit_id"].to_pylist()
            leaks = sum(unit.startswith("leak") for unit in units)
            _print(f"{kind} ({trains})", n, leaks, len(units) - leaks, n, started)
    _folds(n, rng)
    _labels(n, rng)
    _corpus(n, rng)
    if data is not None:
        for path in sorted((data / "sentence_classification").glob("*")):
            if path.suffix in (".gz", ".all", ".train"):
                _real(path, rng)
    _large(100_000, rng)


def _folds(n: int, rng: np.random.Generator) -> None:
    texts = random_texts(2 * n, 12, rng)
    pairs = [*(changed(text, 1, rng) for text in texts[:n]), *texts]
    started = perf_counter()
    found = find_near_pairs(TokenIds.of(map(" ".join, pairs)))
    right = int((found.first == found.second + n).sum())
    _print("variants, no split", n, right, len(found.first) - right, n, started)


def _labels(n: int, rng: np.random.Generator) -> None:
    texts = random_texts(2 * n, 12, rng)
    labels = [("heart attack", "skin rash")[code] for code in rng.integers(2, size=2 * n)]
    for planted in (True, False):
        rows = [
            (str(i), f"{' '.join(text)} {label if planted else ''}", label, None)
            for i, (text, label) in enumerate(zip(texts[:n], labels, strict=False))
        ]
        started = perf_counter()
        lines = {row["check"]: row["count"] for row in audit_classification(as_examples(rows)).to_pylist()}
        found = lines["label_in_text"]
        _print(
            "label in the text" if planted else "no label in the text",
            n if planted else 0,
            found if planted else 0,
            0 if planted else found + lines["give_away_words"],
            n,
            started,
        )


def _corpus(n: int, rng: np.random.Generator) -> None:
    held, others, around = (random_texts(n, 12, rng) for _ in range(3))
    documents = [(str(i), " ".join([*other, *text])) for i, (text, other) in enumerate(zip(held, around, strict=True))]
    texts = {"planted": [" ".join(text) for text in held], "clean": [" ".join(text) for text in others]}
    with tempfile.TemporaryDirectory() as folder:
        for name, removed in (("kept", None), ("removed", HeldOut(texts["planted"]).is_held_out)):
            corpus = write_tokens([*documents, ("more", " ".join(around[0]))], Path(folder) / name, held_out=removed)
            started = perf_counter()
            rows = measure_corpus_overlap(texts, corpus).to_pylist()
            count = {row["task"]: row["count"] for row in rows if row["check"] == "in_corpus"}
            planted = n if removed is None else 0
            _print(f"held-out text in a longer sentence, {name}", planted, count["planted"], count["clean"], n, started)


def _real(path: Path, rng: np.random.Generator) -> None:
    packed = path.read_bytes()
    lines = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("latin-1").split("\n")
    texts = [line.split(" ", 1)[1] for line in lines if " " in line]
    tokens = TokenIds.of(texts)
    tokens = tokens.take(np.unique(group_equal_texts(tokens)))
    order = rng.permutation(len(tokens.starts) - 1)
    half = len(order) // 2
    started = perf_counter()
    found = find_near_pairs_between(tokens, order[:half], order[half:])
    _print(f"none: {path.name}", 0, 0, len(np.unique(found.first)), half, started)


def _large(n: int, rng: np.random.Generator) -> None:
    texts = random_texts(n, 12, rng)
    tokens = TokenIds.of([" ".join(text) for text in [*texts, *(changed(text, 1, rng) for text in texts[:1000])]])
    started = perf_counter()
    found = find_near_pairs(tokens)
    right = int((found.first == found.second + n).sum())
    _print(f"one of 12 words, among {n:,}", 1000, right, len(found.first) - right, n, started)


def _print(kind: str, planted: int, found: int, wrong: int, of: int, started: float) -> None:
    print(f"{kind:49}{planted:>9,}{found:>9,}{wrong:>14,}{of:>9,}{perf_counter() - started:>9.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
