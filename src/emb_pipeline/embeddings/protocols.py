"""Small contracts: the abilities by which an embedding is evaluated and exported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, cast, get_args, runtime_checkable

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.retrieval.hits import Hits
from emb_pipeline.text.texts import Texts

Vectors: TypeAlias = Any
"""An ndarray or a csr_array of shape (n_texts, dim), float32 (scipy has no types to say so)."""


@runtime_checkable
class TextEncoder(Protocol):
    """Maps texts to vectors."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts: an array of shape (n_texts, dim), float32, dense or sparse."""
        ...


Role: TypeAlias = Literal["text", "query", "passage"]
"""The use of a text: some encoders were trained with another prompt for each. A ``text`` is neither of the two."""

ROLES: tuple[Role, ...] = get_args(Role)


Similarity: TypeAlias = Literal["cosine", "dot", "euclidean", "manhattan"]
"""The measure by which two vectors are compared, by sentence-transformers' names; the larger, the more alike."""

SIMILARITIES: tuple[Similarity, ...] = get_args(Similarity)


class RoleEncoder(Protocol):
    """Maps texts to vectors that may depend on what a text is for."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode(self, texts: Sequence[str], role: Role = "text") -> Vectors:
        """Vectors of the texts in this role: an array of shape (n_texts, dim), float32."""
        ...


@runtime_checkable
class StoredTextEncoder(RoleEncoder, Protocol):
    """A text encoder that keeps what it has encoded."""

    @property
    def unstored(self) -> RoleEncoder:
        """The encoder of a text that was not encoded before."""
        ...


@runtime_checkable
class Exportable(Protocol):
    """An encoder, or an index of passages, that can be written to a folder and read back: what a bundle is made of.

    A method's line in the registry names the class as its ``export``.
    """

    export_format: ClassVar[str]
    """Name of the format, as it is in the folder's manifest: never changed, or folders in use are not read any more."""

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write what it needs into an existing folder: Arrow, safetensors or JSON, no pickles.

        Returns
        -------
        dict
            Facts for the manifest: JSON values.
        """
        ...

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Read what `write_state` wrote, given the facts that it returned."""
        ...


@runtime_checkable
class ExportableEncoder(Exportable, Protocol):
    """An encoder of texts that can be written to a folder."""

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        ...


@runtime_checkable
class KnowingEncoder(Protocol):
    """An encoder whose vector of a text that it knows nothing of may be other than zeros (a transformer)."""

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text, given its vectors, whether the encoder knows anything of it: shape (n_texts,), bool."""
        ...


@runtime_checkable
class TaskEncoder(Protocol):
    """An embedding fitted on a task's own training texts (one-hot, TF-IDF, LSA)."""

    def fit(self, texts: Texts) -> TextEncoder:
        """The encoder that these training texts give; nothing else of the task is seen."""
        ...


@runtime_checkable
class LabeledTaskEncoder(Protocol):
    """An embedding fitted on a task's own training texts and their labels (target encoding, entity embeddings)."""

    @property
    def learns_from_labels(self) -> bool:
        """True where it does; one that builds on others does where they do."""
        ...

    def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[TextEncoder, Vectors]:
        """The encoder that this training part gives, and the vectors of its texts to learn from.

        These may differ from what the encoder gives for the same texts, where that would hold their own labels. ``labels``
        are codes of classes (int), or values (float).
        """
        ...


VectorEmbedding: TypeAlias = TextEncoder | TaskEncoder | LabeledTaskEncoder
"""What gives vectors of texts, or of the columns next to them: as it is, or fitted on a task's training part."""


@runtime_checkable
class Searcher(Protocol):
    """A retrieval system without vectors of its own (BM25)."""

    def index(self, passages: Sequence[str]) -> SearchIndex:
        """These passages, ready to be searched."""
        ...


class SearchIndex(Protocol):
    """Passages that can be searched."""

    @property
    def n_bytes(self) -> int:
        """Memory of the index."""
        ...

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Indices of the ``k`` best passages for each query, best first: shape (n_queries, k).

        Equal scores must not follow the order of the passages: `emb_pipeline.embeddings.ranking.TieOrder`.
        """
        ...


@runtime_checkable
class ScoredIndex(SearchIndex, Protocol):
    """Passages that can be searched by scores: a part of a fusion, or the first stage of a reranker."""

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the ``k`` best passages of each query, with their scores, among all or among those of its row."""
        ...


