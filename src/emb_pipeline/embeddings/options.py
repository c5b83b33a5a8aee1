"""Hyper-parameters of every method, as the experiment's YAML gives them: units, ranges and defaults in one place.

The defaults were chosen once, by evidence, and are the same for every corpus: see
``docs/decisions/0003-word-vector-defaults.md``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Pooling = Literal["mean", "idf", "sif"]


class Options(BaseModel):
    """What all options share: immutable, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that the method reads beside its corpus: those that its paths name, if they are there."""
        paths = [value for value in self.__dict__.values() if isinstance(value, Path)]
        return [file for path in paths for file in (_files_in(path) if path.is_dir() else [path]) if file.is_file()]


def _files_in(folder: Path) -> list[Path]:
    """All files of a folder but hidden ones and compiled modules."""
    return sorted(
        file
        for file in folder.rglob("*")
        if not any(part.startswith((".", "__pycache__")) for part in file.relative_to(folder).parts)
    )


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


class _SamplingOptions(_TrainedOptions):
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


class Word2VecOptions(_SamplingOptions):
    """Word2Vec (Mikolov et al. 2013) with negative sampling."""


class FastTextOptions(_SamplingOptions):
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


class OneHotOptions(Options):
    """Binary bag of words: 1 for each word of the text."""

    min_df: Annotated[int, Field(ge=1, le=1000, description="training texts that must hold a word")] = 1


class TokenFeaturesOptions(Options):
    """What taggers looked at before there were embeddings: a token's spelling, ends and shape."""

    affix: Annotated[int, Field(ge=0, le=10, description="characters of the longest prefix and suffix")] = 4
    min_df: Annotated[int, Field(ge=1, le=1000, description="distinct training words that must have a feature")] = 1


class TfidfOptions(Options):
    """TF-IDF, length-normalised."""

    sublinear: Annotated[bool, Field(description="1 + ln(count) in place of the count")] = True
    max_ngram: Annotated[Literal[1, 2], Field(description="1: words; 2: words and pairs of adjacent words")] = 2
    min_df: Annotated[int, Field(ge=1, le=1000, description="training texts that must hold a term")] = 1


class CharTfidfOptions(Options):
    """TF-IDF of character n-grams, length-normalised."""

    min_n: Annotated[int, Field(ge=1, le=10, description="characters of the shortest n-gram, a word's borders included")] = 3
    max_n: Annotated[int, Field(ge=1, le=10, description="characters of the longest")] = 5
    sublinear: Annotated[bool, Field(description="1 + ln(count) in place of the count")] = True
    min_df: Annotated[int, Field(ge=1, le=1000, description="training texts that must hold an n-gram")] = 2

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_n > self.max_n:
            raise ValueError(f"min_n = {self.min_n} is more than max_n = {self.max_n}")
        return self


class WordCharTfidfOptions(Options):
    """TF-IDF of words beside TF-IDF of character n-grams, each half of the length."""

    words: Annotated[TfidfOptions, Field(description="options of tfidf")] = TfidfOptions()
    characters: Annotated[CharTfidfOptions, Field(description="options of char_tfidf")] = CharTfidfOptions()


class LsaOptions(TfidfOptions):
    """Latent semantic analysis (Deerwester et al. 1990): the strongest directions of TF-IDF."""

    iterations: Annotated[int, Field(ge=1, le=50, description="power iterations of the randomised SVD")] = 5


class RandomOptions(PooledOptions):
    """The noise floor: a fixed random vector per word."""

    pooling: Annotated[
        Pooling, Field(description="weight of a word in its text's vector; idf and sif take the word counts of a corpus")
    ] = "mean"


class Bm25Options(Options):
    """BM25 (Robertson et al. 1994), Lucene's variant. What is left open is chosen on queries that are not scored with it."""

    k1: Annotated[
        float | None, Field(ge=0, le=10, description="how soon repeated words stop adding to the score; null: chosen")
    ] = None
    b: Annotated[float | None, Field(ge=0, le=1, description="how much long passages are held back; null: chosen")] = None


class SlidingWindowOptions(Options):
    """Answers by lexical overlap: the run of uncommon words nearest to the question's words."""

    common_share: Annotated[
        float, Field(gt=0, le=1, description="share of the contexts above which a word is too common to be in an answer")
    ] = 0.2
    max_words: Annotated[int, Field(ge=1, le=100, description="words of an answer at most")] = 8


HalfLives = Annotated[
    tuple[Annotated[float, Field(gt=0)] | None, ...],
    Field(
        min_length=1,
        description="interactions after which an item's weight in its user's vector has halved, to choose among; "
        "null: all count alike",
    ),
]
HALF_LIVES = (None, 1, 2, 5, 10, 20, 50, 100)


