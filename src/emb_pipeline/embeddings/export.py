"""A fitted encoder, or an index of passages, as a folder that others can read: Arrow, safetensors and JSON, no pickles."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, cast

from emb_pipeline.embeddings.protocols import (
    Exportable,
    ExportableEncoder,
    ExportableIndex,
    RoleEncoder,
    ScoredIndex,
    StoredTextEncoder,
    TextEncoder,
)
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_json, write_json

MANIFEST = "embedding.json"
EXPORT_AGAIN = "export the embedding again"
_PARTS_OF_OTHERS = (
    "marked:MarkedEncoder",
    "columns.table_encoder:TableEncoder",
    "retrieval.vector_searcher:VectorIndex",
    "retrieval.cross_encoder:CrossEncoderScorer",
    "learned.token_encoder:TokenEncoder",
    "remote.rerank:EndpointScorer",
)
"""Classes that no method's line names: they are around, or within, those that a line names."""


def write_encoder(encoder: TextEncoder | RoleEncoder, folder: Path) -> None:
    """Write an encoder so that `read_encoder` gives one with the same vectors.

    The folder needs nothing else of this machine.

    Parameters
    ----------
    encoder : TextEncoder
        Of a class that some method names as its ``export``, or that is a part of such ones; or a store around it.
    folder : Path
        A new folder.

    Raises
    ------
    ValueError
        An encoder that cannot be exported.
    """
    unstored = encoder.unstored if isinstance(encoder, StoredTextEncoder) else encoder
    _write_state(unstored, ExportableEncoder, folder)


def read_encoder(folder: Path) -> TextEncoder | RoleEncoder:
    """Read the encoder of a folder that `write_encoder` made.

    Raises
    ------
    DataError
        No such folder, or not one that was finished.
    """
    return cast("TextEncoder | RoleEncoder", _read_state(folder))


def write_index(index: ScoredIndex, folder: Path) -> None:
    """Write an index of passages so that `read_index` gives one with the same rankings.

    Parameters
    ----------
    index : ScoredIndex
        With the setting that requests are answered with.
    folder : Path
        A new folder.

    Raises
    ------
    ValueError
        An index that cannot be exported, or one with such a part.
    """
    _write_state(index, ExportableIndex, folder)


def read_index(folder: Path) -> ScoredIndex:
    """Read the index of a folder that `write_index` made.

    Raises
    ------
    DataError
        No such folder, or not one that was finished.
    """
    return cast("ScoredIndex", _read_state(folder))


def write_tables(tables: Exportable, folder: Path) -> None:
    """Write vectors of users and items so that `read_tables` gives them back.

    Parameters
    ----------
    tables : UserItemTables
        The vectors.
    folder : Path
        A new folder.
    """
    _write_state(tables, Exportable, folder)


def read_tables(folder: Path) -> Any:
    """Read the `UserItemTables` of a folder that `write_tables` made.

    Raises
    ------
    DataError
        No such folder, or not one that was finished.
    """
    return _read_state(folder)


def _write_state(fitted: object, wanted: type[Any], folder: Path) -> None:
    if not isinstance(fitted, wanted):
        raise ValueError(f"there is no format for a {type(fitted).__name__}")
    folder.mkdir(parents=True)
    write_json({"format": fitted.export_format, **fitted.write_state(folder)}, folder / MANIFEST)


def _read_state(folder: Path) -> Any:
    facts = read_json(folder / MANIFEST, EXPORT_AGAIN)
    known = _find_exported_classes()
    if facts.get("format") not in known:
        raise DataError(str(folder / MANIFEST), f"names no known format: {facts.get('format')!r}", EXPORT_AGAIN)
    try:
        return known[facts["format"]].read_state(folder, facts)
    except (KeyError, TypeError, ValueError) as error:  # files of another embedding, or of another version
        if isinstance(error, DataError):
            raise
        raise DataError(str(folder), f"its files do not belong together ({error})", EXPORT_AGAIN) from error


def _find_exported_classes() -> dict[str, type[Exportable]]:
    from emb_pipeline.embeddings.registry import METHODS

    places = dict.fromkeys([*(method.export for method in METHODS.values() if method.export), *_PARTS_OF_OTHERS])
    classes = []
    for place in places:
        module, _, name = place.partition(":")
        classes.append(getattr(import_module(f"emb_pipeline.embeddings.{module}"), name))
    return {each.export_format: each for each in classes}
