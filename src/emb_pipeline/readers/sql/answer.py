"""The answer to a query, as batches of rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emb_pipeline.errors import DataError
from emb_pipeline.readers.extra_package import importing_extra
from emb_pipeline.readers.sql.names import Names, read_address
from emb_pipeline.redaction import hide_secret, redact

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 4_096
_NO_TEXT = ("INTERVAL", "BIT", "UNION", "VARIANT", "GEOMETRY")
"""Types that neither Parquet nor CSV has."""
_TYPE_OF_DATABASE = re.compile(r"\battach\b[^;]*\(\s*type\s+'?(\w+)", re.IGNORECASE)
_REFUSED_FILE = re.compile(r'Cannot access file "([^"]*)"')
_LINE = re.compile(r"\n+LINE (\d+):")
_EXTENSION = {"postgresql": "postgres", "postgres": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
"""DuckDB's extension for the scheme of a database's address; other addresses are files of DuckDB."""
_S3_OPTIONS = {
    "KEY_ID": ("AWS_ACCESS_KEY_ID",),
    "SECRET": ("AWS_SECRET_ACCESS_KEY",),
    "SESSION_TOKEN": ("AWS_SESSION_TOKEN",),
    "REGION": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}


@contextmanager
def ask(names: Names, place: str) -> Iterator[pa.RecordBatchReader]:
    """Answer a query; nothing is written, and no file is read but those that the query names.

    Parameters
    ----------
    names : Names
        The query, and what it names.
    place : str
        Its file, for messages.

    Raises
    ------
    DataError
        The query is more than reading, DuckDB refuses it (the error has its line), a database or an object store cannot be
        reached, two columns have one name, or a column has a type that is no text, number or date.
    """
    with importing_extra("duckdb", "sql", "a query in SQL"):
        import duckdb
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    try:
        with _explained(duckdb, place, names.text):
            statements = connection.extract_statements(names.text)
        _require_reading(duckdb, statements, place)
        with _explained(duckdb, place, ""):
            _open_connection(connection, names, place)
        line = 0
        for statement in statements[:-1]:
            with _explained(duckdb, place, names.text, line):
                connection.execute(statement.query)
            line += statement.query.count("\n")
        with _explained(duckdb, place, names.text, line):
            connection.execute(f"EXPLAIN {statements[-1].query}")  # its errors have the line
            answer = connection.sql(statements[-1].query)
            _require_columns(answer.columns, answer.types, place)
            yield answer.to_arrow_reader(BATCH_ROWS)
    finally:
        connection.close()


def _require_reading(duckdb: Any, statements: list[Any], place: str) -> None:
    kinds = duckdb.StatementType
    for statement in statements[:-1]:
        if statement.type != kinds.ATTACH or "read_only" not in statement.query.casefold():
            raise DataError(
                place,
                f"'{' '.join(statement.query.split())[:60]}' is before the query",
                "a query may follow ATTACH '…' AS … (READ_ONLY) alone: leave it out, or say READ_ONLY",
            )
    if not statements or statements[-1].type != kinds.SELECT:
        raise DataError(place, "it does not end with a SELECT", "write one query, which reads and changes nothing")


def _open_connection(connection: Any, names: Names, place: str) -> None:
    """Let a connection read what the query names, and nothing else."""
    connection.execute("SET threads = 1")  # several would give rows without ORDER BY in another order each time
    if not names.databases:  # secrets that are stored on this machine are not looked for
        connection.execute("SET allow_persistent_secrets = false")
    for kind in _TYPE_OF_DATABASE.findall(names.text):
        _load_extension(connection, kind.casefold(), place)
    if names.addresses:
        _load_extension(connection, "httpfs", place)
        if any(urlsplit(address).scheme.casefold() == "s3" for address in names.addresses):
            _log_in_to_s3(connection)
    kinds = [_attach(connection, name, place) for name in names.databases]
    allowed = [*names.allowed, *(f"{path}.wal" for path in names.allowed)]
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quote, [*allowed, *names.addresses]))}]")
    starts = {re.split(r"[*?\[]", address)[0].rpartition("/")[0] + "/" for address in names.addresses}
    connection.execute(f"SET allowed_directories = [{', '.join(map(_quote, sorted(starts)))}]")
    if not any(kinds):  # an extension connects again while it reads
        connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _attach(connection: Any, name: str, place: str) -> str | None:
    """Attach a database by its name; the extension that it needs comes back."""
    address = read_address(name)
    kind = _EXTENSION.get(urlsplit(address).scheme.casefold())
    if kind is not None:
        _load_extension(connection, kind, place)
    target = address.removeprefix("sqlite://") if kind == "sqlite" else address
    options = f"TYPE {kind}, READ_ONLY" if kind else "READ_ONLY"
    connection.execute(f"ATTACH {_quote(target)} AS {_quote(name, chr(34))} ({options})")
    return kind


def _load_extension(connection: Any, name: str, place: str) -> None:
    with importing_extra("duckdb", "sql", "a query in SQL"):
        import duckdb
    try:
        connection.execute(f"LOAD {name}")
    except duckdb.Error:
        try:
            connection.execute(f"INSTALL {name}")
            connection.execute(f"LOAD {name}")
        except duckdb.Error as error:
            raise DataError(
                place,
                f"it needs DuckDB's extension '{name}', which cannot be fetched ({redact(str(error)).splitlines()[0]})",
                f"fetch it where there is a network: python -c \"import duckdb; duckdb.sql('INSTALL {name}')\"",
            ) from error


def _log_in_to_s3(connection: Any) -> None:
    """Take the keys from the environment, under the names that all tools use."""
    found = {option: next(filter(None, map(os.environ.get, names)), "") for option, names in _S3_OPTIONS.items()}
    given = {option: value for option, value in found.items() if value}
    for option in ("SECRET", "SESSION_TOKEN"):
        hide_secret(given.get(option, ""))
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        parts = urlsplit(endpoint)
        given |= {"ENDPOINT": parts.netloc, "URL_STYLE": "path", "USE_SSL": str(parts.scheme == "https").lower()}
    options = "".join(f", {option} {_quote(value)}" for option, value in given.items())
    connection.execute(f"CREATE TEMPORARY SECRET (TYPE s3{options})")


def _quote(value: str, mark: str = "'") -> str:
    return f"{mark}{value.replace(mark, mark * 2)}{mark}"


def _require_columns(names: list[str], types: list[Any], place: str) -> None:
    for name, kind in zip(names, types, strict=True):
        if names.count(name) > 1:
            raise DataError(place, f"two columns are called '{name}'", f"name them apart: {name} AS …")
        if str(kind).startswith(_NO_TEXT):
            raise DataError(place, f"column '{name}' is of the type {kind}", f'make it a text: CAST("{name}" AS VARCHAR)')


@contextmanager
def _explained(duckdb: Any, place: str, text: str, lines_before: int = 0) -> Iterator[None]:
    """Give an error of DuckDB the file and the line of the query."""
    try:
        yield
    except duckdb.Error as error:
        said = redact(str(error))
        found = _LINE.search(said)
        where = f"{place}, line {int(found.group(1)) + lines_before}" if found and text else place
        reason = " ".join(said[: found.start() if found else None].split())
        remedy = "correct the query"
        if isinstance(error, duckdb.PermissionException) and (refused := _REFUSED_FILE.search(said)):
            reason = f"'{refused.group(1)}' is not there, or no text in the query names it"
            remedy = "name each file, or a pattern of files, as a text: FROM 'data/01_raw/*.csv', relative to the project"
            raise DataError(where, reason, remedy) from error
        elif isinstance(error, duckdb.IOException | duckdb.HTTPException | duckdb.ConnectionException):
            remedy = "correct the address, or what it needs: network, login, rights"
        raise DataError(where, f"DuckDB says: {reason}", remedy) from error
