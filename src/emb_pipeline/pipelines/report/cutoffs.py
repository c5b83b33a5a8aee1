"""The step of the report stage that finds from which score on to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.cutoffs import measure_named_cutoffs
from emb_pipeline.statistics.embedding_facts import add_origins, list_candidates, read_facts
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.tasks.cutoffs.options import CutoffOptions


def measure_cutoffs(
    options: CutoffOptions,
    report: ReportOptions,
    folders: Folders,
    facts: pa.Table,
    decision: pa.Table,
    after: pa.Table,
    **parts: Any,
) -> pd.DataFrame:
    """Measure the cut-offs of the chosen and of the best embeddings of each task; ``after`` all that is timed."""
    from emb_pipeline.tasks.cutoffs.table import choose_embeddings  # takes numba along

    known = read_facts(facts)

    def name_best(cells: pd.DataFrame) -> Mapping[str, list[str]]:
        return choose_embeddings(decision.to_pandas(), cells, list_candidates(known), options.embeddings)

    return add_origins(measure_named_cutoffs(name_best, options, report, folders, parts), known)
