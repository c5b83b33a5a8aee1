"""Shards of vectors that machines share through an object store, by their keys: nothing is listed there.

A shard is an object under its own name. A log names them in the order in which they came (`ObjectLog`). Who adds a shard
writes the object first, and then an entry of the log.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.copies import find_url
from emb_pipeline.storage.copy_space import make_room, use_copy_with, write_note
from emb_pipeline.storage.object_log import AT_ONCE, ObjectLog
from emb_pipeline.storage.object_store import download_object, upload_object

_POSITION = ".log.json"


class SharedShards:
    """The shards of one folder, in a store.

    Parameters
    ----------
    folder : Path
        Where this machine keeps them.
    url : str
        Where they are shared.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self._entries: list[dict[str, Any]] = self._read_position()
        self._shared = ObjectLog(f"{url}/log", len(self._entries))
        self._tried: set[str] = set()
        self._is_first = True
        use_copy_with(folder, self)

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Share the shards of a folder; None where it is no copy of one in a store."""
        url = find_url(folder.absolute())
        return None if url is None else cls(folder, url)

    def pull(self) -> bool:
        """Download the shards that others have added; True if there are any.

        What an earlier process of this machine wrote, and was killed before it shared it, is shared now.
        """
        self._read_log()
        known = [entry for entry in self._entries if entry["shard"] not in self._tried]
        self._tried |= {entry["shard"] for entry in known}
        missing = [entry for entry in known if not (self._folder / entry["shard"]).exists()]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = sum(threads.map(self._download, missing))
        if self._is_first:
            self._is_first = False
            logged = {entry["shard"] for entry in self._entries}
            for path in sorted(self._folder.glob("*.arrow")):
                if path.name not in logged:
                    self.push(path.name)
        if found:
            self._note(sum(int(entry["bytes"]) for entry in missing))
        return found > 0

    def push(self, shard: str) -> None:
        """Share a shard that was written here."""
        path = self._folder / shard
        upload_object(path, f"{self._url}/{shard}")
        entry: dict[str, Any] = {"shard": shard, "bytes": path.stat().st_size}
        self._tried.add(shard)
        while not self._shared.append(json.dumps(entry).encode()):
            self._read_log()
        self._entries.append(entry)
        self._note(entry["bytes"])

    def _read_log(self) -> None:
        self._entries += [json.loads(content) for content in self._shared.read()]

    def _download(self, entry: dict[str, Any]) -> bool:
        with write_atomically(self._folder / entry["shard"]) as part:
            if download_object(f"{self._url}/{entry['shard']}", part, entry["bytes"]):
                return True
            part.write_bytes(b"")  # it is not there any more: as a damaged shard, it is removed when it is opened
        return False

    def _read_position(self) -> list[dict[str, Any]]:
        try:
            entries: list[dict[str, Any]] = json.loads((self._folder / _POSITION).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return entries

    def _note(self, n_added: int) -> None:
        with write_atomically(self._folder / _POSITION) as part:
            part.write_text(json.dumps(self._entries), encoding="utf-8")
        n_bytes = sum(path.stat().st_size for path in self._folder.glob("*.arrow"))
        write_note(self._folder, {"fingerprint": "shards", "bytes": n_bytes})
        make_room(n_added)
