"""Modules of a sentence-transformers folder: what they are, whether they are safe, and who encodes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emb_pipeline.embeddings.contextual.models.architectures import ARCHITECTURES
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.errors import DataError

MODULES, ROUTES = "modules.json", "router_config.json"
TRANSFORMER_SETTINGS = "sentence_bert_config.json"
ACTIVATIONS = ("torch.nn.modules.activation.", "torch.nn.modules.linear.")
_LIBRARY = "sentence_transformers."
_AFTER_POOLING = ("Dense", "LayerNorm", "Normalize", "Dropout")
_USUAL_SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "do_lower_case": (False, None),
    "transformer_task": ("feature-extraction",),
    "modality_config": ({"text": {"method": "forward", "method_output_name": "last_hidden_state"}},),
    "module_output_name": ("token_embeddings",),
    "unpad_inputs": (False, None),
}
"""Settings of the module Transformer that say nothing but the usual; any other one is left to the library."""
_TEXT_ONLY = "use a model of texts alone: one whose modules.json starts with Transformer, StaticEmbedding or Router"


@dataclass(frozen=True)
class SavedModule:
    """One step from a text to its vector.

    Attributes
    ----------
    kind : str
        Name of its class.
    path : Path
        Its folder.
    """

    kind: str
    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """Its settings."""
        return dict(read_json(self.path / "config.json") or {})


def read_modules(model: Path) -> list[SavedModule]:
    """Read the list of a model's modules, and refuse those that cannot be run safely.

    Returns
    -------
    list of SavedModule
        None for a plain transformer.

    Raises
    ------
    DataError
        A module needs code that is not the library's, is outside the folder, or encodes images.
    """
    place = model / MODULES
    entries = read_json(place) or []
    try:
        named = [(str(entry["type"]), str(entry["path"])) for entry in entries]
        routed = [str(kind) for _, path in named for kind in _read_routes(model / path).values()]
    except (AttributeError, KeyError, TypeError) as error:
        reason = f"is no list of modules with 'type' and 'path' ({error!r})"
        raise DataError(str(place), reason, "save or download the model again") from error
    for kind in [*(kind for kind, _ in named), *routed]:
        _require_known_module(place, kind)
    for _, path in named:
        if not (model / path).resolve().is_relative_to(model.resolve()):
            raise DataError(str(place), f"names the folder {path}, which is not the model's", "download the model again")
    return [SavedModule(kind.rpartition(".")[2], model / path) for kind, path in named]


def explain_library_path(model: Path) -> str | None:
    """Say why sentence-transformers itself encodes with a model; None where this project's own encoder does.

    Raises
    ------
    DataError
        As for `read_modules`.
    """
    modules = read_modules(model)
    kinds = [module.kind for module in modules]
    if modules and kinds[0] != "Transformer":
        return f"its first module is {kinds[0]}"
    if modules and modules[0].path.resolve() != model.resolve():
        return "its transformer is in a folder of its own"
    if len(modules) > 1 and kinds[1] != "Pooling":
        return f"{kinds[1]} follows the transformer"
    if unknown := [kind for kind in kinds[2:] if kind not in _AFTER_POOLING]:
        return f"it has a module {unknown[0]}"
    if unusual := next((reason for module in modules[2:] if (reason := _find_unusual_dense(module))), None):
        return unusual
    return _find_unusual_transformer(model)


def require_own_encoder(model: Path, done: str) -> None:
    """Refuse a model that only sentence-transformers encodes with, for what needs its transformer.

    Raises
    ------
    DataError
        Names what cannot be done, and why.
    """
    reason = explain_library_path(model)
    if reason is not None:
        known = ", ".join(ARCHITECTURES)
        raise DataError(str(model), f"cannot be {done} here: {reason}", f"take a transformer with pooling, one of {known}")


def find_tokenizer(model: Path) -> Path | None:
    """Find ``tokenizer.json`` of a model: its own, or that of the part that reads documents, or of the first one."""
    if (model / "tokenizer.json").is_file():
        return model / "tokenizer.json"
    found = sorted(model.rglob("tokenizer.json"), key=lambda file: ("document" not in file.as_posix(), file.as_posix()))
    return found[0] if found else None


def list_weight_folders(model: Path) -> list[Path]:
    """List the folders of a model's modules, those of its routes included."""
    modules = read_modules(model)
    routes = [module.path / name for module in modules for name in _read_routes(module.path)]
    return [*(module.path for module in modules), *routes]


def _read_routes(folder: Path) -> dict[str, Any]:
    """The class of each module that a Router holds, by its folder."""
    return dict((read_json(folder / ROUTES) or {}).get("types", {})) if folder.is_dir() else {}


def _require_known_module(place: Path, kind: str) -> None:
    name = kind.rpartition(".")[2]
    if not kind.startswith(_LIBRARY):
        reason = f"needs the class {kind}, which is code of the model's own; such code is not run"
        raise DataError(str(place), reason, "use a model whose modules are all sentence-transformers' own")
    if name == "CLIPModel":
        raise DataError(str(place), "is a CLIP model, of images and captions, and images are not read here", _TEXT_ONLY)


def _find_unusual_dense(module: SavedModule) -> str | None:
    if module.kind != "Dense":
        return None
    config = module.config
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    places = {config.get(name, "sentence_embedding") for name in ("module_input_name", "module_output_name")}
    if not activation.startswith(ACTIVATIONS) or config.get("use_residual") or places - {"sentence_embedding", None}:
        return "its module Dense is an unusual one"
    return None


def _find_unusual_transformer(model: Path) -> str | None:
    config = read_json(model / "config.json") or {}
    name = str(config.get("model_type"))
    if "vision_config" in config:
        reason = f"is a model of images and texts ({name}), and images are not read here"
        raise DataError(str(model / "config.json"), reason, _TEXT_ONLY)
    if name not in ARCHITECTURES:
        return f"{name} is none of the architectures that were compared with the library"
    if "quantization_config" in config:
        return "its weights are quantised"
    if (model / "adapter_config.json").is_file():
        return "it is an adapter of another model"
    settings = read_json(model / TRANSFORMER_SETTINGS) or {}
    unusual = [key for key, value in settings.items() if not _is_usual(key, value)]
    return f"its transformer was saved with {unusual[0]}" if unusual else None


def _is_usual(key: str, value: Any) -> bool:
    if key == "max_seq_length":
        return True
    usual: Sequence[Any] = _USUAL_SETTINGS.get(key, (None, {}))
    return value in usual
