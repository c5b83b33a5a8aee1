"""Options of word vectors: units, ranges and defaults.

The defaults of the trained ones were chosen once, by evidence, and are the same for every corpus: see
``docs/decisions/0003-word-vector-defaults.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.embeddings.options import Options, TuningOptions

Pooling = Literal["mean", "idf", "sif"]


class PooledOptions(Options):
    """A method that gives word vectors, and so needs a rule that makes one text vector of them."""

    pooling: Annotated[
        Pooling,
        Field(
            description="weight of a word in its text's vector: mean (all alike), idf (rare words count more), "
            "sif (smooth inverse frequency, common direction removed)"
        ),
    ] = "idf"


class _TrainedOptions(PooledOptions):
    window: Annotated[int, Field(ge=1, le=20, description="words to each side that count as context")] = 5
    min_count: Annotated[
        int, Field(ge=1, le=1000, description="occurrences in the corpus below which a word gets no vector")
    ] = 3
    epochs: Annotated[int, Field(ge=1, le=500, description="passes over the corpus")] = 10
    deterministic: Annotated[
        bool,
        Field(description="one worker and stable hashing: the same vectors bit for bit on the same machine and versions"),
    ] = False


class NegativeSamplingOptions(_TrainedOptions):
    """Options of word vectors that are trained by telling words from noise words."""

    backend: Annotated[
        Literal["native", "gensim"],
        Field(description="what trains: our own kernels, or gensim; same defaults, the same quality, another speed"),
    ] = "native"
    architecture: Annotated[
        Literal["skip_gram", "cbow"],
        Field(description="skip_gram predicts the context from a word, cbow a word from its context"),
    ] = "skip_gram"
    negative: Annotated[int, Field(ge=1, le=50, description="noise words per true context word")] = 5
    sample: Annotated[
        float, Field(ge=0, le=1, description="share of the corpus above which a word is thinned out; 0 keeps all")
    ] = 1e-4
    learning_rate: Annotated[
        float, Field(gt=0, le=1, description="step size at the start; it falls linearly to almost zero")
    ] = 0.05


class Word2VecOptions(NegativeSamplingOptions):
    """Word2Vec (Mikolov et al. 2013) with negative sampling."""


class FastTextOptions(NegativeSamplingOptions):
    """FastText (Bojanowski et al. 2017): Word2Vec whose words are sums of character n-grams."""

    min_n: Annotated[int, Field(ge=1, le=10, description="characters of the shortest n-gram")] = 3
    max_n: Annotated[int, Field(ge=1, le=10, description="characters of the longest n-gram")] = 6
    buckets: Annotated[
        int, Field(ge=1000, le=2_000_000, description="rows of the n-gram table; n-grams share rows by their hash")
    ] = 50_000

    @model_validator(mode="after")
    def _lengths_are_a_range(self) -> Self:
        if self.min_n > self.max_n:
            raise ValueError(f"min_n ({self.min_n}) must not be above max_n ({self.max_n})")
        return self


class GloveOptions(_TrainedOptions):
    """GloVe (Pennington et al. 2014)."""

    epochs: Annotated[int, Field(ge=1, le=500, description="passes over the co-occurrence records")] = 25
    x_max: Annotated[
        float, Field(gt=0, le=10_000, description="co-occurrence count from which on a pair has full weight")
    ] = 10.0
    alpha: Annotated[float, Field(gt=0, le=1, description="exponent of the weight below x_max")] = 0.75
    learning_rate: Annotated[float, Field(gt=0, le=1, description="step size of AdaGrad")] = 0.05
    memory_mb: Annotated[
        int, Field(ge=16, le=1_000_000, description="MiB for counting co-occurrences; beyond it, counts go to disk in runs")
    ] = 1024


class RandomOptions(PooledOptions):
    """The noise floor: a fixed random vector per word."""

    pooling: Annotated[
        Pooling, Field(description="weight of a word in its text's vector; idf and sif take the word counts of a corpus")
    ] = "mean"


class RetrofittingOptions(Options):
    """Retrofitting (Faruqui et al. 2015)."""

    iterations: Annotated[int, Field(ge=1, le=1000, description="passes over the words that have a synonym")] = 10
    faithfulness: Annotated[
        float,
        Field(gt=0, le=1000, description="weight of a word's own vector (the paper's α); its synonyms weigh 1 together"),
    ] = 1.0


class CounterFittingOptions(Options):
    """Counter-fitting (Mrkšić et al. 2016)."""

    iterations: Annotated[int, Field(ge=1, le=1000, description="steps, each over all pairs")] = 20
    antonym_distance: Annotated[
        float, Field(ge=0, le=2, description="cosine distance that antonyms are pushed apart to (the paper's δ)")
    ] = 1.0
    synonym_distance: Annotated[
        float, Field(ge=0, le=2, description="cosine distance that synonyms are pulled together to (the paper's γ)")
    ] = 0.0
    neighbor_distance: Annotated[
        float, Field(ge=0, le=1, description="cosine distance below which two words shall not move apart (the paper's ρ)")
    ] = 0.2
    antonym_weight: Annotated[float, Field(ge=0, le=1, description="step size of antonyms (the paper's k₁)")] = 0.1
    synonym_weight: Annotated[float, Field(ge=0, le=1, description="step size of synonyms (the paper's k₂)")] = 0.1
    neighbor_weight: Annotated[float, Field(ge=0, le=1, description="step size of near words (the paper's k₃)")] = 0.1


class RetrofittedOptions(RetrofittingOptions, PooledOptions):
    """Word vectors of the grid, retrofitted with your own pairs of words."""

    synonyms: Annotated[tuple[tuple[str, str], ...], Field(description="pairs of like meaning, to be pulled together")] = ()


class CounterFittedOptions(CounterFittingOptions, PooledOptions):
    """Word vectors of the grid, counter-fitted with your own pairs of words."""

    antonyms: Annotated[tuple[tuple[str, str], ...], Field(description="pairs of opposites, to be pushed apart")] = ()
    synonyms: Annotated[tuple[tuple[str, str], ...], Field(description="pairs of like meaning, to be pulled together")] = ()


class StaticFileOptions(PooledOptions):
    """Word vectors that somebody else trained, from a file."""

    path: Annotated[Path, Field(description="file; may be packed (gz, bz2, xz), but for arrow")]
    format: Annotated[
        Literal["auto", "word2vec_text", "word2vec_binary", "glove_text", "arrow"],
        Field(
            description="auto: as the file's first bytes show; word2vec_text and word2vec_binary start with a line "
            "'words dimensions', glove_text (also fastText's) may"
        ),
    ] = "auto"
    strict: Annotated[
        bool,
        Field(
            description="refuse a file with a bad row (a word twice or not UTF-8, too few values) or a wrong header; false "
            "leaves up to a tenth of the rows out, and says so"
        ),
    ] = False
    limit: Annotated[int | None, Field(ge=1, description="words to read, from the top (the commonest); null reads all")] = (
        None
    )


class BagTuningOptions(TuningOptions):
    """Word vectors trained together with a linear layer on their pooled mean: an embedding-bag classifier."""

    start: Annotated[
        Literal["vectors", "random"],
        Field(description="vectors: from the embedding and the probe that was fitted on it; random: from scratch"),
    ] = "vectors"
    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the training examples at most")] = 30
    batch_size: Annotated[int, Field(ge=1, le=8192, description="examples per step")] = 32
    learning_rates: Annotated[
        tuple[float, ...], Field(min_length=1, description="step sizes of Adam to try; the lowest held-out loss wins")
    ] = (3e-4, 3e-3)
