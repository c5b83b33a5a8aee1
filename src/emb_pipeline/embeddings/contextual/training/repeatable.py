"""Training that gives the same bits again, on a GPU, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """Keep random numbers within, and let a GPU add up in the same order each time.

    Some of its operations add in the order in which their parts finish, so that two trainings of a large model with one
    seed would part. PyTorch has slower ones that do not. What they cost is in
    ``docs/decisions/0006-bert-at-this-size.md``.

    Parameters
    ----------
    device : {"cpu", "cuda", "mps"}
        What computes.
    """
    import torch

    with torch.random.fork_rng():
        if device != "cuda":
            yield
            return
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch asks for it before it trusts cuBLAS
        settings: Any = torch.utils.deterministic
        before = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
        torch.use_deterministic_algorithms(True)
        settings.fill_uninitialized_memory = False  # it helps to find reads of memory that nothing wrote, and costs as much
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before[0])
            settings.fill_uninitialized_memory = before[1]
