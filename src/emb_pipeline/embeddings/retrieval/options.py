"""Options of what searches or answers without vectors: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from emb_pipeline.embeddings.contextual.options import ModelPlace, TransformerTuningOptions
from emb_pipeline.embeddings.options import Options
from emb_pipeline.errors import suggest
from emb_pipeline.text.structure.chunks import By, Title
from emb_pipeline.text.words import tokenize

Variant: TypeAlias = Literal["lucene", "atire", "robertson", "bm25+", "bm25l"]

Stemmer: TypeAlias = Literal[
    "none", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "porter", "portuguese",
    "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip
"""Algorithms of snowballstemmer, from version 2.2 on; ``english`` is Porter's second one."""

STOP_WORDS = (
    "none", "english", "english_plus", "chinese", "danish", "dutch", "french", "german", "italian", "korean", "norwegian",
    "portuguese", "russian", "spanish", "swedish", "turkish",
)  # fmt: skip
"""Lists of bm25s: ``english`` is Lucene's 33 words, ``english_plus`` and the others are NLTK's."""

_DELTAS: dict[Variant, float] = {"bm25+": 1.0, "bm25l": 0.5}
"""What the authors of both variants recommend [1]_ [2]_.

References
----------
.. [1] Lv & Zhai (2011), Lower-Bounding Term Frequency Normalization, CIKM.
.. [2] Lv & Zhai (2011), When Documents Are Very Long, BM25 Fails!, SIGIR.
"""


class Bm25Options(Options):
    """BM25 (Robertson et al. 1994). What is left open of k1 and b is chosen on queries that are not scored with it."""

    k1: Annotated[
        float | None, Field(ge=0, le=10, description="how soon repeated words stop adding to the score; null: chosen")
    ] = None
    b: Annotated[float | None, Field(ge=0, le=1, description="how much long passages are held back; null: chosen")] = None
    k3: Annotated[
        float | None,
        Field(
            ge=0,
            le=10_000,
            description="how soon words that a query repeats stop adding to the score; null: each repeat counts in full, as "
            "in Lucene, and frequent words then decide what is found for a query as long as a document",
        ),
    ] = 8.0
    variant: Annotated[Variant, Field(description="formula: Lucene's, ATIRE's, Robertson's own, BM25+ or BM25L")] = "lucene"
    delta: Annotated[
        float | None,
        Field(gt=0, le=10, description="bm25+, bm25l: least worth of a word; null: 1 for bm25+, 0.5 for bm25l"),
    ] = None
    stem: Annotated[Stemmer, Field(description="cut words to their stems by Snowball's rules for this language")] = "none"
    stop_words: Annotated[
        str | tuple[str, ...], Field(description=f"words to leave out: {', '.join(STOP_WORDS)}, or a list of your own")
    ] = "none"

    @property
    def least_worth(self) -> float:
        """The delta of the formula; 0 for variants without one."""
        return self.delta or _DELTAS.get(self.variant, 0.0)

    @field_validator("stop_words")
    @classmethod
    def _stop_words_are_tokens(cls, written: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(written, str):
            if written not in STOP_WORDS:
                raise ValueError(f"there is no list of stop words {written!r}; {suggest(written, STOP_WORDS)}")
            return written
        cut = [tokenize(word) for word in written]
        for word, tokens in zip(written, cut, strict=True):
            if len(tokens) != 1:
                several = f"write its tokens {', '.join(tokens)} each by itself" if tokens else "leave it out"
                raise ValueError(f"{word!r} is not one token of a text, so it would drop nothing; {several}")
        return tuple(tokens[0] for tokens in cut)

    @model_validator(mode="after")
    def _delta_belongs_to_its_variants(self) -> Self:
        if self.delta is not None and self.variant not in _DELTAS:
            raise ValueError(
                f"delta has no place in the variant {self.variant}; leave it out, or choose {' or '.join(_DELTAS)}"
            )
        return self


class FusionOptions(Options):
    """Several retrievers as one. Weights that are left open are chosen on queries that are not scored with them."""

    rule: Annotated[
        Literal["rrf", "weighted"],
        Field(description="rrf: reciprocal ranks are added up (Cormack et al. 2009); weighted: normalized scores are"),
    ] = "rrf"
    k: Annotated[float, Field(ge=0, le=10_000, description="rrf: a rank counts 1 / (k + rank)")] = 60.0
    normalize: Annotated[
        Literal["min_max", "z"],
        Field(description="weighted: a list's scores from 0 to 1, or with mean 0 and variance 1, for each query"),
    ] = "min_max"
    weights: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...] | None,
        Field(description="weighted: one for each retriever, in their order; null: chosen"),
    ] = None
    weight_steps: Annotated[
        int, Field(ge=1, le=20, description="weighted: weights are tried in steps of one over this number")
    ] = 10
    depth: Annotated[int, Field(ge=1, le=10_000, description="places of each list that count")] = 100

    @model_validator(mode="after")
    def _options_belong_to_the_rule(self) -> Self:
        others = {"rrf": ("normalize", "weights", "weight_steps"), "weighted": ("k",)}[self.rule]
        for name in others:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"'{name}' means nothing to rule {self.rule}: leave it out, or take the other rule")
        if self.weights is not None and self.weight_steps != type(self).model_fields["weight_steps"].default:
            raise ValueError("'weight_steps' means nothing where 'weights' are given: leave one of the two out")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("all 'weights' are 0: give at least one that is not")
        return self

    def check_bases(self, n_bases: int) -> None:
        """Refuse weights of another number of retrievers."""
        if self.weights is not None and len(self.weights) != n_bases:
            raise ValueError(f"{len(self.weights)} weights for {n_bases} retrievers: give one for each, or none")


