"""Axes of embeddings, written out as the entries that a person could have written: variants and derived embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import suggest
from emb_pipeline.experiment.problems import GridError, list_names
from emb_pipeline.experiment.schema import Axes, Derived, Grid, Variant

PROMPT = "prompt"
"""The axis that sets the prompts of all roles at once."""
_ROLES = ("query", "passage", "text")
_DERIVING = {
    axis: (name, option) for name, method in METHODS.items() if method.derivation for axis, option in method.derivation.axes
}
"""Axes of every embedding: the method that makes another one of it, and the option that the values are of."""


class _Point(NamedTuple):
    """One value of an axis: what is added to the embedding's name, and the options that it sets."""

    suffix: str
    options: dict[str, Any]


class _Embedding(NamedTuple):
    """An embedding with axes."""

    place: str
    names: tuple[str, ...]
    method: str
    options: dict[str, Any]
    axes: Axes
    evaluate_on: tuple[str, ...] | None


def expand_axes(grid: Grid, methods: Mapping[str, Any]) -> Grid:
    """Write out the axes of a grid.

    Each value of an axis is combined with each of the others, and with the embedding as it is. A value that the embedding
    has anyway adds nothing. Options of its own method become `Variant` entries; fewer dimensions or bits become `Derived`
    ones, which are made from the vectors of the embedding or of its variant. A derived embedding has its axes among its
    options, as lists; there each value is written out, and the one that it would have anyway is no exception.

    Parameters
    ----------
    grid : Grid
        As it is written.
    methods : mapping
        Hyper-parameters of each method, which options of the grid differ from.

    Returns
    -------
    Grid
        The same embeddings without an axis.

    Raises
    ------
    GridError
        An axis or a value that does not exist, a name that two embeddings would have, a method that is not in the grid.
    """
    variants, derived = dict(grid.variants), dict[str, Derived]()
    for name, entry in grid.derived.items():
        for suffix, options in _combine_options(place := f"grid.derived.{name}.options", entry):
            _add(derived, f"{name}{suffix}", entry.model_copy(update={"options": options}), place, variants)
    for each in _list_embeddings(grid, methods):
        for name in each.names:
            own, made = _combine(each, methods)
            for variant in own:
                bases = [f"{name}{variant.suffix}"]
                if variant.options:
                    _add(variants, bases[0], Variant(of=name, options=variant.options), each.place, derived)
                for method, points in made.items():
                    pairs = list(product(bases, points))
                    for base, point in pairs:
                        made_of = {"method": method, "of": base, "options": point.options, "evaluate_on": each.evaluate_on}
                        _add(derived, f"{base}{point.suffix}", Derived.model_validate(made_of), each.place, variants)
                    bases += [f"{base}{point.suffix}" for base, point in pairs]
    pretrained = {key: entry.model_copy(update={"axes": {}}) for key, entry in grid.pretrained.items()}
    return grid.model_copy(update={"axes": {}, "pretrained": pretrained, "variants": variants, "derived": derived})


def _list_embeddings(grid: Grid, methods: Mapping[str, Any]) -> Iterator[_Embedding]:
    for key, entry in grid.pretrained.items():
        if entry.axes and entry.method in METHODS:
            options = {**(methods.get(entry.method) or {}), **entry.options}
            place, name = f"grid.pretrained.{key}.axes", f"pretrained.{key}"
            yield _Embedding(place, (name,), entry.method, options, entry.axes, entry.evaluate_on)
    names = _name_embeddings(grid)
    for method, axes in grid.axes.items():
        if method not in names:
            raise GridError(
                "globals.yml, grid.axes",
                f"{method!r} is no method of the grid's methods: or baselines:",
                suggest(method, names),
            )
        yield _Embedding(f"grid.axes.{method}", tuple(names[method]), method, methods.get(method) or {}, axes, None)


def _name_embeddings(grid: Grid) -> dict[str, list[str]]:
    """List the embeddings of each method that the grid trains or fits; copies with other seeds are left out."""
    names: dict[str, list[str]] = {}
    for corpus in grid.corpora:
        for method, dims in grid.methods.items():
            names.setdefault(method, []).extend(f"{corpus}.{method}_{dim}" for dim in dims)
    for key in grid.baselines:
        method = key if key in METHODS else key.rpartition("_")[0]
        names.setdefault(method, []).append(f"task.{key}")
    return {method: found for method, found in names.items() if method in METHODS}


def _combine(each: _Embedding, methods: Mapping[str, Any]) -> tuple[list[_Point], dict[str, list[_Point]]]:
    """Combine the values of the axes: points of the method's own options, and those of methods that make others of it."""
    own_names = list_names(METHODS[each.method].options)
    known = [*own_names, *_DERIVING, *([PROMPT] if _takes_prompts(own_names) else [])]
    own: list[list[_Point]] = []
    lists: dict[str, list[list[_Point]]] = {method: [] for method, _ in _DERIVING.values()}
    for axis, values in each.axes.items():
        if axis not in known:
            place = f"globals.yml, {each.place}"
            raise GridError(place, f"an embedding of the method {each.method} has no axis {axis!r}", suggest(axis, known))
        if axis in own_names or axis == PROMPT:
            own.append(_list_points(each.place, axis, values, METHODS[each.method].options, each.options))
        else:
            method, option = _DERIVING[axis]
            lists[method].append(
                _list_points(each.place, axis, values, METHODS[method].options, methods.get(method), option)
            )
    made = {method: _keep_effective(method, found, methods) for method, found in lists.items() if found}
    if not all(made.values()):
        reason = f"{', '.join(axis for axis in each.axes if axis in _DERIVING)}: nothing would become smaller"
        raise GridError(f"globals.yml, {each.place}", reason, "add a list of dims or of precision")
    return _cross(own), made


