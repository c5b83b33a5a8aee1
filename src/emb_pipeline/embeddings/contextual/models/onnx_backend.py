"""A transformer run by ONNX Runtime: as it is, or with 8-bit integer weights."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.loading import Hidden, load_model
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.storage.atomic import hold_lock, write_atomically


def onnx_backend(folder: EncoderFolder, options: EncoderOptions, cache: Path | None) -> Hidden:
    """Hidden states by ONNX Runtime.

    Parameters
    ----------
    folder : EncoderFolder
        The model; converted on first use.
    options : EncoderOptions
        Backend and layer.
    cache : Path, optional
        Where converted models are kept.
    """
    import onnxruntime
    import torch

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as scratch:
        converted = _convert_model(folder, options, cache or Path(scratch))
        session = onnxruntime.InferenceSession(converted.read_bytes(), settings, providers=["CPUExecutionProvider"])

    def hidden(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        states: np.ndarray = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return states

    return hidden


def _convert_model(folder: EncoderFolder, options: EncoderOptions, cache: Path) -> Path:
    """The model's file for ONNX Runtime, made by one process while others that want it wait."""
    place = cache / f"{folder.fingerprint[:32]}_layer{options.layer}_eager"
    exported, quantised = place.with_suffix(".onnx"), place.with_suffix(".int8.onnx")
    cache.mkdir(parents=True, exist_ok=True)
    with hold_lock(cache / ".lock", what="converting an encoder for ONNX Runtime"):
        if not exported.is_file():
            _export(folder, options.layer, exported)
        if options.backend == "onnx":
            return exported
        if not quantised.is_file():
            _quantise(exported, quantised)
        return quantised


def _export(folder: EncoderFolder, layer: int, path: Path) -> None:
    import torch

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Written out: PyTorch's fused attention is exported with tests of rows without a key, a tenth of the time.
            self.model = load_model(folder.model_path, attention="eager").eval()

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            made = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=layer != -1)
            states: torch.Tensor = made.last_hidden_state if layer == -1 else made.hidden_states[layer]
            return states

    example = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "texts", 1: "tokens"}
    with write_atomically(path) as part, torch.inference_mode():
        torch.onnx.export(
            Layer(),
            (example, example),
            str(part),
            input_names=["input_ids", "attention_mask"],
            output_names=["hidden"],
            dynamic_axes=dict.fromkeys(("input_ids", "attention_mask", "hidden"), axes),
            opset_version=17,
            dynamo=False,
        )


def _quantise(exported: Path, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with write_atomically(path) as part, tempfile.TemporaryDirectory() as scratch:
        # Next to the model that it reads it writes another one, of a name that it has from the first.
        copy = shutil.copy(exported, scratch)
        # Matrices alone, each column with a scale of its own: embedding tables stay as they are.
        quantize_dynamic(copy, str(part), weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"])
