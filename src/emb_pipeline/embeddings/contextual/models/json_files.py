"""JSON files of a model's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError


def read_json(path: Path) -> Any:
    """Read the content of a file, nothing where there is none.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(str(path), f"cannot be read ({error})", "save or download the model again") from error
