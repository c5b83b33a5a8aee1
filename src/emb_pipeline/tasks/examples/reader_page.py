"""The reference page of all readers and their options, written from their own descriptions.

``python -m emb_pipeline.tasks.examples.reader_page`` writes ``docs/readers.md``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from emb_pipeline.embeddings.remote.options import ChatOptions
from emb_pipeline.readers.files.limits import LINE_MB, RATIO, UNPACKED_MB, VARIABLE, WHOLE_MB
from emb_pipeline.readers.options import FeatureColumns, HashRange, PlacedSource
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.recommendation.sources import Attribute, AttributedFile
from emb_pipeline.tasks.registry import KINDS

COMMAND = "python -m emb_pipeline.tasks.examples.reader_page"
_HEAD = f"""# Readers

This page is written from the code: `{COMMAND}`. [Your own data](your-own-data.md) shows how readers
are used.

A *source* says where texts are and how they are read. A corpus takes a list of them (`sources:` in
`parameters_corpora.yml`), a task takes one (`source:` in `parameters_tasks.yml`). Each names its `reader`.
"""
_PLACE = f"""
Exactly one of `path`, `download` and `package` says where the files are. Files that are compressed (gzip, bzip2, xz, zstd)
are read as they are, and links are followed.

A compressed file or an archive may unpack to {UNPACKED_MB} MiB, or to {RATIO} times its size. One text may have
{WHOLE_MB} MiB, and one line {LINE_MB} MiB. The environment variable `{VARIABLE}` sets all of these limits.
"""

_SECTIONS: dict[str, tuple[type[BaseModel], str]] = {
    "sample": (HashRange, "A part of the rows or files, under `sample:` of a source."),
    "features": (FeatureColumns, "Columns of a table that a label is predicted from, under `features:` of a source."),
    "endpoint": (ChatOptions, "A chat model behind an address, under `endpoint:` of a source."),
    "users": (AttributedFile, "A file of users or items, under `users:` or `items:` of `interactions`."),
    "attributes": (Attribute, "An attribute of users or items, under its name in `attributes:` of such a file."),
}
"""Options that are written below one option of a source."""


def reader_page() -> str:
    """Write the page: what each kind of task, and a corpus, can be read from, and all options."""
    parts = [_HEAD, "| read for | `reader:` |", "|---|---|"]
    everything: dict[type[BaseModel], list[str]] = {}
    for name, source_type in _read_for():
        models = list(_list_models(source_type))
        parts.append(f"| {name} | {', '.join(f'`{_name_reader(model)}`' for model in models)} |")
        for model in models:
            everything.setdefault(model, []).append(name)
    parts += ["", "## A place", _PLACE, *_list_options(PlacedSource)]
    for model, names in everything.items():
        about = " ".join((inspect.getdoc(model) or "").replace("``", "`").split())
        if issubclass(model, PlacedSource):
            about += " Has [a place](#a-place)."
        parts += ["", f"## `{_name_reader(model)}`: {', '.join(names)}", "", about, "", *_list_options(model, PlacedSource)]
    for name, (model, about) in _SECTIONS.items():
        parts += ["", f"## `{name}:`", "", about, "", *_list_options(model)]
    return "\n".join(parts) + "\n"


def _read_for() -> Iterator[tuple[str, Any]]:
    yield "corpus", CorpusSource
    for name, kind in KINDS.items():
        yield name, kind.create_reader().source_type


def _list_models(source_type: Any) -> Iterator[type[BaseModel]]:
    if get_origin(source_type) is Annotated:
        source_type = get_args(source_type)[0]
    yield from get_args(source_type) or (source_type,)


def _name_reader(model: type[BaseModel]) -> str:
    return str(model.model_fields["reader"].default)


def _list_options(model: type[BaseModel], without: type[BaseModel] | None = None) -> list[str]:
    rows = ["| option | values | default | what it is |", "|---|---|---|---|"]
    known = {"reader", *(without.model_fields if without is not None else ())}
    for name, field in model.model_fields.items():
        if name not in known:
            cells = (f"`{name}`", _describe_values(field.annotation), _write_default(field), field.description or "")
            rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return rows


def _write_default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given" if field.is_required() else ""
    match field.default:
        case None:
            return ""
        case bool():
            return f"`{str(field.default).lower()}`"
        case "\t":
            return r'`"\t"`'
        case str() if "\n" in field.default:
            return f"`{' '.join(field.default.split())[:60]}…`"
        case str():
            return f"`{field.default}`" if field.default.strip() else f'`"{field.default}"`'
        case dict():
            return ""
        case tuple():
            return f"`[{', '.join(map(str, field.default))}]`"
    return f"`{field.default}`"


def _describe_values(annotation: Any) -> str:
    """Say in words what may be written."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in arguments)
    if origin is Annotated:
        return _describe_values(arguments[0])
    if origin in (tuple, list):
        return f"list of {_name_plural(arguments[0])}"
    if origin is dict and isinstance(arguments[1], type) and issubclass(arguments[1], BaseModel):
        return f"{_describe_values(arguments[0])}: {_describe_values(arguments[1])}"
    if origin is dict:
        return f"{_describe_values(arguments[0])}: a text for each"
    if arguments and (origin is Union or origin.__name__ == "UnionType"):
        if all(
            isinstance(each, type) and issubclass(each, BaseModel) and "reader" in each.model_fields for each in arguments
        ):
            return f"a source with `reader:` {', '.join(f'`{_name_reader(each)}`' for each in arguments)}"
        return " or ".join(dict.fromkeys(_describe_values(each) for each in arguments if each is not type(None)))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if "reader" in annotation.model_fields:
            return f"a source with `reader: {_name_reader(annotation)}`"
        return next(f"see [`{name}:`](#{name})" for name, (model, _) in _SECTIONS.items() if model is annotation)
    named = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", date: "date"}
    return named.get(annotation, str(annotation))


def _name_plural(annotation: Any) -> str:
    return {str: "texts", int: "whole numbers", float: "numbers"}.get(annotation, _describe_values(annotation))


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/readers.md").write_text(reader_page(), encoding="utf-8")
