"""Settings that a sentence-transformers folder was saved with: modules, pooling, length and prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from emb_pipeline.embeddings.contextual.options import EncoderOptions
from emb_pipeline.embeddings.protocols import SIMILARITIES, Role, Similarity
from emb_pipeline.errors import DataError

PROMPTS = "config_sentence_transformers.json"
_NAMES: Mapping[Role, tuple[str, ...]] = {"query": ("query",), "passage": ("document", "passage", "corpus"), "text": ()}
"""Names that a model may give the prompt of a role, the first one first: those of ``encode_query``, ``encode_document``."""


class SavedSettings:
    """Settings of a model's folder that hold where the options say nothing; a plain model is pooled by its mean.

    Attributes
    ----------
    pooling : {"mean", "cls", "max"}
        The rule that makes one vector of the token vectors.
    pools_prompt : bool
        Whether the tokens of a prompt count in the pooling.
    normalizes : bool
        Whether vectors are scaled to length 1.
    max_length : int, optional
        Sub-words that are read of a text.
    prompts : mapping
        The prompt of each role.
    similarity : {"cosine", "dot", "euclidean", "manhattan"}
        The measure that its vectors were made to be compared by.
    """

    def __init__(self, model: Path, pooling: str, similarity: str = "model") -> None:
        modules = read_json(model / "modules.json") or []
        kinds = {str(module["type"]).rpartition(".")[2]: model / module["path"] for module in modules}
        if unknown := [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]:
            raise DataError(
                str(model / "modules.json"),
                f"has a module {unknown[0]} after pooling, which is not supported",
                "use a model of Transformer, Pooling and Normalize",
            )
        saved = read_json(kinds["Pooling"] / "config.json") or {} if "Pooling" in kinds else {}
        modes = {
            "cls": saved.get("pooling_mode_cls_token"),
            "max": saved.get("pooling_mode_max_tokens"),
            "mean": saved.get("pooling_mode_mean_tokens"),
            str(saved.get("pooling_mode")): "pooling_mode" in saved,
        }
        chosen = [mode for mode, holds in modes.items() if holds] or ["mean"]
        if pooling != "model":
            chosen = [pooling]
        if len(chosen) > 1 or chosen[0] not in ("cls", "max", "mean"):
            raise DataError(
                str(kinds["Pooling"]),
                f"pools by {' and '.join(chosen)}, which is not supported",
                "set pooling: mean, cls or max",
            )
        self.pooling = chosen[0]
        self.pools_prompt = bool(saved.get("include_prompt", True))
        self.normalizes = "Normalize" in kinds
        self.max_length = (read_json(model / "sentence_bert_config.json") or {}).get("max_seq_length")
        self.prompts = _saved_prompts(model / PROMPTS)
        self.similarity = _saved_similarity(model / PROMPTS) if similarity == "model" else cast(Similarity, similarity)


def prompt_in_force(options: EncoderOptions, saved: SavedSettings, role: Role) -> tuple[str, str]:
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


def _saved_prompts(path: Path) -> dict[Role, str]:
    """The prompt of each role, as ``encode``, ``encode_query`` and ``encode_document`` of sentence-transformers choose it.

    Raises
    ------
    DataError
        The prompts are no text under a name, or the default is none of them.
    """
    config = read_json(path) or {}
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    if config.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        prompts, default = {}, None  # those of a reranker do not describe its vectors
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str | None) for prompt in prompts.values()):
        raise DataError(str(path), "its 'prompts' are no texts under names", 'write {"query": "…", "document": "…"}')
    known = {"query": "", "document": "", **{name: prompt or "" for name, prompt in prompts.items()}}
    if default is not None and default not in known:
        remedy = "correct default_prompt_name, or set query_prompt, passage_prompt and text_prompt in the options"
        raise DataError(str(path), f"its default prompt {default!r} is none of {', '.join(map(repr, known))}", remedy)
    usual = known[default] if default is not None else ""
    return {role: next((known[name] for name in names if name in known), usual) for role, names in _NAMES.items()}


def _saved_similarity(path: Path) -> Similarity:
    """Read the measure that a model was saved with.

    Raises
    ------
    DataError
        It is none of those that sentence-transformers knows.
    """
    config = read_json(path) or {}
    named = config.get("similarity_fn_name") or "cosine"
    if config.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        return "cosine"
    if named not in SIMILARITIES:
        known = ", ".join(SIMILARITIES)
        raise DataError(str(path), f"its similarity {named!r} is none of {known}", "set similarity: cosine in the options")
    return cast(Similarity, named)


def read_json(path: Path) -> Any:
    """The content of a file, nothing where there is none.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(str(path), f"cannot be read ({error})", "save or download the model again") from error
