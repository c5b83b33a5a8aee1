"""Difference of vectors of the same texts, asked for twice: the vectors of a service need not be the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

LARGE = 1e-3
"""Cosine distance above which scores can change with the day: rounding alone gives less than 1e-5."""


def measure_drift(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Measure the cosine distances of two sets of vectors of the same texts, both of shape (n_texts, dim)."""
    lengths = np.linalg.norm(first.astype(np.float64), axis=1) * np.linalg.norm(second.astype(np.float64), axis=1)
    products = np.einsum("ij,ij->i", first.astype(np.float64), second.astype(np.float64))
    distances = np.where(lengths > 0, np.maximum(1 - products / np.maximum(lengths, 1e-30), 0.0), 0.0)
    return {
        "n_texts": len(distances),
        "max_distance": float(distances.max()),
        "mean_distance": float(distances.mean()),
    }


def describe_drift(by_role: Mapping[str, Mapping[str, Any]], place: str) -> dict[str, Any]:
    """Describe the drift of all roles, with a warning where it is large, and give the largest distance by itself."""
    worst = max(by_role.values(), key=lambda each: float(each["max_distance"]))
    described = {**worst, "by_role": {role: dict(each) for role, each in by_role.items()}}
    if worst["max_distance"] > LARGE:
        described["warning"] = (
            f"{place} gives other vectors for the same texts: cosine distance {worst['max_distance']:.2g} at most, "
            f"{worst['mean_distance']:.2g} on average over {worst['n_texts']} texts; scores can change from day to day"
        )
    return {"drift": described, "drift_distance": worst["max_distance"]}
