"""Learning curves in sentences and figures: the number of labels that it takes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting.drawing import (
    choose_tick_format,
    label_ends,
    make_empty_figure,
    make_error_bars,
    name_axis,
)
from emb_pipeline.reporting.findings import Finding, embedding, names
from emb_pipeline.reporting.section import Report, Section, embed
from emb_pipeline.reporting.theme import METHOD_DASHES, look
from emb_pipeline.reporting.wording import (
    name_labels,
    name_metric,
    write_count,
    write_difference,
    write_interval,
    write_value,
)

_NAMED = 4


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task with a learning curve, or with scores without labels, its chart, sentences, and numbers."""
    curves = report.in_order(report.tables.learning_curves)
    tasks = [_task(report, str(task), rows) for task, rows in curves.groupby("task", sort=False)]
    zero_shot = report.in_order(report.tables.zero_shot)
    alone = zero_shot[~zero_shot["task"].isin(set(curves["task"]))]
    tasks += [
        {"task": task, "findings": [], "zero_shot": describe_zero_shot(rows), "chart": None}
        for task, rows in alone.groupby("task", sort=False)
    ]
    return {"tasks": tasks} if tasks else None


def _task(report: Report, task: str, rows: pd.DataFrame) -> dict[str, Any]:
    zero_shot = report.tables.zero_shot[report.tables.zero_shot["task"] == task]
    without = dict(zip(zero_shot["embedding"], zero_shot["value"], strict=True))
    crossovers, definition = report.tables.crossovers, report.run.definition(task)
    labels = name_labels(definition.get("kind", ""))
    unlabeled_texts = (definition.get("evaluation") or {}).get("unlabeled_texts")
    crossing, metric = crossovers[crossovers["task"] == task], str(rows["metric"].iloc[0])
    counts = sorted(set(rows["n_labels"].astype(int)))
    values = {(row["embedding"], int(row["n_labels"])): row for row in rows.to_dict("records")}
    last = rows[rows["n_labels"] == counts[-1]].sort_values("value", ascending=False)
    return {
        "task": task,
        "findings": describe_curves(rows, crossing, labels=labels, unlabeled_texts=unlabeled_texts),
        "zero_shot": describe_zero_shot(zero_shot, labels),
        "chart": embed(
            report.figure(f"{task}_curve", lambda: plot_learning_curves(rows, task, labels, zero_shot)),
            f"curve-{task}",
            f"{name_metric(metric)} on {task} by number of {labels}. The table below holds the same numbers.",
            f"{task}: the best embedding of each origin, and those that lead somewhere. All are in the table.",
        ),
        "labels": labels,
        "counts": [*([0] if without else []), *counts],
        "metric": name_metric(metric),
        "lines": [
            (
                name,
                origin,
                [
                    *([write_value(without[name], metric) if name in without else "–"] if without else []),
                    *(write_value(values[name, count]["value"], metric) for count in counts),
                ],
                write_difference(values[name, counts[-1]]["doubling"], metric),
            )
            for name, origin in zip(last["embedding"], last["origin"], strict=True)
        ],
    }


def describe_curves(
    curves: pd.DataFrame, crossovers: pd.DataFrame | None, *, labels: str = "labels", unlabeled_texts: bool | None = None
) -> list[Finding]:
    """Say which embedding is ahead with few labels, which is not significantly different, and what more labels would bring.

    Parameters
    ----------
    curves, crossovers : DataFrame
        A task's rows of `emb_pipeline.statistics.learning_curves.label_curves.learning_curves`.
    labels : str
        What is counted (`emb_pipeline.reporting.wording.name_labels`).
    unlabeled_texts : bool, optional
        The task's option; nothing is said of it where it is not known.
    """
    found = [] if crossovers is None or crossovers.empty else _describe_crossings(crossovers, labels)
    return [*found, *_describe_doubling(curves, labels), *_describe_fitted(curves, unlabeled_texts)]


def describe_zero_shot(zero_shot: pd.DataFrame, labels: str = "labels") -> list[Finding]:
    """Say which embedding is best without labels, and how many labels it takes until its probe is ahead of that.

    Parameters
    ----------
    zero_shot : DataFrame
        A task's rows of `emb_pipeline.statistics.learning_curves.zero_shot.build_zero_shot`.
    labels : str
        What is counted (`emb_pipeline.reporting.wording.name_labels`).
    """
    if zero_shot.empty:
        return []
    ranked = zero_shot.sort_values("value", ascending=False).to_dict("records")
    first = ranked[0]
    metric = str(first["metric"])
    sentence = Markup("Without {}, by descriptions of the classes, {} has {} {} {}, the most of all.").format(
        labels,
        embedding(first["embedding"]),
        name_metric(metric),
        write_value(first["value"], metric),
        write_interval(first["ci_low"], first["ci_high"], metric),
    )
    return [Finding(sentence), *(Finding(_write_labels_needed(row, labels)) for row in ranked[:_NAMED])]


