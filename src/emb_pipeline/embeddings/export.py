"""A fitted encoder, or an index of passages, as a folder that others can read: Arrow, safetensors and JSON, no pickles."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from emb_pipeline.embeddings.protocols import Exportable, StoredTextEncoder
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


def write_embedding(embedding: object, folder: Path) -> None:
    """Write an encoder, an index of passages, or vectors of users and items, so that `read_embedding` gives equal answers.

    The folder needs nothing else of this machine.

    Parameters
    ----------
    embedding : Exportable
        Of a class that some method names as its ``export``, or that is a part of such ones; or a store around it. An index
        has the setting that requests are answered with.
    folder : Path
        A new folder.

    Raises
    ------
    ValueError
        It cannot be exported, or a part of it cannot.
    """
    unstored = embedding.unstored if isinstance(embedding, StoredTextEncoder) else embedding
    if not isinstance(unstored, Exportable):
        raise ValueError(f"there is no format for a {type(unstored).__name__}")
    folder.mkdir(parents=True)
    write_json({"format": unstored.export_format, **unstored.write_state(folder)}, folder / MANIFEST)


def read_embedding(folder: Path) -> Any:
    """Read what `write_embedding` wrote, as an object of the same class.

    Raises
    ------
    DataError
        No such folder, or not one that was finished.
    """
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
