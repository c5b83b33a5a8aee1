"""A fitted text encoder as a folder that another program can read: Arrow tables, safetensors and JSON, no pickles."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from emb_pipeline.embeddings.protocols import ExportableEncoder, RoleEncoder, StoredTextEncoder, TextEncoder
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_json, write_json

MANIFEST = "embedding.json"
EXPORT_AGAIN = "export the embedding again"
_AROUND_OTHERS = ("marked:MarkedEncoder",)
"""Encoders that no method makes: they stand around those that a method made."""


def write_encoder(encoder: TextEncoder | RoleEncoder, folder: Path) -> None:
    """Write an encoder so that `read_encoder` gives one with the same vectors.

    The folder needs nothing else of this machine.

    Parameters
    ----------
    encoder : TextEncoder
        Of a class that some method names as its ``export``.
    folder : Path
        A new folder.

    Raises
    ------
    ValueError
        An encoder that cannot be exported.
    """
    if isinstance(encoder, StoredTextEncoder):
        encoder = encoder.unstored
    if not isinstance(encoder, ExportableEncoder):
        raise ValueError(f"there is no format for a {type(encoder).__name__}")
    folder.mkdir(parents=True)
    write_json({"format": encoder.export_format, **encoder.write_state(folder)}, folder / MANIFEST)


def read_encoder(folder: Path) -> TextEncoder | RoleEncoder:
    """Read the encoder of a folder that `write_encoder` made.

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
        made = known[facts["format"]].read_state(folder, facts)
    except (KeyError, TypeError, ValueError) as error:  # files of another embedding, or of another version
        if isinstance(error, DataError):
            raise
        raise DataError(str(folder), f"its files do not belong together ({error})", EXPORT_AGAIN) from error
    return cast("TextEncoder | RoleEncoder", made)


def _find_exported_classes() -> dict[str, type[ExportableEncoder]]:
    from emb_pipeline.embeddings.registry import METHODS

    places = dict.fromkeys([*(method.export for method in METHODS.values() if method.export), *_AROUND_OTHERS])
    classes = []
    for place in places:
        module, _, name = place.partition(":")
        classes.append(getattr(import_module(f"emb_pipeline.embeddings.{module}"), name))
    return {each.export_format: each for each in classes}
