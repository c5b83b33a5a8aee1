"""Attributes of users and items, as sets of values: read from files, and looked up by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.tables.rows import rows, source_by_suffix
from emb_pipeline.readers.tables.values import identifier
from emb_pipeline.tasks.recommendation.sources import Attribute, AttributedFile

ATTRIBUTES = pa.schema([(name, pa.string()) for name in ("side", "id", "attribute", "value")])
"""One row for each value of a user or item; ``side`` is ``user`` or ``item``. Of one without a value, the value is null."""
ValuesOf = dict[str, dict[str, list[str]]]
"""Of each id the values of each attribute."""


def read_attributes(files: Iterable[NamedFile], described: AttributedFile, id_column: str, bad: BadRows) -> ValuesOf:
    """Read the attributes of each id; numbers are cut into groups.

    Parameters
    ----------
    files : iterable of NamedFile
        The files.
    described : AttributedFile
        Their columns, and the attributes.
    id_column : str
        Column with the id, where the file names none.
    bad : BadRows
        Takes the rows that cannot be used.

    Raises
    ------
    DataError
        An id is empty or repeats, a flag is neither 0 nor 1, or a number cannot be read.
    """
    id_column = described.id or id_column
    columns = {name: each.list_columns(name) for name, each in described.attributes.items()}
    wanted = list(dict.fromkeys(column for several in columns.values() for column in several))
    found: ValuesOf = {}
    for file in files:
        for number, (given_id, *fields) in rows(file, table_of_attributes(file, described), (id_column, *wanted), bad):
            place, key = f"{file.name}, row {number}", identifier(given_id)
            field_of = dict(zip(wanted, fields, strict=True))
            try:
                if not key:
                    raise DataError(place, f"'{id_column}' is empty", "give each row its own id")
                if key in found:
                    raise DataError(place, f"{id_column} '{key}' stands there a second time", "give each row its own id")
                found[key] = {
                    name: _split_values(described.attributes[name], several, field_of, place)
                    for name, several in columns.items()
                }
            except DataError as error:
                bad.take(error)
    for name, attribute in described.attributes.items():
        if attribute.holds_numbers:
            _cut_into_groups(found, name, attribute)
    return found


def table_of_attributes(file: NamedFile, described: AttributedFile) -> TabularSource:
    """Choose how a file of users or items is read."""
    return source_by_suffix(
        file.path,
        str(file.path),
        described.encoding,
        format=described.format,
        delimiter=described.delimiter,
        columns=described.columns,
    )


def _split_values(attribute: Attribute, columns: Sequence[str], field_of: Mapping[str, str], place: str) -> list[str]:
    if attribute.flags:
        for column in columns:
            if field_of[column] not in ("", "0", "1"):
                remedy = "write 0 or 1, or leave it out of 'flags'"
                raise DataError(place, f"{column} '{field_of[column]}' is no flag", remedy)
        return [column for column in columns if field_of[column] == "1"]
    field = field_of[columns[0]].strip()
    if attribute.holds_numbers and field:
        try:
            if not np.isfinite(float(field)):
                raise ValueError(field)
        except ValueError as error:
            remedy = "correct it, or leave 'edges' and 'groups' out: then each value stands for itself"
            raise DataError(place, f"{columns[0]} '{field}' is no number", remedy) from error
    parts = field.split(attribute.separator) if attribute.separator else [field]
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _cut_into_groups(found: ValuesOf, name: str, attribute: Attribute) -> None:
    """Put the name of a group in the place of each number: a group begins at an edge, and ends before the next one."""
    numbers = {key: float(values[name][0]) for key, values in found.items() if values[name]}
    if not numbers:
        return
    shares = np.arange(1, attribute.groups or 1) / (attribute.groups or 1)
    edges = attribute.edges or tuple(np.unique(np.quantile(list(numbers.values()), shares, method="higher")).tolist())
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges)), f"{edges[-1]:g} on"]
    for key, number in numbers.items():
        found[key][name] = [names[int(np.searchsorted(edges, number, side="right"))]]


def build_attributes_table(users: ValuesOf | None, items: ValuesOf | None, user_ids: Iterable[str]) -> pa.Table:
    """Build the table of the attributes of all items, and of those users that take part."""
    sides = (("user", {key: users[key] for key in user_ids} if users else {}), ("item", items or {}))
    found = [
        (side, key, name, value)
        for side, values_of in sides
        for key, attributes in values_of.items()
        for name, values in attributes.items()
        for value in (*values, *([] if values else [None]))
    ]
    columns = zip(*found, strict=True) if found else [()] * len(ATTRIBUTES)
    return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=ATTRIBUTES)


@dataclass(frozen=True, eq=False)
class Attributes:
    """Values of the attributes of some users or items.

    Attributes
    ----------
    names : tuple of str
        Of the attributes.
    values : tuple of (str, str)
        Attribute and value of each column of the matrix.
    matrix : csr_array of shape (n_units, n_values), float32
        1 where a unit has a value.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    matrix: sp.csr_array

    @classmethod
    def from_table(cls, table: pa.Table, side: str, ids: Sequence[str]) -> Attributes | None:
        """Look up the values of these ids, in their order; None where the side has no attributes."""
        rows_of = [row for row in table.to_pylist() if row["side"] == side]
        if not rows_of:
            return None
        number = {key: position for position, key in enumerate(ids)}
        known = [row for row in rows_of if row["value"] is not None and row["id"] in number]
        values = sorted({(row["attribute"], row["value"]) for row in known})
        column = {value: position for position, value in enumerate(values)}
        at = [number[row["id"]] for row in known], [column[row["attribute"], row["value"]] for row in known]
        matrix = sp.csr_array((np.ones(len(known), dtype=np.float32), at), shape=(len(ids), len(values)))
        return cls(tuple(dict.fromkeys(row["attribute"] for row in rows_of)), tuple(values), matrix)

    @cached_property
    def n_values(self) -> np.ndarray:
        """Values that a unit has of each attribute: shape (n_units, n_attributes)."""
        of = np.zeros((len(self.values), len(self.names)), dtype=np.float32)
        of[np.arange(len(self.values)), [self.names.index(name) for name, _ in self.values]] = 1
        return np.asarray(self.matrix @ of).astype(np.int64)

    def columns_of(self, name: str) -> list[int]:
        """List the columns of the values of one attribute."""
        return [position for position, (attribute, _) in enumerate(self.values) if attribute == name]
