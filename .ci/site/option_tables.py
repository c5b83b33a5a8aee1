"""Tables of options: the fields of pydantic models, with values, defaults and descriptions."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

HEAD = ["| option | values | default | what it is |", "|---|---|---|---|"]
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", type(None): "`null`", Any: "any value"}
_PLURAL = {str: "texts", int: "whole numbers", float: "numbers"}
_BOUNDS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def list_options(
    model: type[BaseModel], *, without: type[BaseModel] | None = None, links: Mapping[type, str] = MappingProxyType({})
) -> list[str]:
    """Write a table of a model's options; none where it has no options.

    Parameters
    ----------
    model : type of BaseModel
        Its fields are the options.
    without : type of BaseModel, optional
        A model whose fields are described elsewhere.
    links : mapping of type to str
        Where the options of a model that an option holds are described.
    """
    known = set(without.model_fields) if without is not None else set()
    rows = [
        _write_row(name_written(name, field), describe_field(field, links), write_default(field), field.description or "")
        for name, field in model.model_fields.items()
        if name not in known
    ]
    return [*HEAD, *rows] if rows else []


def about(thing: Any) -> str:
    """Give the first paragraph of a docstring as Markdown."""
    paragraph = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def name_written(name: str, field: FieldInfo) -> str:
    """Name a field as it is written in YAML."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return " or ".join(f"`{choice}`" for choice in alias.choices)
    return f"`{name}`"


def describe_field(field: FieldInfo, links: Mapping[type, str]) -> str:
    """Say in words which values a field takes."""
    values = describe_values(field.annotation, links)
    bounds = [
        words.format(f"{bound:,}" if isinstance(bound, int) else f"{bound:g}")
        for each in field.metadata
        for name, words in _BOUNDS.items()
        if isinstance(each, getattr(annotated_types, name.capitalize())) and (bound := getattr(each, name)) is not None
    ]
    return f"{values}, {' '.join(bounds)}" if bounds else values


def describe_values(annotation: Any, links: Mapping[type, str]) -> str:
    """Say in words which values may be written for a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return links.get(annotation, "a mapping")
    if origin is Literal:
        return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in arguments)
    if origin is Annotated:
        return describe_values(arguments[0], links)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe_values(each, links) for each in arguments if each is not type(None)))
    if origin in (list, set, frozenset) or (origin is tuple and arguments[-1:] == (...,)):
        return f"list of {_PLURAL.get(arguments[0]) or describe_values(arguments[0], links)}"
    if origin is tuple:
        return "list: " + ", ".join(describe_values(each, links) for each in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"for each name: {describe_values(arguments[1], links)}"
    return "text" if getattr(annotation, "__name__", "") in ("Path", "date") else "a mapping"


def write_default(field: FieldInfo) -> str:
    """Write a field's default as YAML."""
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True) if field.default is PydanticUndefined else field.default
    if value is None or value in ((), {}, [], "") or isinstance(value, BaseModel | frozenset):
        return ""
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`" if not any(isinstance(each, BaseModel) for each in value) else ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def find_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Find the models that the options of a model hold, each once, depth first."""
    found: dict[type[BaseModel], None] = {}

    def look(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found and annotation not in (model, BaseModel):
                found[annotation] = None
                for field in annotation.model_fields.values():
                    look(field.annotation)
            return
        for part in get_args(annotation):
            look(part)

    for field in model.model_fields.values():
        look(field.annotation)
    yield from found


def _write_row(*cells: str) -> str:
    escaped = (" ".join(cell.split()).replace("|", r"\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |"
