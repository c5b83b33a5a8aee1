"""Embeddings that differ in nothing that is trained share one training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emb_pipeline.embeddings.registry import METHODS

_NOT_COMPARED = {"key", "variant", "shares_training"}
"""Facts of an embedding that say how it is called, or what is found here."""


def share_trainings(cells: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Let each embedding that is trained as an earlier one is take what that one's training left.

    Options that the training does not depend on (`Options.untrained`) may differ.

    Parameters
    ----------
    cells : mapping of str to mapping of str to dict
        Embeddings by origin and key; ``shares_training`` is set in those that train nothing of their own.
    """
    for origin, members in cells.items():
        owners: dict[str, str] = {}
        for key, cell in members.items():
            method = METHODS[cell["method"]]
            if method.artifact is None or not method.options.untrained:
                continue
            options = {name: value for name, value in cell["options"].items() if name not in method.options.untrained}
            facts = {name: value for name, value in cell.items() if name not in _NOT_COMPARED} | {"options": options}
            owner = owners.setdefault(json.dumps(facts, sort_keys=True, default=str), f"{origin}.{key}")
            cell["shares_training"] = None if owner == f"{origin}.{key}" else owner
