"""Exports of what a decision has chosen."""

from __future__ import annotations

import pandas as pd
import pytest

from emb_pipeline.deployment.export import leave_out_worthless
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.decision.standings import NOT_ABOVE_FLOOR


def test_what_is_worth_nothing_is_not_exported(caplog: pytest.LogCaptureFixture) -> None:
    chosen = pd.DataFrame(
        {
            "task": ["topic", "mood"],
            "embedding": ["task.tfidf", "d.a"],
            "family": ["task.tfidf", "d.a"],
            "standing": ["shown", NOT_ABOVE_FLOOR],
            "floor": ["control.random_8", "the largest class"],
        }
    )
    assert leave_out_worthless(chosen.iloc[:1])["task"].tolist() == ["topic"] and not caplog.messages
    assert leave_out_worthless(chosen)["task"].tolist() == ["topic"]
    assert "d.a on mood (against the largest class)" in caplog.text and "deploy --force" in caplog.text
    with pytest.raises(DataError, match=r"d\.a on mood .*kedro run --pipelines deploy --force"):
        leave_out_worthless(chosen.iloc[1:])
