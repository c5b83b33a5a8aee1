from __future__ import annotations

import pytest

from emb_pipeline.embeddings.sparse.options import TokenFeaturesOptions
from emb_pipeline.embeddings.sparse.token_features import TokenFeatures


def test_features_of_a_token_by_hand() -> None:
    encoder = TokenFeatures(TokenFeaturesOptions(affix=2)).fit_words(["COX-2"])
    expected = ["word=COX-2", "low=cox-2", "prefix=c", "prefix=co", "suffix=2", "suffix=-2", "shape=X-0"]
    assert sorted(encoder.vectorizer.vocabulary_) == sorted(expected)
    (known, shape_alone) = encoder.encode_words(["COX-2", "ABC-77"]).toarray()
    assert known.sum() == encoder.dim == 7
    assert shape_alone[encoder.vectorizer.vocabulary_["shape=X-0"]] == 1
    assert shape_alone.sum() == 1


def test_rare_features_are_dropped() -> None:
    encoder = TokenFeatures(TokenFeaturesOptions(affix=1, min_df=2)).fit_words(["ab", "ac"])
    assert sorted(encoder.vectorizer.vocabulary_) == ["prefix=a", "shape=x"]
    with pytest.raises(ValueError, match="min_df"):
        TokenFeatures(TokenFeaturesOptions(min_df=3)).fit_words(["ab"])
