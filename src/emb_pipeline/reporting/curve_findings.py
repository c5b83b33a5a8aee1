"""What the learning curves say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding, code, names
from emb_pipeline.reporting.wording import count_text, difference_text, interval_text, value_text

_NAMED = 4


def curve_findings(
    curves: pd.DataFrame, crossovers: pd.DataFrame | None, *, labels: str = "labels", unlabelled_texts: bool | None = None
) -> list[Finding]:
    """Who is ahead with few labels, who is not significantly different, and what more labels would bring.

    Parameters
    ----------
    curves, crossovers : DataFrame
        A task's rows of `emb_pipeline.statistics.learning_curves.label_curves.learning_curves`.
    labels : str
        What is counted (`emb_pipeline.reporting.wording.label_name`).
    unlabelled_texts : bool, optional
        The task's option; nothing is said of it where it is not known.
    """
    found = [] if crossovers is None or crossovers.empty else _crossing_findings(crossovers, labels)
    return [*found, *_doubling_finding(curves, labels), *_fitted_finding(curves, unlabelled_texts)]


def _crossing_findings(crossovers: pd.DataFrame, labels: str) -> list[Finding]:
    first = crossovers.iloc[0]
    reference, fewest, most = code(first["reference"]), int(first["fewest_labels"]), int(first["most_labels"])
    ahead = crossovers[crossovers["verdict"] == "ahead below"].sort_values("n_labels", ascending=False)
    if ahead.empty:
        sentence = Markup("{} is best with all {} {}, and nothing is significantly ahead of it with fewer, from {} on.")
        found = [Finding(sentence.format(reference, count_text(most), labels, count_text(fewest)), "lead")]
    else:
        sentence = Markup("{} is best with all {} {}, but with fewer others are ahead of it:")
        found = [Finding(sentence.format(reference, count_text(most), labels), "lead")]
        found += [Finding(_ahead(row, labels)) for row in ahead.head(_NAMED).to_dict("records")]
    as_good = crossovers[crossovers["verdict"] == "as good below"].sort_values("n_labels", ascending=False)
    if len(as_good):
        top = as_good[as_good["n_labels"] == as_good["n_labels"].max()]["embedding"].tolist()
        sentence = Markup("Up to {} {} {} {} not significantly different from it.")
        verb = "is" if len(top[:_NAMED]) == 1 else "are"
        found.append(Finding(sentence.format(count_text(as_good["n_labels"].max()), labels, names(top[:_NAMED]), verb)))
    return found


def _ahead(row: Mapping[Hashable, Any], labels: str) -> Markup:
    metric = str(row["metric"])
    low, high = row["ci_low"], row["ci_high"]
    until = count_text(high) if math.isfinite(high) else f"more than {count_text(row['most_labels'])}"
    shown = [row[f"difference_at_fewest{suffix}"] for suffix in ("", "_low", "_high")]
    return Markup("{} is ahead below about {} {} (95 %: {} to {}); with {} by {} {}.").format(
        code(row["embedding"]),
        count_text(row["n_labels"]),
        labels,
        count_text(low) if math.isfinite(low) else f"more than {count_text(row['most_labels'])}",
        until,
        count_text(row["fewest_labels"]),
        difference_text(shown[0], metric).lstrip("+"),
        interval_text(shown[1], shown[2], metric),
    )


def _doubling_finding(curves: pd.DataFrame, labels: str) -> list[Finding]:
    last = curves[curves["n_labels"] == curves["n_labels"].max()]
    row = last.loc[last["value"].idxmax()]
    metric, name = str(row["metric"]), code(row["embedding"])
    silence, held_out = row.get("silence"), row.get("held_out")
    check = Markup("")
    if held_out is not None and pd.notna(held_out):
        check = Markup(" As a check, the points with fewer {} foretell {} {} for all of them; it is {}.").format(
            labels,
            value_text(held_out, metric),
            interval_text(row["held_out_low"], row["held_out_high"], metric),
            value_text(row["value"], metric),
        )
    if pd.isna(row["doubling"]):
        if not isinstance(silence, str) or not silence:
            return []
        sentence = Markup("What twice as many {} would bring {} is not said: {}.").format(labels, name, silence)
        return [Finding(sentence + check)]
    bounds = interval_text(row["doubling_low"], row["doubling_high"], metric)
    sentence = Markup(
        "Twice as many {} would bring {} about {} {}: an extrapolation by several families of curves; "
        "the interval holds how far they differ."
    ).format(labels, name, difference_text(row["doubling"], metric), bounds)
    return [Finding(sentence + check)]


def _fitted_finding(curves: pd.DataFrame, unlabelled_texts: bool | None) -> list[Finding]:
    """Which texts those embeddings know that the task's own texts determine."""
    fitted = list(dict.fromkeys(name for name in curves["embedding"] if name.startswith("task.")))
    if not fitted or unlabelled_texts is None:
        return []
    sentence = "At every point {} had all of the task’s training texts to be fitted on, those without a label, too."
    if not unlabelled_texts:
        sentence = "At every point {} had the labelled texts alone to be fitted on."
    return [Finding(Markup(sentence).format(names(fitted)))]
