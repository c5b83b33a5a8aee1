from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.text.tokens import TokenCorpus, write_tokens

CorpusOf = Callable[..., TokenCorpus]


@pytest.fixture
def corpus_of(tmp_path: Path) -> CorpusOf:
    """Makes a token corpus of the sentences given."""

    def make(*sentences: str) -> TokenCorpus:
        folder = tmp_path / f"corpus_{len(list(tmp_path.glob('corpus_*')))}"
        return write_tokens(((str(number), sentence) for number, sentence in enumerate(sentences)), folder)

    return make


@pytest.fixture
def animals_and_tools(corpus_of: CorpusOf) -> TokenCorpus:
    """Two groups of words that never stand together: 400 sentences."""
    rng = np.random.default_rng(0)
    animals = ["cat", "dog", "horse", "cow", "sheep", "goat"]
    tools = ["hammer", "saw", "drill", "wrench", "pliers", "chisel"]
    return corpus_of(*(" ".join(rng.choice(group, size=6)) for _ in range(200) for group in (animals, tools)))


def perplexity_of(folder: Path, tokens: TokenCorpus, max_length: int = 16) -> float | None:
    """Measure a saved BERT's perplexity on the sentences of a corpus that training holds out."""
    from emb_pipeline.embeddings.contextual.options import BertOptions
    from emb_pipeline.embeddings.contextual.training import bert, masking

    model, tokenizer = bert._read_model(folder, None, BertOptions(max_length=max_length))
    vocabulary = bert._describe_vocabulary(tokenizer)
    sentences = (sentence for sentence in tokens if masking.is_held_out(sentence))
    blocks = list(masking.pack(bert._encode(sentences, tokenizer), max_length, vocabulary))
    return bert._measure_perplexity(model, np.array(blocks).reshape(-1, max_length), vocabulary)
