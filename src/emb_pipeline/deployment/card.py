"""The embedding card: what a reader must know before using a chosen embedding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from emb_pipeline.deployment.cutoffs import write_cutoff
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting.sections.summary.deploy import name_best, write_excess, write_further_units, write_languages
from emb_pipeline.reporting.wording import write_code, write_distance, write_value
from emb_pipeline.statistics.costs import COSTS
from emb_pipeline.statistics.decision.standings import NOT_ABOVE_FLOOR, ONLY, SHOWN

_NAMED = 5
_COSTS = ("bytes_per_item", "bytes", "train_seconds", "latency_ms_p50", "latency_ms_p95", "usd_per_million_texts")
_PROMPTS = ("query_prompt", "passage_prompt", "text_prompt")
"""Options that the card shows as the prompts in force."""


def write_embedding_card(facts: Mapping[str, Any], options: Mapping[str, Any], others: pd.DataFrame) -> str:
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
    best = name_best(others) if len(others) else "the best"
    top = f"{best}, {write_code(facts['best'])}" if facts["best"] != name else f"{best}, which is this one"
    lines = [
        f"# {escape(name, quote=False)} for {escape(task, quote=False)}",
        "",
        f"On {write_code(task)} {_describe_standing(facts, best, top)}.",
        "",
        *([f"Note: {facts['labels_note']}.", ""] if facts.get("labels_note") else []),
        "## What was not chosen, and why",
        "",
        *(_list_reasons(facts, others) or ["- there was no other candidate"]),
        "",
        "## Scores",
        "",
        f"- {metric}: {facts['value']:.4f} on {facts['n']:,} test units that it did not learn from",
        *(
            [
                f"- corrected for having been chosen among {facts['among']:.0f}: {facts['corrected']:.4f} "
                f"[{facts['corrected_low']:.4f}, {facts['corrected_high']:.4f}]"
            ]
            if facts.get("among", 0) > 1
            else []
        ),
        *(
            [
                f"- against {best}: {facts['difference_to_best']:+.4f}; with 95 % confidence not below "
                f"{facts['bound']:+.4f} (margin {facts['margin']:g})"
            ]
            if math.isfinite(facts["bound"])
            else []
        ),
        *(f"- {COSTS[cost].with_unit}: {facts[cost]:,.4g}" for cost in _COSTS if cost in facts and _is_told(cost, facts)),
        "",
        *write_cutoff(facts.get("cutoff", {})),
        "## How it was made",
        "",
        *_describe_making(facts, options),
        "",
        "## Limits",
        "",
        "- The scores hold for texts like those that it was tested on. Other text, another time or language: measure again.",
        *(
            [f"- It is, or is made from, a pretrained model {write_languages(facts['languages'])}."]
            if "languages" in facts
            else []
        ),
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


def _describe_making(facts: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Say how the embedding was made, and of which others; what holds of both is said once."""
    lines = [
        f"- origin {write_code(facts['origin'])}, method {METHODS[facts['method']].label} (`{facts['method']}`)",
        *_describe_setting(facts),
        *_describe_model(facts.get("model", {})),
        *([f"- compared by {facts['similarity']}"] if facts.get("similarity", "cosine") != "cosine" else []),
        *([f"- encoded by {write_code(facts['encoded_by'])}"] if "encoded_by" in facts else []),
        *(
            f"- {option}: {_write_option(value)}"
            for option, value in options.items()
            if value is not None and option not in _PROMPTS
        ),
        *_describe_prompts(facts),
        *_describe_service(facts),
    ]
    parts = [line for part in facts.get("parts", ()) for line in _describe_part(part)]
    return [*lines, *(line for line in parts if line.strip() not in lines)]


def _describe_setting(facts: Mapping[str, Any]) -> list[str]:
    """Say what the evaluation chose for requests, and on which queries."""
    if not facts.get("setting") or not facts.get("chosen_on"):
        return []
    chosen = ", ".join(f"{write_code(name)} {value:g}" for name, value in facts["setting"].items() if value is not None)
    return [f"- setting: {chosen}; chosen on {facts['chosen_on']}"]


