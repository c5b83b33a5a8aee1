"""Options of the diagnosis of word vectors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.readers.word_sets import WordSetSource


class BiasLists(BaseModel):
    """Target words x and y, and attribute words a and b."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: tuple[str, ...] = Field(min_length=2, description="target words, set against those of y")
    y: tuple[str, ...] = Field(min_length=2, description="target words, set against those of x")
    a: tuple[str, ...] = Field(min_length=2, description="attribute words, set against those of b")
    b: tuple[str, ...] = Field(min_length=2, description="attribute words, set against those of a")


class MapOptions(BaseModel):
    """Words and embeddings of the map in two dimensions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embeddings: tuple[str, ...] = Field(
        default=(),
        description="<origin>.<embedding> of word vectors to draw; none: the first that is trained on each corpus",
    )
    words: int = Field(
        default=1000, ge=0, le=20_000, description="words to place: probe words, their neighbours, the commonest; 0: no map"
    )


class DiagnosisOptions(BaseModel):
    """Checks of word vectors. Everything may be your own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probe_words: tuple[str, ...] = Field(
        default=(), description="words whose neighbours the report shows; none: ten that your first corpus is about"
    )
    similarity: dict[str, WordSetSource] = Field(default_factory=dict, description="pairs of words that people scored")
    analogies: dict[str, WordSetSource] = Field(default_factory=dict, description="questions of four words")
    antonyms: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of opposites")
    synonyms: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of like meaning, to tell them from")
    bias: dict[str, BiasLists] = Field(default_factory=dict, description="word lists of association tests (WEAT)")
    sample: int = Field(default=500, ge=0, le=100_000, description="words by which embeddings are compared with each other")
    map: MapOptions = Field(default_factory=MapOptions, description="words to draw in two dimensions")
