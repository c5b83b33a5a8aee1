"""The package as its users import and install it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import emb_pipeline
from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]
HEAVY = ("torch", "pandas", "numpy", "pydantic", "kedro", "mlflow", "sklearn")


def loaded_by(statement: str) -> set[str]:
    """Packages that a new process has loaded after a statement."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_users_import_from_the_package() -> None:
    assert (emb_pipeline.Bundle, emb_pipeline.DataError) == (Bundle, DataError)
    assert emb_pipeline.METHODS is METHODS and emb_pipeline.KINDS is KINDS
    assert set(emb_pipeline.__all__) <= set(dir(emb_pipeline))
    with pytest.raises(AttributeError, match="'emb_pipeline' has no attribute 'Bundel'"):
        emb_pipeline.Bundel


@pytest.mark.slow
def test_the_import_of_the_package_loads_nothing() -> None:
    assert not loaded_by("import emb_pipeline; emb_pipeline.DataError, emb_pipeline.__version__") & set(HEAVY)


@pytest.mark.slow
def test_what_users_import_needs_neither_torch_nor_kedro() -> None:
    assert not loaded_by("from emb_pipeline import *") & {"torch", "transformers", "kedro", "mlflow"}


@pytest.mark.slow
def test_a_wheel_has_every_file_of_the_package_and_says_that_it_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")  # what pyproject.toml builds with
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(PROJECT / "src", tmp_path / "src", ignore=unwanted)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, capture_output=True, check=True)
    (wheel,) = (tmp_path / "dist").glob(f"emb_pipeline-{emb_pipeline.__version__}-*.whl")
    packed = {name for name in ZipFile(wheel).namelist() if name.startswith("emb_pipeline/")}
    source = tmp_path / "src"
    assert packed == {path.relative_to(source).as_posix() for path in (source / "emb_pipeline").rglob("*") if path.is_file()}
    assert "emb_pipeline/py.typed" in packed


def test_the_image_is_built_from_files_that_are_there_with_pinned_libraries_by_no_root() -> None:
    lines = re.sub(r"\\\n\s*", "", (PROJECT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    kinds = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
    assert {step[0] for step in steps} == kinds
    kept = set(re.findall("^!(.*)", (PROJECT / ".dockerignore").read_text(encoding="utf-8"), flags=re.MULTILINE))
    copied = {
        word
        for kind, rest in steps
        if kind == "COPY" and "--from" not in rest
        for word in rest.split()[:-1]
        if not word.startswith("--")
    }
    assert copied == kept and all((PROJECT / name).exists() for name in copied)
    arguments = dict(rest.partition("=")[::2] for kind, rest in steps if kind == "ARG")
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(arguments["EXTRAS"].split(",")) <= set(extras)
    users = [rest for kind, rest in steps if kind == "USER"]
    assert users == ["emb"] and steps[-1][0] == "CMD"
    installs = [rest for kind, rest in steps if kind == "RUN" and "pip install" in rest]
    assert all("requirements.lock" in rest for rest in installs) and len(installs) == 2
    for _, rest in (step for step in steps if step[0] == "RUN"):
        subprocess.run(["bash", "-n", "-c", rest], check=True)
