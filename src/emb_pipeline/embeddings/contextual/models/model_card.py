"""Facts of a pretrained model: what its own card and files say of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.saved_modules import read_modules

_CARD, _READ = "README.md", 1 << 16
_FRONT_MATTER = re.compile(r"\A\ufeff?\s*---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,30}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/ -]{0,95}")
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
        Codes as they are there (``en``, ``multilingual``); none where the card does not say, or there is no card.
    """
    return [code for code in _list_texts(read_metadata(model).get("language"))[:_MOST] if _CODE.fullmatch(code)]


def describe_model(model: Path) -> dict[str, Any]:
    """Describe a model by its own card and files.

    Returns
    -------
    dict
        architecture, parameters and bytes; license, base_model and languages where its card says.
    """
    metadata = read_metadata(model)
    license_names = [*_list_texts(metadata.get("license_name")), *_list_texts(metadata.get("license"))]
    facts = {
        "architecture": _name_architecture(model),
        "parameters": _count_parameters(model),
        "bytes": sum(file.stat().st_size for file in model.rglob("*.safetensors")),
        "license": next((name for name in license_names if _NAME.fullmatch(name)), None),
        "base_model": [name for name in _list_texts(metadata.get("base_model"))[:_MOST] if _NAME.fullmatch(name)] or None,
        "languages": languages_of(model) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def read_metadata(model: Path) -> dict[str, Any]:
    """Read the metadata at the head of a model's ``README.md``; nothing where it has none that can be read."""
    try:
        with (model / _CARD).open(encoding="utf-8", errors="replace") as card:
            found = _FRONT_MATTER.match(card.read(_READ))
        # Every value a string: YAML would read Norwegian, ``no``, as false.
        metadata = yaml.load(found[1], Loader=yaml.BaseLoader) if found else None
    except (OSError, yaml.YAMLError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _list_texts(named: Any) -> list[str]:
    return [each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)]


def _name_architecture(model: Path) -> str:
    kinds = [module.kind for module in read_modules(model)]
    if kinds and kinds[0] != "Transformer":
        return kinds[0]
    return str((read_json(model / "config.json") or {}).get("model_type", "transformer"))


def _count_parameters(model: Path) -> int:
    from safetensors import safe_open

    n_parameters = 0
    for file in model.rglob("*.safetensors"):
        with safe_open(file, "numpy") as weights:
            names = weights.keys()
            for name in names:
                size = 1
                for length in weights.get_slice(name).get_shape():
                    size *= length
                n_parameters += size
    return n_parameters
