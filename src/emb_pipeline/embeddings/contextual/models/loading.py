"""Transformers and tokenizers from a folder, and what refuses those that cannot be loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.architectures import ARCHITECTURES
from emb_pipeline.embeddings.contextual.models.attention import limit_attention
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.precision import device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch

Hidden = Callable[[np.ndarray, np.ndarray], Any]
"""Hidden states of shape (n, length, dim) of token ids and their mask, both of shape (n, length).

An ndarray of float32, or a tensor where a GPU holds them: it pools there, so that one vector a text is copied back.
"""


class OnDevice(Protocol):
    """Options that name what computes."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        ...


def require_device(options: OnDevice) -> None:
    """Refuse a GPU that is not there, before anything is trained.

    Raises
    ------
    DataError
        Says how to do without.
    """
    if options.device in ("cpu", "auto"):
        return
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        raise DataError("device: cuda", "PyTorch finds no GPU here", "set device: cpu, or install PyTorch's CUDA build")
    if options.device == "mps" and not torch.backends.mps.is_available():
        raise DataError("device: mps", "PyTorch finds no Apple GPU here", "set device: cpu, or auto")


def require_encoder_packages(method: str, options: EncoderOptions) -> None:
    """Refuse a transformer where the packages that run it are not installed.

    Raises
    ------
    DataError
        Names the extra that brings them.
    """
    runtime = () if options.backend == "torch" else ("onnx", "onnxruntime")
    require_packages(method, "torch", "transformers", "tokenizers", *runtime)


def load_tokenizer(model: Path) -> Any:
    """Load the fast tokenizer of a model's folder.

    Raises
    ------
    DataError
        It cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a broken file makes the library raise
        raise DataError(str(model), f"its tokenizer cannot be read ({error})", "save model and tokenizer again") from error
    return tokenizer


def require_matching_tokenizer(model: Path) -> None:
    """Refuse a model whose tokenizer knows more tokens than it has vectors.

    Raises
    ------
    DataError
        Also where the tokenizer cannot be read.
    """
    from tokenizers import Tokenizer

    if not (model / "config.json").is_file() or not (model / "tokenizer.json").is_file():
        return  # a model of other modules than a transformer
    try:
        known = Tokenizer.from_file(str(model / "tokenizer.json")).get_vocab_size()
    except Exception as error:  # whatever a broken file makes the library raise
        raise DataError(str(model / "tokenizer.json"), f"cannot be read ({error})", "save the tokenizer again") from error
    rows = (read_json(model / "config.json") or {}).get("vocab_size")
    if rows is not None and known > rows:
        raise DataError(
            str(model),
            f"its tokenizer knows {known:,} tokens, the model has vectors for {rows:,}",
            "put the tokenizer beside it that it was trained with",
        )


def torch_backend(folder: EncoderFolder, options: EncoderOptions) -> Hidden:
    """Compute hidden states by PyTorch."""
    import torch

    device = device_in_force(options.device)
    model = load_model(folder.model_path, precision_in_force(options.dtype, device)).to(device).eval()

    def hidden(ids: np.ndarray, mask: np.ndarray) -> Any:
        with torch.inference_mode():
            made = model(
                input_ids=torch.from_numpy(ids).to(device),
                attention_mask=torch.from_numpy(mask).to(device),
                output_hidden_states=options.layer != -1,
            )
            states = made.last_hidden_state if options.layer == -1 else made.hidden_states[options.layer]
            return states.float().numpy() if device == "cpu" else states.float()

    return hidden


def pool_states(hidden: torch.Tensor, mask: torch.Tensor, poolings: Sequence[str]) -> torch.Tensor:
    """Pool vectors of texts from hidden states, as the module Pooling of sentence-transformers does.

    Parameters
    ----------
    hidden : Tensor of shape (n, length, dim)
        Padded on the right.
    mask : Tensor of shape (n, length)
        Tokens that are pooled. A text without one has a vector of zeros.
    poolings : sequence of str
        Rules; their vectors are put one after the other.

    Returns
    -------
    Tensor of shape (n, dim * n_rules)
    """
    import torch

    return torch.cat([_pool_by(pooling, hidden, mask) for pooling in poolings], dim=1)


def _pool_by(pooling: str, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    import torch

    counts = mask.sum(dim=1, keepdim=True)
    if pooling in ("cls", "lasttoken"):
        ends = mask.to(hidden.dtype) if pooling == "cls" else torch.arange(1, mask.shape[1] + 1, device=mask.device) * mask
        chosen = hidden.take_along_dim(ends.argmax(dim=1)[:, None, None], dim=1)[:, 0]
        return chosen if pooling == "cls" else chosen * (counts > 0)
    if pooling == "max":
        return hidden.masked_fill(mask[:, :, None] == 0, -math.inf).amax(dim=1).masked_fill(counts == 0, 0)
    weights = mask.to(hidden.dtype)
    if pooling == "weightedmean":
        weights = weights * torch.arange(1, mask.shape[1] + 1, device=mask.device, dtype=hidden.dtype)
    divisor = counts.clamp(min=1).to(hidden.dtype).sqrt() if pooling == "mean_sqrt_len_tokens" else weights.sum(1, True)
    return (hidden * weights[:, :, None]).sum(dim=1) / divisor.clamp(min=1)


def load_model(model: Path, dtype: str = "float32", attention: str | None = None) -> Any:
    """Load the transformer of a model's folder, from its safetensors alone.

    Parameters
    ----------
    model : Path
        The folder.
    dtype : {"float32", "bfloat16"}
        Format of its weights.
    attention : {"eager", "sdpa"}, optional
        Implementation of attention; without it, the library's choice.

    Raises
    ------
    DataError
        It cannot be read.
    """
    import torch
    import transformers
    from transformers.utils import logging

    config = read_json(model / "config.json") or {}
    architecture = ARCHITECTURES.get(str(config.get("model_type")))
    name = architecture.encoder if architecture is not None and architecture.encoder else "AutoModel"

    logging.disable_progress_bar()
    logging.set_verbosity_error()  # weights of heads that are not needed here are reported otherwise
    try:
        loaded = getattr(transformers, name).from_pretrained(
            str(model),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            **({"use_cache": False} if config.get("use_cache") else {}),  # keys and values of text to come
        )
    except Exception as error:  # whatever a broken file makes the library raise
        raise DataError(str(model), f"the model cannot be read ({error})", "save or download it again") from error
    return limit_attention(loaded)


def copy_to_host(states: Any) -> np.ndarray:
    """Give states as an array, wherever they are."""
    array: np.ndarray = states if isinstance(states, np.ndarray) else states.cpu().numpy()
    return array
