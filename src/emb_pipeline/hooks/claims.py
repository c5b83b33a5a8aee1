"""Claims of runs: the results that a run makes and takes, so that two that share none may work at once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kedro.pipeline import Pipeline

from emb_pipeline.provenance.node_fingerprints import find_output, is_data
from emb_pipeline.storage.atomic import LockHeldError, find_holder, hold_lock, name_this_process

_LOCK, _CLAIM = ".lock", ".json"


@dataclass(frozen=True)
class Claim:
    """The results of a use case that a run works with.

    Attributes
    ----------
    makes : frozenset of str or None
        Results that it makes: nobody else may make or take them meanwhile. None: all of the use case.
    takes : frozenset of str
        Results that it is made from: others may take them, too.
    """

    makes: frozenset[str] | None = None
    takes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pipeline: Pipeline, whole: Pipeline) -> Claim:
        """Claim what a pipeline makes and takes, by names without transcoding; all where it makes all of the whole."""
        makes = frozenset(map(find_output, pipeline.all_outputs()))
        if makes >= frozenset(map(find_output, whole.all_outputs())):
            return cls()
        return cls(makes, frozenset(find_output(name) for name in pipeline.inputs() if is_data(name)))

    def collides_with(self, other: Claim) -> bool:
        """Tell whether one of two runs makes what the other one makes or takes."""
        if self.makes is None or other.makes is None:
            return True
        return bool(self.makes & (other.makes | other.takes) or other.makes & self.takes)

    def write(self) -> str:
        """Write it as JSON."""
        return json.dumps({"makes": None if self.makes is None else sorted(self.makes), "takes": sorted(self.takes)})

    @classmethod
    def read(cls, text: str) -> Claim:
        """Read it from JSON."""
        found = json.loads(text)
        return cls(None if found["makes"] is None else frozenset(found["makes"]), frozenset(found["takes"]))


class Claims:
    """The claims of all runs of a use case: a file for each, and a lock of the operating system that its process holds.

    Who lists or changes them must hold a lock of the caller's.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_held(self) -> Iterator[tuple[Path, Claim]]:
        """List the claims of runs that go on, and their locks; those of runs that ended, however they did, are removed."""
        for lock in sorted(self._folder.glob(f"*{_LOCK}")):
            if find_holder(lock) is None:
                _remove(lock)
            elif (claim := _read(lock)) is not None:
                yield lock, claim

    @contextmanager
    def hold(self, claim: Claim, what: str) -> Iterator[None]:
        """Hold a claim until the block ends.

        Raises
        ------
        LockHeldError
            It collides with that of another run.
        """
        for lock, other in self.list_held():
            if claim.collides_with(other):
                raise LockHeldError(lock, find_holder(lock))
        lock = self._folder / f"{name_this_process()}-{uuid.uuid4().hex[:8]}{_LOCK}"
        with hold_lock(lock, what=what):
            lock.with_suffix(_CLAIM).write_text(claim.write(), encoding="utf-8")
            try:
                yield
            finally:
                lock.with_suffix(_CLAIM).unlink(missing_ok=True)
        _remove(lock)


def _read(lock: Path) -> Claim | None:
    try:
        return Claim.read(lock.with_suffix(_CLAIM).read_text(encoding="utf-8"))
    except FileNotFoundError:  # the run ends in this moment
        return None


def _remove(lock: Path) -> None:
    for file in (lock, lock.with_suffix(_CLAIM), *(lock.with_name(f"{lock.name}.{end}") for end in ("holder", "lease"))):
        file.unlink(missing_ok=True)
