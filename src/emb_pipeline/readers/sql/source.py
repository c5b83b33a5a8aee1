"""The options of a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from emb_pipeline.readers.options import Places, TabularSource, refuse_options

if TYPE_CHECKING:
    from emb_pipeline.readers.files.named_files import NamedFile


class SqlSource(TabularSource):
    """Rows that a query gives: SQL that DuckDB answers, from files of tables, object stores and databases.

    Wherever a file of a table is named by its suffix, a query in a file that ends in ``.sql`` is one, too.
    """

    places: ClassVar[Places] = {"path": "files with a query each", "query": "the query itself"}
    takes_queries: ClassVar[bool] = True

    reader: Literal["sql"] = "sql"
    query: str | None = Field(
        default=None,
        min_length=1,
        description="in place of 'path': SELECT … FROM 'data/01_raw/shop/*.parquet'; files are relative to the project",
    )

    @model_validator(mode="after")
    def _a_query_is_one_file(self) -> SqlSource:
        if self.query is not None:
            refuse_options(self, ("files", "splits"), "is for files with a query each: name them under 'path'")
        return self

    @property
    def origin(self) -> str:
        """The files, or the word for the query in the YAML."""
        return self.path or "query"

    def make_files(self, raw: Path, project: Path, glob: str | None) -> list[NamedFile] | None:
        """Write the query of the YAML to a file."""
        if self.query is None:
            return None
        from emb_pipeline.readers.sql.stored import write_query

        return [write_query(self.query, raw, project)]
