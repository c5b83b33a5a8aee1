"""Files that are damaged at random: what does reading them give? python -m benchmarks.damaged_files [n] [first seed].

``right`` and ``refused`` (an error with place and remedy) are well; anything else is a fault.
"""

from __future__ import annotations

import sys
from collections import Counter

from tests.damage import KINDS, outcomes


def main(n: int, first_seed: int) -> int:
    """Print how often each outcome came, for each kind of file."""
    faults = 0
    for name in KINDS:
        found = list(outcomes([name], n, first_seed))
        print(f"{name:12}", dict(Counter(result.split(":")[0] for _, result, _ in found).most_common()), flush=True)
        for seed, result, done in found:
            if result not in ("right", "refused"):
                faults += 1
                print(f"    seed {seed}: {result}; {done}", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in (sys.argv[1:] + ["1000", "0"][len(sys.argv) - 1 :])[:2])) > 0)
