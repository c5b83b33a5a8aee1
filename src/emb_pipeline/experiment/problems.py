"""Problems of what a person wrote, each in a sentence with the nearest known name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pydantic import AliasChoices, BaseModel, ValidationError

from emb_pipeline.errors import EmbPipelineError, find_nearest_name, suggest

Keys: TypeAlias = tuple[Any, ...]
_FROM_PYDANTIC = "Value error, "
_NO_OPTIONS = frozenset({"dict_type", "model_type", "model_attributes_type", "mapping_type"})


class ParametersError(EmbPipelineError, ValueError):
    """Parameters that say something that nothing reads, or that cannot be run.

    Parameters
    ----------
    problems : sequence of EmbPipelineError
        At least one; place, reason and remedy of the error are those of the first.
    """

    def __init__(self, problems: Sequence[EmbPipelineError]) -> None:
        super().__init__(problems[0].place, problems[0].reason, problems[0].remedy)
        self.problems = tuple({str(problem): problem for problem in problems}.values())

    def __reduce__(self) -> tuple[type[ParametersError], tuple[tuple[EmbPipelineError, ...]]]:
        return ParametersError, (self.problems,)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class GridError(EmbPipelineError, ValueError):
    """A grid that cannot be run."""


class Names(NamedTuple):
    """Names that may be written at a place, and the word for one of them."""

    word: str
    known: Sequence[str]


class Problem(NamedTuple):
    """One problem: the keys that lead to it, the same as they are written (``.folds``), and what is said of them."""

    keys: Keys
    written: str
    reason: str
    remedy: str


def describe_problems(error: ValidationError, names_at: Callable[[Keys], Names]) -> list[Problem]:
    """Describe each problem that pydantic found.

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
            meant |= {(*path, name) for name in find_nearest_name(str(last), names)}
            remedy = suggest(str(last), names) if names else "leave it out"
            problems.append(Problem(found["loc"], _join(path), f"unknown {word} '{last}'", remedy))
        elif found["type"] == "missing":
            if (*path, last) not in meant:  # a name that was misspelt is not missing, too
                problems.append(Problem(found["loc"], _join(path), f"'{last}' is missing", "add it"))
        elif found["type"] in _NO_OPTIONS:
            reason = f"must hold options, not {found['input']!r}"
            problems.append(Problem(found["loc"], _join(found["loc"]), reason, "write 'name: value' below it"))
        else:
            reason, _, remedy = found["msg"].removeprefix(_FROM_PYDANTIC).partition("; ")
            problems.append(Problem(found["loc"], _join(found["loc"]), reason, remedy))
    return problems


def find_problems(model: type[BaseModel], values: Any, named: type[BaseModel] | None = None) -> list[Problem]:
    """Validate values by a model, and describe each problem, with the names of another model where one is given."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        names = Names("option", list_names(named or model))
        return describe_problems(error, lambda keys: names)
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
        EmbPipelineError(f"{place(section)}: {section}{problem.written}", problem.reason, problem.remedy)
        for section, model in models.items()
        if section in parameters
        for problem in find_problems(model, parameters[section])
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
