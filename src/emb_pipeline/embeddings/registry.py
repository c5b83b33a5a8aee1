"""All methods there are. To add one: a file in its family, a line in METHODS, a line of YAML with its options.

Importing this module loads no library: an implementation is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from emb_pipeline.embeddings.options import (
    AlsOptions,
    BertOptions,
    Bm25Options,
    BprOptions,
    CharTfidfOptions,
    CounterFittedOptions,
    DistilledOptions,
    EaseOptions,
    EncoderOptions,
    FastTextOptions,
    GloveOptions,
    HybridOptions,
    Item2VecOptions,
    ItemKnnOptions,
    LsaOptions,
    OneHotOptions,
    Options,
    PooledOptions,
    RandomOptions,
    ReducedOptions,
    RetrofittedOptions,
    SentenceTransformerOptions,
    SlidingWindowOptions,
    StaticFileOptions,
    TfidfOptions,
    TokenFeaturesOptions,
    Word2VecOptions,
    WordCharTfidfOptions,
)

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
    from emb_pipeline.embeddings.protocols import Searcher, TaskEncoder, TaskRecommender, TextEncoder
    from emb_pipeline.embeddings.recommenders.hybrid import Hybrid
    from emb_pipeline.embeddings.static.word_vectors import WordVectors
    from emb_pipeline.embeddings.training import OnEpoch
    from emb_pipeline.text.tokens import TokenCorpus

Support = Literal["texts", "tokens", "search", "answers", "interactions"]
_TEXTS: frozenset[Support] = frozenset({"texts"})
_TOKENS: frozenset[Support] = frozenset({"tokens"})
_SEARCH: frozenset[Support] = frozenset({"search"})
_ANSWERS: frozenset[Support] = frozenset({"answers"})
_INTERACTIONS: frozenset[Support] = frozenset({"interactions"})
_BOTH = _TEXTS | _TOKENS
_POOLED, _TRANSFORMER = "static.pooling:PooledEncoder", "contextual.contextual_encoder:ContextualEncoder"
_WORD_COUNTS = "sparse.word_counts:BagEncoder"


@dataclass(frozen=True)
class Derivation:
    """A way that a method makes an embedding from another one: its name in tables, and the title of such embeddings."""

    name: str
    title: str


@dataclass(frozen=True)
class Method:
    """One way to get an embedding.

    Attributes
    ----------
    name : str
        As it stands in YAML.
    options : type of Options
        Its hyper-parameters.
    source : {"corpus", "task", "control", "pretrained", "encoder", "vectors", "embedding"}
        Where its knowledge comes from: trained here on a corpus, fitted on a task's training texts or interactions, nowhere,
        a file, another encoder or other word vectors of the grid, or any other embedding of the grid, which is evaluated
        with something added or taken away.
    supports : frozenset of {"texts", "tokens", "search", "answers", "interactions"}
        What it has vectors of, can search or answer, or is fitted on: a kind of task says which of these it needs.
    build : str
        ``module:name`` within this package.
    artifact : {"vectors", "encoder"}, optional
        What training or loading leaves behind; nothing for what each task fits for itself.
    has_dim : bool
        Whether the grid chooses its dimension.
    requirements : str
        ``module:name`` of what refuses options that cannot work here, before anything is trained; may be empty.
    sparse : bool
        Whether it is a sparse baseline: a column, or an item, of its own for each term or item.
    export : str
        ``module:name`` of the class of its encoders (`ExportableEncoder`): what a bundle is made of. Empty for a method that
        cannot be deployed.
    derivation : Derivation, optional
        For methods that make an embedding from another one: how.
    """

    name: str
    options: type[Options]
    source: Literal["corpus", "task", "control", "pretrained", "encoder", "vectors", "embedding"]
    supports: frozenset[Support]
    build: str
    artifact: Literal["vectors", "encoder"] | None = None
    has_dim: bool = True
    requirements: str = ""
    sparse: bool = False
    export: str = ""
    derivation: Derivation | None = None

    @property
    def can_be_tuned(self) -> bool:
        """Whether training can go on with a task's labels: it has weights, and is not the copy of another encoder."""
        return self.artifact is not None and self.source != "encoder"

    def load(self) -> Callable[..., Any]:
        """The function or class that does the work."""
        module, _, name = self.build.partition(":")
        return cast(Callable[..., Any], getattr(import_module(f"emb_pipeline.embeddings.{module}"), name))


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method("word2vec", Word2VecOptions, "corpus", _BOTH, "static.word2vec:train", "vectors", export=_POOLED),
            Method("fasttext", FastTextOptions, "corpus", _BOTH, "static.fasttext:train", "vectors", export=_POOLED),
            Method("glove", GloveOptions, "corpus", _BOTH, "static.glove:train", "vectors", export=_POOLED),
            Method(
                "bert",
                BertOptions,
                "corpus",
                _BOTH,
                "contextual.bert:train",
                "encoder",
                requirements="contextual.bert:require",
                export=_TRANSFORMER,
                derivation=Derivation("further_training", "Trained further on another corpus"),
            ),
            Method(
                "static_file",
                StaticFileOptions,
                "pretrained",
                _BOTH,
                "static.static_files:load",
                "vectors",
                has_dim=False,
                export=_POOLED,
            ),
            Method(
                "sentence_transformer",
                SentenceTransformerOptions,
                "pretrained",
                _BOTH,
                "contextual.sentence_transformer:load",
                "encoder",
                has_dim=False,
                requirements="contextual.sentence_transformer:require",
                export=_TRANSFORMER,
            ),
            Method(
                "distilled",
                DistilledOptions,
                "encoder",
                _BOTH,
                "contextual.distilled:distil",
                "encoder",
                has_dim=False,
                requirements="contextual.distilled:require",
                export="contextual.distilled:StaticEncoder",
                derivation=Derivation("distillation", "Distilled into static vectors"),
            ),
            Method("random", RandomOptions, "control", _BOTH, "static.random_vectors:encoder"),
            Method(
                "one_hot",
                OneHotOptions,
                "task",
                _BOTH,
                "sparse.word_counts:OneHot",
                has_dim=False,
                sparse=True,
                export=_WORD_COUNTS,
            ),
            Method(
                "tfidf",
                TfidfOptions,
                "task",
                _TEXTS,
                "sparse.word_counts:Tfidf",
                has_dim=False,
                sparse=True,
                export=_WORD_COUNTS,
            ),
            Method(
                "char_tfidf",
                CharTfidfOptions,
                "task",
                _TEXTS,
                "sparse.char_tfidf:CharTfidf",
                has_dim=False,
                sparse=True,
                export="sparse.char_tfidf:CharTfidfEncoder",
            ),
            Method(
                "word_char_tfidf",
                WordCharTfidfOptions,
                "task",
                _TEXTS,
                "sparse.char_tfidf:WordCharTfidf",
                has_dim=False,
                sparse=True,
                export="sparse.char_tfidf:WordCharEncoder",
            ),
            Method("lsa", LsaOptions, "task", _TEXTS, "sparse.word_counts:Lsa", export="sparse.word_counts:LsaEncoder"),
            Method(
                "token_features",
                TokenFeaturesOptions,
                "task",
                _TOKENS,
                "sparse.token_features:TokenFeatures",
                has_dim=False,
                sparse=True,
            ),
            Method("bm25", Bm25Options, "task", _SEARCH, "retrieval.bm25:Bm25", has_dim=False, sparse=True),
            Method(
                "sliding_window",
                SlidingWindowOptions,
                "task",
                _ANSWERS,
                "retrieval.sliding_window:SlidingWindow",
                has_dim=False,
                sparse=True,
            ),
            Method(
                "popularity",
                Options,
                "task",
                _INTERACTIONS,
                "recommenders.popularity:Popularity",
                has_dim=False,
                sparse=True,
            ),
            Method(
                "item_knn",
                ItemKnnOptions,
                "task",
                _INTERACTIONS,
                "recommenders.item_knn:ItemKnn",
                has_dim=False,
                sparse=True,
            ),
            Method("ease", EaseOptions, "task", _INTERACTIONS, "recommenders.ease:Ease", has_dim=False),
            Method("item2vec", Item2VecOptions, "task", _INTERACTIONS, "recommenders.item2vec:Item2Vec"),
            Method(
                "als",
                AlsOptions,
                "task",
                _INTERACTIONS,
                "recommenders.als:Als",
                requirements="recommenders.factors:require_implicit",
            ),
            Method(
                "bpr",
                BprOptions,
                "task",
                _INTERACTIONS,
                "recommenders.bpr:Bpr",
                requirements="recommenders.factors:require_implicit",
            ),
            Method(
                "reduced",
                ReducedOptions,
                "embedding",
                _TEXTS,
                "compress.reduced:Reduced",
                has_dim=False,
                export="compress.reduced:ReducedEncoder",
                derivation=Derivation("reduction", "Fewer numbers, or fewer bits for each"),
            ),
            *(
                Method(
                    name,
                    options,
                    "vectors",
                    _BOTH,
                    "static.counter_fitting:repaired",
                    "vectors",
                    has_dim=False,
                    export=_POOLED,
                    derivation=Derivation("repair", "Repaired with synonyms and antonyms"),
                )
                for name, options in (("counter_fitted", CounterFittedOptions), ("retrofitted", RetrofittedOptions))
            ),
            Method(
                "hybrid",
                HybridOptions,
                "embedding",
                _INTERACTIONS,
                "recommenders.hybrid:Hybrid",
                has_dim=False,
                derivation=Derivation("hybrid", "Mixed with a recommender that learns from interactions"),
            ),
        )
    }
)


