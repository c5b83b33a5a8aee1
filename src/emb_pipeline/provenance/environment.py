"""Versions of the libraries and the state of the repository that a run is made with."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

_OWN = "emb_pipeline"
_STACK = (
    "kedro",
    "mlflow",
    "gensim",
    "scikit-learn",
    "scipy",
    "numpy",
    "numba",
    "pyarrow",
    "pandas",
    "bm25s",
    "torch",
    "transformers",
)


def list_versions() -> dict[str, str]:
    """List the versions of Python and of the libraries that results depend on, without those that are not installed."""
    found = {"python": platform.python_version(), **{name: _find_version(name) for name in (_OWN, *_STACK)}}
    return {name: version for name, version in found.items() if version}


def read_git_state(project: Path) -> dict[str, str]:
    """Read the commit of a project, and whether its working tree differs from it; empty outside a repository."""
    commit = _ask_git(project, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"git_commit": commit, "git_dirty": str(bool(_ask_git(project, "status", "--porcelain"))).lower()}


def _find_version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _ask_git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
