"""Which embeddings may search a part of the passages in a round."""

import pytest

from emb_pipeline.choosing.passages import can_search_a_part
from emb_pipeline.experiment.model import EmbeddingSpec


def _make(method: str, origin: str, *bases: str) -> EmbeddingSpec:
    given = {"origin": origin, "key": method, "method": method, "options": {}, "bases": bases}
    return EmbeddingSpec.model_validate(given)


@pytest.mark.parametrize(
    ("embedding", "is_so"),
    [
        (_make("word2vec", "domain"), True),
        (_make("tfidf", "task"), False),
        (_make("bm25", "task"), False),
        (_make("lsa", "task"), False),
        (_make("fusion", "task", "task.bm25", "domain.word2vec"), False),
    ],
    ids=lambda value: value.key if isinstance(value, EmbeddingSpec) else "",
)
def test_what_is_fitted_on_passages_or_made_of_other_searches_searches_all(embedding: EmbeddingSpec, is_so: bool) -> None:
    assert can_search_a_part(embedding) is is_so
