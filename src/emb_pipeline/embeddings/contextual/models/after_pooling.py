"""Modules that change a text's vector after its tokens were pooled: Dense and LayerNorm of sentence-transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from emb_pipeline.embeddings.contextual.models.saved_modules import SavedModule
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch

    Step = Callable[[torch.Tensor], torch.Tensor]


class AfterPooling:
    """The steps from pooled tokens to a text's vector; weights are read when they are first needed.

    Parameters
    ----------
    modules : sequence of SavedModule
        Dense, LayerNorm, Normalize and Dropout, in their order.
    """

    def __init__(self, modules: Sequence[SavedModule]) -> None:
        self._modules = [module for module in modules if module.kind != "Dropout"]  # it does nothing but in training

    def __bool__(self) -> bool:
        return bool(self._modules)

    def find_dim(self, dim: int) -> int:
        """Find the dimensions of the vectors that come out, given those that go in."""
        for module in self._modules:
            dim = int(module.config["out_features"]) if module.kind == "Dense" else dim
        return dim

    def apply(self, vectors: torch.Tensor) -> torch.Tensor:
        """Apply all steps to vectors of shape (n, dim), on their device."""
        for step in self._steps:
            vectors = step(vectors)
        return vectors

    @cached_property
    def _steps(self) -> list[Step]:
        return [_make_step(module) for module in self._modules]


def _make_step(module: SavedModule) -> Step:
    import torch
    from safetensors.torch import load_file

    if module.kind == "Normalize":
        return lambda vectors: torch.nn.functional.normalize(vectors, dim=1)
    place = module.path / "model.safetensors"
    try:
        weights = {name: tensor.float() for name, tensor in load_file(place).items()}
        if module.kind == "LayerNorm":
            weight, bias = weights["norm.weight"], weights["norm.bias"]
            return lambda vectors: torch.nn.functional.layer_norm(
                vectors, weight.shape, weight.to(vectors.device), bias.to(vectors.device)
            )
        matrix, offset = weights["linear.weight"], weights.get("linear.bias")
        name = str(module.config.get("activation_function", "Tanh")).rpartition(".")[2]
        activation: torch.nn.Module = getattr(torch.nn, name)()
    except Exception as error:  # whatever a broken file makes the library raise
        raise DataError(str(place), f"cannot be read ({error})", "save or download the model again") from error
    return lambda vectors: activation(
        torch.nn.functional.linear(vectors, matrix.to(vectors.device), None if offset is None else offset.to(vectors.device))
    )
