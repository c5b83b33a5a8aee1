"""The swap report in Markdown and on the console: gain, test items won and lost, neighbors, costs, kept indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from emb_pipeline.reporting.markdown_page import escape, write_table
from emb_pipeline.reporting.swap.swapped import Example, KeptIndexScores, Outcomes, Searched, Swapped
from emb_pipeline.reporting.wording import (
    NOTHING,
    name_metric,
    name_units,
    write_code,
    write_cost,
    write_count,
    write_difference,
    write_interval,
    write_p,
    write_price,
    write_seconds,
    write_share,
    write_size,
    write_value,
)
from emb_pipeline.statistics.costs import label_of
from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART
from emb_pipeline.statistics.swap.parts import Gain


def write_swap_report(swapped: Sequence[Swapped]) -> str:
    """Write the report of all tasks."""
    candidate, deployed = swapped[0].candidate, sorted({each.deployed for each in swapped})
    lines = [f"# {', '.join(map(write_code, deployed))} → {write_code(candidate)}", ""]
    lines += [f"- {describe_swap(each)}" for each in swapped]
    for each in swapped:
        lines += ["", f"## {escape(each.task)}", "", *_write_gains(each), *_write_outcomes(each), *_write_neighbors(each)]
        lines += [*_write_costs(each), *_write_kept_index(each)]
    return "\n".join(lines) + "\n"


def describe_swap(swapped: Swapped) -> str:
    """Describe what a swap changes on one task, in sentences."""
    gain, metric, units = swapped.gain, swapped.metric, name_units(swapped.kind)
    if not gain.n_units:
        return f"{swapped.task}: the two were scored on no common {units}: were texts or labels changed?"
    said = [
        f"{swapped.task}: {name_metric(metric)} changes by {write_difference(gain.gain, metric)} "
        f"{write_interval(gain.low, gain.high, metric)} on {write_count(gain.n_units)} {units}.".replace("  ", " ")
    ]
    outcomes = swapped.outcomes
    said.append(f"{write_count(outcomes.wins)} are won and {write_count(outcomes.losses)} lost.")
    if swapped.encoding.seconds == swapped.encoding.seconds:
        said.append(
            f"Encoding {write_count(swapped.encoding.n_items)} items takes {write_seconds(swapped.encoding.seconds)} and "
            f"{write_size(swapped.encoding.n_bytes)}."
        )
    if swapped.kept_index is not None:
        best = max(swapped.kept_index.mapped, key=lambda each: each.n_pairs * 10 + each.against_deployed.candidate)
        loss = best.against_candidate
        said.append(
            f"With the old index and mapped queries, {write_count(best.n_pairs)} paired texts, the score is "
            f"{write_difference(loss.gain, swapped.kept_index.metric)} "
            f"{write_interval(loss.low, loss.high, swapped.kept_index.metric)} away from encoding all again."
        )
    return " ".join(said)


def _write_gains(swapped: Swapped) -> list[str]:
    metric, units, n = swapped.metric, name_units(swapped.kind), swapped.found
    level = f"{100 * (1 - swapped.level):g} %"
    lines = [
        "### Gain",
        "",
        f"{name_metric(metric)}, candidate minus deployed, on the {write_count(len(n.units))} {units} that both were scored "
        f"on ({write_count(n.n_deployed)} then, {write_count(n.n_candidate)} now).",
        "",
    ]
    rows = [("all", *_write_gain(swapped.gain, metric))]
    rows += [(f"{escape(each.by)}: {escape(each.part)}", *_write_gain(each, metric)) for each in swapped.parts]
    lines += write_table(("part", units, "deployed", "candidate", "gain", "interval", "p"), rows, "lrrrrll")
    if swapped.parts:
        tested = sum(each.p == each.p for each in swapped.parts)
        lines += [
            "",
            f"The interval of all {units} covers its gain in {level} of cases. Those of the {tested} parts with one all "
            f"hold at once in {level}, and their p-values are adjusted for their number (single-step max-t). "
            f"A part of fewer than {FEWEST_OF_PART} {units}, or groups of them, has no interval.",
        ]
    return lines


def _write_gain(gain: Gain, metric: str) -> tuple[str, ...]:
    return (
        write_count(gain.n_units),
        write_value(gain.deployed, metric),
        write_value(gain.candidate, metric),
        write_difference(gain.gain, metric),
        write_interval(gain.low, gain.high, metric) or NOTHING,
        write_p(gain.p) or NOTHING,
    )


def _write_outcomes(swapped: Swapped) -> list[str]:
    outcomes, units = swapped.outcomes, name_units(swapped.kind)
    lines = [
        "",
        "### Won and lost",
        "",
        f"The candidate scores more on {write_count(outcomes.wins)} {units}, less on {write_count(outcomes.losses)}, and "
        f"as much on {write_count(outcomes.ties)} ({name_metric(outcomes.metric)}).",
    ]
    for title, examples in (("Won", outcomes.won), ("Lost", outcomes.lost)):
        if examples:
            lines += ["", f"**{title}**", "", *_write_examples(examples, outcomes)]
    return lines


def _write_examples(examples: Iterable[Example], outcomes: Outcomes) -> list[str]:
    rows = [
        (
            escape(each.text),
            escape(each.answer),
            write_value(each.deployed, outcomes.metric),
            write_value(each.candidate, outcomes.metric),
        )
        for each in examples
    ]
    return write_table(("text", "right", "deployed", "candidate"), rows, "llrr")


def _write_neighbors(swapped: Swapped) -> list[str]:
    lines = ["", "### Neighbors that stay", ""]
    if swapped.neighbors:
        rows = [
            (
                f"{write_count(each.n_asked)} {each.asked}",
                f"{write_count(each.n_among)} {each.among}",
                write_count(each.k),
                write_share(each.share.value),
                f"[{write_share(each.share.low)}, {write_share(each.share.high)}]",
                write_share(each.k / each.n_among),
            )
            for each in swapped.neighbors
        ]
        lines += write_table(("nearest of", "among", "k", "share that stays", "interval", "by chance"), rows, "llrrlr")
    return [*lines, *_write_note(swapped, "neighbors")]


def _write_costs(swapped: Swapped) -> list[str]:
    encoding = swapped.encoding
    rows = [(label_of(name), *(write_cost(name, value) for value in both)) for name, both in swapped.costs.items()]
    lines = ["", "### Costs", "", *write_table(("cost", "deployed", "candidate"), rows, "lrr"), ""]
    if encoding.seconds == encoding.seconds:
        price = write_price(encoding.usd) if encoding.usd == encoding.usd else "a price that is not known"
        lines.append(
            f"Encoding {write_count(encoding.n_items)} items with the candidate takes {write_seconds(encoding.seconds)} "
            f"({write_count(encoding.texts_per_second)} texts a second, as measured in the run), "
            f"{write_size(encoding.n_bytes)} for vectors, and {price} for a service."
        )
    return lines


def _write_kept_index(swapped: Swapped) -> list[str]:
    lines, kept = ["", "### Keep the index, map the vectors", ""], swapped.kept_index
    if kept is not None:
        metric = kept.metric
        alone = kept.mapped[0]
        lines += [
            "A linear map takes queries of the candidate into the deployed index; no passage is encoded again. It is fitted "
            "on passages that both encoded, and tested on queries that none of these answer.",
            "",
            f"{name_metric(metric)}: {write_value(alone.against_deployed.deployed, metric)} with the deployed embedding "
            f"alone, {write_value(alone.against_candidate.deployed, metric)} with the candidate alone.",
            "",
            *_write_searches(kept, kept.mapped, "paired texts", lambda each: write_count(each.n_pairs)),
            "",
            "**During a roll-out**: queries by the candidate, a share of the passages encoded again, and the old vectors of "
            f"the others mapped to the candidate's space ({write_count(kept.mixed[0].n_pairs)} paired texts).",
            "",
            *_write_searches(kept, kept.mixed, "encoded again", lambda each: write_share(each.share)),
        ]
    return [*lines, *_write_note(swapped, "kept_index")]


def _write_searches(
    kept: KeptIndexScores, searches: Sequence[Searched], first: str, write_first: Callable[[Searched], str]
) -> list[str]:
    metric = kept.metric
    rows = []
    for each in searches:
        cells = [each.name, write_first(each), write_value(each.against_deployed.candidate, metric)]
        for gain in (each.against_deployed, each.against_candidate):
            interval = write_interval(gain.low, gain.high, metric)
            cells.append(f"{write_difference(gain.gain, metric)} {interval}".rstrip())
        rows.append(tuple(cells))
    header = ("map", first, name_metric(metric), "against deployed alone", "against candidate alone")
    return write_table(header, rows, "lrrll")


def _write_note(swapped: Swapped, section: str) -> list[str]:
    return [f"Not measured: {swapped.notes[section]}."] if section in swapped.notes else []
