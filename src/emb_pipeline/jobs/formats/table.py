"""Jobs as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.hooks.display.words import write_time
from emb_pipeline.jobs.plan import NOTE, Plan

_HEAD = ("job", "nodes", "memory", "cores", "GPU", "time", "needs")


def write_table(plan: Plan) -> str:
    """Write the jobs as a table, and their commands below."""
    rows = [
        (
            each.name,
            str(len(each.job.nodes.nodes)),
            f"{each.takes.memory_bytes[1] / 1e9:.1f} GB",
            str(each.takes.cores),
            str(each.takes.gpus or ""),
            write_time(each.takes.seconds[1]),
            _shorten(each.needs),
        )
        for each in plan
    ]
    widths = [max(len(row[place]) for row in (_HEAD, *rows)) for place in range(len(_HEAD))]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in (_HEAD, *rows)
    ]
    commands = [f"{each.name}: {each.command}" for each in plan]
    return "\n".join([*lines, "", NOTE, "", *commands]) + "\n"


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
