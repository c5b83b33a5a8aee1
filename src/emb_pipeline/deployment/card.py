"""The embedding card: what a reader must know before using a chosen embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

_COSTS = {
    "bytes_per_item": "bytes per vector",
    "bytes": "bytes of the model",
    "train_seconds": "seconds to train",
    "latency_ms_p50": "ms a request (median)",
    "latency_ms_p95": "ms a request (95 %)",
}

_PROMPTS = ("query_prompt", "passage_prompt", "text_prompt")
"""Options that the card shows as the prompts in force."""


def embedding_card(facts: Mapping[str, Any], options: Mapping[str, Any], others: pd.DataFrame) -> str:
    """Data, training, scores, limits of a chosen embedding, in Markdown.

    Parameters
    ----------
    facts : mapping
        Its row of the decision, with kind, method and versions.
    options : mapping
        Its hyper-parameters.
    others : DataFrame
        The other candidates' rows of the decision.
    """
    name, task, metric = facts["embedding"], facts["task"], facts["metric"]
    tied = others[others["non_inferior"]]["embedding"].head(5).tolist()
    rather = f"Not inferior either, but not cheaper: {', '.join(f'`{each}`' for each in tied)}." if tied else ""
    lines = [
        f"# {name} for {task}",
        "",
        f"On `{task}` the cheapest embedding within the budgets that is not inferior to the best, `{facts['best']}`.",
        rather,
        "",
        "## Scores",
        "",
        f"- {metric}: {facts['value']:.4f} on {facts['n']:,} test units that it did not learn from",
        f"- against the best: {facts['difference_to_best']:+.4f}; with 95 % confidence not below {facts['bound']:+.4f} "
        f"(margin {facts['margin']:g})",
        *(f"- {text}: {facts[cost]:,.4g}" for cost, text in _COSTS.items() if cost in facts),
        "",
        "## How it was made",
        "",
        f"- origin `{name.split('.', 1)[0]}`, method `{facts['method']}`",
        *(f"- {option}: {value}" for option, value in options.items() if value is not None and option not in _PROMPTS),
        *(f"- prompt of a {role}: {_in_words(**prompt)}" for role, prompt in facts.get("prompts", {}).items()),
        "",
        "## Limits",
        "",
        "- The scores hold for texts like those that it was tested on. Other text, another time or language: measure again.",
        "- It was chosen among the embeddings of one run; what was not in the grid was not looked at.",
        "- What is over- or under-represented in its training text is so in its vectors. See the diagnosis in the report.",
        "- A classifier in this bundle was fitted once more, on all examples that are not the official test part.",
        "",
        "## Versions",
        "",
        *(f"- {library} {version}" for library, version in facts.get("versions", {}).items()),
        "",
    ]
    return "\n".join(line for line in lines if line is not None)


def _in_words(**prompt: str) -> str:
    return f"`{prompt['prompt']}` ({prompt['from']})" if prompt["prompt"] else "none"