def _write_labels_needed(row: Mapping[Hashable, Any], labels: str) -> Markup:
    name, has_curve = embedding(row["embedding"]), math.isfinite(row["most_labels"])
    whole = f"all {write_count(row['most_labels'])} {labels}" if has_curve else f"all {labels}"
    if not has_curve:
        verdict = "is" if row["is_ahead"] else "is not"
        return Markup("The probe on {} with {} {} significantly ahead of it without any.").format(name, whole, verdict)
    span = _write_crossing_span(row)
    if not row["is_ahead"]:
        sentence = Markup("The probe on {} is not significantly ahead of it without {}, even with {}; {}.")
        return sentence.format(name, labels, whole, span)
    sentence = Markup("The probe on {} is significantly ahead of it without {} from {} on; {}.")
    return sentence.format(name, labels, write_count(row["ahead_from"]), span)


def _write_crossing_span(row: Mapping[Hashable, Any]) -> str:
    if row["crossing_low"] == row["crossing_high"]:
        side = "higher" if row["crossing_low"] == 0 else "lower"
        return f"its score is {side} with every number of labels"
    about = "" if row["crossing"] in (0, math.inf) else "about "
    middle, low, high = (_write_crossing_count(row[key], row) for key in ("crossing", "crossing_low", "crossing_high"))
    return f"the two are equal at {about}{middle} (95 %: {low} to {high})"


def _write_crossing_count(count: float, row: Mapping[Hashable, Any]) -> str:
    if count == 0:
        return f"fewer than {write_count(row['fewest_labels'])}"
    return write_count(count) if math.isfinite(count) else f"more than {write_count(row['most_labels'])}"


def _describe_crossings(crossovers: pd.DataFrame, labels: str) -> list[Finding]:
    first = crossovers.iloc[0]
    reference, fewest, most = embedding(first["reference"]), int(first["fewest_labels"]), int(first["most_labels"])
    ahead = crossovers[crossovers["verdict"] == "ahead below"].sort_values("n_labels", ascending=False)
    if ahead.empty:
        sentence = Markup("{} is best with all {} {}, and nothing is significantly ahead of it with fewer, from {} on.")
        found = [Finding(sentence.format(reference, write_count(most), labels, write_count(fewest)), "lead")]
    else:
        sentence = Markup("{} is best with all {} {}, but with fewer others are ahead of it.")
        found = [Finding(sentence.format(reference, write_count(most), labels), "lead")]
        found += [Finding(_write_crossing(row, labels)) for row in ahead.head(_NAMED).to_dict("records")]
    as_good = crossovers[crossovers["verdict"] == "as good below"].sort_values("n_labels", ascending=False)
    if len(as_good):
        top = as_good[as_good["n_labels"] == as_good["n_labels"].max()]["embedding"].tolist()
        sentence = Markup("Up to {} {} {} {} not significantly different from it.")
        verb = "is" if len(top[:_NAMED]) == 1 else "are"
        found.append(Finding(sentence.format(write_count(as_good["n_labels"].max()), labels, names(top[:_NAMED]), verb)))
    return found


def _write_crossing(row: Mapping[Hashable, Any], labels: str) -> Markup:
    metric = str(row["metric"])
    low, high = row["ci_low"], row["ci_high"]
    until = write_count(high) if math.isfinite(high) else f"more than {write_count(row['most_labels'])}"
    shown = [row[f"difference_at_fewest{suffix}"] for suffix in ("", "_low", "_high")]
    return Markup("{} is ahead below about {} {} (95 %: {} to {}); with {} by {} {}.").format(
        embedding(row["embedding"]),
        write_count(row["n_labels"]),
        labels,
        write_count(low) if math.isfinite(low) else f"more than {write_count(row['most_labels'])}",
        until,
        write_count(row["fewest_labels"]),
        write_difference(shown[0], metric).lstrip("+"),
        write_interval(shown[1], shown[2], metric),
    )


def _describe_doubling(curves: pd.DataFrame, labels: str) -> list[Finding]:
    last = curves[curves["n_labels"] == curves["n_labels"].max()]
    row = last.loc[last["value"].idxmax()]
    metric, name = str(row["metric"]), embedding(row["embedding"])
    silence, held_out = row.get("silence"), row.get("held_out")
    check = Markup("")
    if held_out is not None and pd.notna(held_out):
        check = Markup(" As a check, the points with fewer {} foretell {} {} for all of them; it is {}.").format(
            labels,
            write_value(held_out, metric),
            write_interval(row["held_out_low"], row["held_out_high"], metric),
            write_value(row["value"], metric),
        )
    if pd.isna(row["doubling"]):
        if not isinstance(silence, str) or not silence:
            return []
        sentence = Markup("What twice as many {} would bring {} is not said: {}.").format(labels, name, silence)
        return [Finding(sentence + check)]
    bounds = write_interval(row["doubling_low"], row["doubling_high"], metric)
    sentence = Markup(
        "Twice as many {} would bring {} about {} {}: an extrapolation by several families of curves; "
        "the interval holds how far they differ."
    ).format(labels, name, write_difference(row["doubling"], metric), bounds)
    return [Finding(sentence + check)]


