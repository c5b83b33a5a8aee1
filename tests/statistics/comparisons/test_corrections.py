"""Correction of p-values, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from emb_pipeline.statistics.comparisons.corrections import adjust_by_holm


@pytest.mark.slow
@pytest.mark.parametrize("p", [[0.01], [0.04, 0.01, 0.03], [0.2, 0.2, 0.9, 0.001, 0.5], []])
def test_adjusted_p_values_are_those_of_statsmodels(p: list[float]) -> None:
    expected = multipletests(p, method="holm")[1] if p else []
    np.testing.assert_allclose(adjust_by_holm(np.array(p)), expected, atol=1e-12)
