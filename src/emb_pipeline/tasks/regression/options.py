"""Options of regression."""

from __future__ import annotations

from emb_pipeline.tasks.options import FoldOptions


class RegressionOptions(FoldOptions):
    """Folds, and the probe: a ridge regression tuned on training data alone.

    Dense vectors are solved exactly. For sparse ones ``tolerance`` and ``final_tolerance`` are the part of the equations'
    residual at which conjugate gradients stop.
    """
