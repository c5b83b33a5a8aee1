"""An encoder that calls a function of the user's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emb_pipeline.embeddings.own.options import FunctionOptions
from emb_pipeline.embeddings.protocols import Similarity
from emb_pipeline.errors import DataError

_REMEDY = "give an array of shape (number of texts, dimensions), of finite numbers"
_PROBE = "a text"


class FunctionEncoder:
    """Texts to vectors by a function.

    Parameters
    ----------
    function : callable
        Takes a list of texts, and gives an array of shape (n_texts, dim).
    name : str
        The function in messages.
    similarity : {"cosine", "dot", "euclidean"}
        The measure that its vectors are compared by.
    """

    def __init__(self, function: Callable[[list[str]], Any], name: str, similarity: Similarity = "cosine") -> None:
        self._function, self._name, self.similarity = function, name, similarity
        self._dim: int | None = None

    @property
    def dim(self) -> int:
        """Numbers per vector: those of the first text that it was called with."""
        if self._dim is None:
            self.encode([_PROBE])
        assert self._dim is not None
        return self._dim

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts: shape (n_texts, dim), float32.

        Raises
        ------
        DataError
            The function fails, or gives something else than finite vectors of one dimension.
        """
        wanted = list(texts)
        if not wanted:
            return np.zeros((0, self.dim), dtype=np.float32)
        try:
            vectors = np.asarray(self._function(wanted), dtype=np.float32)
        except Exception as error:
            raise DataError(
                self._name, f"it fails on {len(wanted)} texts ({type(error).__name__}: {error})", _REMEDY
            ) from error
        if vectors.ndim != 2 or len(vectors) != len(wanted) or vectors.shape[1] == 0:
            raise DataError(self._name, f"it gives the shape {vectors.shape} for {len(wanted)} texts", _REMEDY)
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise DataError(self._name, f"the vector of {wanted[row][:40]!r} is not finite", _REMEDY)
        if self._dim not in (None, vectors.shape[1]):
            raise DataError(self._name, f"it gives {vectors.shape[1]} dimensions now, and gave {self._dim} before", _REMEDY)
        self._dim = vectors.shape[1]
        return vectors


def require(options: FunctionOptions) -> None:
    """Refuse a function that cannot be imported."""
    load_function(options)


def build_function_encoder(options: FunctionOptions) -> FunctionEncoder:
    """Build the encoder of a function in a file."""
    return FunctionEncoder(load_function(options), f"{options.path}, {options.function}", options.similarity)


def load_function(options: FunctionOptions) -> Callable[[list[str]], Any]:
    """Load the function from its file.

    Raises
    ------
    DataError
        No file is named, it is missing or fails, or has no such function.
    """
    place = f"{options.path}, {options.function}"
    if options.path is None:
        raise DataError("function", "no file is named", "say 'path: encoder.py', the file with the function")
    if not options.path.is_file():
        raise DataError(str(options.path), "there is no such file", "correct 'path'; it is relative to the project")
    spec = importlib.util.spec_from_file_location(f"own_{options.path.stem}", options.path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DataError(
            str(options.path), f"it cannot be imported ({type(error).__name__}: {error})", "correct it"
        ) from error
    found: Any = getattr(module, options.function, None)
    if not callable(found):
        raise DataError(place, "there is no such function", f"define {options.function}(texts), or correct 'function'")
    function: Callable[[list[str]], Any] = found
    return function
