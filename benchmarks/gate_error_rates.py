"""Error rates of the gate: one test at the margin, and a candidate at every commit.

    python benchmarks/gate_error_rates.py

First: candidates that are truly worse by exactly the margin of .02, on units that are right or wrong, alone and in groups of
five; shares that pass and that are refused at 5 %. Then: 100 commits whose candidates are held against one baseline on the
same units; the share of inferior ones among those that pass, each test at 5 % and with the error budget.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.error_budget import compute_level
from emb_pipeline.statistics.swap.gate import GateRules, judge_candidate

N_SETS, RULES = 1000, GateRules(0.02, 0.05, 0.05)
N_SEQUENCES, N_COMMITS = 2000, 100


def main() -> None:
    """Print both tables."""
    print(f"{'units':24} {'pass':>8} {'refused':>8}   % of {N_SETS} sets")
    for n, size in ((100, 1), (400, 1), (2000, 1), (400, 5)):
        outcomes = [_judge_at_margin(np.random.default_rng([n, size, seed]), n, size) for seed in range(N_SETS)]
        shares = [100 * outcomes.count(outcome) / N_SETS for outcome in ("not inferior", "inferior")]
        print(f"{f'{n}, groups of {size}':24} {shares[0]:8.1f} {shares[1]:8.1f}", flush=True)
    print(f"\n{'inferior of candidates':24} {'5 % each':>18} {'error budget':>18} {'good ones passed':>18}   %")
    for share in (0.1, 0.5, 0.9):
        each, budget, power = _simulate_commits(np.random.default_rng(0), share)
        print(f"{100 * share:21.0f} % {100 * each:18.1f} {100 * budget:18.1f} {100 * power:18.1f}", flush=True)


def _judge_at_margin(rng: np.random.Generator, n: int, size: int) -> str:
    lost = np.repeat(rng.random(n // size) < 0.06, size)
    won = ~lost & np.repeat(rng.random(n // size) < 0.04 / 0.94, size)
    names = [str(number) for number in range(n)]
    groups = np.array([str(number // size) for number in range(n)])
    found = CommonUnits(names, np.where(won, 0.0, 1.0), np.where(lost, 0.0, 1.0), groups, n, n)
    return judge_candidate(found, "accuracy", RULES, Resampling(2000, seed=int(rng.integers(1 << 30)))).outcome


def _simulate_commits(rng: np.random.Generator, share: float) -> tuple[float, float, float]:
    """Of candidates that pass the share that is inferior, twice; and of good ones the share that passes with a budget."""
    wrong = np.zeros(2)
    good, passed_good = 0, 0
    for _ in range(N_SEQUENCES):
        is_inferior = rng.random(N_COMMITS) < share
        shared = rng.normal()  # the deployed scores, which all differences have
        z = np.where(is_inferior, 0.0, 4.0) + np.sqrt(0.5) * (shared + rng.normal(size=N_COMMITS))
        p, passed = ndtr(-z), np.zeros(N_COMMITS, dtype=bool)
        for number in range(N_COMMITS):
            passed[number] = p[number] <= compute_level(RULES.level, number, int(passed[:number].sum()))
        for place, chosen in enumerate((p <= RULES.level, passed)):
            wrong[place] += is_inferior[chosen].mean() if chosen.any() else 0.0
        good += int((~is_inferior).sum())
        passed_good += int((passed & ~is_inferior).sum())
    return float(wrong[0] / N_SEQUENCES), float(wrong[1] / N_SEQUENCES), passed_good / max(good, 1)


if __name__ == "__main__":
    main()
