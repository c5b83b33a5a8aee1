"""Word2Vec (Mikolov et al. 2013): by our own kernels, or by gensim straight from the corpus file."""

from __future__ import annotations

from emb_pipeline.embeddings.static.options import Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.request import TrainingRequest


def train(request: TrainingRequest[Word2VecOptions]) -> WordVectors:
    """Train skip-gram or CBOW vectors with negative sampling; gensim's have no losses and no checkpoints.

    Returns
    -------
    WordVectors
        Their provenance holds ``epoch_losses`` of the native backend: each epoch's mean over pairs of -ln of the
        probabilities with which true words are distinguished from drawn ones, taken as the vectors change.

    Raises
    ------
    DataError
        Fewer than two words reach ``min_count``.
    DivergedError
        The vectors ran away.
    """
    if request.options.backend == "gensim":
        from gensim.models import Word2Vec

        from emb_pipeline.embeddings.static import gensim_models

        return gensim_models.train(Word2Vec, "word2vec", request)[0]
    from emb_pipeline.embeddings.static import negative_sampling

    trained = negative_sampling.train("word2vec", request)
    return WordVectors(trained.words, trained.counts, trained.vectors, trained.record)
