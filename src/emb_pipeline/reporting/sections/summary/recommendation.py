"""The answer for one task: what to deploy, how sure that is, what it costs, and what else is worth considering."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import embedding, name_fully
from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.section import Report
from emb_pipeline.reporting.sections.summary.deploy import list_lacking, name_condition, write_unfit
from emb_pipeline.reporting.wording import (
    NARROW_SPACE,
    name_labels,
    name_metric,
    name_units,
    write_count,
    write_distance,
    write_evidence,
    write_interval,
    write_milliseconds,
    write_price,
    write_seconds,
    write_size,
    write_value,
)
from emb_pipeline.statistics.costs import label_of
from emb_pipeline.statistics.decision.standings import CHANCE, LARGEST_CLASS, NOT_ABOVE_FLOOR, ONLY, SHOWN

_Row = Mapping[Hashable, Any]
_CLEARLY_LESS = 0.8
"""Share of a cost below which another embedding is called cheaper."""
_COSTS = (
    ("latency_ms_p50", "a request takes {} instead of {}", write_milliseconds),
    ("bytes_per_item", "a text takes {} instead of {}", write_size),
    ("usd_per_million_texts", "a million texts cost {} instead of {}", write_price),
    ("train_seconds", "training takes {} instead of {}", lambda seconds: write_seconds(seconds) if seconds else "no time"),
)
_SHOWN_COSTS = 2


@dataclass(frozen=True)
class Alternative:
    """Another embedding worth considering.

    Attributes
    ----------
    role : str
        Why: ``Cheaper``, ``Better``, ``Best sparse``, ``Best dense``, ``Next best``.
    embedding : str
        Its technical name.
    text : Markup
        What one would gain and lose.
    """

    role: str
    embedding: str
    text: Markup


@dataclass(frozen=True)
class Recommendation:
    """The answer for one task, in sentences of which each holds one claim.

    Attributes
    ----------
    embedding : str, optional
        The technical name of what to deploy; None where nothing is worth deploying or nothing fits.
    headline : Markup
        What to deploy, with its score.
    is_warning : bool
        Whether that is no recommendation.
    certainty, cost, labels : Markup
        How sure that is, what it costs, and what more labels would bring; empty where it is not known.
    alternatives : tuple of Alternative
        At most two.
    """

    embedding: str | None
    headline: Markup
    is_warning: bool
    certainty: Markup
    cost: Markup
    labels: Markup
    alternatives: tuple[Alternative, ...]

    def lines(self) -> list[tuple[str, Markup]]:
        """List what is known below the headline, each with its label."""
        known = [("How sure", self.certainty), ("What it costs", self.cost)]
        known += [(each.role, each.text) for each in self.alternatives]
        return [(label, text) for label, text in [*known, ("More labels", self.labels)] if text]


def recommend(result: Result, decision: pd.DataFrame, curves: pd.DataFrame) -> Recommendation:
    """Answer for one task.

    Parameters
    ----------
    result : Result
        The task.
    decision, curves : DataFrame
        The report's tables ``decision`` and ``learning_curves``; may be empty.
    """
    rows = decision[decision["task"] == result.task] if len(decision) else decision
    scores = {str(row["family"]): row for row in pick.select_choosable(result.distinct).to_dict("records")}
    costs = {str(row["embedding"]): row for row in rows.to_dict("records")}
    chosen = rows[rows["chosen"]].to_dict("records") if len(rows) else []
    if len(rows) and not chosen:
        remedy = "Ask for less recall, or test others." if list_lacking(rows) else "Raise one, or test smaller embeddings."
        return _refuse(Markup("<strong>{}</strong> {}").format(write_unfit(rows), remedy))
    if not chosen and result.leader is None:
        return _refuse(Markup("There is nothing to choose from: only controls were evaluated."))
    choice: _Row = chosen[0] if chosen else dict(result.leader or {})
    name = str(choice["embedding"] if chosen else choice["family"])
    score = scores.get(name, choice)
    if chosen and choice["standing"] == NOT_ABOVE_FLOOR:
        return _refuse(_write_worthless(rows, score, result))
    weigh = {**scores, **{name: {**scores.get(name, {}), **row} for name, row in costs.items()}}
    own = weigh.get(name, choice)
    others = _choose_alternatives(name, weigh, result)
    return Recommendation(
        embedding=name,
        headline=_write_headline(name, score, result, is_decided=bool(chosen)),
        is_warning=False,
        certainty=_write_certainty(choice, rows, result) if chosen else Markup(),
        cost=_write_cost(own),
        labels=_write_labels(name, rows, curves, result),
        alternatives=tuple(Alternative(role, other, _compare(weigh[other], own, score, result)) for role, other in others),
    )


def recommend_all(report: Report) -> list[tuple[str, Recommendation]]:
    """Answer for each task that has a value."""
    tables = report.tables
    return [(each.task, recommend(each, tables.decision, tables.learning_curves)) for each in report.results]


def _refuse(headline: Markup) -> Recommendation:
    return Recommendation(None, headline, True, Markup(), Markup(), Markup(), ())


def _write_headline(name: str, score: _Row, result: Result, *, is_decided: bool) -> Markup:
    verb = "Deploy {}." if is_decided else "{} scores highest."
    value = write_value(score["value"], result.metric)
    interval = write_interval(score.get("ci_low"), score.get("ci_high"), result.metric)
    sentence = Markup("<strong>" + verb + "</strong> Its {} is {} {} on {}.")
    return sentence.format(name_fully(name), name_metric(result.metric), value, interval, result.items)


def _write_worthless(rows: pd.DataFrame, score: _Row, result: Result) -> Markup:
    hardest = str(rows[rows["fits"]].sort_values("p_floor")["floor"].iloc[0])
    floor = Markup(hardest) if hardest in (LARGEST_CLASS, CHANCE) else embedding(hardest)
    none = "<strong>Deploy none of these yet.</strong> No embedding is shown to be better than {}. "
    return Markup(none + "The best measured is {}, {} {}.").format(
        floor,
        embedding(score["embedding"]),
        write_value(score["value"], result.metric),
        write_interval(score.get("ci_low"), score.get("ci_high"), result.metric),
    )


def _write_certainty(choice: _Row, rows: pd.DataFrame, result: Result) -> Markup:
    if choice["standing"] == ONLY:
        which = "the only candidate" if len(rows) == 1 else f"the only one that {name_condition(rows)}"
        return Markup("Nothing to compare: it is {}.").format(which)
    bound = choice.get("bound")
    if bound is None or pd.isna(bound):
        return Markup()
    distance = write_distance(float(bound), result.metric)
    if choice["standing"] != SHOWN:
        more = write_further_units(choice, result.kind)
        doubt = Markup("<strong>Not sure</strong>: another may be better by up to {}.").format(distance)
        return doubt + (Markup(" {}").format(more) if more else Markup())
    if bound > 0:
        return Markup("With 95 % confidence it leads every other candidate by at least {}.").format(distance)
    return Markup("Good enough: with 95 % confidence no candidate is better by more than {}.").format(distance)


def write_further_units(row: _Row, kind: str) -> str:
    """Say how many more test units would show an embedding to be good enough; empty where no number would."""
    needed = row.get("units_needed")
    if needed is None or pd.isna(needed):
        return ""
    further = write_count(max(float(needed) - float(row["n"]), 1.0))
    return f"About {further} more {name_units(kind)} would show it (80{NARROW_SPACE}% power)."


def _write_cost(row: _Row) -> Markup:
    parts = [
        f"{write(row[cost])} {per}"
        for cost, per, write in (
            ("latency_ms_p50", "a request", write_milliseconds),
            ("bytes_per_item", "a text", write_size),
            ("usd_per_million_texts", "for a million texts", write_price),
        )
        if _is_known(row, cost) and (cost != "usd_per_million_texts" or row[cost] > 0)
    ]
    if _is_known(row, "train_seconds"):
        seconds = float(row["train_seconds"])
        parts.append(f"{write_seconds(seconds)} to train or load" if seconds else "nothing to train")
    return Markup(" · ").join(parts)


def _choose_alternatives(name: str, weigh: Mapping[str, _Row], result: Result) -> list[tuple[str, str]]:
    """Choose two others: the best that scores higher, that is cheaper, that is of the other kind, and the next best."""
    others = [other for other in weigh if other != name and "origin" in weigh[other] and _is_known(weigh[other], "value")]
    places = {str(row["family"]): place for place, row in enumerate(result.distinct.to_dict("records"))}
    others.sort(key=lambda other: places.get(other, len(places)))
    chosen, found = weigh.get(name, {}), dict[str, str]()
    for role, candidates in _list_roles(name, chosen, others, weigh, places):
        free = [other for other in candidates if other not in found]
        if free and len(found) < 2:
            found[free[0]] = role
    return [(role, other) for other, role in found.items()]


def _list_roles(
    name: str, chosen: _Row, others: list[str], weigh: Mapping[str, _Row], places: Mapping[str, int]
) -> Iterator[tuple[str, list[str]]]:
    fits = [other for other in others if weigh[other].get("fits", True)]
    higher = [other for other in others if places.get(other, len(places)) < places.get(name, 0)]
    yield "Better", [other for other in higher if _is_worth_a_line(weigh[other], chosen)]
    yield "Cheaper", [other for other in fits if _costs_clearly_less(weigh[other], chosen)]
    sparse = {other for other in fits if pick.is_sparse(str(weigh[other]["origin"]), str(weigh[other]["method"]))}
    if pick.is_sparse(str(chosen.get("origin")), str(chosen.get("method"))):
        yield "Best dense", [other for other in fits if other not in sparse]
    else:
        yield "Best sparse", [other for other in fits if other in sparse]
    yield "Next best", fits


def _is_worth_a_line(row: _Row, chosen: _Row) -> bool:
    """Tell whether an embedding scores higher by more than what does not matter."""
    margin = chosen.get("margin")
    return not pd.notna(margin) or abs(float(row["value"]) - float(chosen["value"])) > margin


def _costs_clearly_less(row: _Row, chosen: _Row) -> bool:
    """Tell whether an embedding takes clearly fewer bytes, and no more time."""
    cost = "bytes_per_item"
    if not (_is_known(row, cost) and _is_known(chosen, cost)) or row[cost] > _CLEARLY_LESS * chosen[cost]:
        return False
    time = "latency_ms_p50"
    return not (_is_known(row, time) and _is_known(chosen, time)) or row[time] <= chosen[time] / _CLEARLY_LESS


def _compare(row: _Row, chosen: _Row, score: _Row, result: Result) -> Markup:
    name = Markup("{}. ").format(embedding(row["embedding"]))
    over = _write_excess(row)
    return name + _write_change(row, score, result) + _write_cost_changes(row, chosen) + over


def _write_change(row: _Row, score: _Row, result: Result) -> Markup:
    difference = float(row["value"]) - float(score["value"])
    contrast = result.contrast({"family": row["embedding"], **row}, {"family": score["embedding"], **score})
    is_gain = difference > 0
    if contrast is None:
        verb = "gain" if is_gain else "lose"
        return Markup("You {} {}, which was not tested.").format(verb, write_distance(difference, result.metric))
    is_gain = contrast.difference > 0
    sign = 1 if is_gain else -1
    bounds = sorted((sign * contrast.low, sign * contrast.high))
    evidence = write_evidence(
        abs(contrast.difference),
        (bounds[0], bounds[1]),
        result.metric,
        p=contrast.p,
        is_significant=contrast.is_significant,
        n_pairs=result.n_pairs,
    )
    verb = ("gain" if is_gain else "lose") if contrast.is_significant else ("may gain" if is_gain else "may lose")
    return Markup("You {} {}.").format(verb, evidence)


def _write_cost_changes(row: _Row, chosen: _Row) -> Markup:
    changes = []
    for cost, sentence, write in _COSTS:
        if not (_is_known(row, cost) and _is_known(chosen, cost)):
            continue
        new, old = float(row[cost]), float(chosen[cost])
        if not math.isclose(new, old, rel_tol=1 - _CLEARLY_LESS, abs_tol=0.01 if cost == "train_seconds" else 1e-9):
            changes.append(sentence.format(write(new), write(old)))
    if not changes:
        return Markup(" Costs are about the same.")
    text = " and ".join(changes[:_SHOWN_COSTS])
    return Markup(" {}.").format(text[0].upper() + text[1:])


def _write_excess(row: _Row) -> Markup:
    exceeds, lacks = row.get("exceeds"), row.get("lacks")
    if isinstance(lacks, str) and lacks:
        return Markup(" It does not compete: {}.").format(lacks)
    if not isinstance(exceeds, str) or not exceeds:
        return Markup()
    return Markup(" It is over the budget for {}.").format(" and ".join(label_of(cost) for cost in exceeds.split(", ")))


def _write_labels(name: str, rows: pd.DataFrame, curves: pd.DataFrame, result: Result) -> Markup:
    """Say what more labels would bring: to learn from, to settle what is open, or to see smaller differences."""
    own = curves[(curves["task"] == result.task) & (curves["embedding"] == name)] if len(curves) else curves
    last = own[own["n_labels"] == own["n_labels"].max()].to_dict("records") if len(own) else []
    if last and pd.notna(last[0].get("doubling")):
        row = last[0]
        bounds = write_interval(row.get("doubling_low"), row.get("doubling_high"), result.metric)
        sentence = Markup("Twice as many {} would bring it about {} {} more.")
        return sentence.format(name_labels(result.kind), write_distance(row["doubling"], result.metric), bounds)
    has_units = len(rows) and "units_needed" in rows
    cheaper = rows[rows["units_needed"].notna() & ~rows["chosen"] & rows["fits"]] if has_units else rows.head(0)
    if len(cheaper):
        row = cheaper.iloc[0].to_dict()
        further = write_count(max(float(row["units_needed"]) - float(row["n"]), 1.0))
        sentence = Markup("About {} more {} would show whether {} is good enough.")
        return sentence.format(further, name_units(result.kind), embedding(row["embedding"]))
    sizes = sorted(
        each.detectable for (first, _), each in result.known.items() if first == name and math.isfinite(each.detectable)
    )
    if not sizes:
        return Markup()
    smallest = write_distance(sizes[len(sizes) // 2], result.metric)
    sentence = Markup("Your {} show differences from about {} on. Four times as many would show half of that.")
    return sentence.format(result.items, smallest)


def _is_known(row: _Row, cost: str) -> bool:
    return pd.notna(row.get(cost))
