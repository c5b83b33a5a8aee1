"""Public data sets: where each comes from.

``sources.json`` names every upstream file with its URL, size and SHA-256. A source that upstream offers only inside a
repository tarball, whose bytes are not stable, is checked by the *content* of the members that are used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class SourceFile:
    """One file of a source, as it is in the raw folder.

    Attributes
    ----------
    path : str
        Path inside the source's folder.
    url : str
        Where upstream offers it; empty for a file that has to be made by hand.
    bytes : int
        Size; for an archive, of the contents of its members.
    sha256 : str
        Hash of the uncompressed upstream bytes; for an archive, its content fingerprint (`fingerprint_content`).
    members : str, optional
        For an archive: pattern of the wanted members' paths; its first group is the name they are stored under.
    rebuilt : tuple of int and str, optional
        Size and hash of a rebuilt file that a mirror may hold in its place: the same content in other bytes.
    member : str, optional
        For a file that upstream offers inside an archive (tar or zip, at ``url``): its path there.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    members: str | None = None
    member: str | None = None
    rebuilt: tuple[int, str] | None = None

    def accepts(self, size: int, sha256: str) -> bool:
        """Say whether a file of this size and hash is upstream's, or the one that was rebuilt from it."""
        return (size, sha256) in ((self.bytes, self.sha256), self.rebuilt)


@dataclass(frozen=True)
class PublicSource:
    """A public data set.

    Attributes
    ----------
    name : str
        Its name in YAML, and its folder's.
    about : str
        What it is, in a line.
    licence : str
        As upstream states it.
    files : tuple of SourceFile
    mirror : str
        Its folder in a mirror.
    by_hand : str
        How the files without a URL are made.
    """

    name: str
    about: str
    licence: str
    files: tuple[SourceFile, ...]
    mirror: str = ""
    by_hand: str = ""


@cache
def public_sources() -> dict[str, PublicSource]:
    """List all sources by name."""
    return parse_sources(json.loads(resources.files(__package__).joinpath("sources.json").read_text(encoding="utf-8")))


def parse_sources(table: dict[str, Any]) -> dict[str, PublicSource]:
    """Parse sources as ``sources.json`` writes them: a base URL with ``[path, bytes, sha256]`` rows, or archives.

    A row may end with the path below the base URL, where that is another one. Without a base URL files are made by hand,
    as ``by_hand`` says. ``rebuilt`` gives size and hash of files that a mirror may hold in place of upstream's.
    With ``packed``, the URL of an archive, rows are its members, ``[path, bytes, sha256, member]``.
    """
    parsed = {}
    for name, entry in table.items():
        base = entry.get("base_url", "")
        rebuilt = {path: (size, sha256) for path, (size, sha256) in entry.get("rebuilt", {}).items()}
        if "packed" in entry:
            files = [
                SourceFile(path, entry["packed"], size, sha256, member=member)
                for path, size, sha256, member in entry["files"]
            ]
        else:
            files = [
                SourceFile(
                    path,
                    base + (elsewhere[0] if elsewhere else path) if base else "",
                    size,
                    sha256,
                    rebuilt=rebuilt.get(path),
                )
                for path, size, sha256, *elsewhere in entry.get("files", [])
            ]
        files += [SourceFile(**archive) for archive in entry.get("archives", [])]
        by_hand, folder = entry.get("by_hand", ""), entry.get("mirror", name)
        parsed[name] = PublicSource(name, entry["about"], entry["licence"], tuple(files), folder, by_hand)
    return parsed
