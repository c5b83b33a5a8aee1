"""Options of multi-label classification."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emb_pipeline.tasks.options import FoldOptions


class MultiLabelOptions(FoldOptions):
    """Folds, and the probe: an L2-regularised logistic regression for each label, with one C for all of them.

    One C and one threshold are chosen by micro-F1 on inner folds of the training part, whatever the primary metric is. Rare
    labels have too few examples there to choose their own.
    """

    threshold: Literal["f1", "half"] = Field(
        default="f1",
        description="probability from which a text is given a label: f1 takes the one with the highest micro-F1 on inner "
        "folds of the training part, the same for all labels; half is 0.5",
    )
