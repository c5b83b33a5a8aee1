"""A dimension is that of the vectors that were evaluated."""

from __future__ import annotations

from typing import Any

import pytest

from emb_pipeline.experiment.evaluation import find_dimension
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.scores import ITEM_SCORES


@pytest.mark.parametrize(
    ("method", "options", "known", "measured", "dimension"),
    [
        pytest.param("static_file", {"path": "glove_6b_50.txt"}, None, 300, 300, id="a file's"),
        pytest.param("lsa", {}, 100, 7, 7, id="fewer texts than directions"),
        pytest.param("reduced", {}, None, 64, 64, id="reduced"),
        pytest.param("tfidf", {}, None, 80_000, None, id="sparse"),
        pytest.param("bm25", {}, None, 0, None, id="no vectors"),
    ],
)
def test_the_dimension_is_measured(
    method: str, options: dict[str, Any], known: int | None, measured: int, dimension: int | None
) -> None:
    cell = EmbeddingSpec.model_validate(
        {"origin": "pretrained", "key": "glove_6b_50", "method": method, "dim": known, "options": options}
    )
    evaluation = Evaluation(ITEM_SCORES.empty_table(), {}, measured, 0.0, 0.0, 0.0)
    assert find_dimension(evaluation, cell) == dimension
