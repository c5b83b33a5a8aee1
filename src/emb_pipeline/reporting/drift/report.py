"""The drift report: verdict, what tells the texts apart, scores on texts like the new ones, words, lengths, languages."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.diagnostics.drift.pairs import FEWEST_TEXTS, Pair, Term
from emb_pipeline.reporting.markdown_page import escape, write_table
from emb_pipeline.reporting.wording import (
    NOTHING,
    name_metric,
    name_units,
    write_code,
    write_count,
    write_difference,
    write_interval,
    write_p,
    write_share,
    write_value,
)
from emb_pipeline.statistics.drift.weighted_scores import FEWEST_EFFECTIVE, NewEstimate
from emb_pipeline.statistics.intervals.bootstrap import Interval
from emb_pipeline.tasks.drift.measure import PRECISION, TEST, Drift, TaskDrift
from emb_pipeline.tasks.shown_units import LONGEST, cut_text

SIMILAR, DIFFERS, UNDECIDED = 0, 1, 2
"""Exit codes of the command."""
_MOST_ROWS, _MOST_IDS = 10, 20


def find_drift_code(drift: Drift) -> int:
    """Find the exit code: 1 where the new texts differ from those of a task, else 2 where it is undecided, else 0."""
    outcomes = {each.outcome for each in drift.tasks}
    return DIFFERS if "differs" in outcomes else UNDECIDED if "undecided" in outcomes else SIMILAR


def describe_drift(found: TaskDrift, drift: Drift) -> str:
    """Describe in sentences whether the scores of a task apply to the new texts."""
    said = [f"{found.task}: {_describe_outcome(found, drift)}"]
    if found.n_known:
        of = f"{write_count(found.n_known)} of the {write_count(drift.new.n_distinct)} different new texts"
        whole = found.n_known == drift.new.n_distinct
        said.append("The new texts are those of the test set." if whole else f"{of} are in the test set.")
    if found.estimate is not None and found.outcome != "similar":
        said.append(_describe_estimate(found, found.estimate))
    return " ".join(said)


def write_drift_report(drift: Drift) -> str:
    """Write the report of all tasks."""
    lines = [f"# New texts: {write_code(drift.file)}", ""]
    lines += [f"- {escape(describe_drift(each, drift))}" for each in drift.tasks]
    lines += [f"- {escape(name)}: its test items are no texts, so nothing is compared." for name in drift.without_texts]
    for each in drift.tasks:
        lines += ["", f"## {escape(each.task)}", "", *_write_areas(each, drift.level), *_write_terms(each, drift.level)]
        lines += [*_write_estimate(each), *_write_unknown(each), *_write_shapes(each)]
    if drift.corpora:
        lines += ["", "## Corpora", "", *_write_pairs(drift.corpora, drift.level)]
    lines += _write_to_label(drift)
    return "\n".join(lines) + "\n"


def _describe_outcome(found: TaskDrift, drift: Drift) -> str:
    if found.new is None:
        return (
            f"there are too few texts to say. {FEWEST_TEXTS} of each side are needed that are not nearly the same, and "
            f"there are {write_count(found.n_tested)} test texts, and {write_count(len(drift.new.texts))} such new ones."
        )
    area = f"(AUROC {_write_area(found.new.by_words.area)})"
    if found.outcome == "similar":
        return f"the new texts look like the test texts {area}: the estimate applies."
    if found.outcome == "undecided":
        return (
            f"it cannot be said whether the new texts differ from the test texts {area}. The interval holds the threshold "
            f"of {found.threshold:g}; more texts would make it shorter."
        )
    return (
        f"the new texts differ from the test texts {area}: label about {write_count(found.n_to_label)} of them. "
        "The scores of the leaderboard are those of other texts."
    )


def _describe_estimate(found: TaskDrift, estimate: NewEstimate) -> str:
    units = name_units(found.kind)
    if not estimate.scores:
        return (
            f"The {write_count(estimate.n_units)} {units} hold too few like the new texts "
            f"(an effective number of {estimate.n_effective:.0f}, {FEWEST_EFFECTIVE} are needed): there is no estimate for "
            "them."
        )
    lead = estimate.lead
    if lead is None:
        return ""
    metric = estimate.metric
    (own,) = (each for each in estimate.scores if each.embedding == lead.chosen)
    said = (
        f"On texts like the new ones {lead.chosen} would have {name_metric(metric)} "
        f"{write_value(own.weighted.value, metric)} "
        f"{write_interval(own.weighted.low, own.weighted.high, metric)}; on the test texts it has "
        f"{write_value(own.tested.value, metric)}."
    )
    if lead.embedding == lead.chosen:
        return f"{said} It is the best there, too."
    ahead = (
        f"{lead.embedding} would be ahead by {write_difference(lead.difference.value, metric).lstrip('+')} "
        f"{write_interval(lead.difference.low, lead.difference.high, metric)}"
    )
    return f"{said} {ahead}: {'the choice would change' if lead.is_shown else 'no significant difference'}."


def _write_areas(found: TaskDrift, level: float) -> list[str]:
    pairs = [*([found.new] if found.new is not None else []), *found.others]
    return ["### What a classifier tells apart", "", *_write_pairs(pairs, level), ""]


def _write_pairs(pairs: Sequence[Pair], level: float) -> list[str]:
    if not pairs:
        return ["There are too few texts."]
    rows = [
        (
            escape(each.first),
            escape(each.second),
            write_count(each.n),
            _write_area(each.by_words.area),
            write_p(each.by_words.p),
            _write_area(each.by_length.area),
            write_count(each.n_common),
        )
        for each in pairs
    ]
    header = ("texts", "against", "of each", "AUROC", "test", "by length alone", "in both")
    note = f"0.5: no difference. Intervals cover {100 * (1 - level):g} %; p is of a permutation test."
    return [*write_table(header, rows, "llrlllr"), "", note]


def _write_terms(found: TaskDrift, level: float) -> list[str]:
    pair = found.new
    if pair is None or pair.by_words.p > level:
        return []
    lines = ["### Words that tell them apart", ""]
    for title, terms in ((pair.second, pair.of_second), (pair.first, pair.of_first)):
        if terms:
            lines += [f"**{escape(title)}**", "", *_write_term_table(pair, terms), ""]
    if pair.least_like:
        rows = [(escape(name), escape(_cut(text))) for name, text in pair.least_like]
        lines += ["**New texts that look least like the test texts**", "", *write_table(("id", "text"), rows, "ll"), ""]
    return lines


def _write_term_table(pair: Pair, terms: Sequence[Term]) -> list[str]:
    rows = [(escape(each.word), write_share(each.first), write_share(each.second)) for each in terms]
    return write_table(("word", f"in {pair.first}", f"in {pair.second}"), rows, "lrr")


def _write_estimate(found: TaskDrift) -> list[str]:
    estimate = found.estimate
    if estimate is None:
        return []
    lines = ["### Scores on texts like the new ones", ""]
    if not estimate.scores:
        return [*lines, escape(_describe_estimate(found, estimate)), ""]
    metric = estimate.metric
    rows = [
        (
            write_code(each.embedding),
            f"{write_value(each.tested.value, metric)} {write_interval(each.tested.low, each.tested.high, metric)}",
            f"{write_value(each.weighted.value, metric)} {write_interval(each.weighted.low, each.weighted.high, metric)}",
        )
        for each in estimate.scores[:_MOST_ROWS]
    ]
    lines += [
        f"{name_metric(metric)} of the {write_count(estimate.n_units)} {name_units(found.kind)}, and the same on texts "
        "like the new ones. A test text counts as much more as texts like it are more frequent among the new ones, and a "
        f"regression of scores on texts predicts the rest. They are worth {estimate.n_effective:.0f} equal ones.",
        "",
        *write_table(("embedding", "test texts", "texts like the new ones"), rows, "lll"),
        "",
        "This holds where the same text has the same right answer in both, and where each sort of new text is among the "
        "test texts. What the test texts lack, no weight can make up for.",
        "",
    ]
    if (said := _describe_estimate(found, estimate)) and found.outcome == "similar":
        lines += [escape(said), ""]
    return lines


def _write_unknown(found: TaskDrift) -> list[str]:
    if not found.unknown:
        return []
    rows = [
        (
            ", ".join(map(escape, each.of)),
            write_share(each.tokens.first),
            write_share(each.tokens.second),
            _write_points(each.tokens.difference),
            f"{write_share(each.types[0])} → {write_share(each.types[1])}",
            escape(", ".join(each.common)) or NOTHING,
        )
        for each in found.unknown
    ]
    header = ("not known to", "of the test texts", "of the new texts", "difference", "different words", "most frequent")
    lines = ["### Unknown words", "", *write_table(header, rows, "lrrlll"), ""]
    if any(TEST in (each.first, each.second) and each.n_common > each.n / 2 for each in found.others):
        lines += ["A corpus holds most of the test texts, so their words are known: the differences are too large.", ""]
    return lines


def _write_shapes(found: TaskDrift) -> list[str]:
    rows = [
        (
            escape(each.name),
            write_count(each.n_texts),
            " / ".join(write_count(value) for value in each.words),
            ", ".join(f"{name} {write_share(share)}" for name, share in each.languages) or NOTHING,
        )
        for each in found.shapes
    ]
    header = ("texts", "number", "words: quartile / median / quartile", "languages")
    return ["### Lengths and languages", "", *write_table(header, rows, "lrll"), ""]


def _write_to_label(drift: Drift) -> list[str]:
    if find_drift_code(drift) == SIMILAR or not drift.to_label:
        return []
    names = ", ".join(write_code(name) for name, _ in drift.to_label[:_MOST_IDS])
    names += ", …" if len(drift.to_label) > _MOST_IDS else ""
    return [
        "",
        "## Label these",
        "",
        f"{write_count(len(drift.to_label))} new texts, drawn at random: a score on them has an interval of about "
        f"{100 * PRECISION:g} points either way. `--label-sample` writes them to a file.",
        "",
        names,
    ]


def _write_area(area: Interval) -> str:
    return f"{area.value:.2f} [{area.low:.2f}, {area.high:.2f}]"


def _write_points(difference: Interval) -> str:
    if difference.low != difference.low:
        return NOTHING
    low, value, high = (
        f"{100 * each:+.1f}".replace("-", "−") for each in (difference.low, difference.value, difference.high)
    )
    return f"{value} points [{low}, {high}]"


def _cut(text: str) -> str:
    kept, left_out = cut_text(text, LONGEST)
    return f"{kept} …" if left_out else kept
