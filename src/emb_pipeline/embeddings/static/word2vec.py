"""Word2Vec (Mikolov et al. 2013): by our own kernels, or by gensim straight from the corpus file."""

from __future__ import annotations

from pathlib import Path

from emb_pipeline.embeddings.options import Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training import OnEpoch
from emb_pipeline.text.tokens import TokenCorpus


def train(
    tokens: TokenCorpus,
    *,
    dim: int,
    options: Word2VecOptions,
    seed: int = 1,
    workers: int = 1,
    on_epoch: OnEpoch | None = None,
    checkpoints: Path | None = None,
) -> WordVectors:
    """Train skip-gram or CBOW vectors with negative sampling.

    Parameters
    ----------
    tokens : TokenCorpus
        The corpus, one sentence per line.
    dim : int
        Numbers per vector.
    options : Word2VecOptions
        Hyper-parameters, and the backend.
    seed : int
        Seed of the first vectors and of all sampling.
    workers : int
        Threads. With one (or ``options.deterministic``) the same seed gives the same vectors bit for bit.
    on_epoch : callable, optional
        Called with the number of each finished epoch and its loss (None with gensim, which reports none in this mode).
    checkpoints : Path, optional
        A folder of this training's own, to go on from if it was killed; removed at its end. gensim's does not use it.

    Returns
    -------
    WordVectors
        Their provenance holds ``epoch_losses`` of the native backend: each epoch's mean over pairs of -ln of the
        probabilities that true and drawn words were told apart with, taken as the vectors change.

    Raises
    ------
    DataError
        Fewer than two words reach ``min_count``.
    DivergedError
        The vectors ran away.
    """
    if options.backend == "gensim":
        from gensim.models import Word2Vec

        from emb_pipeline.embeddings.static import gensim_models

        vectors, _ = gensim_models.trained(
            Word2Vec, "word2vec", tokens, dim=dim, options=options, seed=seed, workers=workers, on_epoch=on_epoch
        )
        return vectors
    from emb_pipeline.embeddings.static import negative_sampling

    trained = negative_sampling.train(
        "word2vec",
        tokens,
        dim=dim,
        options=options,
        seed=seed,
        workers=workers,
        on_epoch=on_epoch,
        checkpoints=checkpoints,
    )
    return WordVectors(trained.words, trained.counts, trained.vectors, trained.record)