def _keep_effective(method: str, lists: Sequence[Sequence[_Point]], methods: Mapping[str, Any]) -> list[_Point]:
    """Combine points of one method, without those that would leave the other embedding as it is."""
    model, present = METHODS[method].options, methods.get(method) or {}
    return [point for point in _cross(lists) if model.model_construct(**{**present, **point.options}).has_effect]


def _cross(lists: Iterable[Sequence[_Point]]) -> list[_Point]:
    """Combine each point of a list with each of the others."""
    return [
        _Point(
            "".join(each.suffix for each in points), {name: value for each in points for name, value in each.options.items()}
        )
        for points in product(*lists)
    ]


def _list_points(
    place: str, axis: str, values: Any, model: type[Options], present: Mapping[str, Any] | None, option: str = ""
) -> list[_Point]:
    """List the values of an axis, the embedding as it is first; or the single value that holds for all.

    ``option`` is that of a method which makes another embedding: a single value is for those alone.
    """
    place, present = f"globals.yml, {place}.{axis}", present or {}
    is_always_another = bool(option) and model.model_construct(**present).has_effect
    if not isinstance(values, list | tuple):
        if not option or is_always_another:
            raise GridError(
                place,
                f"{values!r} is no list of values",
                f"write [{values}]" + ("" if option else ", or set it under options:"),
            )
        _require_valid(place, model, option, values)
        return [_Point("", {option: values})]
    points = _read_points(place, axis, values, model, option)
    if is_always_another:
        return points
    usual = {name: present.get(name, field.default) for name, field in model.model_fields.items()}
    return [_Point("", {}), *(point for point in points if {**usual, **point.options} != usual)]


def _combine_options(place: str, entry: Derived) -> list[_Point]:
    """Combine the values of those options of a derived embedding that are lists where a single value is due."""
    model = METHODS[entry.method].options if entry.method in METHODS else Options
    lists = [
        _read_points(f"globals.yml, {place}.{option}", option, values, model)
        for option in model.model_fields
        if isinstance(values := entry.options.get(option), list | tuple) and _find_fault(model, option, values)
    ]
    return [_Point(suffix, {**entry.options, **options}) for suffix, options in _cross(lists)]


def _read_points(place: str, axis: str, values: Sequence[Any], model: type[Options], option: str = "") -> list[_Point]:
    """Read the values of an axis: at least one, each valid, and no two of one name."""
    if not values:
        raise GridError(place, "there is no value", "name one, or leave the axis out")
    points: dict[str, _Point] = {}
    for value in values:
        options = _read_prompts(place, value) if axis == PROMPT else {option or axis: value}
        for name, written in options.items():
            _require_valid(place, model, name, written)
        point = _Point(f"_{write_suffix(axis, value)}", options)
        if point.suffix in points:
            reason = f"two values would give one name, …{point.suffix}"
            raise GridError(place, reason, "leave one out, or write it under variants: with a name of its own")
        points[point.suffix] = point
    return list(points.values())


def _takes_prompts(own_names: Sequence[str]) -> bool:
    return all(f"{role}_prompt" in own_names for role in _ROLES)


def _read_prompts(place: str, value: Any) -> dict[str, Any]:
    """Read a value of the axis of prompts: model, none, a text for all roles, or one for each role that is named."""
    if isinstance(value, Mapping):
        for role in value:
            if role not in _ROLES:
                raise GridError(place, f"unknown role {role!r}", suggest(str(role), _ROLES))
        return {f"{role}_prompt": text for role, text in value.items()}
    prompt = {"model": None, "none": ""}.get(value, value) if isinstance(value, str) else value
    return {f"{role}_prompt": prompt for role in _ROLES}


def _require_valid(place: str, model: type[BaseModel], option: str, value: Any) -> None:
    if fault := _find_fault(model, option, value):
        raise GridError(place, f"{value!r}: {fault}", f"{option}: {model.model_fields[option].description}")


def _find_fault(model: type[BaseModel], option: str, value: Any) -> str:
    """Say why a value is none of an option; nothing where it is one."""
    field = model.model_fields[option]
    constrained: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(constrained).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return ""


def write_suffix(axis: str, value: Any) -> str:
    """Write what a value adds to a name: ``window10``, ``stem_english``, ``prompt_none``."""
    if isinstance(value, int) and not isinstance(value, bool) and not axis[-1].isdigit():
        return f"{axis}{value}"
    texts = [str(text) for text in value.values()] if isinstance(value, Mapping) else [str(value)]
    words = re.sub(r"[^A-Za-z0-9]+", "_", " ".join(texts).replace("+", " plus")).strip("_").lower()
    return f"{axis}_{words[:40].strip('_') or 'empty'}"


def _add(entries: dict[str, Any], name: str, entry: Variant | Derived, place: str, others: Mapping[str, Any]) -> None:
    if name in entries or name in others:
        raise GridError(
            f"globals.yml, {place}", f"two embeddings are called {name}", "leave the value out, or rename the other one"
        )
    entries[name] = entry
