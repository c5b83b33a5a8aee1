"""Checked values of a JSON file of fixed form."""

from __future__ import annotations

import json
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile

FETCH_AGAIN = "fetch or copy the file again"


def read_json(file: NamedFile, encoding: str) -> Any:
    """Read all of a JSON file.

    Raises
    ------
    DataError
        It is none.
    """
    return parse_json(decode_text(read_content(file), encoding, file.name), file.name)


def parse_json(text: str, place: str) -> Any:
    """Parse JSON that was found at a place.

    Raises
    ------
    DataError
        It is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(place, f"it is not JSON ({error})", FETCH_AGAIN) from error


def require_object(value: Any, place: str) -> dict[str, Any]:
    """Check that a value is an object.

    Raises
    ------
    DataError
        It is none.
    """
    if not isinstance(value, dict):
        raise DataError(place, "it is not a JSON object", "see the format in the data set's own description")
    return value


def list_of(value: Any, key: str, place: str) -> list[Any]:
    """Find the list under a key of an object.

    Raises
    ------
    DataError
        It is none.
    """
    found = require_object(value, place).get(key)
    if not isinstance(found, list):
        raise DataError(place, f"'{key}' is not a list", "see the format in the data set's own description")
    return found


def require_text(value: Any, key: str, place: str) -> str:
    """Find the text under a key of an object; it is not empty.

    Raises
    ------
    DataError
        It is none.
    """
    found = require_object(value, place).get(key)
    if not isinstance(found, str) or not found.strip():
        raise DataError(place, f"'{key}' is empty or not a text", "fill it in or drop the entry")
    return found