class ItemKnnOptions(Options):
    """Item-based nearest neighbours; each combination is tried on the validation interactions."""

    shrinkages: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="numbers added to the denominator of a similarity, to choose among"),
    ] = (0, 10, 30, 100)
    neighbours: Annotated[
        tuple[Annotated[int, Field(ge=1)] | None, ...],
        Field(min_length=1, description="most similar items that are kept of each, to choose among; null: all"),
    ] = (5, 10, 20, 50, 100, 200, None)


class EaseOptions(Options):
    """EASE (Steck 2019)."""

    regularisations: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="weights of the squared weights in the loss, to choose among"),
    ] = (3, 10, 30, 100, 300, 1000, 3000)


class AlsOptions(Options):
    """Implicit alternating least squares (Hu et al. 2008)."""

    iterations: Annotated[int, Field(ge=1, le=1000, description="passes over users and items")] = 15
    regularisations: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="weights of the squared factors in the loss, to choose among"),
    ] = (0.01, 0.1, 1, 10)
    weights: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="confidences in an interaction over that in its absence, to choose among"),
    ] = (3, 10, 30, 100, 300)


class BprOptions(Options):
    """Bayesian personalised ranking (Rendle et al. 2009)."""

    iterations: Annotated[int, Field(ge=1, le=10_000, description="passes over the interactions")] = 100
    regularisations: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="weights of the squared factors in the loss, to choose among"),
    ] = (0.001, 0.01, 0.03, 0.1)
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(min_length=1, description="step sizes, to choose among"),
    ] = (0.01, 0.03, 0.1)


class Item2VecOptions(Options):
    """Item2vec (Barkan & Koenigstein 2016): skip-gram on users' histories."""

    window: Annotated[
        int | None, Field(ge=1, description="items to each side that count as context; null: the whole history")
    ] = None
    negative: Annotated[int, Field(ge=1, le=50, description="noise items per true context item")] = 5
    sample: Annotated[
        float, Field(ge=0, le=1, description="share of the interactions above which an item is thinned out; 0 keeps all")
    ] = 1e-3
    learning_rate: Annotated[
        float, Field(gt=0, le=1, description="step size at the start; it falls linearly to almost zero")
    ] = 0.025
    epochs: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(min_length=1, description="passes over the histories, to choose among"),
    ] = (5, 20)
    noise_exponents: Annotated[
        tuple[Annotated[float, Field(ge=-2, le=2)], ...],
        Field(
            min_length=1,
            description="powers of an item's count that noise items are drawn by, to choose among; below 0: rare ones more",
        ),
    ] = (-0.5, 0.25, 0.75)
    half_lives: HalfLives = HALF_LIVES


class HybridOptions(Options):
    """A text embedding mixed with a recommender that is fitted on interactions."""

    recommender: Annotated[Literal["ease", "item_knn"], Field(description="what the text is mixed with")] = "ease"
    weights: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(min_length=1, description="shares of the text in the score, to choose among"),
    ] = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    ease: Annotated[EaseOptions, Field(description="options of ease, tuned by itself")] = EaseOptions()
    item_knn: Annotated[ItemKnnOptions, Field(description="options of item_knn, tuned by itself")] = ItemKnnOptions()


Precision = Literal["float32", "float16", "int8", "binary"]


class ReducedOptions(Options):
    """Another embedding with fewer numbers, or fewer bits for each."""

    dims: Annotated[int | None, Field(ge=1, le=4096, description="numbers that are kept; null: all of them")] = None
    by: Annotated[
        Literal["pca", "prefix"],
        Field(description="which are kept: along the principal axes of the training texts, or the first ones (Matryoshka)"),
    ] = "pca"
    precision: Annotated[Precision, Field(description="how each number is stored; queries keep all their bits")] = "float32"


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
    neighbour_distance: Annotated[
        float, Field(ge=0, le=1, description="cosine distance below which two words shall not move apart (the paper's ρ)")
    ] = 0.2
    antonym_weight: Annotated[float, Field(ge=0, le=1, description="step size of antonyms (the paper's k₁)")] = 0.1
    synonym_weight: Annotated[float, Field(ge=0, le=1, description="step size of synonyms (the paper's k₂)")] = 0.1
    neighbour_weight: Annotated[float, Field(ge=0, le=1, description="step size of near words (the paper's k₃)")] = 0.1


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


