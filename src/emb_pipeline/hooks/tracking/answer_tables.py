"""The tables that the answer of a run is written from, as far as the run has made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emb_pipeline.reporting.tables import ReportTables


def load_answer_tables(catalog: Any) -> ReportTables:
    """Load them; one that does not exist is empty."""
    from emb_pipeline.reporting.markdown import OF_ANSWER
    from emb_pipeline.reporting.tables import ReportTables

    datasets = {name: "report.joint_choice" if name == "joint_choice" else name for name in OF_ANSWER}
    return ReportTables(**{name: catalog.load(of).to_pandas() for name, of in datasets.items() if catalog.exists(of)})
