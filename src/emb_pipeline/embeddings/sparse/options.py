"""Options of counts of words, characters and spellings: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emb_pipeline.embeddings.options import Options


class OneHotOptions(Options):
    """Binary bag of words: 1 for each word of the text."""

    min_df: Annotated[int, Field(ge=1, le=1000, description="training texts that must hold a word")] = 1


class TokenFeaturesOptions(Options):
    """The features of taggers before there were embeddings: a token's spelling, ends and shape."""

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
    """TF-IDF of words next to TF-IDF of character n-grams, each half of the length."""

    words: Annotated[TfidfOptions, Field(description="options of tfidf")] = TfidfOptions()
    characters: Annotated[CharTfidfOptions, Field(description="options of char_tfidf")] = CharTfidfOptions()


class LsaOptions(TfidfOptions):
    """Latent semantic analysis (Deerwester et al. 1990): the strongest directions of TF-IDF."""

    iterations: Annotated[int, Field(ge=1, le=50, description="power iterations of the randomised SVD")] = 5
