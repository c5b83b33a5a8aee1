"""The files, addresses and databases that a query names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emb_pipeline.errors import DataError
from emb_pipeline.readers.extra_package import importing_extra
from emb_pipeline.redaction import hide_secret

DATABASE = "EMB_PIPELINE_DATABASE_"
"""Environment variables of this prefix hold the address of a database; the rest is its name in queries."""
_PASSWORD = re.compile(r"password\s*=\s*'?([^\s'&]+)")
_BEFORE_ADDRESS = re.compile(r"(?:\b(?:from|join|attach)|[(,\[])\s*$", re.IGNORECASE)
"""The place of a text that is read from, and is no value to compare with."""
_ADDRESS = re.compile(r"[a-z][a-z0-9]*://", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """Everything outside itself that a query names.

    Attributes
    ----------
    files : tuple of Path
        The project's files (and those of absolute paths) that its texts name, by name or by a pattern.
    allowed : tuple of str
        Absolute paths and patterns that DuckDB may open: as the query has them, and the files.
    addresses : tuple of str
        Of object stores and web servers.
    databases : tuple of str
        Names of databases whose address is in the environment.
    text : str
        The query, with absolute paths.
    """

    files: tuple[Path, ...]
    allowed: tuple[str, ...]
    addresses: tuple[str, ...]
    databases: tuple[str, ...]
    text: str

    @property
    def leave_the_machine(self) -> bool:
        """Tell whether the query reads what is no file of this machine."""
        return bool(self.addresses or self.databases)


def find_names(query: str, project: Path) -> Names:
    """Find what a query names: a text or a quoted name in it that is a file, a pattern of files or an address.

    Paths are relative to the project. DuckDB takes them as relative to the folder that a process was started in, so they
    become absolute.
    """
    files: dict[Path, None] = {}
    allowed: dict[str, None] = {}
    addresses: dict[str, None] = {}
    databases: dict[str, None] = {}
    parts: list[str] = []
    done = 0
    for start, end, written in _list_words(query):
        quoted = written[:1] in ("'", '"')
        value = written[1:-1].replace(written[0] * 2, written[0]) if quoted else written
        if f"{DATABASE}{value.upper()}" in os.environ and not written.startswith("'"):
            databases[value.casefold()] = None
        if not quoted or not value:
            continue
        if _ADDRESS.match(value):
            if _BEFORE_ADDRESS.search(query[:start]):
                addresses[value] = None
            continue
        found = _list_files(value, project)
        if found:
            absolute = os.path.abspath(project / value)
            allowed |= dict.fromkeys((absolute, *map(str, found)))
            files |= dict.fromkeys(found)
            parts += [query[done:start], written[0], absolute.replace(written[0], written[0] * 2), written[0]]
            done = end
    text = "".join([*parts, query[done:]])
    return Names(tuple(files), tuple(allowed), tuple(addresses), tuple(databases), text)


def _list_words(query: str) -> Iterator[tuple[int, int, str]]:
    """List the texts and the names of a query with their places; no comment and no number is among them."""
    with importing_extra("duckdb", "sql", "a query in SQL"):
        import duckdb
    encoded = query.encode()  # DuckDB counts bytes
    tokens = duckdb.tokenize(query)
    ends = [*(start for start, _ in tokens[1:]), len(encoded)]
    wanted = (duckdb.token_type.string_const, duckdb.token_type.identifier)
    for (start, kind), end in zip(tokens, ends, strict=True):
        if kind in wanted:
            word = encoded[start:end].decode().rstrip()
            first = len(encoded[:start].decode())
            yield first, first + len(word), word


def _list_files(value: str, project: Path) -> list[Path]:
    path = project / value
    try:
        if path.is_file():
            return [Path(os.path.abspath(path))]
        found = glob.glob(str(path), recursive=True) if any(mark in value for mark in "*?[") else []
    except (OSError, ValueError):  # a text that is no path: too long, or with a zero byte
        return []
    return [Path(os.path.abspath(name)) for name in sorted(found) if Path(name).is_file()]


def read_address(name: str) -> str:
    """Read the address of a database, which from here on is hidden in every message of this process.

    Raises
    ------
    DataError
        It is empty.
    """
    address = os.environ[f"{DATABASE}{name.upper()}"].strip()
    if not address:
        raise DataError(f"database {name}", "its address is empty", "write it under 'databases:' in credentials.yml")
    hide_secret(address)
    for password in (urlsplit(address).password, *_PASSWORD.findall(address)):
        if password:
            hide_secret(password)
            hide_secret(unquote(password))
    return address
