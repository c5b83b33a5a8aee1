"""Thousands of damaged files for all readers: ``python -m benchmarks.mutated_files 10000 1`` (number, seed)."""

from __future__ import annotations

import logging
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.readers.mutated_files import cases, mutate, read


def main(n: int, seed: int) -> int:
    """Try n files; print how many were read, refused, and what else happened."""
    logging.disable(logging.WARNING)
    rng, known, counts = random.Random(seed), cases(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(n):
            case = rng.choice(known)
            content = mutate(case.content, rng)
            try:
                counts["read" if read(case, content, Path(folder), lenient=rng.random() < 0.5) else "refused"] += 1
            except Exception:
                place = traceback.extract_tb(sys.exc_info()[2])[-1]
                kept = Path(tempfile.gettempdir()) / f"mutated_{seed}_{counts.total()}_{case.name}"
                kept.write_bytes(content)
                counts[f"FAULT {case.kind} {case.source['reader']} {place.filename}:{place.lineno}, kept as {kept}"] += 1
    for what, count in counts.most_common():
        print(f"{count:>7,} {what}")
    return int(any(what.startswith("FAULT") for what in counts))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
