"""Problems of what a person wrote, each in a sentence with the nearest known name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pydantic import AliasChoices, BaseModel, ValidationError

from emb_pipeline.errors import nearest, suggest

Keys: TypeAlias = tuple[Any, ...]
_FROM_PYDANTIC = "Value error, "
_NO_OPTIONS = frozenset({"dict_type", "model_type", "model_attributes_type", "mapping_type"})


class ParametersError(ValueError):
    """Parameters that say something that nothing reads, or that cannot be run.

    Parameters
    ----------
    problems : sequence of str
        One sentence each: place, reason, remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Names(NamedTuple):
    """Names that may be written at a place, and the word for one of them."""

    word: str
    known: Sequence[str]


class Problem(NamedTuple):
    """One problem: the keys that lead to it, and a sentence that starts with them (``.folds: Input should be …``)."""

    keys: Keys
    sentence: str


def describe_problems(error: ValidationError, names_at: Callable[[Keys], Names]) -> list[Problem]:
    """Say each problem that pydantic found in a sentence: ``.folds: input should be greater than 1``.

    Parameters
    ----------
    error : ValidationError
        The error that pydantic raised.
    names_at : callable
        Gives the names that may be written at a place, for a suggestion where a name is unknown there.
    """
    problems = []
    meant: set[Keys] = set()
    for found in sorted(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden"):
        *path, last = found["loc"] or ("",)
        if found["type"] == "extra_forbidden":
            word, names = names_at(tuple(path))
            meant |= {(*path, name) for name in nearest(str(last), names)}
            hint = f"; {suggest(str(last), names)}" if names else ""
            sentence = f"{_join(path)}: unknown {word} '{last}'{hint}"
        elif found["type"] == "missing":
            if (*path, last) in meant:  # a name that was misspelt is not missing, too
                continue
            sentence = f"{_join(path)}: '{last}' is missing"
        elif found["type"] in _NO_OPTIONS:
            sentence = f"{_join(found['loc'])}: must hold options, not {found['input']!r}"
        else:
            sentence = f"{_join(found['loc'])}: {found['msg'].removeprefix(_FROM_PYDANTIC)}"
        problems.append(Problem(found["loc"], sentence))
    return problems


def find_problems(model: type[BaseModel], values: Any, named: type[BaseModel] | None = None) -> list[str]:
    """Validate values by a model, and say each problem in a sentence, with the names of another model where one is given."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        names = Names("option", list_names(named or model))
        return [problem.sentence for problem in describe_problems(error, lambda keys: names)]
    return []


def check_options(
    parameters: Mapping[str, Any],
    models: Mapping[str, type[BaseModel]],
    *,
    place: Callable[[str], str] = lambda name: "parameters",
) -> None:
    """Refuse options that the sections' own models do not know, or whose values they cannot take.

    Parameters
    ----------
    parameters : mapping
        The use case's parameters.
    models : mapping of str to model
        The model of each section that has one.
    place : callable
        Names the file that a section was written in.

    Raises
    ------
    ParametersError
        Lists the problems.
    """
    problems = [
        f"{place(section)}: {section}{sentence}"
        for section, model in models.items()
        if section in parameters
        for sentence in find_problems(model, parameters[section])
    ]
    if problems:
        raise ParametersError(problems)


def list_names(model: type[BaseModel]) -> list[str]:
    """List the names that a person may write for a model's fields."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names += map(str, alias.choices) if isinstance(alias, AliasChoices) else [name]
    return names


def _join(keys: Iterable[Any]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys if key != "")
