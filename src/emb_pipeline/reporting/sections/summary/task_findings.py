"""The answer for one task, in sentences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, count_all, embedding, join_parts, names
from emb_pipeline.reporting.results import Result, are_equal, find_best_of_each
from emb_pipeline.reporting.rows import Contrast, costs
from emb_pipeline.reporting.wording import (
    name_metric,
    pluralize,
    write_difference,
    write_distance,
    write_interval,
    write_p,
    write_seconds,
    write_share,
    write_value,
)
from emb_pipeline.statistics.costs import UNTIL_SCORED
from emb_pipeline.tasks.registry import find_metric

_Row = Mapping[Hashable, Any]
_FLOOR_MARGIN = 0.05
_SHOWN_AS_ZERO = 5e-4


def findings(result: Result) -> list[Finding]:
    """Write the answer for one task: who leads and ties, sparse and dense, domain and generic, floor and ceiling, power."""
    if result.rows.empty:
        return [Finding(Markup("No embedding has a value on this task."), "warning")]
    written = [
        describe_leader(result),
        describe_sparse(result),
        describe_origin(result),
        *describe_controls(result),
        describe_ceiling(result),
        warn_of_few_units(result),
        describe_power(result),
    ]
    return [finding for finding in written if finding is not None]


def describe_leader(result: Result) -> Finding:
    """Say which embedding scores highest, and which are not significantly different from it."""
    leader = result.leader
    if leader is None:
        return Finding(Markup("Only controls were evaluated on this task, so there is nothing to choose from."), "warning")
    others = pick.select_choosable(result.distinct).iloc[1:].to_dict("records")
    equal = [row for row in others if are_equal(row, leader)]
    others = others[len(equal) :]
    ties = any(result.differ_significantly(leader, row) is False for row in others)
    top = Markup("<strong>{} {} highest</strong>: {} {} {}{}{}.").format(
        names([row["embedding"] for row in (leader, *equal)]),
        "score" if equal else "scores",
        name_metric(result.metric),
        write_value(leader["value"], result.metric),
        write_interval(leader["ci_low"], leader["ci_high"], result.metric),
        f", mean of {leader['n_seeds']} seeds" if leader["n_seeds"] > 1 else "",
        "" if ties else f" on {result.items}",
    )
    if not others:
        if equal:
            return Finding(top + Markup(" Every embedding on this task scores the same."), "lead")
        if len(result.distinct) == 1:
            return Finding(
                top + Markup(" It is the only embedding on this task: there is nothing to compare it with."), "lead"
            )
        return Finding(top + Markup(" It is the only embedding on this task beside controls."), "lead")
    return Finding(top + " " + _describe_ties(result, leader, equal, others), "lead")


def _describe_ties(result: Result, leader: _Row, equal: Sequence[_Row], others: Sequence[_Row]) -> Markup:
    it = "them" if equal else "it"
    verdicts = [result.differ_significantly(leader, row) for row in others]
    ties = [row for row, verdict in zip(others, verdicts, strict=True) if verdict is False]
    lower = sum(verdict is True for verdict in verdicts)
    untested = sum(verdict is None for verdict in verdicts)
    if untested == len(others):
        return Markup("The others were not tested against {}.").format(it)
    if len(ties) == len(others):
        what = (
            Markup("{}, the only other embedding,").format(embedding(others[0]["embedding"]))
            if len(others) == 1
            else Markup("None of the other {} embeddings").format(len(others))
        )
        verb = "is not" if len(others) == 1 else "is"
        text = what + Markup(" {} significantly different from {} on your {}.").format(verb, it, result.items)
    elif not ties:
        text = (
            Markup("All other embeddings ({}) are significantly lower.").format(lower)
            if lower > 1
            else Markup("The other embedding is significantly lower.")
        )
    else:
        rest = f" The other {'one is' if lower == 1 else f'{lower} are'} significantly lower." if lower else ""
        text = Markup("{} {} not significantly different from {} on your {}.{}").format(
            names([row["embedding"] for row in ties]), "is" if len(ties) == 1 else "are", it, result.items, rest
        )
    if untested:
        text += Markup(" {} not tested.").format(pluralize(untested, "comparison was", "comparisons were"))
    return text + _write_cheapest([leader, *equal, *ties])


def _write_cheapest(candidates: Sequence[_Row]) -> Markup:
    rows = pd.DataFrame(candidates)
    if len(rows) < 2 or {*UNTIL_SCORED} - set(rows.columns):
        return Markup()
    seconds = costs(rows)
    if seconds.isna().any():
        return Markup()
    best = int(seconds.argmin())
    cheapest, dearest = float(seconds.iloc[best]), float(seconds.max())
    if cheapest > 0.8 * dearest:
        return Markup()
    return Markup(" Of these, {} takes the least time to train, encode and fit: {} (at most {}).").format(
        embedding(rows["embedding"].iloc[best]), write_seconds(cheapest), write_seconds(dearest)
    )


def describe_sparse(result: Result) -> Finding | None:
    """Say whether the best dense embedding is better than the best sparse baseline."""
    pair = find_best_of_each(result)
    if pair is None:
        return None
    best, baseline = pair
    contrast = result.contrast(best, baseline)
    if contrast is None:
        return Finding(
            Markup("The best sparse baseline, {}, reaches {}. The best dense embedding, {}, reaches {}.{}").format(
                embedding(baseline["embedding"]),
                write_value(baseline["value"], result.metric),
                embedding(best["embedding"]),
                write_value(best["value"], result.metric),
                _describe_by_letters(result.differ_significantly(best, baseline)),
            )
        )
    evidence = _write_evidence(contrast, result)
    if not contrast.is_significant and result.margin is not None and contrast.high < result.margin:
        return Finding(
            Markup(
                "<strong>Sparse is as good to within {}</strong>. The best dense embedding is {}, the best sparse "
                "baseline {}. Dense minus sparse is {}."
            ).format(
                write_distance(result.margin, result.metric),
                embedding(best["embedding"]),
                embedding(baseline["embedding"]),
                evidence,
            )
        )
    if not contrast.is_significant:
        return Finding(
            Markup(
                "<strong>No significant difference between dense and sparse</strong> on your {}. "
                "The best dense embedding is {}, the best sparse baseline {}. Dense minus sparse is {}."
            ).format(result.items, embedding(best["embedding"]), embedding(baseline["embedding"]), evidence)
        )
    if contrast.difference > 0:
        return Finding(
            Markup("<strong>Dense beats sparse</strong>: {} is above the best sparse baseline, {}. The gap is {}.").format(
                embedding(best["embedding"]), embedding(baseline["embedding"]), evidence
            )
        )
    return Finding(
        Markup("<strong>Sparse beats dense</strong>: the best dense embedding, {}, is below {}. The gap is {}.").format(
            embedding(best["embedding"]), embedding(baseline["embedding"]), evidence
        )
    )


def _describe_by_letters(differ: bool | None) -> str:
    if differ is None:
        return " The two were not tested against each other."
    return " They are significantly different." if differ else " There is no significant difference between them."


def describe_origin(result: Result) -> Finding | None:
    """Say what training on domain rather than generic text changes."""
    effects = result.effects
    effects = effects if effects.empty else effects[effects["difference"].notna()]
    if effects.empty:
        return _explain_missing_origin(result)
    metric = result.metric
    ordered = effects.sort_values("difference").to_dict("records")
    directions = [pick.find_direction(row, result.level) for row in ordered]
    better, worse = directions.count(1), directions.count(-1)
    same, all_of = len(ordered) - better - worse, len(ordered)
    span = (
        _write_effect(ordered[0], metric)
        if all_of == 1
        else Markup("between {} and {}").format(_write_effect(ordered[0], metric), _write_effect(ordered[-1], metric))
    )
    name = name_metric(metric)
    if all_of == 1:
        verdict = "helps" if better else "hurts" if worse else "makes no significant difference"
        return Finding(
            Markup("<strong>Domain text {}</strong>. Against generic text, the change in {} is {}.").format(
                verdict, name, span
            )
        )
    if better == all_of or worse == all_of:
        return Finding(
            Markup(
                "<strong>Domain text {}</strong> in {} matched pairs. Against generic text, the change in {} is {}."
            ).format("helps" if better else "hurts", count_all(all_of), name, span)
        )
    if same == all_of:
        return Finding(
            Markup(
                "<strong>Domain text makes no significant difference</strong> in any of {} matched pairs. "
                "Against generic text, the change in {} is {}."
            ).format(all_of, name, span)
        )
    parts = [
        f"{verb} in {count}"
        for verb, count in (("helps", better), ("makes no significant difference", same), ("hurts", worse))
        if count
    ]
    return Finding(
        Markup("<strong>Domain text {} of {} matched pairs</strong>. Against generic text, the change in {} is {}.").format(
            join_parts(parts), all_of, name, span
        )
    )


def _explain_missing_origin(result: Result) -> Finding | None:
    trained = set(result.rows["origin"]) - {"task", "control", "pretrained"}
    if not trained:
        return None
    if "generic" not in trained:
        return Finding(
            Markup(
                "No embedding was trained on generic text, so this task cannot say what the domain's own text contributes."
            )
        )
    return Finding(Markup("There is no matched pair of a domain and a generic embedding on this task."))


def _write_effect(row: _Row, metric: str) -> Markup:
    return Markup("{} {} ({})").format(
        write_difference(row["difference"], metric),
        write_interval(row["ci_low"], row["ci_high"], metric),
        pick.name_pair(row),
    )


def describe_controls(result: Result) -> list[Finding]:
    """Say whether the controls stay at the floor. One that does not makes every other number suspect."""
    controls = result.distinct[result.distinct["origin"] == pick.CONTROL].to_dict("records")
    others = pick.select_choosable(result.distinct).to_dict("records")
    if not controls:
        return [Finding(Markup("No control was run on this task, so the noise floor is unknown."))]
    warnings = []
    for control in controls:
        beaten = [row for row in others if row["value"] <= control["value"]]
        tied = [row for row in others if row not in beaten and result.differ_significantly(row, control) is False]
        value = write_value(control["value"], result.metric)
        if beaten:
            warnings.append(
                Markup(
                    "<strong>The control {} scores {}.</strong> No higher than that: {}. "
                    "What a control reaches, too, is not knowledge about the text."
                ).format(embedding(control["embedding"]), value, names([row["embedding"] for row in beaten]))
            )
        if tied:
            warnings.append(
                Markup("Not significantly different from the control {} ({}): {}.").format(
                    embedding(control["embedding"]), value, names([row["embedding"] for row in tied])
                )
            )
        if _is_above_chance(result, control):
            warnings.append(
                Markup(
                    "<strong>{} scores {}, although its labels were shuffled</strong>. Always guessing the "
                    "largest class scores {}. Something leaks: find it before quoting any number."
                ).format(embedding(control["embedding"]), value, write_value(result.largest_class, result.metric))
            )
    if warnings or not others:
        return [Finding(text, "warning") for text in warnings]
    highest = controls[0]
    return [
        Finding(
            Markup("The {} at the floor: {} scores {} {}, below every embedding.").format(
                "control stays" if len(controls) == 1 else f"{len(controls)} controls stay",
                embedding(highest["embedding"]),
                write_value(highest["value"], result.metric),
                write_interval(highest["ci_low"], highest["ci_high"], result.metric),
            )
        )
    ]


def warn_of_controls(result: Result, recommended: str | None) -> list[Finding]:
    """Warn where a control scores as much as what is recommended, or more than shuffled labels permit."""
    chosen = result.distinct[result.distinct["family"] == (recommended or (result.leader or {}).get("family"))]
    found = []
    for control in result.distinct[result.distinct["origin"] == pick.CONTROL].to_dict("records"):
        value = write_value(control["value"], result.metric)
        if _is_above_chance(result, control):
            text = "<strong>{} scores {}, although its labels were shuffled.</strong> Something leaks."
            found.append(Finding(Markup(text).format(embedding(control["embedding"]), value), "warning"))
        elif len(chosen) and not _beats(result, chosen.iloc[0].to_dict(), control):
            text = "<strong>A control scores as much: {}, {}.</strong> The task may need no knowledge of the text."
            found.append(Finding(Markup(text).format(embedding(control["embedding"]), value), "warning"))
    return found


def _beats(result: Result, row: _Row, control: _Row) -> bool:
    is_better = row["value"] > control["value"]
    if not find_metric(result.metric).higher_is_better:
        is_better = row["value"] < control["value"]
    return is_better and result.differ_significantly(row, control) is not False


def _is_above_chance(result: Result, control: _Row) -> bool:
    if result.metric != "accuracy" or result.largest_class is None or not control["shuffled_labels"]:
        return False
    return pd.notna(control["ci_low"]) and control["ci_low"] > result.largest_class + _FLOOR_MARGIN


def describe_ceiling(result: Result) -> Finding | None:
    """Say what the labels permit at best, where that is less than everything."""
    if result.ceiling is None or result.ceiling >= 0.9995 or result.metric != "accuracy" or result.leader is None:
        return None
    return Finding(
        Markup("Equal texts with different labels cap {} at {}. No embedding can do better; {} reaches {} of that.").format(
            name_metric(result.metric),
            write_share(result.ceiling),
            embedding(result.leader["embedding"]),
            write_share(float(result.leader["value"]) / result.ceiling),
        )
    )


def warn_of_few_units(result: Result) -> Finding | None:
    """Warn of a small test set, with what it can and cannot show."""
    if not result.few_units or result.leader is None:
        return None
    return Finding(
        Markup(
            "<strong>Fewer than 50 independent test units</strong>: only large differences can be seen. "
            "The order of embeddings may be chance."
        ),
        "warning",
    )


def describe_power(result: Result) -> Finding | None:
    """Say the smallest difference to the leader that the tests of this page find on this many test items."""
    if result.leader is None:
        return None
    leader = str(result.leader["family"])
    sizes = sorted(
        each.detectable for (first, _), each in result.known.items() if first == leader and math.isfinite(each.detectable)
    )
    if not sizes:
        return None
    sentence = Markup("With {}, the tests find a true difference of {} to the highest in four of five cases.")
    return Finding(sentence.format(result.items, write_distance(sizes[len(sizes) // 2], result.metric)))


def _write_evidence(contrast: Contrast, result: Result) -> str:
    """Write a difference; where its interval leaves out zero but the test does not reject, say over how many pairs."""
    p = write_p(contrast.p)
    is_only_alone = not contrast.is_significant and (contrast.low > _SHOWN_AS_ZERO or contrast.high < -_SHOWN_AS_ZERO)
    return (
        f"{write_difference(contrast.difference, result.metric)} "
        f"{write_interval(contrast.low, contrast.high, result.metric)}"
        f"{f', adjusted {p}' if p else ''}{f' over {result.n_pairs:,} pairs' if is_only_alone else ''}"
    )
