"""Vectors of texts from sentence-transformers itself: models of other modules than those that this project runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.library_model import TASKS, LibraryVectorModel
from emb_pipeline.embeddings.contextual.models.saved_settings import prompt_in_force
from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.protocols import Role, Vectors
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder

_REFUSED = "pooling", "layer", "long_texts", "chunk_overlap", "backend"
"""Options that are about the inside of a model, which the library does not show."""


class LibraryEncoder(LibraryVectorModel):
    """A model that sentence-transformers encodes with: static vectors, routes for queries and documents, weighted layers.

    The model is read when something is first encoded, from safetensors alone and without code of its own.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : EncoderOptions
        Prompts, length, dimensions, device and precision.
    reason : str
        Why the library encodes with it.

    Raises
    ------
    DataError
        An option that the library cannot honor; a GPU is asked for and there is none.
    """

    export_format: ClassVar[str] = "transformer"

    def __init__(self, folder: EncoderFolder, options: EncoderOptions, reason: str) -> None:
        super().__init__(folder, options, reason, options.similarity)
        self.options = options
        require_library_options(folder.model_path, options, reason)
        if options.truncate_dim is not None and options.truncate_dim > folder.dim:
            reason = f"gives {folder.dim} dimensions; truncate_dim: {options.truncate_dim} cannot be kept"
            raise DataError(str(folder.model_path), reason, "lower truncate_dim")

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return min(self.folder.dim, self._truncate_dim or self.folder.dim)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(EncoderOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ContextualEncoder | LibraryEncoder:
        """Read the encoder that `write_state` of this class, or of `ContextualEncoder`, wrote."""
        from emb_pipeline.embeddings.contextual.open_encoder import open_encoder

        return open_encoder(EncoderFolder.read(folder / ENCODER), EncoderOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Names everything that a text's vector depends on besides the text."""
        facts = {**self.list_causes(role), "normalize": self.options.normalize, "truncate_dim": self.dim}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        prompt, task = prompt_in_force(self.options, self._saved, role)[0], TASKS[role]
        read = [self.folder.prepare_text(text) for text in texts]
        more = {} if task is None else {"task": task}
        for rows in self._draw_batches(read, role):
            vectors[rows] = self._model.encode(
                [read[row] for row in rows],
                prompt=prompt,
                batch_size=len(rows),
                show_progress_bar=False,
                normalize_embeddings=bool(self.options.normalize),
                truncate_dim=self._truncate_dim,
                **more,
            )
        return vectors

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Refuse to encode tokens.

        Raises
        ------
        DataError
            Always: the library gives vectors of texts.
        """
        raise DataError(
            str(self.folder.model_path),
            f"has no vectors of tokens here: sentence-transformers encodes with it ({self.reason})",
            "leave it out of the grid for tasks of tokens, or name a model of a supported architecture",
        )

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether the tokenizer knows anything of it, else whether its vector is not zeros: (n_texts,)."""
        known = self.find_known(texts)
        return np.asarray(np.abs(vectors).sum(axis=1) > 0) if known is None else known

    @property
    def _truncate_dim(self) -> int | None:
        return self.options.truncate_dim or self._saved.truncate_dim


def require_library_options(model: Path, options: EncoderOptions, reason: str) -> None:
    """Refuse options that sentence-transformers cannot honor.

    Parameters
    ----------
    model : Path
        The model's folder.
    options : EncoderOptions
        What was asked for.
    reason : str
        Why the library encodes with the model.

    Raises
    ------
    DataError
        Names them.
    """
    changed = [name for name in _REFUSED if getattr(options, name) != EncoderOptions.model_fields[name].default]
    if changed:
        raise DataError(
            f"{model}, option {changed[0]}",
            f"sentence-transformers encodes with this model ({reason}), and takes no such option",
            f"leave {', '.join(changed)} alone",
        )
