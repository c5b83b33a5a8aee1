"""The languages that a pretrained model was made for, as its own model card says."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

_CARD, _READ = "README.md", 1 << 16
_FRONT_MATTER = re.compile(r"\A\ufeff?\s*---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,30}")
_MOST = 200


def languages_of(model: Path) -> list[str]:
    """Read the entry ``language`` of the metadata at the head of a model's ``README.md``.

    Parameters
    ----------
    model : Path
        The folder of a model's files.

    Returns
    -------
    list of str
        Codes as they stand there (``en``, ``multilingual``); none where the card does not say, or there is no card.
    """
    try:
        with (model / _CARD).open(encoding="utf-8", errors="replace") as card:
            found = _FRONT_MATTER.match(card.read(_READ))
        # Every value a string: YAML would read Norwegian, ``no``, as false.
        metadata = yaml.load(found[1], Loader=yaml.BaseLoader) if found else None
    except (OSError, yaml.YAMLError, RecursionError):
        return []
    named = metadata.get("language") if isinstance(metadata, dict) else None
    codes = named if isinstance(named, list) else [named]
    return [code for code in codes[:_MOST] if isinstance(code, str) and _CODE.fullmatch(code)]
