"""Settings that a sentence-transformers folder was saved with: modules, pooling, length and prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from emb_pipeline.embeddings.contextual.models.after_pooling import AfterPooling
from emb_pipeline.embeddings.contextual.models.json_files import read_json
from emb_pipeline.embeddings.contextual.models.library_loading import LibraryClass
from emb_pipeline.embeddings.contextual.models.saved_modules import TRANSFORMER_SETTINGS, SavedModule, read_modules
from emb_pipeline.embeddings.contextual.options import POOLINGS, ReadingOptions
from emb_pipeline.embeddings.protocols import SIMILARITIES, Role, Similarity
from emb_pipeline.errors import DataError

PROMPTS = "config_sentence_transformers.json"
_OLDER_MODES: Mapping[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_NAMES: Mapping[Role, tuple[str, ...]] = {"query": ("query",), "passage": ("document", "passage", "corpus"), "text": ()}
"""Names that a model may give the prompt of a role, the first one first: those of ``encode_query``, ``encode_document``."""


class SavedSettings:
    """Settings of a model's folder that hold where the options say nothing.

    A plain encoder is pooled by its mean, a plain decoder by its last token, as in sentence-transformers.

    Attributes
    ----------
    pooling : tuple of str
        The rules that make one vector of the token vectors; the vectors of several are put one after the other.
    pools_prompt : bool
        Whether the tokens of a prompt count in the pooling.
    after_pooling : AfterPooling
        What changes the vector then.
    normalizes : bool
        Whether vectors are scaled to length 1 at the end.
    truncate_dim : int, optional
        Dimensions that are kept of them.
    max_length : int, optional
        Sub-words that are read of a text.
    prompts : mapping
        The prompt of each role.
    similarity : {"cosine", "dot", "euclidean", "manhattan"}
        The measure that its vectors were made to be compared by.
    """

    def __init__(
        self,
        model: Path,
        pooling: str = "model",
        similarity: str = "model",
        library_class: LibraryClass = "SentenceTransformer",
    ) -> None:
        modules = read_modules(model)
        config = read_json(model / PROMPTS) or {}
        self.pooling, self.pools_prompt = _saved_pooling(model, modules)
        if pooling != "model":
            self.pooling = (pooling,)
        after = modules[2:]
        self.normalizes = bool(after) and after[-1].kind == "Normalize"
        self.after_pooling = AfterPooling(after[:-1] if self.normalizes else after)
        self.truncate_dim: int | None = config.get("truncate_dim")
        self.max_length: int | None = (read_json(model / TRANSFORMER_SETTINGS) or {}).get("max_seq_length")
        self.prompts = _saved_prompts(model / PROMPTS, library_class)
        is_saved = similarity == "model"
        self.similarity = _saved_similarity(model / PROMPTS, library_class) if is_saved else cast(Similarity, similarity)


def _saved_pooling(model: Path, modules: Sequence[SavedModule]) -> tuple[tuple[str, ...], bool]:
    """Read how a model pools its tokens, and whether those of a prompt are among them.

    Raises
    ------
    DataError
        By a rule that is not known.
    """
    found = next((module for module in modules if module.kind == "Pooling"), None)
    if found is None:
        config = read_json(model / "config.json") or {}
        architectures = config.get("architectures") or [""]
        is_decoder = str(architectures[0]).endswith("ForCausalLM") and config.get("is_causal", True)
        return ("lasttoken" if is_decoder else "mean",), True
    saved = found.config
    older = tuple(mode for key, mode in _OLDER_MODES.items() if saved.get(key))
    named = saved.get("pooling_mode") or older or "mean"
    modes = (named,) if isinstance(named, str) else tuple(named)
    if unknown := [mode for mode in modes if mode not in POOLINGS]:
        known = ", ".join(POOLINGS)
        raise DataError(str(found.path), f"pools by {unknown[0]!r}, which is not known", f"set pooling: one of {known}")
    return modes, bool(saved.get("include_prompt", True))


def prompt_in_force(options: ReadingOptions, saved: SavedSettings, role: Role) -> tuple[str, str]:
    """The prompt of a role, and whose it is: ``yours``, ``the model's own`` or ``none``.

    A text that is neither query nor passage has the prompt of passages where only that one is written in the options.
    """
    own = {"query": options.query_prompt, "passage": options.passage_prompt, "text": options.text_prompt}[role]
    if role == "text" and own is None:
        own = options.passage_prompt
    if own is not None:
        return own, "yours" if own else "none"
    prompt = saved.prompts[role]
    return prompt, "the model's own" if prompt else "none"


def _saved_prompts(path: Path, library_class: LibraryClass) -> dict[Role, str]:
    """The prompt of each role, as ``encode``, ``encode_query`` and ``encode_document`` of sentence-transformers choose it.

    Raises
    ------
    DataError
        The prompts are no text under a name, or the default is none of them.
    """
    config = read_json(path) or {}
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    if config.get("model_type", library_class) != library_class:
        prompts, default = {}, None  # those of a reranker do not describe its vectors
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str | None) for prompt in prompts.values()):
        raise DataError(str(path), "its 'prompts' are no texts under names", 'write {"query": "…", "document": "…"}')
    known = {"query": "", "document": "", **{name: prompt or "" for name, prompt in prompts.items()}}
    if default is not None and default not in known:
        remedy = "correct default_prompt_name, or set query_prompt, passage_prompt and text_prompt in the options"
        raise DataError(str(path), f"its default prompt {default!r} is none of {', '.join(map(repr, known))}", remedy)
    usual = known[default] if default is not None else ""
    return {role: next((known[name] for name in names if name in known), usual) for role, names in _NAMES.items()}


def _saved_similarity(path: Path, library_class: LibraryClass) -> Similarity:
    """Read the measure that a model was saved with; that of token vectors is not one of two vectors.

    Raises
    ------
    DataError
        It is none of those that sentence-transformers knows.
    """
    config = read_json(path) or {}
    usual: Similarity = "dot" if library_class == "SparseEncoder" else "cosine"
    named = config.get("similarity_fn_name") or usual
    if config.get("model_type", library_class) != library_class or library_class == "MultiVectorEncoder":
        return usual
    if named not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        raise DataError(str(path), f"its similarity {named!r} is none of {known}", "set similarity: cosine in the options")
    return cast(Similarity, named)
