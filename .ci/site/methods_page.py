"""The page of all methods and their options."""

from __future__ import annotations

from option_tables import about, list_options

from emb_pipeline.embeddings.method import Method
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import TUNING

_SOURCES = {
    "corpus": "trained on a corpus",
    "task": "fitted on a task's training texts",
    "control": "no knowledge: a control",
    "pretrained": "trained elsewhere",
    "encoder": "made from another encoder",
    "vectors": "made from other word vectors",
    "embedding": "builds on other embeddings",
}
_HEAD = """# Methods

This page is written from the code. A method is a way to get an embedding. Its options stand under `methods:` for all
embeddings of the method, or under `options:` of one embedding of the grid.
"""


def write_page() -> str:
    """Write the page: a line for each method, then the options of each."""
    parts = [_HEAD, "| method | for people | knowledge | can be used for | can be exported |", "|---|---|---|---|---|"]
    parts += [_summarize(method) for method in METHODS.values()]
    for name, method in METHODS.items():
        parts += ["", f"## `{name}`", "", about(method.options), "", *_list(method.options)]
    parts += ["", "## Fine-tuning", "", "Options of what is trained further with the labels of a task, under `methods:`."]
    for name, model in TUNING.values():
        parts += ["", f"### `{name}`", "", about(model), "", *_list(model)]
    return "\n".join(parts) + "\n"


def _list(options: type[Options]) -> list[str]:
    return list_options(options) or ["It has no options."]


def _summarize(method: Method) -> str:
    supports = ", ".join(sorted(method.supports))
    exported = "yes" if method.export else "no"
    return f"| [`{method.name}`](#{method.name}) | {method.label} | {_SOURCES[method.source]} | {supports} | {exported} |"
