"""Methods at work: train, load or derive what a method leaves, and build the encoder that is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from emb_pipeline.embeddings.method import Method, Source
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.registry import METHODS, method_named

if TYPE_CHECKING:
    from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
    from emb_pipeline.embeddings.protocols import Searcher, TaskEncoder, TaskRecommender, TextEncoder
    from emb_pipeline.embeddings.recommenders.hybrid import Hybrid
    from emb_pipeline.embeddings.static.word_vectors import WordVectors
    from emb_pipeline.embeddings.training.request import TrainingRequest


def require(method: str, options: Options) -> None:
    """Refuse what cannot work on this machine, before anything is trained.

    Raises
    ------
    DataError
        A model that is not there or cannot be used, a GPU where there is none.
    """
    method_named(method).require(options)


def train(method: str, request: TrainingRequest[Any]) -> WordVectors:
    """Train word vectors on a corpus.

    Raises
    ------
    ValueError
        A method that is not trained on a corpus, options of another method, or no dimension.
    """
    trained = _check_options(method, request.options, request.dim)
    _require(trained, "corpus", "vectors", "trained on a corpus")
    return _finite(method, trained.load_trainer()(request))


def _finite(method: str, vectors: WordVectors) -> WordVectors:
    """Give the vectors, if all of their values are finite: no training may save others."""
    from emb_pipeline.embeddings.training.divergence import require_converging

    require_converging(method, "its last epoch", 0.0, "lower its step size or weights", (vectors.vectors,))
    return vectors


def load(method: str, options: Options) -> WordVectors:
    """Load word vectors that were trained elsewhere.

    Raises
    ------
    ValueError
        A method that is not pretrained, or options of another method.
    DataError
        The file cannot be used; see `emb_pipeline.embeddings.static.static_files.load`.
    """
    pretrained = _check_options(method, options, None)
    _require(pretrained, "pretrained", "vectors", "read from a file")
    return cast("WordVectors", pretrained.load_trainer()(options))


def train_encoder(method: str, request: TrainingRequest[Any]) -> EncoderFolder:
    """Train an encoder on a corpus, from nothing or from another encoder on.

    Raises
    ------
    ValueError
        A method that trains no encoder, options of another method, or no dimension.
    """
    trained = _check_options(method, request.options, request.dim, needs_dim=request.base is None)
    _require(trained, "corpus", "encoder", "an encoder trained on a corpus")
    return cast("EncoderFolder", trained.load_trainer()(request))


def load_encoder(method: str, options: Options, folder: Path, *, base: EncoderFolder | None = None) -> EncoderFolder:
    """Find an encoder that was trained elsewhere; ``folder`` gets what is needed to find it again.

    A method whose model may start from another encoder of the grid makes it from ``base`` instead.

    Raises
    ------
    ValueError
        A method that loads no encoder, or options of another method.
    DataError
        The model cannot be used; see `emb_pipeline.embeddings.contextual.sentence_transformer.load`.
    """
    pretrained = _check_options(method, options, None)
    _require(pretrained, "pretrained", "encoder", "an encoder trained elsewhere")
    start = {} if base is None else {"base": base}
    return cast("EncoderFolder", pretrained.load_trainer()(options, folder, **start))


def derive_encoder(method: str, base: EncoderFolder, options: Options, folder: Path) -> EncoderFolder:
    """Make an encoder from another one.

    Raises
    ------
    ValueError
        A method that makes none, or options of another method.
    """
    derived = _check_options(method, options, None)
    _require(derived, "encoder", "encoder", "made from another encoder")
    return cast("EncoderFolder", derived.load_trainer()(base, options, folder))


def make_cross_encoder(
    method: str, options: Options, folder: Path, *, base: EncoderFolder | None = None, seed: int = 0
) -> EncoderFolder:
    """Find the cross-encoder of a method that has one, or make it from an encoder; ``folder`` gets what finds it again.

    Raises
    ------
    ValueError
        A method without one, or options of another method.
    DataError
        The model cannot be used; see `emb_pipeline.embeddings.retrieval.cross_encoder.load`.
    """
    made = _check_options(method, options, None)
    _require(made, "embedding", "cross_encoder", "one with a cross-encoder")
    return cast("EncoderFolder", made.load_trainer()(options, folder, base, seed))


def derive_vectors(method: str, base: WordVectors, options: Options) -> WordVectors:
    """Make word vectors from other ones.

    Raises
    ------
    ValueError
        A method that makes none, or options of another method.
    """
    derived = _check_options(method, options, None)
    _require(derived, "vectors", "vectors", "made from other word vectors")
    return _finite(method, derived.load_trainer()(base, options))


def build_encoder(
    method: str,
    options: Options,
    *,
    dim: int | None = None,
    seed: int = 0,
    artifact: WordVectors | EncoderFolder | None = None,
    bases: Mapping[str, Any] | None = None,
    encodings: Path | None = None,
) -> TextEncoder | TaskEncoder | Searcher | TaskRecommender | Hybrid:
    """Build what a cell is evaluated with, from what the method's ``build`` takes of this.

    Parameters
    ----------
    method : str
        Its name.
    options : Options
        The method's hyper-parameters.
    dim : int, optional
        Dimension of the vectors, for methods whose dimension is chosen and that are not trained (random, lsa).
    seed : int
        Seed of methods that draw (random, lsa).
    artifact : WordVectors or EncoderFolder, optional
        The word vectors, or the model, that the method's training or loading left.
    bases : mapping of str to encoder or searcher, optional
        The other embeddings, by name, of a method that builds on them (fusion), adds something to one (hybrid) or takes
        from it (reduced).
    encodings : Path, optional
        Store of earlier encodings; without one, texts are encoded again.

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
    made = _check_options(method, options, dim, needs_dim=method_named(method).artifact is None)
    others = dict(bases or {})
    if made.bases is not None and others and not made.bases.fewest <= len(others) <= made.bases.most:
        raise ValueError(f"{method} is built on {made.bases.fewest} to {made.bases.most} others, not on {len(others)}")
    ingredients = {
        "options": options,
        "dim": dim,
        "seed": seed,
        "artifact": artifact,
        "bases": others,
        "text": next(iter(others.values()), None),
        "encodings": encodings,
    }
    return cast("TextEncoder | TaskEncoder | Searcher | TaskRecommender | Hybrid", made.build_from(ingredients))


def _check_options(name: str, options: Options, dim: int | None, *, needs_dim: bool = True) -> Method:
    method = method_named(name)
    if not isinstance(options, method.options):
        raise ValueError(f"{name} takes {method.options.__name__}, not {type(options).__name__}")
    if needs_dim and method.has_dim and (dim is None or dim < 1):
        raise ValueError(f"{name} needs a dimension, for instance {name}_100")
    return method


def _require(method: Method, source: Source, artifact: str, meaning: str) -> None:
    if (method.source, method.artifact) != (source, artifact):
        known = ", ".join(other.name for other in METHODS.values() if (other.source, other.artifact) == (source, artifact))
        raise ValueError(f"{method.name} is not {meaning}; these are: {known}")
