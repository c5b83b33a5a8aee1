"""The embeddings that a new use case compares: those that its kind of task can take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from emb_pipeline.embeddings.contextual import packaged
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.proposal import Proposal
from emb_pipeline.tasks.registry import KINDS

MINILM = "pretrained.minilm_384_int8"
_FEWEST_WORDS = 20_000
"""Words of text below which no vectors are trained on it."""


@dataclass(frozen=True)
class Candidate:
    """One entry of a grid.

    Attributes
    ----------
    name : str
        ``<origin>.<embedding>``.
    method : str
        Its method.
    is_first : bool
        Whether a fast run has it.
    entry : mapping
        What YAML says of one that is pretrained or made of others.
    language : str
        The language that it was trained on elsewhere; empty for one that learns from any text.
    stands_in_for : str
        The candidate without which alone it is chosen.
    """

    name: str
    method: str
    is_first: bool = False
    entry: Mapping[str, Any] | None = None
    language: str = ""
    stands_in_for: str = ""

    @property
    def bases(self) -> list[str]:
        """Names in its entry: of the embeddings that it is made of, among others."""
        values = dict(self.entry or {}).values()
        named = [name for value in values for name in (value if isinstance(value, list) else [value])]
        return [name for name in named if isinstance(name, str)]


_CANDIDATES = (
    Candidate("task.one_hot", "one_hot", is_first=True),
    Candidate("task.tfidf", "tfidf", is_first=True),
    Candidate("task.word_char_tfidf", "word_char_tfidf", is_first=True),
    Candidate("task.lsa_100", "lsa"),
    Candidate("task.one_hot_columns", "one_hot_columns", is_first=True),
    Candidate("task.target_columns", "target_columns", is_first=True),
    Candidate("task.entity_columns", "entity_columns", is_first=True),
    Candidate("task.cooccurrence_columns", "cooccurrence_columns"),
    Candidate("task.bm25", "bm25", is_first=True),
    Candidate("task.token_features", "token_features", is_first=True),
    Candidate("task.sliding_window", "sliding_window", is_first=True),
    Candidate("task.popularity", "popularity", is_first=True),
    Candidate("task.item_knn", "item_knn", is_first=True),
    Candidate("task.ease", "ease", is_first=True),
    Candidate("task.item2vec_64", "item2vec"),
    Candidate("task.als_64", "als"),
    Candidate("task.bpr_64", "bpr"),
    Candidate("control.random_100", "random", is_first=True),
    Candidate("control.shuffled_tfidf", "tfidf", is_first=True),
    Candidate("control.shuffled_one_hot_columns", "one_hot_columns", True, stands_in_for="control.shuffled_tfidf"),
    Candidate("domain.word2vec_100", "word2vec", is_first=True),
    Candidate("domain.word2vec_300", "word2vec"),
    Candidate("domain.fasttext_100", "fasttext"),
    Candidate("domain.glove_100", "glove"),
    Candidate(
        MINILM,
        "sentence_transformer",
        True,
        {"method": "sentence_transformer", "options": dict(packaged.MINILM)},
        packaged.MINILM_LANGUAGE,
    ),
    Candidate("pretrained.minilm_distilled_256", "distilled", True, {"method": "distilled", "teacher": MINILM}),
    Candidate(
        "pretrained.minilm_384_stored_int8",
        "reduced",
        False,
        {"method": "reduced", "of": MINILM, "options": {"by": "prefix", "precision": "int8"}},
    ),
    Candidate("pretrained.minilm_and_bm25", "fusion", True, {"method": "fusion", "of": ["task.bm25", MINILM]}),
    Candidate("task.tfidf_and_columns", "joined", True, {"method": "joined", "of": ["task.tfidf", "task.one_hot_columns"]}),
    Candidate("pretrained.minilm_and_columns", "joined", True, {"method": "joined", "of": [MINILM, "task.one_hot_columns"]}),
    Candidate("task.hybrid_tfidf", "hybrid", False, {"method": "hybrid", "text": "task.tfidf"}),
)


def choose_candidates(proposal: Proposal, missing: Collection[str] = ()) -> list[Candidate]:
    """Choose the embeddings that a task can take, that its files have the text for, and that are not ``missing``.

    One that is made of others takes part where these do.
    """
    kind = KINDS[proposal.kind]
    asked = {"texts": proposal.has_texts, "labeled_texts": proposal.has_texts, "columns": proposal.has_columns}
    requires = (kind.requires - asked.keys()) | {
        name for name, is_there in asked.items() if is_there and name in kind.requires | {"columns"}
    }
    corpus = proposal.texts is not None and proposal.n_items * proposal.words >= _FEWEST_WORDS
    every, chosen = {candidate.name for candidate in _CANDIDATES}, dict[str, Candidate]()
    for candidate in _CANDIDATES:
        method = METHODS[candidate.method]
        if (
            method.supports & requires
            and (corpus or method.source != "corpus")
            and (kind.learns_from_labels or not candidate.name.startswith("control.shuffled_"))
            and all(base in chosen for base in candidate.bases if base in every)
            and candidate.stands_in_for not in chosen
            and candidate.name not in missing
        ):
            chosen[candidate.name] = candidate
    return list(chosen.values())


def find_unavailable() -> dict[str, str]:
    """Find the candidates that this installation cannot make, and why: a model or a package that is not there."""
    missing: dict[str, str] = {}
    for candidate in _CANDIDATES:
        method = METHODS[candidate.method]
        lost = next((missing[name] for name in candidate.bases if name in missing), None)
        try:
            method.require(method.options.model_validate(dict(candidate.entry or {}).get("options") or {}))
        except DataError as error:
            lost = lost or str(error)
        if lost:
            missing[candidate.name] = lost
    return missing


def build_grid(candidates: list[Candidate], task: str) -> dict[str, Any]:
    """Write a grid of candidates as YAML has it."""
    keys: dict[str, list[str]] = {}
    for candidate in candidates:
        origin, _, key = candidate.name.partition(".")
        if candidate.entry is None:
            keys.setdefault(origin, []).append(key)
    methods: dict[str, list[int]] = {}
    for key in keys.get("domain", []):
        method, _, dim = key.rpartition("_")
        methods.setdefault(method, []).append(int(dim))
    pretrained = {
        candidate.name.partition(".")[2]: dict(candidate.entry)
        for candidate in candidates
        if candidate.entry is not None and METHODS[candidate.method].source == "pretrained"
    }
    derived = {
        candidate.name: dict(candidate.entry)
        for candidate in candidates
        if candidate.entry is not None and METHODS[candidate.method].source != "pretrained"
    }
    return {
        "corpora": ["domain"] if methods else [],
        "methods": methods,
        "baselines": keys.get("task", []),
        "controls": keys.get("control", []),
        "pretrained": pretrained,
        "derived": derived,
        "tasks": [task],
    }
