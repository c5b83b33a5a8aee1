"""Measure of a model's tokenizer on a task's texts: a model of another language breaks them to pieces, or knows nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emb_pipeline.embeddings.contextual.models.saved_modules import find_tokenizer
from emb_pipeline.text.words import count_spaceless, tokenize, unmark_words

MOST_UNKNOWN = 0.05
MOST_SINGLE = 0.5
MOST_PER_WORD = 4.0
FEWEST_CHARACTERS = 0.7


@dataclass(frozen=True)
class TokenizerFit:
    """Size and kind of the pieces that a tokenizer makes of some texts.

    Attributes
    ----------
    sub_words_per_word : float
        Sub-words for each word (in scripts without spaces: for each pair of characters).
    unknown_share : float
        Share of the sub-words with a letter or a digit that stand for something unknown.
    single_letter_share : float
        Share of the sub-words that are a letter alone.
    characters_per_sub_word : float
        Characters, white space left out, for each sub-word; below 1 where a character is cut into its bytes.
    spaceless_share : float
        Share of the characters that are of scripts without spaces: there, a word of one letter is nothing unusual.
    """

    sub_words_per_word: float
    unknown_share: float
    single_letter_share: float
    characters_per_sub_word: float
    spaceless_share: float

    @property
    def is_broken(self) -> bool:
        """Tell whether the model hardly knows this language or script; the bounds are far from what a known one gives.

        MiniLM (English) has 0.0 % unknown and 7 % single letters of API text, 100 % single letters of Russian, 69 % unknown
        of Chinese and 40 % of Thai.
        """
        if self.unknown_share > MOST_UNKNOWN or self.characters_per_sub_word < FEWEST_CHARACTERS:
            return True
        in_pieces = self.single_letter_share > MOST_SINGLE or self.sub_words_per_word > MOST_PER_WORD
        return self.spaceless_share < 0.5 and in_pieces

    @property
    def facts(self) -> dict[str, float]:
        """The measures, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items()}

    def __str__(self) -> str:
        return (
            f"its tokenizer breaks the texts to pieces: {self.sub_words_per_word:.1f} sub-words a word, "
            f"{self.unknown_share:.0%} of them unknown, {self.single_letter_share:.0%} single letters; "
            "choose a model that was made for this language"
        )


def measure_tokenizer(model: Path, texts: Sequence[str]) -> TokenizerFit | None:
    """Measure the tokenizer of a model's folder on texts; nothing where there is no word to cut."""
    from tokenizers import Tokenizer

    place = find_tokenizer(model)
    if place is None:
        return None
    texts = [unmark_words(text) for text in texts]
    n_words = sum(len(tokenize(text)) for text in texts)
    tokenizer = Tokenizer.from_file(str(place))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    pieces = [piece for found in encoded for piece in found.tokens]
    if not n_words or not pieces:
        return None
    # A model that was trained on words alone knows no punctuation; that says nothing about the language.
    of_words = [
        piece
        for text, found in zip(texts, encoded, strict=True)
        for piece, (start, end) in zip(found.tokens, found.offsets, strict=True)
        if any(map(str.isalnum, text[start:end]))
    ]
    unknown = _unknown_piece(json.loads(place.read_text(encoding="utf-8"))["model"])
    bare = [piece.removeprefix("##").removeprefix("▁").removeprefix("Ġ").removesuffix("</w>") for piece in pieces]
    n_characters = sum(len("".join(text.split())) for text in texts)
    return TokenizerFit(
        sub_words_per_word=len(pieces) / n_words,
        unknown_share=of_words.count(unknown) / max(len(of_words), 1) if unknown is not None else 0.0,
        single_letter_share=sum(len(piece) == 1 and piece.isalpha() for piece in bare) / len(pieces),
        characters_per_sub_word=n_characters / len(pieces),
        spaceless_share=sum(map(count_spaceless, texts)) / max(n_characters, 1),
    )


def _unknown_piece(model: dict[str, Any]) -> str | None:
    if model.get("unk_id") is not None:
        return str(model["vocab"][model["unk_id"]][0])
    piece: str | None = model.get("unk_token")
    return piece
