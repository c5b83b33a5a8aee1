"""Data of a part of the page that works in the browser, packed: compressed, and written as text."""

from __future__ import annotations

import base64
import json
import math
import zlib
from typing import Any

from markupsafe import Markup


def pack(data: Any) -> Markup:
    """Pack data that JSON can hold; `templates/unpack.js` reads it. What is no finite number becomes null."""
    text = json.dumps(_drop_nan(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii"))


def unpack(packed: str) -> Any:
    """Read what `pack` wrote, as the page does."""
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def _drop_nan(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _drop_nan(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_drop_nan(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
