"""The hook that ends a run with an error where a cell failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.hooks.command import continue_command


class FailedCellsError(EmbPipelineError):
    """A run that came to its end without some of its results.

    Parameters
    ----------
    failed : sequence of str
        Place and reason of each.
    command : str
        The command that tries these again.
    """

    def __init__(self, failed: Sequence[str], command: str) -> None:
        reason = f"{len(failed)} of the results could not be made; all others are written"
        super().__init__("this run", reason, f"To try these again: {command}")
        self.failed, self.command = tuple(failed), command

    def __reduce__(self) -> tuple[type[FailedCellsError], tuple[tuple[str, ...], str]]:
        return FailedCellsError, (self.failed, self.command)

    def __str__(self) -> str:
        listed = "\n".join(f"  {line}" for line in self.failed)
        return f"{self.place}: {self.reason}:\n{listed}\n{self.remedy}"


class FailedCells:
    """Ends a run with an error where a cell failed, after everything else was written."""

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Name what failed, and the command that tries it again."""
        found = {
            failed.place: str(failed)
            for name in sorted(pipeline.all_outputs())
            if (failed := _find_failure(catalog.get(name)))
        }
        if "failures" in pipeline.all_outputs():
            for row in catalog.load("failures").to_pylist():
                place = f"{row['embedding']} on {row['task']}" if row["task"] else row["embedding"]
                found.setdefault(place, f"{place}: {row['reason']}")
        if found:
            raise FailedCellsError(list(found.values()), continue_command(run_params))


def _find_failure(dataset: Any) -> Any:
    failure = getattr(dataset, "failure", None)
    return failure() if failure is not None else None
