"""Whether the embeddings differ at all, in a sentence."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
from markupsafe import Markup

from emb_pipeline.reporting.findings import Finding
from emb_pipeline.reporting.wording import p_text, plural


def difference_finding(differences: pd.DataFrame, level: float) -> Finding | None:
    """On how many tasks a difference between embeddings was found; None without tasks.

    Parameters
    ----------
    differences : DataFrame
        Of `emb_pipeline.statistics.comparisons.any_difference.any_differences`.
    level : float
        Error rate of the tests.
    """
    rows = differences[differences["labels"] == "all"]
    if rows.empty:
        return None
    silent = rows[rows["p_adjusted"] > level]
    if silent.empty:
        each = "the task" if len(rows) == 1 else f"each of the {plural(len(rows), 'task')}"
        return Finding(
            Markup(
                "Embeddings differ on {} ({} at most). All differences on this page were tested together: the probability "
                "that even one that is called significant is none is {} at most."
            ).format(each, p_text(rows["p_adjusted"].max()), f"{level:.0%}".replace("%", " %"))
        )
    named = Markup(", ").join(
        Markup("{} ({})").format(row["task"], p_text(row["p_adjusted"])) for row in silent.to_dict("records")
    )
    return Finding(
        Markup(
            "<strong>On {} of {} no difference between embeddings is significant</strong>, controls left out: {}. What "
            "looks like one there may be chance."
        ).format(len(silent), plural(len(rows), "task"), named),
        "warning",
    )


def label_finding(differences: pd.DataFrame, learning: Collection[str]) -> Finding | None:
    """How much of the luck in a comparison is that of the labels; None where no task learns from labels.

    Parameters
    ----------
    differences : DataFrame
        Of `emb_pipeline.statistics.comparisons.any_difference.any_differences`.
    learning : collection of str
        Tasks on which something is fitted on labels.
    """
    rows = differences[(differences["labels"] == "all") & differences["task"].isin(learning)]
    if rows.empty or "label_share" not in rows:
        return None
    known, unknown = rows[rows["label_share"] > 0], rows[~(rows["label_share"] > 0)]
    shares = Markup(", ").join(
        Markup("{} % on {}").format(round(100 * row["label_share"]), row["task"]) for row in known.to_dict("records")
    )
    parts = []
    if len(known):
        parts.append(
            Markup(
                "Had other examples been labeled, scores would differ, too: that is {} of the variance of a difference "
                "between two embeddings (median over pairs). Intervals and tests hold it."
            ).format(shares)
        )
    if len(unknown):
        parts.append(
            Markup("On {} intervals and tests speak of other test items, not of other labels to learn from.").format(
                Markup(", ").join(Markup("{}").format(task) for task in unknown["task"])
            )
        )
    return Finding(Markup(" ").join(parts))
