"""The hook that ends a run with an error where a cell failed."""

from __future__ import annotations

from typing import Any

import click
from kedro.framework.hooks import hook_impl

from emb_pipeline.hooks.command import format_kedro_command


class FailedCellsError(click.ClickException):
    """A run came to its end without some of its cells."""


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
            again = format_kedro_command({name: run_params.get(name) for name in ("env", "runtime_params")})
            listed = "\n".join(f"  {line}" for line in found.values())
            raise FailedCellsError(
                f"{len(found)} of the results could not be made; all others are written:\n{listed}\n"
                f"To try these again: {again} --only-missing-outputs"
            )


def _find_failure(dataset: Any) -> Any:
    failure = getattr(dataset, "failure", None)
    return failure() if failure is not None else None
