"""The cut-off of a bundle: from which best score on it answers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from emb_pipeline.reporting.sections.summary.cutoffs import (
    name_verb,
    write_interval_of,
    write_percent,
    write_share_of,
    write_threshold,
)
from emb_pipeline.reporting.wording import write_code, write_share
from emb_pipeline.statistics.cutoffs.conformal import choose_threshold
from emb_pipeline.statistics.cutoffs.cutoff import Cutoff
from emb_pipeline.tasks.cutoffs.draws import draw_texts
from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses
from emb_pipeline.tasks.cutoffs.options import CutoffOptions
from emb_pipeline.tasks.cutoffs.unanswerable import Unanswerable

_OF_PART = "- the recall is of a model that learned from a part of the texts; this one learned from all"
_CUTOFF_OF_PART = (
    "- the cut-off and the recall are of a model that learned from a part of the texts; this one learned from all"
)


def describe_cutoff(
    found: tuple[Cutoff, str] | None,
    unanswerable: Unanswerable,
    model: Any,
    options: CutoffOptions,
    *,
    seed: int,
    is_of_part: bool = False,
) -> dict[str, Any]:
    """Describe the cut-off of a bundle, on the scale of what it serves.

    What is served may have learned from more texts than what was measured (a classifier without an official split). Its
    scores are then others: the unanswerable requests choose the cut-off again, by its own scores. So the promise is kept;
    the recall is that of the one that was measured.

    Parameters
    ----------
    found : tuple of Cutoff and str, optional
        The cut-off that was measured, and the name of its score.
    unanswerable : Unanswerable
        The requests that chose it.
    model : Answering
        What is served.
    options : CutoffOptions
        As they were for ``found``.
    seed : int
        Of all draws.
    is_of_part : bool
        Whether what was measured learned from a part of the texts alone.

    Returns
    -------
    dict
        JSON values: the numbers of the cut-off, ``measure`` and ``unanswerable``; ``recall_of_part`` is true where the
        recall is of what learned from a part of the texts alone, and ``is_of_part`` where the cut-off is, too: texts of
        classes that are left out have scores of classifiers that are not served. Without a cut-off its ``reason``, and no
        ``threshold``; empty where nothing was measured.
    """
    if found is None:
        return {}
    cutoff, measure = found
    row = cutoff.as_row()
    if isinstance(unanswerable.requests, LeftOutClasses):
        row["is_of_part"] = is_of_part
    elif unanswerable.requests is not None and cutoff.exists:
        texts = draw_texts(unanswerable.requests, (), options.queries, seed)
        answers, scores = model.answer_scored(texts)
        if "query" in answers:  # of a search, the rows of a query have the same
            scores = scores[~answers["query"].duplicated()]
        chosen = choose_threshold(scores, np.arange(len(scores)).astype(str), options.level, seed=seed)
        if chosen is not None:
            row |= {"threshold": chosen.value, "expected": chosen.expected, "bound": chosen.bound, "n_calibration": chosen.n}
            row["recall_of_part"] = not math.isclose(chosen.value, cutoff.threshold, rel_tol=1e-6)
    if not cutoff.exists:
        row.pop("threshold")
    kept = {name: value for name, value in row.items() if not (isinstance(value, float) and math.isnan(value))}
    return {**kept, "measure": measure, "unanswerable": unanswerable.source}


def write_cutoff(cutoff: Mapping[str, Any]) -> list[str]:
    """Write what a bundle's card says of its cut-off, in Markdown."""
    if not cutoff:
        return []
    level = write_percent(cutoff["level"])
    if "threshold" not in cutoff:
        return ["## Answer or refuse", "", f"- no cut-off exists at a level of {level}: {cutoff['reason']}", ""]
    notes = [_OF_PART] if cutoff.get("recall_of_part") else [_CUTOFF_OF_PART] if cutoff.get("is_of_part") else []
    row: dict[Hashable, Any] = {f"recall{end}": cutoff.get(f"recall{end}", math.nan) for end in ("", "_low", "_high")}
    recall = f"{write_share_of(row, 'recall')} {write_interval_of(row, 'recall')}".strip()
    return [
        "## Answer or refuse",
        "",
        f"- at most {level} of unanswerable requests get an answer, at a recall of {recall}",
        f"- column `answered`: true where {write_code(cutoff['measure'])} {name_verb(cutoff['measure'])} above "
        f"{write_threshold(cutoff['threshold'], cutoff['measure'])}",
        f"- chosen on {cutoff['n_calibration']:,} unanswerable requests ({write_code(cutoff['unanswerable'])}); "
        f"with 95 % confidence at most {write_share(cutoff['bound'])} of such requests get an answer",
        *notes,
        "",
    ]
