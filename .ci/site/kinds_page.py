"""The page of all kinds of task, their metrics and the options of their evaluation."""

from __future__ import annotations

from option_tables import list_options

from emb_pipeline.tasks.kind import Kind
from emb_pipeline.tasks.metrics.metric import Metric
from emb_pipeline.tasks.registry import KINDS

_HEAD = """# Kinds of task

This page is written from the code. Each task of a use case is of one kind. The first metric of a kind is the one that its
leaderboard is sorted by. The options of an evaluation stand under `evaluation:` for all tasks of the kind, or under
`evaluation:` of one task. [Readers](../readers.md) says which files each kind is read from.
"""


def write_page() -> str:
    """Write the page: for each kind its units, metrics and options."""
    parts = [_HEAD]
    for kind in KINDS.values():
        parts += ["", f"## `{kind.name}`", "", *_describe(kind), "", "| metric | in text | better is |", "|---|---|---|"]
        parts += [_write_metric(metric) for metric in kind.metrics]
        parts += ["", *list_options(kind.options)]
    return "\n".join(parts) + "\n"


def _describe(kind: Kind) -> list[str]:
    needed = " or ".join(f"`{each}`" for each in sorted(kind.requires))
    return [
        f"- Intervals and tests resample its {kind.unit}.",
        f"- An embedding must support {needed}.",
        f"- {f'A probe learns from its {kind.labels}.' if kind.learns_from_labels else 'No probe is trained.'}",
        f"- {'Embeddings can be fine-tuned on it.' if kind.tune else 'Embeddings cannot be fine-tuned on it.'}",
    ]


def _write_metric(metric: Metric) -> str:
    label = metric.label.format("…") + (", in percent" if metric.percent else "")
    return f"| `{metric.name}` | {label} | {'higher' if metric.higher_is_better else 'lower'} |"
