"""Cross-encoders: transformers that read a query and a passage together and give one score, by sentence-transformers."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import (
    ENCODER,
    MODEL,
    EncoderFolder,
    fingerprint_of,
    require_safe_model,
)
from emb_pipeline.embeddings.contextual.models.attention import require_no_window
from emb_pipeline.embeddings.contextual.models.loading import load_tokenizer, require_device
from emb_pipeline.embeddings.contextual.models.model_card import describe_model, languages_of
from emb_pipeline.embeddings.contextual.models.precision import device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.options import ModelPlace
from emb_pipeline.embeddings.contextual.sentence_transformer import model_folder, require_hash
from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.embeddings.retrieval.options import RerankerOptions
from emb_pipeline.errors import DataError

SEPARATOR = "\x1e"
"""Separator of query and passage where a pair is one text: ASCII's record separator."""
_HEAD = "ForSequenceClassification"
_OF_ENCODERS = (
    "*.safetensors",
    "*.bin",
    "onnx",
    "openvino",
    ".*",
    "modules.json",
    "*_Pooling",
    "*_Normalize",
    "*sentence*.json",
)
"""Files of an encoder's folder that a cross-encoder made of it does not have, or has of its own."""


def load(options: RerankerOptions, folder: Path, base: EncoderFolder | None = None, seed: int = 0) -> EncoderFolder:
    """Find a cross-encoder and see that it can be used; it stays where it is.

    Parameters
    ----------
    options : RerankerOptions
        Where it is.
    folder : Path
        Gets the description of it.
    base : EncoderFolder, optional
        The encoder that it starts from, where the options name no model: it gets a last layer of random weights, and is of
        no use before it is fine-tuned.
    seed : int
        Of these weights.

    Raises
    ------
    DataError
        It is not there, is broken, is not the one that was expected, keeps its weights as pickles, or does not give one
        score for a pair.
    """
    if base is not None:
        return _add_head(base, folder, seed)
    model = _find_model(options)
    made = EncoderFolder.write(
        folder,
        format="cross_encoder",
        model=model,
        dim=_read_size(model),
        vocabulary=len(load_tokenizer(model)),
        provenance={
            "options": options.model_dump(mode="json", exclude_defaults=True),
            "weights": fingerprint_of(model),
            "languages": languages_of(model),
        },
    )
    CrossEncoderScorer(made, options).load()
    return made


def require(options: RerankerOptions) -> None:
    """Refuse a model that is not there or cannot be used; one from the hub is not asked for yet.

    Raises
    ------
    DataError
        As for `load`.
    """
    require_packages("reranker", "torch", "transformers", "sentence_transformers")
    require_device(options)
    if options.n_places and options.hub is None:
        _find_model(options)


def _find_model(options: RerankerOptions) -> Path:
    model = model_folder(options)
    require_safe_model(model)
    require_hash(model, options.sha256)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    architectures = config.get("architectures") or []
    if not (model / "modules.json").is_file() and not any(name.endswith(_HEAD) for name in architectures):
        raise DataError(
            str(model),
            f"is {', '.join(architectures) or 'a model of no known kind'}, which gives no score for a pair of texts",
            "name a cross-encoder; or leave path, package and hub out, put this encoder in the grid, name it as start_from, "
            "and fine-tune the reranker",
        )
    return model


def _read_size(model: Path) -> int:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return int(config.get("hidden_size") or config.get("d_model") or 1)


def _add_head(base: EncoderFolder, folder: Path, seed: int) -> EncoderFolder:
    """Write an encoder with one more linear layer, of random weights."""
    import torch
    from transformers import AutoModelForSequenceClassification

    if base.format == "model2vec":
        raise DataError(str(base.path), "holds static vectors, which cannot read two texts together", "take a transformer")
    require_no_window(base.model_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_pretrained(base.model_path, num_labels=1, trust_remote_code=False)
    shutil.copytree(base.model_path, folder / MODEL, ignore=shutil.ignore_patterns(*_OF_ENCODERS))
    model.float().save_pretrained(folder / MODEL)
    return EncoderFolder.write(
        folder,
        format="cross_encoder",
        dim=base.dim,
        vocabulary=base.vocabulary,
        input=base.input,
        provenance={"base": base.fingerprint},
    )


class CrossEncoderScorer:
    """Scores of pairs, which the encoding store keeps: a pair is one text, and its score a vector of one dimension.

    Parameters
    ----------
    folder : EncoderFolder
        A cross-encoder.
    options : RerankerOptions
        Maximum length, batches, device.
    """

    dim = 1
    export_format: ClassVar[str] = "cross_encoder"

    def __init__(self, folder: EncoderFolder, options: RerankerOptions) -> None:
        self.folder, self.options = folder, options

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know: the model, as its own files say."""
        length = self.options.max_length
        return {"model": {**describe_model(self.folder.model_path), **({} if length is None else {"max_length": length})}}

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        return {"options": self.options.model_dump(mode="json", exclude=set(ModelPlace.model_fields))}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> CrossEncoderScorer:
        """Read what `write_state` wrote."""
        return cls(EncoderFolder.read(folder / ENCODER), RerankerOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a score depends on besides the pair."""
        ingredients = {
            "model": self.folder.fingerprint,
            "input": self.folder.input,
            "max_length": self.options.max_length,
            "precision": precision_in_force(self.options.dtype, self.options.device),
            "device": device_in_force(self.options.device),
            "versions": {name: version(name).partition(".")[0] for name in ("sentence_transformers", "transformers")},
        }
        return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()

    def load(self) -> Any:
        """Load the model, once.

        Raises
        ------
        DataError
            It gives several scores for a pair.
        """
        return self._model

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Score pairs, each a query and a passage with `SEPARATOR` between them: shape (n_pairs, 1), float32."""
        import torch

        pairs = [tuple(self.folder.prepare_text(part) for part in text.split(SEPARATOR, 1)) for text in texts]
        with torch.inference_mode():
            scores = self._model.predict(
                pairs, batch_size=self.options.batch_size, show_progress_bar=False, activation_fn=torch.nn.Identity()
            )
        return np.asarray(scores, dtype=np.float32).reshape(-1, 1)

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import CrossEncoder

        place = str(self.folder.model_path)
        dtype = precision_in_force(self.options.dtype, self.options.device)
        try:
            model = CrossEncoder(
                place,
                max_length=self.options.max_length,
                device=device_in_force(self.options.device),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": dtype},
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise DataError(place, f"cannot be loaded as a cross-encoder ({error})", "name another model") from error
        if model.num_labels != 1:
            raise DataError(
                place, f"gives {model.num_labels} scores for a pair, not one", "name a cross-encoder that was made to rank"
            )
        return model