class RerankerOptions(ModelPlace):
    """A cross-encoder on top of a retriever: a model that somebody else trained, or one that is fine-tuned here."""

    may_start_elsewhere: ClassVar[bool] = True
    model_word: ClassVar[str] = "cross-encoder"
    untrained: ClassVar[frozenset[str]] = frozenset({"depth"})

    depth: Annotated[
        int, Field(ge=1, le=10_000, description="passages of each query that are reordered; in the grid, a list of such")
    ] = 30
    max_length: Annotated[
        int | None,
        Field(ge=8, le=8192, description="sub-words that are read of query and passage together; null: all the model can"),
    ] = None
    batch_size: Annotated[int, Field(ge=1, le=4096, description="pairs that are computed together")] = 32
    dtype: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(description="precision of the arithmetic; auto: bfloat16 where the processor computes in it, else float32"),
    ] = "float32"
    device: Annotated[
        Literal["cpu", "cuda", "mps", "auto"],
        Field(description="what computes; auto: a GPU where PyTorch finds one, else the processor"),
    ] = "cpu"


class RankingTuningOptions(TransformerTuningOptions):
    """A model trained on queries, each with a relevant passage and others."""

    negatives: Annotated[
        int, Field(ge=1, le=100, description="passages beside each relevant one: half of BM25's first, half at random")
    ] = 4
    negatives_depth: Annotated[
        int, Field(ge=1, le=1000, description="places of BM25's ranking that the first half is drawn from")
    ] = 30


class RerankerTuningOptions(RankingTuningOptions):
    """A cross-encoder trained to give a query's relevant passage the highest of several scores.

    Gao, Dai & Callan (2021), Rethink training of BERT rerankers in multi-stage retrieval pipeline, ECIR.
    """


class ChunkedOptions(Options):
    """Another retriever over chunks of the passages; a passage is as good as its best chunk."""

    by: Annotated[
        By,
        Field(
            description="what is kept whole, where it is not longer than a chunk: tokens, sentences, or sections below a "
            "heading (a line that starts with '#')"
        ),
    ] = "sentences"
    size: Annotated[
        int,
        Field(
            ge=1,
            le=100_000,
            description="words of a chunk at most; in scripts without spaces, characters; in the grid, a list of such",
        ),
    ] = 128
    overlap: Annotated[
        int, Field(ge=0, le=99_999, description="words at most that a chunk shares with the one before it, in whole units")
    ] = 0
    with_title: Annotated[
        Title,
        Field(
            description="what is put before a chunk, beside its size: nothing, the headings that it is under, or the "
            "passage's first line"
        ),
    ] = "none"

    @model_validator(mode="after")
    def _overlap_leaves_room(self) -> Self:
        if self.overlap >= self.size:
            raise ValueError(f"'overlap' is {self.overlap}, and a chunk has {self.size} words: make it smaller than 'size'")
        return self


class SlidingWindowOptions(Options):
    """Answers by lexical overlap: the run of uncommon words nearest to the question's words."""

    common_share: Annotated[
        float, Field(gt=0, le=1, description="share of the contexts above which a word is too common to be in an answer")
    ] = 0.2
    max_words: Annotated[int, Field(ge=1, le=100, description="words of an answer at most")] = 8
