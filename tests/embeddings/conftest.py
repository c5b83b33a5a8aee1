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