def method_named(name: str) -> Method:
    """The method of this name.

    Raises
    ------
    ValueError
        There is none; the message lists those there are.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    return METHODS[name]


def require(method: str, options: Options) -> None:
    """Refuse what cannot work on this machine, before anything is trained.

    Raises
    ------
    DataError
        A model that is not there or cannot be used, a GPU where there is none.
    """
    if place := method_named(method).requirements:
        module, _, name = place.partition(":")
        getattr(import_module(f"emb_pipeline.embeddings.{module}"), name)(options)


def train(
    method: str,
    tokens: TokenCorpus,
    *,
    dim: int | None,
    options: Options,
    seed: int,
    workers: int = 1,
    on_epoch: OnEpoch | None = None,
    checkpoints: Path | None = None,
) -> WordVectors:
    """Train word vectors.

    Parameters
    ----------
    method : str
        Its name.
    tokens : TokenCorpus
        What to train on.
    dim : int
        Numbers per vector.
    options : Options
        The method's hyper-parameters.
    seed, workers : int
        Seed; threads.
    on_epoch : callable, optional
        Called after each epoch with its number and its loss (None where the method has none).
    checkpoints : Path, optional
        Where a training that was killed goes on from.

    Raises
    ------
    ValueError
        A method that is not trained on a corpus, options of another method, or no dimension.
    """
    trained = _checked(method, options, dim)
    _require(trained, "corpus", "vectors", "trained on a corpus")
    vectors = trained.load()(
        tokens, dim=dim, options=options, seed=seed, workers=workers, on_epoch=on_epoch, checkpoints=checkpoints
    )
    return _finite(method, vectors)


def _finite(method: str, vectors: WordVectors) -> WordVectors:
    """The vectors, if all of their numbers are finite: no training may save others."""
    from emb_pipeline.embeddings.divergence import require_converging

    require_converging(method, "its last epoch", 0.0, "lower its step size or weights", (vectors.vectors,))
    return vectors


def load(method: str, options: Options) -> WordVectors:
    """Word vectors that were trained elsewhere.

    Raises
    ------
    ValueError
        A method that is not pretrained, or options of another method.
    DataError
        The file cannot be used; see `emb_pipeline.embeddings.static.static_files.load`.
    """
    pretrained = _checked(method, options, None)
    _require(pretrained, "pretrained", "vectors", "read from a file")
    return cast("WordVectors", pretrained.load()(options))


def train_encoder(
    method: str,
    tokens: TokenCorpus,
    *,
    dim: int | None,
    options: Options,
    seed: int,
    folder: Path,
    checkpoints: Path,
    base: EncoderFolder | None = None,
) -> EncoderFolder:
    """Train an encoder on a corpus.

    Parameters
    ----------
    method, tokens, dim, options, seed
        As for `train`.
    folder : Path
        Where the encoder is written.
    checkpoints : Path
        Where a training that was killed goes on from.
    base : EncoderFolder, optional
        Go on training this one, in place of starting from nothing.

    Raises
    ------
    ValueError
        A method that trains no encoder, options of another method, or no dimension.
    """
    trained = _checked(method, options, dim, needs_dim=base is None)
    _require(trained, "corpus", "encoder", "an encoder trained on a corpus")
    from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder

    place = base.path if base else None
    trained.load()(tokens, dim=dim, options=options, seed=seed, folder=folder, checkpoints=checkpoints, base=place)
    return EncoderFolder.read(folder)


def load_encoder(method: str, options: Options, folder: Path) -> EncoderFolder:
    """An encoder that was trained elsewhere; ``folder`` gets what is needed to find it again.

    Raises
    ------
    ValueError
        A method that loads no encoder, or options of another method.
    DataError
        The model cannot be used; see `emb_pipeline.embeddings.contextual.sentence_transformer.load`.
    """
    pretrained = _checked(method, options, None)
    _require(pretrained, "pretrained", "encoder", "an encoder trained elsewhere")
    return cast("EncoderFolder", pretrained.load()(options, folder))


def derive_encoder(method: str, base: EncoderFolder, options: Options, folder: Path) -> EncoderFolder:
    """An encoder made from another one.

    Raises
    ------
    ValueError
        A method that makes none, or options of another method.
    """
    derived = _checked(method, options, None)
    _require(derived, "encoder", "encoder", "made from another encoder")
    return cast("EncoderFolder", derived.load()(base, options, folder))


def derive_vectors(method: str, base: WordVectors, options: Options) -> WordVectors:
    """Word vectors made from other ones.

    Raises
    ------
    ValueError
        A method that makes none, or options of another method.
    """
    derived = _checked(method, options, None)
    _require(derived, "vectors", "vectors", "made from other word vectors")
    return _finite(method, derived.load()(base, options))


def encoder(
    method: str,
    *,
    options: Options,
    dim: int | None = None,
    seed: int = 0,
    vectors: WordVectors | None = None,
    tokens: TokenCorpus | None = None,
    model: EncoderFolder | None = None,
    encodings: Path | None = None,
    text: TextEncoder | TaskEncoder | None = None,
) -> TextEncoder | TaskEncoder | Searcher | TaskRecommender | Hybrid:
    """What a cell is evaluated with.

    Parameters
    ----------
    method : str
        Its name.
    options : Options
        The method's hyper-parameters.
    dim : int, optional
        Numbers per vector, for methods whose dimension is chosen and that are not trained (random, lsa).
    seed : int
        Seed of methods that draw (random, lsa).
    vectors : WordVectors, optional
        The word vectors of a corpus or pretrained method.
    tokens : TokenCorpus, optional
        Word counts for a random control that pools by them.
    model : EncoderFolder, optional
        The model of a method that leaves an encoder.
    encodings : Path, optional
        Store of what was encoded before; without one, texts are encoded anew.
    text : TextEncoder or TaskEncoder, optional
        The other embedding of a method that adds something to it (hybrid) or takes from it (reduced).

    Returns
    -------
    TextEncoder, TaskEncoder, Searcher, TaskRecommender or Hybrid
        A pooled encoder for word vectors; one to fit on training texts for one_hot, tfidf and lsa; a searcher for bm25; one
        to fit on interactions for the recommenders.

    Raises
    ------
    ValueError
        Something that the method needs is missing.
    """
    made = _checked(method, options, dim, needs_dim=method_named(method).artifact is None)
    if made.artifact == "vectors":
        if vectors is None:
            raise ValueError(f"{method} is evaluated with its word vectors: give them as vectors=")
        from emb_pipeline.embeddings.static.pooling import PooledEncoder

        return PooledEncoder(vectors, cast(PooledOptions, options).pooling)
    if made.artifact == "encoder":
        if model is None:
            raise ValueError(f"{method} is evaluated with its encoder: give it as model=")
        from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
        from emb_pipeline.embeddings.contextual.distilled import StaticEncoder
        from emb_pipeline.embeddings.encoding_store import StoredEncoder

        if model.format == "model2vec":
            return StaticEncoder(model)
        cache = encodings / "converted" if encodings else None
        contextual = ContextualEncoder(model, cast(EncoderOptions, options), cache)
        return contextual if encodings is None else StoredEncoder(contextual, encodings)
    if made.source == "embedding":
        if text is None:
            raise ValueError(f"{method} adds to another embedding: give it as text=")
        return cast("Hybrid", made.load()(options, text))
    arguments: dict[str, Any] = {"dim": dim, "seed": seed} if made.has_dim else {}
    if made.source == "control":
        arguments["tokens"] = tokens
    return cast("TextEncoder | TaskEncoder | Searcher | TaskRecommender", made.load()(options, **arguments))


def _checked(name: str, options: Options, dim: int | None, *, needs_dim: bool = True) -> Method:
    method = method_named(name)
    if not isinstance(options, method.options):
        raise ValueError(f"{name} takes {method.options.__name__}, not {type(options).__name__}")
    if needs_dim and method.has_dim and (dim is None or dim < 1):
        raise ValueError(f"{name} needs a dimension, for instance {name}_100")
    return method


def _require(method: Method, origin: str, artifact: str, meaning: str) -> None:
    if (method.source, method.artifact) != (origin, artifact):
        known = ", ".join(other.name for other in METHODS.values() if (other.source, other.artifact) == (origin, artifact))
        raise ValueError(f"{method.name} is not {meaning}; these are: {known}")
