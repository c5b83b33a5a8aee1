"""Status and sizes that Kedro-Viz is told of a run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from emb_pipeline.config.active import ExperimentContext
from emb_pipeline.datasets.tables import TableDataset, TablePartDataset, TablesDataset
from emb_pipeline.hooks.tracking.run_status import RunStatus, measure
from emb_pipeline.storage.failures import Failed

TABLE = pa.table({"unit_id": ["a", "b"], "value": [1.0, 0.5]})


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    parts = TablePartDataset(filepath=str(tmp_path / "parts.parquet"))
    datasets = {
        "table": TableDataset(filepath=str(tmp_path / "table.parquet")),
        "parts": parts,
        "tables": TablesDataset(filepath=str(tmp_path / "tables")),
        "failed": TableDataset(filepath=str(tmp_path / "failed.parquet")),
        "missing": TableDataset(filepath=str(tmp_path / "missing.parquet")),
    }
    catalog = DataCatalog(datasets)
    for name in ("table", "parts"):
        catalog.save(name, TABLE)
    catalog.save("tables", {"own": TABLE, "gathered": parts.load()})
    catalog.save("failed", Failed("domain.word2vec_8 on topic", "too little memory"))
    return catalog


@pytest.mark.parametrize(("name", "rows"), [("table", 2), ("parts", 2), ("tables", 4)])
def test_rows_are_those_of_the_stored_table_and_of_the_files_that_it_refers_to(
    name: str, rows: int, catalog: DataCatalog
) -> None:
    found = measure(catalog, name)
    assert found["rows"] == rows and found["file_size"] > 0


@pytest.mark.parametrize("name", ["failed", "missing"])
def test_what_is_not_there_has_no_size(name: str, catalog: DataCatalog) -> None:
    assert measure(catalog, name) == {}


def make(table: pa.Table) -> pa.Table:
    return table


def test_a_step_whose_failure_was_contained_is_shown_as_failed_with_its_reason(
    project: Path, catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedro_viz.api.rest.responses.run_events import get_run_status_response
    from kedro_viz.integrations.kedro.hooks_utils import hash_node

    monkeypatch.setattr(ExperimentContext, "active", None)
    good, bad = node(make, "missing", "table", name="good"), node(make, "table", "failed", name="bad")
    hook = RunStatus()
    hook.before_pipeline_run()
    for step in (good, bad):
        hook.before_node_run(step)
        hook.after_node_run(step)
    hook.after_pipeline_run(Pipeline([good, bad]), catalog)
    shown = get_run_status_response()
    assert shown.pipeline.status == "success" and shown.datasets[hash_node("table")].size > 0
    assert shown.nodes[hash_node(good)].status == "success"
    error = shown.nodes[hash_node(bad)].error
    assert error is not None and error.message == "too little memory"
    assert not list((project / ".viz").glob("steps.*"))