@runtime_checkable
class ScoringIndex(ScoredIndex, Protocol):
    """Passages whose scores are all known at once, and not those of a list alone: the best chunks need no longer list."""

    def score_all(self, queries: Sequence[str], among: sp.csr_array | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the rows of some queries at a time, and an array of their scores of all passages: it may be changed.

        ``-inf`` where nothing is found. Passages that none of the queries may find need no score.
        """
        ...


@runtime_checkable
class MeasuredIndex(ScoredIndex, Protocol):
    """Passages that are searched by a measure with a name: what people are answered with is on its scale."""

    @property
    def measure(self) -> str:
        """Name of the measure: cosine."""
        ...

    def search_measured(self, queries: Sequence[str], k: int) -> Hits:
        """Find what ``search_scored`` finds, with values of the measure in place of scores that are made for ranking."""
        ...


@runtime_checkable
class ExportableIndex(Exportable, ScoredIndex, Protocol):
    """Passages that can be searched, in a folder: a search engine without the run that chose it."""


@dataclass(frozen=True)
class Stage:
    """One of the choices that a searcher leaves open, given the choices before it.

    Attributes
    ----------
    settings : sequence of Setting
        What to choose among, the usual one first.
    rank : callable
        Given the setting of the stages before, queries, k and perhaps the passages to rank among: the ranking by each of
        the settings, in their order. The work that they share is done once.
    """

    settings: Sequence[Setting]
    rank: Callable[..., Iterator[np.ndarray]]


@runtime_checkable
class StagedIndex(ScoredIndex, Protocol):
    """Passages that are searched by several searchers, whose settings are chosen before the index's own."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The choices that are left open, in the order in which they are made."""
        ...

    def at(self, setting: Setting) -> ScoredIndex:
        """The same passages with a setting of all stages."""
        ...


class TunableIndex(SearchIndex, Protocol):
    """Passages that can be searched with several settings."""

    def at(self, setting: Setting) -> SearchIndex:
        """The same passages with another setting."""
        ...


@runtime_checkable
class TunableSearcher(Protocol):
    """A searcher with hyper-parameters that are chosen on a task's queries (BM25)."""

    @property
    def settings(self) -> Sequence[Setting]:
        """Settings to choose among, the usual one first; a single one leaves nothing to choose."""
        ...

    def index(self, passages: Sequence[str]) -> TunableIndex:
        """Index passages, with the first setting."""
        ...


@runtime_checkable
class Answerer(Protocol):
    """A system that finds answers in contexts without vectors of its own (lexical overlap)."""

    def answer(self, questions: Sequence[Sequence[str]], contexts: Sequence[Sequence[str]]) -> np.ndarray:
        """First and last word of the answer to each question in its context: shape (n_questions, 2)."""
        ...


@runtime_checkable
class WordEncoder(Protocol):
    """Maps tokens to vectors, each by itself (word vectors): equal tokens have equal vectors."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode_words(self, words: Sequence[str]) -> Vectors:
        """Vectors of a data set's own tokens: an array of shape (n_words, dim), float32, dense or sparse."""
        ...


@runtime_checkable
class TaskWordEncoder(Protocol):
    """An embedding of tokens fitted on a task's own training words (one-hot, hand-made features)."""

    def fit_words(self, words: Sequence[str]) -> WordEncoder:
        """The encoder that these distinct training words give."""
        ...


@runtime_checkable
class TokenEncoder(Protocol):
    """Maps the tokens of a sentence to vectors, each in its context."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        ...

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """One array of shape (n_tokens, dim), float32, per sentence."""
        ...


Setting: TypeAlias = Mapping[str, float | None]
"""Hyper-parameters chosen on a task's own data: validation interactions, or queries that are not scored with them."""


@runtime_checkable
class Recommender(Protocol):
    """Scores items for users."""

    @property
    def dim(self) -> int:
        """Numbers per vector of a user or an item; 0 where there are no vectors."""
        ...

    @property
    def n_bytes(self) -> int:
        """Memory that scoring needs."""
        ...

    def scores(self, users: np.ndarray) -> np.ndarray:
        """A score for each user and item, the higher the better: an array of shape (n_users, n_items), float."""
        ...


@runtime_checkable
class TaskRecommender(Protocol):
    """A way to recommend, fitted on a task's own training interactions."""

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, Recommender]]:
        """Every setting to choose among, with what it gives; one at a time, for the work that they share is done once."""
        ...

    def fit(self, interactions: Interactions, setting: Setting) -> Recommender:
        """Fit with one setting."""
        ...


@runtime_checkable
class VectorRecommender(Recommender, Protocol):
    """A recommender whose score is the dot product of a user's vector and an item's."""

    @property
    def users(self) -> Vectors:
        """Vectors of all users: shape (n_users, dim), dense or sparse."""
        ...

    @property
    def items(self) -> Vectors:
        """Vectors of all items: shape (n_items, dim), dense or sparse."""
        ...


