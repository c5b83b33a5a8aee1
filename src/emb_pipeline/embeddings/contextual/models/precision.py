"""Which number format a transformer computes in."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16"]


def precision_in_force(wanted: str, device: str) -> Precision:
    """Resolve ``auto``: bfloat16 where the processor or the GPU computes in it, else float32.

    A processor without it emulates bfloat16, six times as slowly as it computes in float32
    (``benchmarks/encoder_speed.py``).

    Parameters
    ----------
    wanted : {"float32", "bfloat16", "auto"}
        As it stands in the options.
    device : {"cpu", "cuda"}
        What computes.
    """
    if wanted != "auto":
        return "bfloat16" if wanted == "bfloat16" else "float32"
    import torch

    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if any(able.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16")) else "float32"