def _describe_fitted(curves: pd.DataFrame, unlabeled_texts: bool | None) -> list[Finding]:
    """Which texts those embeddings know that the task's own texts determine."""
    fitted = list(curves.loc[curves["origin"] == "task", "embedding"].drop_duplicates())
    if not fitted or unlabeled_texts is None:
        return []
    sentence = "At every point {} had all of the task’s training texts to be fitted on, those without a label, too."
    if not unlabeled_texts:
        sentence = "At every point {} had the labelled texts alone to be fitted on."
    return [Finding(Markup(sentence).format(names(fitted)))]


def plot_learning_curves(
    curves: pd.DataFrame, task: str, labels: str = "labels", zero_shot: pd.DataFrame | None = None
) -> go.Figure:
    """Draw the primary metric by number of labels, for the best embedding of each origin and those that lead anywhere.

    Parameters
    ----------
    curves : DataFrame
        Of `emb_pipeline.statistics.learning_curves.label_curves.learning_curves`.
    task : str
        The task.
    labels : str
        What is counted (`emb_pipeline.reporting.wording.name_labels`).
    zero_shot : DataFrame, optional
        Of `emb_pipeline.statistics.learning_curves.zero_shot.build_zero_shot`: open symbols at 0, left of the scale.

    Returns
    -------
    Figure
        One trace per embedding, named at its right end; empty where the task has no curve.
    """
    rows = curves[curves["task"] == task]
    figure = make_empty_figure(height=420)
    if rows.empty:
        return figure
    metric = str(rows["metric"].iloc[0])
    ends: list[tuple[str, float]] = []
    drawn = choose_curves(rows)
    origin_of = dict(zip(rows["embedding"], rows["origin"], strict=True))
    origins = [origin_of[name] for name in drawn]
    counts = sorted(set(rows["n_labels"].astype(int)))
    without = pd.DataFrame() if zero_shot is None else zero_shot[zero_shot["task"] == task]
    at_zero = counts[0] / 3
    for place, name in enumerate(drawn):
        part, style = rows[rows["embedding"] == name].sort_values("n_labels"), look(origins[place])
        dash = METHOD_DASHES[origins[:place].count(origins[place]) % len(METHOD_DASHES)]
        hover = [
            f"{escape(name)}<br>{count:,} {labels}: {write_value(value, metric)} {write_interval(low, high, metric)}"
            for count, value, low, high in zip(part["n_labels"], part["value"], part["ci_low"], part["ci_high"], strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=part["n_labels"].astype(int).tolist(),
                y=part["value"].tolist(),
                mode="lines+markers",
                name=escape(name),
                text=hover,
                hoverinfo="text",
                line={"color": style.color, "width": 2, "dash": dash},
                marker={"color": style.color, "symbol": style.symbol, "size": 8},
                error_y=make_error_bars(part, style.color, "value"),
            )
        )
        ends.append((name, float(part["value"].iloc[-1])))
        if len(without) and name in set(without["embedding"]):
            own = without[without["embedding"] == name]
            row = own.iloc[0]
            bounds = write_interval(row["ci_low"], row["ci_high"], metric)
            figure.add_trace(
                go.Scatter(
                    x=[at_zero],
                    y=own["value"].tolist(),
                    mode="markers",
                    name=escape(name),
                    text=[f"{escape(name)}<br>without {labels}: {write_value(row['value'], metric)} {bounds}"],
                    hoverinfo="text",
                    marker={"color": style.color, "symbol": f"{style.symbol}-open", "size": 9, "line": {"width": 2}},
                    error_y=make_error_bars(own, style.color, "value"),
                )
            )
    label_ends(figure, ends)
    figure.update_xaxes(
        type="log",
        tickvals=[*([at_zero] if len(without) else []), *counts],
        ticktext=[*(["0"] if len(without) else []), *(f"{count:,}" for count in counts)],
        title_text=f"{labels} learnt from (log scale)",
        range=[math.log10((at_zero if len(without) else counts[0]) / 1.12), math.log10(counts[-1] * 1.12)],
    )
    return figure.update_yaxes(title_text=name_axis(metric), tickformat=choose_tick_format(metric))


def choose_curves(rows: pd.DataFrame, most: int = 8) -> list[str]:
    """Choose embeddings worth a line: the best of each origin with all labels, and the best at each number of labels."""
    last = rows[rows["n_labels"] == rows["n_labels"].max()].sort_values("value", ascending=False)
    of_origin = last.groupby("origin", sort=False)["embedding"].first()
    leading = rows.sort_values("value", ascending=False).groupby("n_labels", sort=True)["embedding"].first()
    names = list(dict.fromkeys([*of_origin, *leading, *last["embedding"]]))[:most]
    return [name for name in last["embedding"] if name in names]


SECTION = Section("labels", "How many labels", view)
