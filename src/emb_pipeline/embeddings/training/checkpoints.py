"""The state from which a killed training resumes: its arrays and losses after some epoch, in one file."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.sealed_files import UNSEALED, is_sealed, seal

_log = logging.getLogger(__name__)

SECONDS_BETWEEN = 60.0
"""Seconds that a killed training loses at most, besides its unfinished epoch; shorter ones write nothing."""

_FILE = "epochs.safetensors"


class Checkpoint:
    """The last state of one training that was written.

    Parameters
    ----------
    folder : Path or None
        A folder of its own, which `remove` removes; None keeps nothing.
    training : mapping
        What makes the state one of this training, in JSON values; that of another one is passed over.
    """

    def __init__(self, folder: Path | None, training: Mapping[str, Any]) -> None:
        self._folder = folder
        self._training = json.dumps(dict(training), sort_keys=True)
        self._written = time.perf_counter()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> list[float]:
        """Fill the arrays with the state that was written.

        Returns
        -------
        list of float
            The loss of each epoch that they have behind them; none, and the arrays as they were, where there is no state
            of this training.
        """
        path = self._folder / _FILE if self._folder else None
        if path is None or not path.is_file():
            return []
        try:
            if not is_sealed(path):
                return []
            with safe_open(path, framework="numpy") as state:
                facts = state.metadata() or {}
                if facts.get("training") != self._training or set(state.keys()) != set(arrays):
                    return []
                losses: list[float] = json.loads(facts["losses"])
                for name, array in arrays.items():
                    array[...] = state.get_tensor(name)
        except (DataError, SafetensorError) as error:
            _log.warning("%s: the training begins again", error)
            return []
        return losses

    def save(self, arrays: Mapping[str, np.ndarray], losses: Sequence[float]) -> None:
        """Write the state after an epoch, where the last one was written long enough ago."""
        if self._folder is None or time.perf_counter() - self._written < SECONDS_BETWEEN:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(self._folder / _FILE) as path:
            save_file(dict(arrays), path, {"training": self._training, "losses": json.dumps(list(losses)), **UNSEALED})
            seal(path)
        self._written = time.perf_counter()

    def remove(self) -> None:
        """Forget the state, once the training has ended well."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
