"""Scores that say something else than they seem to: of word vectors without a task's words, of models that do not read to
the end, of services that answer with other vectors each time."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from emb_pipeline.embeddings.remote.drift import LARGE
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, embedding
from emb_pipeline.reporting.wording import (
    pluralize,
    write_count,
    write_share,
)
from emb_pipeline.tasks.coverage import LOW_COVERAGE

_NAMED = 3
_NOTABLE_CUT = 0.03
"""Share of the texts from which on a cut is said."""


def describe_coverage(rows: pd.DataFrame) -> Finding | None:
    """Warn of word vectors that know few of a task's words.

    Parameters
    ----------
    rows : DataFrame
        The task's rows of the leaderboard, one per embedding.
    """
    if "known_tokens" not in rows.columns:
        return None
    could_be_chosen = pick.select_choosable(rows)
    low = could_be_chosen[could_be_chosen["known_tokens"] < LOW_COVERAGE].sort_values("known_tokens", kind="stable")
    if low.empty:
        return None
    first = zip(low["embedding"].head(_NAMED).astype(str), low["known_tokens"].head(_NAMED).astype(float), strict=True)
    named = [
        Markup("{} knows {} of this task’s words.").format(embedding(name), write_share(share)) for name, share in first
    ]
    more = f" {pluralize(len(low) - _NAMED, 'other')} below {write_share(LOW_COVERAGE)}." if len(low) > _NAMED else ""
    sentence = "{}{} Such a score says more about the vocabulary than about the vectors."
    return Finding(Markup(sentence).format(Markup(" ").join(named), more), "warning")


def describe_cut_texts(rows: pd.DataFrame) -> Finding | None:
    """Say which models do not read a task's texts to their end.

    Parameters
    ----------
    rows : DataFrame
        The task's rows of the leaderboard, one per embedding.
    """
    if "cut_share" not in rows.columns:
        return None
    found = rows[rows["cut_share"] >= _NOTABLE_CUT].drop_duplicates(["max_length", "cut_share"])
    if found.empty:
        return None
    found = found.sort_values("cut_share", ascending=False, kind="stable")
    named = [
        Markup("{} reads {} sub-words of a text; {} are longer.").format(
            embedding(str(row["embedding"])), write_count(row["max_length"]), write_share(row["cut_share"])
        )
        for row in found.head(_NAMED).to_dict("records")
    ]
    more = f" {pluralize(len(found) - _NAMED, 'other')} cut texts, too." if len(found) > _NAMED else ""
    return Finding(Markup("Not every text is read to its end. {}{}").format(Markup(" ").join(named), more))


def describe_drifting_services(rows: pd.DataFrame) -> Finding | None:
    """Warn of services whose vectors of the same texts differ from one request to the next.

    Parameters
    ----------
    rows : DataFrame
        The task's rows of the leaderboard, one per embedding.
    """
    if "drift_distance" not in rows.columns:
        return None
    found = rows[rows["drift_distance"] > LARGE].sort_values("drift_distance", ascending=False, kind="stable")
    if found.empty:
        return None
    named = [
        Markup("{} (cosine distance {})").format(embedding(str(row["embedding"])), f"{row['drift_distance']:.2g}")
        for row in found.head(_NAMED).to_dict("records")
    ]
    sentence = "Encoded again, the same texts got other vectors from {}. Scores of such a service can change."
    return Finding(Markup(sentence).format(Markup(", ").join(named)), "warning")
