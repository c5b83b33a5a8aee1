"""The notebook runs on a finished run, and is committed without output."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.conftest import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "01_compare_embeddings.ipynb"


def run_notebook(path: Path) -> nbformat.NotebookNode:
    """Run a notebook, and show what a failing cell wrote: the display of errors that Kedro sets leaves the reply empty."""
    notebook = nbformat.read(path, as_version=4)
    try:
        return NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    except CellExecutionError as error:
        outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs[-1:]]
        raise AssertionError(f"{error.ename}: {error.evalue}\n{outputs[-1:]}") from error


def test_the_notebook_is_committed_without_output() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_the_notebook_shows_the_results_of_a_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDRO_ENV", "tiny")
    (finished / "notebooks").mkdir()
    shutil.copy(NOTEBOOK, finished / "notebooks")
    notebook = run_notebook(finished / "notebooks" / NOTEBOOK.name)
    shown = "".join(
        output["data"].get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    )
    assert "domain.glove_8" in shown and "task.bm25" in shown
