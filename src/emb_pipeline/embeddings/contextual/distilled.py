"""Static vectors distilled from a transformer (model2vec): what its sub-words alone are worth, at word-vector speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, MODEL, EncoderFolder
from emb_pipeline.embeddings.contextual.models.loading import load_model, load_tokenizer
from emb_pipeline.embeddings.contextual.models.precision import device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_modules import require_own_encoder
from emb_pipeline.embeddings.contextual.options import DistilledOptions
from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.errors import DataError


def distil(teacher: EncoderFolder, options: DistilledOptions, folder: Path) -> EncoderFolder:
    """Encode each sub-word of the teacher by itself, reduce by principal components, weigh by Zipf rank.

    Parameters
    ----------
    teacher : EncoderFolder
        A transformer.
    options : DistilledOptions
        Components and weights; device and precision of the teacher.
    folder : Path
        Where the static model is written.

    Returns
    -------
    EncoderFolder
        Of format ``model2vec``.

    Raises
    ------
    DataError
        The teacher is no transformer.
    """
    from model2vec.distill import distill_from_model

    if teacher.format == "model2vec":
        raise DataError(str(teacher.path), "is static already", "distil from a transformer")
    require_own_encoder(teacher.model_path, "distilled")
    static = distill_from_model(
        load_model(teacher.model_path, precision_in_force(options.dtype, options.device)),
        load_tokenizer(teacher.model_path),
        device=device_in_force(options.device),
        pca_dims=options.dims,
        sif_coefficient=options.sif_a,
        quantize_to="float32",
    )
    static.save_pretrained(folder / MODEL)
    return EncoderFolder.write(
        folder,
        format="model2vec",
        dim=int(static.dim),
        vocabulary=len(static.tokens),
        input=teacher.input,
        provenance={
            "method": "distilled",
            "teacher": teacher.fingerprint,
            "options": options.model_dump(mode="json", exclude_defaults=True),
        },
    )


def require(options: DistilledOptions) -> None:
    """Refuse to distil without the packages that do it.

    Raises
    ------
    DataError
        Names the extra that brings them.
    """
    require_packages("distilled", "torch", "transformers", "model2vec")


def build_static_encoder(artifact: EncoderFolder) -> StaticEncoder:
    """Encode with a static model."""
    return StaticEncoder(artifact)


class StaticEncoder:
    """Means of static sub-word vectors.

    Parameters
    ----------
    folder : EncoderFolder
        A model2vec model.
    """

    export_format: ClassVar[str] = "static"

    def __init__(self, folder: EncoderFolder) -> None:
        self.folder = folder

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.folder.dim

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32."""
        vectors: np.ndarray = self._model.encode(
            [self.folder.prepare_text(text) for text in texts], use_multiprocessing=False
        )
        return np.asarray(vectors, dtype=np.float32)

    def encode_words(self, words: Sequence[str]) -> np.ndarray:
        """Vectors of single tokens: an array of shape (n_words, dim), float32."""
        return self.encode(words)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        return {"dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> StaticEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(EncoderFolder.read(folder / ENCODER))

    @cached_property
    def _model(self) -> Any:
        from model2vec import StaticModel

        return StaticModel.from_pretrained(str(self.folder.model_path))
