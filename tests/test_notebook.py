"""The notebook runs on a finished run, and is committed without output."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "01_compare_embeddings.ipynb"


def test_the_notebook_is_committed_without_output() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_the_notebook_shows_the_results_of_a_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "tiny")
    (finished / "notebooks").mkdir()
    shutil.copy(NOTEBOOK, finished / "notebooks")
    notebook = nbformat.read(finished / "notebooks" / NOTEBOOK.name, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(finished / "notebooks")}}).execute()
    shown = "".join(
        output["data"].get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    )
    assert "domain.glove_8" in shown and "task.bm25" in shown
