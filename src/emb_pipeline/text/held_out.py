"""Keeping what a task is tested on out of what embeddings learn from: corpora, and the labels of other tasks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from emb_pipeline.text.words import hash_sentence, tokenize_sentences

HELD_OUT = "held_out"
"""The table with the texts that a task is tested on, next to its examples."""
TELLING = 5
"""Tokens from which a sentence tells of a copy where it occurs again; shorter ones ('see also') are everywhere."""


def list_held_out_texts(task: Mapping[str, pa.Table]) -> list[str]:
    """List the texts that a task is tested on."""
    return list(task[HELD_OUT]["text"].to_pylist())


class HeldOut:
    """The sentences of some texts, to be left out of corpora (`emb_pipeline.text.tokens.write_tokens`).

    Corpus and texts are split into sentences by the same local rule, so a sentence of a held-out text is found wherever
    it occurs as a sentence or a paragraph of its own in a corpus, whatever its case and punctuation. One of `TELLING`
    tokens or more is found inside a longer sentence, too: it is looked up by its rarest word and the word behind that.

    Parameters
    ----------
    texts : iterable of str
        Held-out texts.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        found = {" ".join(tokens): tokens for text in texts for tokens in tokenize_sentences(text)}
        self._whole = frozenset(found)
        counts = Counter(token for tokens in found.values() for token in tokens)
        self._inside: dict[str, dict[str, list[str]]] = {}
        for line, tokens in found.items():
            if len(tokens) >= TELLING:
                place = min(range(len(tokens) - 1), key=lambda at, of=tokens: counts[of[at]])  # type: ignore[misc]
                behind = self._inside.setdefault(tokens[place], defaultdict(list))
                behind[tokens[place + 1]].append(f" {line} ")
        self._rare = frozenset(self._inside)

    def is_held_out(self, tokens: Sequence[str]) -> bool:
        """Say whether a sentence is a held-out one, or has one inside."""
        line = " ".join(tokens)
        if line in self._whole:
            return True
        if len(tokens) <= TELLING:
            return False
        rare = self._rare.intersection(tokens)
        return bool(rare) and any(part in f" {line} " for part in self._find_candidates(tokens, rare))

    def _find_candidates(self, tokens: Sequence[str], rare: Iterable[str]) -> Iterator[str]:
        last = len(tokens) - 1
        for token in rare:
            behind, place = self._inside[token], tokens.index(token)
            for _ in range(tokens.count(token)):
                if place < last:
                    yield from behind.get(tokens[place + 1], ())
                    place = tokens.index(token, place + 1) if token in tokens[place + 1 :] else last


def compute_telling_keys(text: str) -> set[int]:
    """Compute keys of a text's sentences of `TELLING` tokens or more, or of all where it has only shorter ones."""
    parts = tokenize_sentences(text)
    telling = [tokens for tokens in parts if len(tokens) >= TELLING] or parts
    return {hash_sentence(tokens) for tokens in telling}
