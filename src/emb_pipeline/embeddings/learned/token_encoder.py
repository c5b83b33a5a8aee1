"""Vectors of the tokens of queries and passages: by a multi-vector encoder, or by any transformer's last layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import ENCODER, EncoderFolder
from emb_pipeline.embeddings.contextual.library_model import TASKS, LibraryModel
from emb_pipeline.embeddings.contextual.models.attention import require_no_window
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.library_loading import LibraryClass, load_library_model, silence_library
from emb_pipeline.embeddings.contextual.models.saved_modules import read_modules
from emb_pipeline.embeddings.contextual.models.saved_settings import PROMPTS, SavedSettings, prompt_in_force
from emb_pipeline.embeddings.contextual.sentence_transformer import describe_model_folder
from emb_pipeline.embeddings.learned.options import LateInteractionOptions, TokenVectorOptions
from emb_pipeline.embeddings.learned.places import copy_start, name_saved_class, read_architecture, require_place
from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.errors import DataError
from emb_pipeline.storage.vector_rows import TokenRows, TokenVectors

_REASON = "it gives a vector to each token"
_SAVE_AGAIN = "save it so where you trust its source: MultiVectorEncoder(folder).save(other_folder)"


def load(options: LateInteractionOptions, folder: Path, base: EncoderFolder | None = None) -> EncoderFolder:
    """Find a model that gives vectors to tokens, and see that it can be used; it stays where it is.

    An encoder of the grid is copied instead.

    Raises
    ------
    DataError
        As for a Sentence Transformer, or it gives no vectors to tokens.
    """
    return describe_model_folder(options, folder, _find_dim) if base is None else copy_start(base, folder, _find_dim)


def require(options: LateInteractionOptions) -> None:
    """Refuse a model that is not there or gives no vectors to tokens; one from the hub is not asked for yet.

    Raises
    ------
    DataError
        As for `load`.
    """
    require_place("late_interaction", options, require_token_model)


def require_token_model(model: Path) -> None:
    """Refuse a model without vectors of tokens, or whose projection of them would be lost.

    Raises
    ------
    DataError
        It was saved by another library for late interaction, as a sparse encoder or as a reranker, or has no transformer.
    """
    saved = name_saved_class(model)
    if saved == "MultiVectorEncoder":
        return
    if saved == "ColBERT" or (saved is None and read_architecture(model) == "HF_ColBERT"):
        raise DataError(str(model), "was not saved as a MultiVectorEncoder of sentence-transformers", _SAVE_AGAIN)
    first = next((module.kind for module in read_modules(model)), "Transformer")
    if saved not in (None, "SentenceTransformer") or first != "Transformer":
        raise DataError(
            str(model),
            f"gives no vectors to tokens: it was saved as {saved or 'a plain model'}, and starts with {first}",
            "name a model that was saved as MultiVectorEncoder, or one that starts with a transformer",
        )


class TokenEncoder(LibraryModel):
    """A model that gives a vector to each token of a query or a passage.

    One that was not trained for late interaction gives its last layer's, at length 1 and without a projection; no query is
    expanded there.

    Parameters
    ----------
    folder : EncoderFolder
        The model.
    options : TokenVectorOptions
        Prompts, length, precision and device.

    Raises
    ------
    DataError
        As for `LibraryModel`.
    """

    export_format: ClassVar[str] = "token_vectors"
    library_class: ClassVar[LibraryClass] = "MultiVectorEncoder"

    def __init__(self, folder: EncoderFolder, options: TokenVectorOptions) -> None:
        super().__init__(folder, options, _REASON)
        self.options = options
        require_token_model(folder.model_path)
        self._is_trained_so = name_saved_class(folder.model_path) == "MultiVectorEncoder"
        if not self._is_trained_so:
            self._saved = SavedSettings(folder.model_path)

    @property
    def dim(self) -> int:
        """Dimensions of a token's vector."""
        return self.folder.dim

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a copy of the model."""
        self.folder.copy_to(folder / ENCODER)
        options = self.options.model_dump(mode="json", include=set(TokenVectorOptions.model_fields))
        return {"options": options, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> TokenEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(EncoderFolder.read(folder / ENCODER), TokenVectorOptions(**facts["options"]))

    @property
    def row_format(self) -> TokenRows:
        """The way that the vectors are stored."""
        return TokenRows(self.dim, self.options.precision)

    @cached_property
    def takes_mean(self) -> bool:
        """True where the model divides a score by the tokens of the query."""
        config = read_json(self.folder.model_path / PROMPTS) or {}
        return self._is_trained_so and config.get("similarity_fn_name") == "meanmaxsim"

    @property
    def details(self) -> dict[str, Any]:
        """Facts that a reader of its scores must know."""
        facts = {name: value for name, value in self.facts.items() if name != "prompts"}
        prompts = {role: prompt for role, prompt in self.facts["prompts"].items() if role != "text"}
        token_vectors = "as the model was trained" if self._is_trained_so else "its last layer, without a projection"
        return {**facts, "prompts": prompts, "token_vectors": token_vectors, "precision": self.options.precision}

    def fingerprint(self, role: Role = "text") -> str:
        """Name all that a text's vectors depend on besides the text."""
        facts = {**self.list_causes(role), "rows": "tokens", "precision": self.options.precision}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def encode(self, texts: Sequence[str], role: Role = "text") -> TokenVectors:
        """Encode the tokens of texts."""
        if not len(texts):
            return TokenVectors(np.zeros((0, self.dim), dtype=self.options.precision), np.zeros(1, dtype=np.int64))
        read = [self.folder.prepare_text(text) for text in texts]
        task = TASKS[role] or "document"
        found: list[np.ndarray] = [np.empty(0)] * len(read)
        for rows in self._draw_batches(read, role):
            encoded = self._model.encode(
                [read[row] for row in rows],
                prompt=prompt_in_force(self.options, self._saved, role)[0],
                batch_size=len(rows),
                show_progress_bar=False,
                convert_to_numpy=True,
                task=task,
            )
            for row, vectors in zip(rows, encoded, strict=True):
                found[row] = np.asarray(vectors, dtype=self.options.precision)
        return TokenVectors.join(found)

    def knows(self, texts: Sequence[str], vectors: TokenVectors) -> np.ndarray:
        """Say of each text whether the tokenizer knows anything of it, else whether it has a token: (n_texts,), bool."""
        known = self.find_known(texts)
        return np.asarray(vectors.counts > 0) if known is None else known

    def _read_model(self, dtype: str, device: str) -> Any:
        return _open_model(self.folder.model_path, dtype, device)

    def _set_length(self, model: Any, max_length: int) -> None:
        model[0].document_length = max_length
        if model[0].query_expansion is None:
            model[0].query_length = max_length

    def _find_longest(self, role: Role) -> int | None:
        module = self._first_module(role)
        own = module.query_length if role == "query" else module.document_length
        known = super()._find_longest(role)
        return known if own is None else min(int(own), known or int(own))


def _open_model(model: Path, dtype: str = "float32", device: str = "cpu") -> Any:
    """Open a multi-vector encoder, or make one of a transformer: its last layer at length 1, no projection."""
    require_token_model(model)
    if name_saved_class(model) == "MultiVectorEncoder":
        return load_library_model(model, dtype, device, "MultiVectorEncoder")
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    require_no_window(model)
    silence_library()
    try:
        transformer = Transformer.load(
            str(model),
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, dtype), "use_safetensors": True},
        )
        modules = [transformer, MultiVectorMask(), Normalize(module_input_name="token_embeddings")]
        return MultiVectorEncoder(modules=modules, device=device)
    except Exception as error:  # whatever a broken file makes the library raise
        reason = f"sentence-transformers cannot read it ({error})"
        raise DataError(str(model), reason, "save or download it again") from error


def _find_dim(model: Path) -> int:
    (vectors,) = _open_model(model).encode(["a"], task="document", convert_to_numpy=True, show_progress_bar=False)
    return int(vectors.shape[1])
