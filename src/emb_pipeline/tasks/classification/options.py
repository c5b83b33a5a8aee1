"""Options of classification."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from emb_pipeline.tasks.options import FoldOptions

Further: TypeAlias = Literal["balanced_accuracy", "mcc", "auroc", "auprc", "ece"]
Weight: TypeAlias = Annotated[float, Field(gt=0, le=1e6)]


class ClassificationOptions(FoldOptions):
    """Folds, and the probe: an L2-regularised multinomial logistic regression tuned on training data alone."""

    select_by: Literal[
        "primary_metric", "accuracy", "macro_f1", "balanced_accuracy", "mcc", "auroc", "auprc", "log_loss"
    ] = Field(default="primary_metric", description="inner score that chooses C, beside log likelihood (`PenaltyPath`)")
    metrics: tuple[Further, ...] = Field(
        default=(), description="metrics that are scored next to accuracy, macro-F1, log loss and the primary metric"
    )
    class_weights: Literal["none", "balanced"] | dict[str, Weight] = Field(
        default="none",
        description="weight of each class's examples when the probe is tuned and fitted; balanced: inverse to the class's "
        "frequency in the training part; or class: weight, 1 for those that are not named",
    )
