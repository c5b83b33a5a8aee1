"""Use cases that are mistyped at random: is there one that ends in an error of the program?

python benchmarks/mutated_use_cases.py 0 500       # seeds 0 to 499
"""

from __future__ import annotations

import logging
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutated_use_cases import outcome


def main(first: int, end: int) -> int:
    logging.disable()
    counts: Counter[str] = Counter()
    for seed in range(first, end):
        found = outcome(random.Random(seed))
        counts[found if found in ("built", "refused") else f"FAULT seed {seed}: {found}"] += 1
    for what, count in counts.most_common():
        print(f"{count:>7,} {what}")
    return int(any(what.startswith("FAULT") for what in counts))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