class EncoderOptions(Options):
    """How a transformer makes one vector of a text."""

    pooling: Annotated[
        Literal["model", "mean", "cls", "max"],
        Field(description="which token vectors become the text's: as the model was saved with (else mean), mean, cls, max"),
    ] = "model"
    layer: Annotated[int, Field(ge=-48, le=48, description="hidden layer that is pooled; -1 is the last, 0 the input")] = -1
    normalise: Annotated[bool | None, Field(description="scale vectors to length 1; null: as the model was saved with")] = (
        None
    )
    query_prompt: Annotated[
        str | None,
        Field(max_length=1000, description="put before a text that is searched for; null: the model's own; '': none"),
    ] = None
    passage_prompt: Annotated[
        str | None,
        Field(max_length=1000, description="put before a text that is searched; null: the model's own; '': none"),
    ] = None
    text_prompt: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="put before the texts of all other tasks; null: passage_prompt where you set it, else the model's "
            "default; '': none",
        ),
    ] = None
    max_length: Annotated[
        int | None,
        Field(ge=8, le=8192, description="sub-word tokens that are read of a text; null: as many as the model can"),
    ] = None
    long_texts: Annotated[
        Literal["truncate", "chunk_mean", "chunk_max"],
        Field(
            description="a text longer than max_length: truncate reads its start alone; chunk_mean and chunk_max read all "
            "of it in chunks of that length and take the mean (by sub-words) or the maximum of their vectors"
        ),
    ] = "truncate"
    chunk_overlap: Annotated[
        int, Field(ge=0, le=8000, description="sub-words that a chunk has in common with the one before it")
    ] = 0
    batch_tokens: Annotated[
        int, Field(ge=64, le=1_000_000, description="sub-word tokens of one batch at most; a GPU wants 16384 or more")
    ] = 1024
    backend: Annotated[
        Literal["torch", "onnx", "onnx_int8"],
        Field(description="what computes: PyTorch, or ONNX Runtime with float32 or 8-bit integer weights"),
    ] = "torch"
    dtype: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(
            description="precision of PyTorch's arithmetic; auto: bfloat16 where the processor computes in it, else float32"
        ),
    ] = "float32"
    device: Annotated[Literal["cpu", "cuda"], Field(description="cuda needs a GPU and PyTorch's CUDA build")] = "cpu"

    @model_validator(mode="after")
    def _chunks_can_overlap(self) -> Self:
        if self.chunk_overlap and self.long_texts == "truncate":
            raise ValueError("'chunk_overlap' needs chunks: set long_texts to chunk_mean or chunk_max")
        if self.max_length is not None and self.chunk_overlap >= self.max_length - 2:
            raise ValueError(f"chunks of {self.max_length} sub-words, 2 of them ends, cannot share {self.chunk_overlap}")
        return self

    @model_validator(mode="after")
    def _onnx_has_its_own_arithmetic(self) -> Self:
        if self.backend != "torch" and (self.dtype != "float32" or self.device != "cpu"):
            raise ValueError(f"backend {self.backend} runs in its own precision on the CPU: leave dtype and device alone")
        return self


class SentenceTransformerOptions(EncoderOptions):
    """An encoder that somebody else trained: a sentence-transformers or plain transformers model."""

    path: Annotated[Path | None, Field(description="folder of the model")] = None
    package: Annotated[
        str | None, Field(min_length=1, description="installed Python package that carries the model; it is not imported")
    ] = None
    hub: Annotated[str | None, Field(min_length=1, description="name in the model hub: organisation/model")] = None
    revision: Annotated[
        str | None, Field(pattern="^[0-9a-f]{40}$", description="commit of the hub's repository, so that it cannot change")
    ] = None
    sha256: Annotated[
        str | None, Field(pattern="^[0-9a-f]{64}$", description="expected SHA-256 of model.safetensors; another is refused")
    ] = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.path, self.package, self.hub)) != 1:
            raise ValueError("name exactly one of 'path' (a folder), 'package' (an installed one) and 'hub'")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("'revision' (40 hexadecimal digits) goes with 'hub': without it the model could change")
        return self

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the model's files; none of the hub's, whose revision is fixed."""
        spec = importlib.util.find_spec(self.package) if self.package and self.package.isidentifier() else None
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []
        carried = [file for folder in folders for file in _files_in(folder) if file.is_file()]
        return [*super().find_files(raw, project), *carried]


class DistilledOptions(EncoderOptions):
    """Static vectors for a transformer's sub-words, distilled by model2vec: no attention is left at encoding time."""

    dims: Annotated[int, Field(ge=2, le=4096, description="principal components that are kept")] = 256
    sif_a: Annotated[
        float | None, Field(gt=0, lt=1, description="a of the weights a / (a + p) by Zipf rank; null leaves weights out")
    ] = 1e-4


