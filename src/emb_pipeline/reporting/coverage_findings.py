"""Which word vectors know too little of a task's words to be judged by their score."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from emb_pipeline.names import LOW_COVERAGE
from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.findings import Finding, code
from emb_pipeline.reporting.wording import plural, share_text

_NAMED = 3


def coverage_finding(rows: pd.DataFrame) -> Finding | None:
    """Warn of word vectors that know few of a task's words.

    Parameters
    ----------
    rows : DataFrame
        The task's rows of the leaderboard, one per embedding.
    """
    if "known_tokens" not in rows.columns:
        return None
    could_be_chosen = pick.choosable(rows) if "derivation" in rows.columns else pick.without_controls(rows)
    low = could_be_chosen[could_be_chosen["known_tokens"] < LOW_COVERAGE].sort_values("known_tokens", kind="stable")
    if low.empty:
        return None
    first = zip(low["embedding"].head(_NAMED).astype(str), low["known_tokens"].head(_NAMED).astype(float), strict=True)
    named = [Markup("{} knows {}").format(code(name), share_text(share)) for name, share in first]
    more = f" (and {plural(len(low) - _NAMED, 'other')} below {share_text(LOW_COVERAGE)})" if len(low) > _NAMED else ""
    sentence = "{} of this task's words{}. Such a score says more about the vocabulary than about the vectors."
    return Finding(Markup(sentence).format(Markup(", ").join(named), more), "warning")
