"""Packages that not every installation has, and the extra that brings them."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

from emb_pipeline.errors import DataError

EXTRAS = {
    "contextual": (
        "torch",
        "transformers",
        "tokenizers",
        "sentence_transformers",
        "model2vec",
        "onnx",
        "onnxruntime",
        "peft",
    ),
    "recommendation": ("implicit",),
    "stemming": ("snowballstemmer",),
    "documents": ("pypdf",),
    "sql": ("duckdb",),
    "hf": ("datasets",),
    "mteb": ("mteb",),
    "dask": ("distributed",),
    "milvus": ("pymilvus",),
    "postgres": ("psycopg2",),
    "viz": ("kedro_viz",),
    "notebooks": ("ipykernel",),
}
"""Packages of each extra in pyproject.toml that a run may ask for."""


def require_packages(place: str, *packages: str) -> None:
    """Refuse what needs a package that is not installed, before anything is trained.

    Parameters
    ----------
    place : str
        The method or the task that needs them.
    packages : str
        Names that they are imported by.

    Raises
    ------
    DataError
        Names the missing ones, and the extra that brings them.
    """
    if missing := [package for package in packages if not is_installed(package)]:
        extra = next(name for name, members in EXTRAS.items() if missing[0] in members)
        are = "is" if len(missing) == 1 else "are"
        reason = f"needs {', '.join(missing)}, which {are} not installed"
        raise DataError(place, reason, f"pip install 'emb_pipeline[{extra}]', or leave it out of the grid")


def is_installed(package: str) -> bool:
    """Tell whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ImportError:  # a finder of its own may refuse it
        return False


@cache
def read_version(package: str) -> str:
    """Read the version of an installed package without its last part, which changes no result."""
    return version(package).rsplit(".", 1)[0]