@runtime_checkable
class AttributeRecommender(Protocol):
    """A way to recommend by attributes of users or items, too."""

    @property
    def attributes_of(self) -> Literal["user", "item"]:
        """Whose attributes."""
        ...

    def with_attributes(self, values: sp.csr_array) -> TaskRecommender:
        """Create what is fitted on interactions, for a matrix of 0 and 1: (n_users or n_items, n_values)."""
        ...


@runtime_checkable
class RemoteEncoder(Protocol):
    """An encoder that asks a service, which wants money for every text."""

    @property
    def latency_requests(self) -> int:
        """Requests of a task that are sent, and paid, to time the service; 0: none."""
        ...

    def price_texts(self, texts: Sequence[str]) -> float:
        """Estimate US dollars for a million texts such as these; NaN where the price is unknown.

        Of a reranker, a text is a query, with the passages that are read with it.
        """
        ...


@runtime_checkable
class EstimatingEncoder(Protocol):
    """An embedding that can say beforehand what a service behind it will ask for."""

    def estimate_cost(self, texts: Mapping[Role, Sequence[str]]) -> dict[str, float]:
        """Say what the texts of tasks will cost, by their role: texts, tokens, usd. Refuse what must not be paid."""
        ...


def list_remote_parts(encoder: object) -> list[RemoteEncoder]:
    """List the encoders behind others that ask a service: behind a store, fewer dimensions, a fusion of several."""
    if isinstance(encoder, RemoteEncoder):
        return [encoder]
    inner = [getattr(encoder, name, None) for name in ("unstored", "base", "text", "encoder")]
    several = getattr(encoder, "parts", None)
    found = [each for each in inner if each is not None and each is not encoder][:1]
    found += list(several.values()) if isinstance(several, Mapping) else []
    return [part for each in found for part in list_remote_parts(each)]


def encode_as(encoder: TextEncoder | RoleEncoder, texts: Sequence[str], role: Role) -> Vectors:
    """Vectors of texts in a role, by an encoder that knows roles or by one that does not."""
    if "role" in inspect.signature(encoder.encode).parameters:
        return encoder.encode(texts, role=role)  # type: ignore[call-arg]
    return encoder.encode(texts)


def fit_on(encoder: TextEncoder | TaskEncoder, texts: Texts, role: Role) -> TextEncoder:
    """Fit an embedding on texts in their role, where it is one that is fitted."""
    if not isinstance(encoder, TaskEncoder):
        return encoder
    if "role" in inspect.signature(encoder.fit).parameters:
        return encoder.fit(texts, role=role)  # type: ignore[call-arg]
    return encoder.fit(texts)


def learns_from_labels(encoder: object) -> bool:
    """Tell whether an embedding is fitted on labels: with fewer of them, it is another one."""
    return bool(getattr(encoder, "learns_from_labels", False))


def is_fitted_on_tasks(encoder: object) -> bool:
    """Tell whether an embedding is fitted on a task's training part, with its labels or without."""
    return isinstance(encoder, TaskEncoder | LabeledTaskEncoder)


def fit_encode(encoder: VectorEmbedding, texts: Texts, labels: np.ndarray | None) -> tuple[TextEncoder, Vectors]:
    """Fit an embedding on a training part, where it is one that is fitted, and encode the part's texts to learn from.

    Raises
    ------
    ValueError
        It learns from labels, and none are given.
    """
    if isinstance(encoder, LabeledTaskEncoder):
        if labels is None and encoder.learns_from_labels:
            raise ValueError("this embedding learns from labels: give those of the training texts")
        return encoder.fit_encode(texts, cast("np.ndarray", labels))
    fitted = encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder
    return fitted, encode_as(fitted, texts, "text")


def innermost(encoder: object) -> object:
    """The encoder that others are wrapped around: a store, fewer dimensions, a recommender mixed in."""
    for part in ("unstored", "base", "text"):
        other = getattr(encoder, part, None)
        if other is not None and other is not encoder:
            return innermost(other)
    return encoder


def details_of(encoder: object) -> dict[str, Any]:
    """Collect what a reader must know of an encoder: its prompts, for instance."""
    return dict(getattr(innermost(encoder), "details", {}))


def similarity_of(encoder: object) -> Similarity:
    """Name the measure that an encoder's vectors were made to be compared by: cosine, where it names no other."""
    similarity: Similarity = getattr(innermost(encoder), "similarity", "cosine")
    return similarity


def token_dim_of(encoder: WordEncoder | TokenEncoder) -> int:
    """Count the dimensions of a token's vector, which may be others than those of a text's."""
    return int(getattr(innermost(encoder), "token_dim", encoder.dim))


def model_of(encoder: object) -> EncoderFolder | None:
    """The model behind an encoder, where there is one with a tokenizer of its own."""
    folder = getattr(innermost(encoder), "folder", None)
    return folder if isinstance(folder, EncoderFolder) else None
