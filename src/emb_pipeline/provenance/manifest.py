"""The manifest of a use case: the fingerprint that each stored result was made with."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emb_pipeline.provenance.fingerprint import INPUT, Fingerprint
from emb_pipeline.storage.atomic import hold_lock, write_atomically
from emb_pipeline.storage.copies import find_url
from emb_pipeline.storage.object_log import ObjectLog

RULE = 3
"""Number of the rule that fingerprints are made by; results with an entry of another number are stale once."""
_FOLDER, _FORMER_FOLDER = "fingerprints", "recipes"
_CLOCK_SLACK_SECONDS = 0.1
_DATASET = "dataset"
_MOST_FILES = 16
"""Files that notes are kept in; where there are more, the next note puts all of them into one."""


class Manifest:
    """The fingerprint that each stored dataset was made with.

    All that a run is about to make is noted at once, in a new file with a line for each dataset: a write, whatever their
    number. The last note of a dataset counts. It is written before the dataset is: one that is older than its note was
    never made, since its run was killed.

    In an object store a note is an entry of a log (`ObjectLog`).

    An earlier version wrote a file for each dataset. Such a file is read where there is no note; `open` turns all of them
    into a note.

    Parameters
    ----------
    folder : Path
        Where the notes are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, dict[str, Any]] | None = None
        url = find_url(folder.absolute())
        self._log = None if url is None else ObjectLog(url)

    @classmethod
    def open(cls, models: Path) -> Manifest:
        """Open the manifest of a use case, and take over what earlier versions wrote.

        Parameters
        ----------
        models : Path
            The folder of the use case's models.
        """
        manifest, former = cls(models / _FOLDER), models / _FORMER_FOLDER
        for folder in (manifest.folder, former):
            # They are the newer ones where both exist: an earlier version made these results again since.
            files = sorted(folder.glob("*.json"))
            if files:
                manifest._note({path.stem: entry for path in files if (entry := _read_entry(path))})
            for path in files:
                path.unlink(missing_ok=True)  # another job takes them over, too
        if former.is_dir():
            shutil.rmtree(former, ignore_errors=True)
        return manifest

    def announce(self, fingerprints: Mapping[str, Fingerprint]) -> None:
        """Note that these datasets are about to be made with these fingerprints."""
        now, entries = time.time(), {}
        for name, fingerprint in fingerprints.items():
            before = {key: value for key, value in self.read(name).items() if key != "before"}
            entries[name] = {**_describe(fingerprint), "at": now, "before": before or None}
        self._note(entries)

    def accept(self, fingerprints: Mapping[str, Fingerprint], reason: str) -> None:
        """Note that these datasets, as they are, are taken for what has these fingerprints, and why."""
        now, entries = time.time(), {}
        for name, fingerprint in fingerprints.items():
            accepted = {"reason": reason, "at": now, "instead_of": self.read(name).get("fingerprint")}
            entries[name] = {**_describe(fingerprint), "at": 0.0, "before": None, "accepted": accepted}
        self._note(entries)

    def read(self, name: str) -> dict[str, Any]:
        """Read what is noted of a dataset; empty where nothing is."""
        entry = self._entries.get(name)
        return _read_entry(self.folder / f"{name}.json") if entry is None else entry

    def find_changes(self, name: str, fingerprint: Fingerprint) -> list[str]:
        """List the ingredients that differ from the noted ones, but for inputs that were only made again."""
        now, then = fingerprint.ingredients, self.read(name).get("ingredients") or {}
        differs = [key for key in {**now, **then} if now.get(key) != then.get(key)]
        return [key for key in differs if then and not (key.startswith(f"{INPUT} ") and key in now and key in then)]

    def vouches(self, name: str, fingerprint: Fingerprint, written_at: float) -> bool:
        """Tell whether the dataset, as written at that time, was made with this fingerprint."""
        entry = self.read(name)
        if _is_of_today(entry) and written_at < entry["at"] - _CLOCK_SLACK_SECONDS:
            entry = entry["before"] or {}
        return _is_of_today(entry) and entry["fingerprint"] == fingerprint

    def is_of_another_rule(self, name: str) -> bool:
        """Tell whether the entry was written when fingerprints were made in another way."""
        entry = self.read(name)
        return bool(entry) and not _is_of_today(entry)

    @property
    def _entries(self) -> dict[str, dict[str, Any]]:
        if self._known is None:
            self._known = self._read_notes()
        return self._known

    def _read_notes(self) -> dict[str, dict[str, Any]]:
        """Read all notes, of a log those that were not read yet; again where another job puts them into one meanwhile."""
        if self._log is not None:
            return dict(pair for content in self._log.read() for pair in _read_note(content.decode()))
        while True:
            try:
                return dict(pair for path in self._list_notes() for pair in _read_note(_read_text(path)))
            except FileNotFoundError:
                continue

    def _list_notes(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _note(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        if not entries:
            return
        if self._log is not None:
            self._append(self._log, entries)
            return
        known, files = self._entries, self._list_notes()
        known.update({name: dict(entry) for name, entry in entries.items()})
        # Names are in the order of time, also where the clock was put back.
        self._write(max(time.time_ns(), _find_number(files[-1]) + 1 if files else 0), entries)
        if len(files) >= _MOST_FILES:
            self._gather()

    def _append(self, log: ObjectLog, entries: Mapping[str, Mapping[str, Any]]) -> None:
        """Append a note to a log, after those that other machines have appended since; many notes are put into one."""
        known, ours = self._entries, {name: dict(entry) for name, entry in entries.items()}
        is_whole = log.n_since_start >= _MOST_FILES
        while not log.append("".join(_write_lines({**known, **ours} if is_whole else ours)).encode()):
            known.update(self._read_notes())
        known.update(ours)
        if is_whole:
            log.start_here()

    def _gather(self) -> None:
        """Put all notes into one, which has the number of the last of them: what another job notes meanwhile is later."""
        with hold_lock(self.folder.with_name(f".{self.folder.name}.lock"), what="gathering notes"):
            files = self._list_notes()
            if len(files) > _MOST_FILES:
                self._write(
                    _find_number(files[-1]),
                    dict(pair for path in files for pair in _read_note(_read_text(path))),
                )
                for path in files:
                    path.unlink()

    def _write(self, number: int, entries: Mapping[str, Mapping[str, Any]]) -> None:
        with write_atomically(self.folder / f"{number:020d}-{uuid.uuid4().hex[:8]}.jsonl") as part:
            part.write_text("".join(_write_lines(entries)), encoding="utf-8")


def _find_number(note: Path) -> int:
    return int(note.name.partition("-")[0])


def _write_lines(entries: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    return (json.dumps({_DATASET: name, **entry}) + "\n" for name, entry in entries.items())


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _read_note(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a note; a line that cannot be read notes nothing."""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            yield entry.pop(_DATASET), entry
        except (ValueError, AttributeError, KeyError, TypeError):
            continue


def _read_entry(path: Path) -> dict[str, Any]:
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _describe(fingerprint: Fingerprint) -> dict[str, Any]:
    return {"rule": RULE, "fingerprint": fingerprint, "ingredients": fingerprint.ingredients}


def _is_of_today(entry: Mapping[str, Any]) -> bool:
    return entry.get("rule") == RULE
