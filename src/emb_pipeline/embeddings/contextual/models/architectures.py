"""Transformers that texts are encoded with here: those shown to give the vectors that sentence-transformers gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """A type of transformer, by the ``model_type`` of its configuration.

    Attributes
    ----------
    name : str
        That name.
    counts_from_padding : bool
        Positions are counted from the number of the padding token on: so many fewer sub-words are read.
    has_positions : bool
        False where distances are relative, so that the configuration limits no length.
    encoder : str
        Class of the encoder alone, for a model that also has a decoder.
    exports : bool
        Whether ONNX Runtime gives the same vectors; False where it cannot be converted.
    """

    name: str
    counts_from_padding: bool = False
    has_positions: bool = True
    encoder: str = ""
    exports: bool = True


_LINES = (
    Architecture("albert"),
    Architecture("bert"),
    Architecture("camembert", counts_from_padding=True),
    Architecture("deberta-v2"),
    Architecture("distilbert"),
    Architecture("electra"),
    Architecture("gemma3_text", exports=False),
    Architecture("llama"),
    Architecture("mistral"),
    Architecture("modernbert"),
    Architecture("mpnet", counts_from_padding=True),
    Architecture("mt5", has_positions=False, encoder="MT5EncoderModel"),
    Architecture("nomic_bert"),
    Architecture("qwen2"),
    Architecture("qwen3"),
    Architecture("roberta", counts_from_padding=True),
    Architecture("t5", has_positions=False, encoder="T5EncoderModel"),
    Architecture("xlm-roberta", counts_from_padding=True),
)
ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({line.name: line for line in _LINES})
_WIDTH = ("hidden_size", "d_model", "dim", "n_embd")
_DEPTH = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")


def find_hidden_size(config: Mapping[str, Any]) -> int:
    """Find the dimensions of a transformer's hidden states in its configuration.

    Raises
    ------
    KeyError
        It does not say.
    """
    return int(next(config[name] for name in _WIDTH if name in config))


def count_layers(config: Mapping[str, Any]) -> int:
    """Count the layers that a transformer's configuration names; 0 where it does not say."""
    return int(next((config[name] for name in _DEPTH if name in config), 0))


def count_positions(config: Mapping[str, Any]) -> int | None:
    """Count the sub-words that a transformer has positions for; None where nothing limits them."""
    known = ARCHITECTURES.get(str(config.get("model_type")), Architecture(""))
    positions = config.get("max_position_embeddings")
    if not known.has_positions or positions is None or int(positions) < 0:
        return None
    offset = int(config.get("pad_token_id") or 0) + 1 if known.counts_from_padding else 0
    return int(positions) - offset
