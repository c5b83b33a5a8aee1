"""The device, the number format and the size of a batch that a transformer computes in."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16"]
Device = Literal["cpu", "cuda", "mps"]
_TOKENS_ON_CPU, _TOKENS_ON_MPS = 1024, 8192
_TOKENS_ON_GPU = 4096, 262_144
_COPIES_OF_A_STATE = 64
"""States of a token that are in memory at once, of four bytes a number: those of a layer's inner products, with room."""


def device_in_force(wanted: str) -> Device:
    """Resolve ``auto``: a GPU where PyTorch finds one (CUDA, then Apple's), else the processor.

    Parameters
    ----------
    wanted : {"cpu", "cuda", "mps", "auto"}
        As it is in the options.
    """
    if wanted in ("cpu", "cuda", "mps"):
        return wanted  # type: ignore[return-value]
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision_in_force(wanted: str, device: str) -> Precision:
    """Resolve ``auto``: bfloat16 where the processor or the GPU computes in it, else float32.

    A processor without it emulates bfloat16, six times as slowly as it computes in float32
    (``benchmarks/encoder_speed.py``).

    Parameters
    ----------
    wanted : {"float32", "bfloat16", "auto"}
        As it is in the options.
    device : {"cpu", "cuda", "mps", "auto"}
        What computes.
    """
    if wanted != "auto":
        return "bfloat16" if wanted == "bfloat16" else "float32"
    import torch

    device = device_in_force(device)
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device == "mps":
        return "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if any(able.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16")) else "float32"


def batch_tokens_in_force(wanted: int | str, device: str, hidden_size: int) -> int:
    """Resolve ``auto``: as many tokens as half of a GPU's free memory holds; on the processor as many as its cache does.

    Parameters
    ----------
    wanted : int or "auto"
        As it is in the options.
    device : {"cpu", "cuda", "mps", "auto"}
        What computes.
    hidden_size : int
        Dimensions of a token's state.
    """
    if isinstance(wanted, int):
        return wanted
    device = device_in_force(device)
    if device == "cpu":
        return _TOKENS_ON_CPU
    if device == "mps":
        return _TOKENS_ON_MPS
    import torch

    free, _ = torch.cuda.mem_get_info()
    fewest, most = _TOKENS_ON_GPU
    return int(min(max(free // 2 // (4 * _COPIES_OF_A_STATE * hidden_size), fewest), most))
