"""Learned sparse vectors (SPLADE and its kin): a weight for each word of a vocabulary, most of them zero."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.library_model import LOOKS_UP, TASKS, LibraryVectorModel
from emb_pipeline.embeddings.contextual.models.library_loading import LibraryClass, load_library_model
from emb_pipeline.embeddings.contextual.models.saved_settings import prompt_in_force
from emb_pipeline.embeddings.contextual.sentence_transformer import describe_model_folder
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.learned.options import LearnedSparseOptions, SparseVectorOptions
from emb_pipeline.embeddings.learned.places import copy_start, name_saved_class, read_architecture, require_place
from emb_pipeline.embeddings.protocols import Role, Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.storage.vector_rows import SparseRows

_REASON = "it gives learned sparse vectors"


def load(options: LearnedSparseOptions, folder: Path, base: EncoderFolder | None = None) -> EncoderFolder:
    """Find a sparse encoder, or a masked language model, and see that it can be used; it stays where it is.

    A masked language model of the grid is copied instead: its head weighs words, but most weights are not 0 before it is
    fine-tuned.

    Raises
    ------
    DataError
        As for a Sentence Transformer, or it is neither of the two.
    """
    if base is not None:
        return copy_start(base, folder, _find_dim)
    made = describe_model_folder(options, folder, _find_dim)
    LearnedSparseEncoder(made, options).load()
    return made


def require(options: LearnedSparseOptions) -> None:
    """Refuse a model that is not there or gives no sparse vectors; one from the hub is not asked for yet.

    Raises
    ------
    DataError
        As for `load`.
    """
    require_place("learned_sparse", options, require_sparse_model)


def require_sparse_model(model: Path) -> None:
    """Refuse a model that the library would give random weights for.

    Raises
    ------
    DataError
        It was not saved as a sparse encoder, and is no plain masked language model.
    """
    saved = name_saved_class(model)
    if saved == "SparseEncoder" or (saved is None and read_architecture(model).endswith("ForMaskedLM")):
        return
    raise DataError(
        str(model),
        f"gives no weights to words: it is a {saved or read_architecture(model) or 'model without an architecture'}",
        "name a model that was saved as SparseEncoder, or a plain …ForMaskedLM; other models go by sentence_transformer",
    )


def build_sparse_encoder(
    options: LearnedSparseOptions, artifact: EncoderFolder, encodings: Path | None = None
) -> LearnedSparseEncoder | StoredEncoder:
    """Encode with a sparse encoder; given a store, a text is encoded once."""
    encoder = LearnedSparseEncoder(artifact, options)
    return encoder if encodings is None else StoredEncoder(encoder, encodings)


class LearnedSparseEncoder(LibraryVectorModel):
    """A sparse encoder of sentence-transformers: SPLADE, or one that looks a query's words up without inference.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : SparseVectorOptions
        Prompts, length, measure, device and precision.

    Raises
    ------
    DataError
        As for `LibraryVectorModel`.
    """

    export_format: ClassVar[str] = "learned_sparse"
    library_class: ClassVar[LibraryClass] = "SparseEncoder"

    def __init__(self, folder: EncoderFolder, options: SparseVectorOptions) -> None:
        super().__init__(folder, options, _REASON, options.similarity)
        self.options = options
        require_sparse_model(folder.model_path)

    @property
    def dim(self) -> int:
        """Words of the vocabulary: columns of the vectors."""
        return self.folder.dim

    @property
    def row_format(self) -> SparseRows:
        """The way that the vectors are stored."""
        return SparseRows(self.dim)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(SparseVectorOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read the encoder that `write_state` wrote."""
        return cls(EncoderFolder.read(folder / ENCODER), SparseVectorOptions(**facts["options"]))

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a text's vector depends on besides the text."""
        facts = {**self.list_causes(role), "rows": "sparse", "max_active_dims": self.options.max_active_dims}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> sp.csr_array:
        """Encode texts: a csr_array of shape (n_texts, dim), float32."""
        read = [self.folder.prepare_text(text) for text in texts]
        batches = self._draw_batches(read, role)
        if not batches:
            return sp.csr_array((0, self.dim), dtype=np.float32)
        order = np.argsort(np.concatenate(batches))
        encoded = [self._encode_batch([read[row] for row in rows], role) for rows in batches]
        return cast(sp.csr_array, sp.vstack(encoded, format="csr")[order])

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether its vector is not zeros: shape (n_texts,), bool."""
        return np.asarray(np.diff(vectors.indptr) > 0)

    def _set_length(self, model: Any, max_length: int) -> None:
        super()._set_length(model, max_length)
        for module in model.modules():
            if type(module).__name__ == LOOKS_UP:
                module.max_seq_length = module.tokenizer.model_max_length = max_length

    def _encode_batch(self, texts: list[str], role: Role) -> sp.csr_array:
        prompt, task = prompt_in_force(self.options, self._saved, role)[0], TASKS[role]
        given = {"max_active_dims": self.options.max_active_dims} if self.options.max_active_dims else {}
        dense = self._model.encode(
            texts,
            prompt=prompt,
            batch_size=len(texts),
            show_progress_bar=False,
            convert_to_sparse_tensor=False,
            save_to_cpu=True,
            **({} if task is None else {"task": task}),
            **given,
        )
        return sp.csr_array(dense.float().numpy())


def _find_dim(model: Path) -> int:
    require_sparse_model(model)
    loaded = load_library_model(model, library_class="SparseEncoder")
    return int(loaded.encode(["a"], convert_to_sparse_tensor=False, show_progress_bar=False).shape[1])