def _describe_part(part: Mapping[str, Any]) -> list[str]:
    """Say of an embedding that another is made of what it is, indented below its name."""
    options = [f"{name}: {_write_option(value)}" for name, value in part["options"].items() if name not in _PROMPTS]
    what = f"{METHODS[part['method']].label} (`{part['method']}`)"
    about = [*_describe_model(part.get("model", {})), *_describe_prompts(part), *_describe_service(part)]
    return [f"- part {write_code(part['embedding'])}: {', '.join([what, *options])}", *(f"  {line}" for line in about)]


def _write_option(value: Any) -> str:
    return write_code(value) if isinstance(value, str | list | dict) else str(value)


def _describe_prompts(facts: Mapping[str, Any]) -> list[str]:
    return [f"- prompt of a {role}: {_describe_prompt(**prompt)}" for role, prompt in facts.get("prompts", {}).items()]


def _describe_model(model: Mapping[str, Any]) -> list[str]:
    """Describe the model behind an embedding: kind, size, length, license, origin, as its own files say."""
    if not model:
        return []
    reads = f", reads {model['max_length']:,} sub-words of a text" if "max_length" in model else ""
    size = f"{model['parameters']:,} parameters, {model['bytes'] / 1e6:,.1f} MB{reads}"
    return [
        f"- model: {write_code(model['architecture'])}, {size}",
        f"- license of the model, as its card says: {write_code(model.get('license', 'unknown'))}",
        *([f"- base model: {', '.join(map(write_code, model['base_model']))}"] if "base_model" in model else []),
    ]


def _describe_standing(facts: Mapping[str, Any], best: str, top: str) -> str:
    """Say what the tests of the decision say of the chosen one."""
    margin = write_distance(facts["margin"], facts["metric"])
    if facts["standing"] == NOT_ABOVE_FLOOR:
        return f"no embedding is shown to be better than {write_code(facts['floor'])}; this one was exported all the same"
    if facts["standing"] == SHOWN:
        return f"the cheapest embedding within the budgets that is shown to be not inferior to {top}"
    if facts["standing"] == ONLY:
        return "the only candidate that fits the budgets"
    more = write_further_units(facts)
    return f"measured as {best}, but not shown to be within {margin} of every other{f'; {more}' if more else ''}"


def _list_reasons(facts: Mapping[str, Any], others: pd.DataFrame) -> list[str]:
    """Say of each other candidate why it was not chosen; those that score more than the chosen one by themselves, first."""
    if others.empty:
        return []
    higher = others[~others["fits"] & (others["value"] > facts["value"])]
    metric = facts["metric"]
    lines = [
        f"- {write_code(row['embedding'])} scores {write_distance(row['value'] - facts['value'], metric)} more "
        f"({write_value(row['value'], metric)}) but {write_excess(row)}."
        for row in higher.to_dict("records")
    ]
    fits, good = others["fits"], others["non_inferior"]
    groups = (
        ("does not fit the budgets, and scores no more", others[~fits & ~others.index.isin(higher.index)]),
        ("is not inferior either, but not cheaper", others[fits & good]),
        (f"may be worse than {name_best(others)} by more than the margin ({facts['margin']:g})", others[fits & ~good]),
    )
    for reason, rows in groups:
        if len(rows):
            names = ", ".join(map(write_code, rows["embedding"].head(_NAMED)))
            more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
            lines.append(f"- {reason}: {names}{more}")
    return lines


def _is_told(cost: str, facts: Mapping[str, Any]) -> bool:
    """Tell whether a cost says anything of this embedding: what is computed here has no price."""
    return cost != "usd_per_million_texts" or "endpoint" in facts or bool(facts[cost])


def _describe_service(facts: Mapping[str, Any]) -> list[str]:
    """Say of an embedding behind an endpoint what its user needs, and how much its vectors differ from day to day."""
    if "endpoint" not in facts:
        return []
    service, drift = facts["endpoint"], facts.get("drift")
    lines = [f"- every text is sent to {write_code(service['base_url'])}; the key is not in this bundle"]
    if drift:
        distances = f"{drift['max_distance']:.2g} at most, {drift['mean_distance']:.2g} on average"
        lines.append(f"- the same {drift['n_texts']} texts, encoded again: cosine distance {distances}")
        lines += [f"- {drift['warning']}"] if "warning" in drift else []
    return lines


def _describe_prompt(**prompt: str) -> str:
    return f"`{prompt['prompt']}` ({prompt['from']})" if prompt["prompt"] else "none"
