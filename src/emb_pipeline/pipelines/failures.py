"""Containment: the trouble of one cell or one training does not end the run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from emb_pipeline.experiment.facts import identify_cell
from emb_pipeline.storage.failures import Failed, is_containable

LOGGER = logging.getLogger(__name__)
Step = TypeVar("Step", bound=Callable[..., Any])


def contain_failures(n_outputs: int, *, on_task: bool = False) -> Callable[[Step], Step]:
    """Make a node function give failures in place of its results where it raises, or where an input failed.

    A failure of memory is contained, too: NumPy refuses an array that is too large before it takes any memory, and the next
    cell may need less. What stops a whole run on purpose (Ctrl-C, a signal's exit) is not contained.

    Parameters
    ----------
    n_outputs : int
        Results of the node; a single one is not wrapped into a tuple.
    on_task : bool
        Whether the step evaluates an embedding on a task; else it makes the embedding.
    """

    def decorate(step: Step) -> Step:
        signature = inspect.signature(step)

        @wraps(step)
        def attempt(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            place, cell = _describe(given, on_task)
            earlier = next((each for each in _list_inputs(given, signature) if isinstance(each, Failed)), None)
            if earlier is not None:
                failed = Failed.following(earlier, place, cell)
            else:
                try:
                    return step(*args, **kwargs)
                except BaseException as error:
                    if not is_containable(error):
                        raise
                    failed = Failed.of_error(error, place, cell)
            LOGGER.error("%s", failed)
            return failed if n_outputs == 1 else (failed,) * n_outputs

        # Kedro orders a node's inputs by the signature, and does not look for it behind a decorator.
        attempt.__signature__ = signature  # type: ignore[attr-defined]
        attempt.contain = decorate  # type: ignore[attr-defined]
        return attempt  # type: ignore[return-value]

    return decorate


def fail_instead(step: Callable[..., Any], error: BaseException) -> Callable[..., Any] | None:
    """Make a node function that gives the failure of a step without calling it: the process that called it was killed.

    Returns
    -------
    function or None
        None where the step is not contained, so that its failure ends the run.
    """
    contain = getattr(step, "contain", None)
    if contain is None:
        return None

    @wraps(step)
    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    failing: Callable[..., Any] = contain(fail)
    return failing


def _list_inputs(given: dict[str, Any], signature: inspect.Signature) -> list[Any]:
    """List all inputs of a node, those without a parameter of their own, too."""
    further = [name for name, each in signature.parameters.items() if each.kind is each.VAR_KEYWORD]
    return [*given.values(), *(each for name in further for each in given.get(name, {}).values())]


def _describe(given: dict[str, Any], on_task: bool) -> tuple[str, dict[str, Any]]:
    """Find the place of a step, from its arguments, and the columns of its row on the leaderboard."""
    cell, definition = given.get("cell"), given.get("definition")
    if cell is None:
        return f"vector search on {definition.name}" if definition else "a step", {}
    values = identify_cell(cell)
    if not on_task or definition is None:
        return cell.name, values
    return f"{cell.name} on {definition.name}", {**values, "task": definition.name, "kind": definition.kind}