class BertOptions(EncoderOptions):
    """BERT (Devlin et al. 2019) trained by masked-language modelling alone.

    Chosen for a minute of one core; see ``docs/decisions/0006-bert-at-this-size.md``.
    ``layers``, ``heads`` and ``vocabulary`` describe a new model; one that continues from another keeps the other's.
    """

    layers: Annotated[int, Field(ge=1, le=48, description="transformer layers")] = 2
    heads: Annotated[int, Field(ge=1, le=64, description="attention heads per layer; must divide the dimension")] = 2
    vocabulary: Annotated[int, Field(ge=100, le=200_000, description="WordPiece sub-tokens at most")] = 8_000
    min_count: Annotated[
        int, Field(ge=1, le=1000, description="occurrences below which a pair of sub-tokens is not merged into a new one")
    ] = 3
    max_length: Annotated[int, Field(ge=8, le=8192, description="sub-tokens per sequence, [CLS] and [SEP] included")] = 64
    batch_size: Annotated[int, Field(ge=1, le=8192, description="sequences per step")] = 16
    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="step size of AdamW at its highest")] = 1e-3
    warmup_steps: Annotated[
        int, Field(ge=0, le=1_000_000, description="steps over which the step size rises, a tenth of all at most")
    ] = 100
    weight_decay: Annotated[float, Field(ge=0, le=1, description="AdamW's decay of matrices per unit of step size")] = 0.01
    dropout: Annotated[float, Field(ge=0, lt=1, description="share of activations set to 0 in training")] = 0.0
    mask_share: Annotated[float, Field(gt=0, lt=1, description="share of the sub-tokens to be predicted")] = 0.3
    whole_words: Annotated[bool, Field(description="mask all sub-tokens of a word together")] = False
    max_tokens: Annotated[int, Field(ge=1, description="sub-tokens to train on, all passes together")] = 600_000
    max_seconds: Annotated[
        float | None, Field(gt=0, description="wall-clock seconds to train at most; null: as long as max_tokens takes")
    ] = None
    checkpoint_seconds: Annotated[
        float, Field(ge=0, description="seconds between checkpoints; 0 writes one after every step")
    ] = 60.0


class TuningOptions(Options):
    """Training on a task's labels, stopped where a held-out part of the training data says so."""

    epochs: Annotated[int, Field(ge=1, le=1000, description="passes over the training examples at most")] = 3
    batch_size: Annotated[int, Field(ge=1, le=8192, description="examples per step")] = 16
    patience: Annotated[
        int, Field(ge=1, le=100, description="passes without a lower held-out loss before it stops; the best one is kept")
    ] = 2
    validation_share: Annotated[
        float,
        Field(gt=0, lt=1, description="share of the training examples that is held out, where no split 'validation' is"),
    ] = 0.1
    class_weights: Annotated[
        Literal["none", "balanced"], Field(description="balanced: an example counts inversely to the size of its class")
    ] = "none"


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


class EncoderTuningOptions(TuningOptions):
    """A transformer trained on with a linear layer on its vectors, or on pairs of query and passage."""

    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="step size of AdamW for the transformer")] = 5e-5
    head_learning_rate: Annotated[float, Field(gt=0, le=0.1, description="the same for the linear layer")] = 1e-3
    warmup_share: Annotated[
        float, Field(ge=0, le=1, description="share of the steps over which the step size rises; then it falls to 0")
    ] = 0.1
    weight_decay: Annotated[float, Field(ge=0, le=1, description="AdamW's decay of matrices per unit of step size")] = 0.01
    max_length: Annotated[
        int | None, Field(ge=8, le=8192, description="sub-words read of a training text; null: as when encoding")
    ] = None
    max_examples: Annotated[
        int | None, Field(ge=2, description="training examples to take at most, drawn by the seed; null: all")
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(description="of the products (autocast); weights stay float32. auto: bfloat16 where the processor has it"),
    ] = "float32"
    lora_rank: Annotated[
        int | None,
        Field(ge=1, le=1024, description="train low-rank additions to the linear layers alone (LoRA), merged at the end"),
    ] = None
    lora_alpha: Annotated[int, Field(ge=1, description="scale of these additions, over their rank")] = 16
    objective: Annotated[
        Literal["classes", "contrast"],
        Field(
            description="classification: a linear layer that tells classes apart, or vectors nearer within a class than "
            "across; a probe on them then predicts"
        ),
    ] = "classes"
    scale: Annotated[
        float, Field(gt=0, le=1000, description="pairs, contrast: factor of the cosines before the softmax over the batch")
    ] = 20.0
    matryoshka_dims: Annotated[
        tuple[int, ...],
        Field(description="pairs, contrast: also train the first so many numbers of a vector to serve by themselves"),
    ] = ()
