"""The part of a text that each position of a BERT attends to: all of it, what comes before, or a window.

It is saved in the model's configuration. A causal model has the entry ``is_decoder`` of transformers, which every program
that loads it follows. A window has the entry ``attention_window``, which this package follows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch
    from torch.utils.hooks import RemovableHandle

Attention: TypeAlias = Literal["full", "causal", "window"]
WINDOW = "attention_window"


def write_attention(config: Any, attention: Attention, window: int) -> None:
    """Write in the configuration of a BERT what its positions attend to.

    Parameters
    ----------
    config : BertConfig
        Changed in place.
    attention : {"full", "causal", "window"}
        All positions, those up to the position itself, or those near it.
    window : int
        Positions to each side, of a window.
    """
    config.is_decoder = attention == "causal"
    config.use_cache = False
    setattr(config, WINDOW, window if attention == "window" else None)


def find_window(config: Mapping[str, Any]) -> int | None:
    """Find the positions to each side that a saved BERT attends to; None where it is not limited to some."""
    return config.get(WINDOW) if config.get("model_type") == "bert" else None


def require_no_window(model: Path) -> None:
    """Refuse a saved model with a window, for what another library runs.

    Raises
    ------
    DataError
        The library would let each position see all others.
    """
    window = find_window(read_json(model / "config.json") or {})
    if window is not None:
        reason = f"sees {window} sub-words to each side, which the library that runs it here would not follow"
        raise DataError(str(model), reason, "start from a BERT with attention: full or causal")


def limit_attention(model: Any) -> Any:
    """Let each layer of a model see the window that its configuration names, if any, and give the model back."""
    if find_window(model.config.to_dict()) is not None:
        _follow_window(model)
    return model


@contextmanager
def changing_window(model: Any) -> Iterator[Callable[[int | None], None]]:
    """Let each layer of a model see other windows while it is trained.

    Yields
    ------
    callable
        Takes the positions to each side, up to the position itself where the model is causal; None for all of them.
    """
    saved = find_window(model.config.to_dict())
    hook = _follow_window(model) if saved is None else None
    try:
        yield partial(setattr, model.config, WINDOW)
    finally:
        setattr(model.config, WINDOW, saved)
        if hook is not None:
            hook.remove()


def _follow_window(model: Any) -> RemovableHandle:
    def put_window(module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        window = getattr(module.config, WINDOW, None)
        if window is None:
            return arguments, named
        ids = named["input_ids"] if "input_ids" in named else arguments[0]
        mask = _build_window_mask(ids, named.get("attention_mask"), window, causal=module.config.is_decoder)
        if module.config._attn_implementation == "eager":
            mask = (~mask).to(module.dtype) * _find_lowest(module.dtype)
        return arguments, {**named, "attention_mask": mask}

    handle: RemovableHandle = model.base_model.register_forward_pre_hook(put_window, with_kwargs=True)
    return handle


def _build_window_mask(ids: torch.Tensor, mask: torch.Tensor | None, window: int, *, causal: bool) -> torch.Tensor:
    """Build the pairs of positions that may see each other: shape (n, 1, length, length), bool.

    A padding position sees itself alone, so that no row is empty.
    """
    import torch

    places = torch.arange(ids.shape[1], device=ids.device)
    offsets = places[:, None] - places[None, :]
    distances = offsets.abs()
    seen = (distances <= window) & (offsets >= 0) if causal else distances <= window
    near = seen[None, None].expand(ids.shape[0], 1, -1, -1)
    if mask is None:
        return near
    return (near & mask[:, None, None, :].bool()) | (distances == 0)


def _find_lowest(dtype: torch.dtype) -> float:
    import torch

    return torch.finfo(dtype).min
