"""The notebooks run, and are committed without output."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.conftest import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def run_notebook(path: Path) -> nbformat.NotebookNode:
    """Run a notebook, and show what a failing cell wrote: the display of errors that Kedro sets leaves the reply empty."""
    notebook = nbformat.read(path, as_version=4)
    try:
        return NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    except CellExecutionError as error:
        outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs[-1:]]
        raise AssertionError(f"{error.ename}: {error.evalue}\n{outputs[-1:]}") from error


def list_outputs(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """What the cells show, of one type."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.fixture
def tables_of_a_run(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the notebooks, next to a finished run of a tiny use case."""
    monkeypatch.setenv("KEDRO_ENV", "tiny")
    shutil.copytree(PROJECT / "notebooks", finished / "notebooks")
    return finished / "notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_output(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_a_first_comparison_needs_no_project(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "notebooks/01_first_comparison.ipynb", tmp_path)
    notebook = run_notebook(tmp_path / "01_first_comparison.ipynb")
    (table,) = list_outputs(notebook, "text/html")
    assert "task.tfidf" in table and "count_letters" in table and len(list_outputs(notebook, "image/png")) == 1
    assert "<html" in (tmp_path / "first_comparison.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_is_explored_one_task_and_one_factor_at_a_time(tables_of_a_run: Path) -> None:
    notebook = run_notebook(tables_of_a_run / "02_explore_a_run.ipynb")
    board, pairs, corpus = list_outputs(notebook, "text/html")
    assert "task.tfidf" in board and "control." not in board and "p_adjusted" in pairs
    assert "domain." in corpus and "generic." in corpus and len(list_outputs(notebook, "image/png")) == 1


@pytest.mark.slow
def test_vectors_have_neighbors_and_a_map(tables_of_a_run: Path) -> None:
    notebook = run_notebook(tables_of_a_run / "03_vectors_and_neighbors.ipynb")
    (near,) = list_outputs(notebook, "text/html")
    assert "rank" in near and len(list_outputs(notebook, "image/png")) == 1
