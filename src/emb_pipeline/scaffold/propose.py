"""The task that somebody's files hold."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal
from emb_pipeline.tasks.registry import KINDS

_REMEDY = "say which columns are meant with --text and --label, and the task with --kind, or write it: docs/your-own-data.md"


def propose_tasks(files: Sequence[Described], named: Named, kind: str | None = None) -> list[Proposal]:
    """List the tasks that files could be evaluated as, the likeliest first.

    Raises
    ------
    DataError
        There is none, or a kind that does not exist.
    """
    if kind is not None and kind not in KINDS:
        raise DataError("--kind", f"there is no kind of task {kind!r}", suggest(kind, KINDS))
    found: list[Proposal] = []
    errors: list[DataError] = []
    for name, each in KINDS.items():
        if kind not in (None, name):
            continue
        try:
            proposal = each.propose(files, named)
        except DataError as error:
            errors.append(error)
            continue
        if proposal is not None:
            found.append(proposal)
    if not found:
        if errors:
            raise errors[0]
        raise DataError(
            ", ".join(file.path for file in files), f"{_say_what_was_found(files)}: no task is recognized", _REMEDY
        )
    return sorted(found, key=lambda proposal: -proposal.confidence)


def _say_what_was_found(files: Sequence[Described]) -> str:
    columns = [column.name for file in files for column in file.columns]
    shapes = ", ".join(dict.fromkeys(file.shape.replace("_", " ") for file in files))
    return f"{shapes} with the columns {', '.join(columns[:12])}" if columns else shapes
