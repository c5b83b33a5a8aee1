"""The manifest of a use case: the fingerprint that each stored result was made with."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emb_pipeline.provenance.fingerprint import INPUT, Fingerprint
from emb_pipeline.storage.atomic import write_atomically

RULE = 3
"""Number of the rule that fingerprints are made by; results with an entry of another number are stale once."""
_FOLDER, _FORMER_FOLDER = "fingerprints", "recipes"
_CLOCK_SLACK_SECONDS = 0.1


class Manifest:
    """The fingerprint that each stored dataset was made with: one small JSON file per dataset.

    An entry is written before the dataset is. A dataset that is older than its entry was never made: its run was killed.

    Parameters
    ----------
    folder : Path
        Where the entries are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, models: Path) -> Manifest:
        """Open the manifest of a use case; entries in the folder of an earlier version move into today's folder.

        Parameters
        ----------
        models : Path
            The folder of the use case's models.
        """
        manifest, former = cls(models / _FOLDER), models / _FORMER_FOLDER
        if former.is_dir():
            manifest.folder.mkdir(parents=True, exist_ok=True)
            for path in former.glob("*.json"):
                # It is the newer one where both exist: an earlier version made that result again since.
                os.replace(path, manifest.folder / path.name)
            shutil.rmtree(former)
        return manifest

    def announce(self, name: str, fingerprint: Fingerprint) -> None:
        """Note that the dataset is about to be made with this fingerprint."""
        before = {key: value for key, value in self._read(name).items() if key != "before"}
        self._write(name, {**_describe(fingerprint), "at": time.time(), "before": before or None})

    def accept(self, name: str, fingerprint: Fingerprint, reason: str) -> None:
        """Note that the dataset, as it is, is taken for what has this fingerprint, and why."""
        accepted = {"reason": reason, "at": time.time(), "instead_of": self._read(name).get("fingerprint")}
        self._write(name, {**_describe(fingerprint), "at": 0.0, "before": None, "accepted": accepted})

    def find_changes(self, name: str, fingerprint: Fingerprint) -> list[str]:
        """List the ingredients that differ from the noted ones, but for inputs that were only made again."""
        now, then = fingerprint.ingredients, self._read(name).get("ingredients") or {}
        differs = [key for key in {**now, **then} if now.get(key) != then.get(key)]
        return [key for key in differs if then and not (key.startswith(f"{INPUT} ") and key in now and key in then)]

    def vouches(self, name: str, fingerprint: Fingerprint, written_at: float) -> bool:
        """Tell whether the dataset, as written at that time, was made with this fingerprint."""
        entry = self._read(name)
        if _is_of_today(entry) and written_at < entry["at"] - _CLOCK_SLACK_SECONDS:
            entry = entry["before"] or {}
        return _is_of_today(entry) and entry["fingerprint"] == fingerprint

    def is_of_another_rule(self, name: str) -> bool:
        """Tell whether the entry was written when fingerprints were made in another way."""
        entry = self._read(name)
        return bool(entry) and not _is_of_today(entry)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            entry = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return entry if isinstance(entry, dict) else {}

    def _write(self, name: str, entry: Mapping[str, Any]) -> None:
        with write_atomically(self.folder / f"{name}.json") as part:
            part.write_text(json.dumps(entry), encoding="utf-8")


def _describe(fingerprint: Fingerprint) -> dict[str, Any]:
    return {"rule": RULE, "fingerprint": fingerprint, "ingredients": fingerprint.ingredients}


def _is_of_today(entry: Mapping[str, Any]) -> bool:
    return entry.get("rule") == RULE
