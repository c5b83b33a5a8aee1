"""What answers one request of each kind of task, to be timed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.vectors import score_pairs
from emb_pipeline.embeddings.recommenders.hybrid import Hybrid
from emb_pipeline.embeddings.recommenders.item_knn import ItemKnn
from emb_pipeline.embeddings.recommenders.options import EaseOptions, HybridOptions, ItemKnnOptions
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.options import TfidfOptions, TokenFeaturesOptions
from emb_pipeline.embeddings.sparse.token_features import TokenFeatures
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.classification.evaluate import create_classification_service
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.recommendation.evaluate import create_recommendation_service
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.evaluate import create_retrieval_service
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.sequence_labeling.evaluate import create_tagging_service
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.similarity.evaluate import create_similarity_service
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts
from tests.tasks.recommendation.test_evaluate import camps
from tests.tasks.sequence_labeling.test_evaluate import Contextual, _task

from .conftest import WordEncoder

TEXTS = ["sand tide shell", "moss bark", "fern owl moss", "tide gull"]


def test_every_kind_has_a_service_of_as_many_requests_as_were_asked_for() -> None:
    assert all(kind.serve for kind in KINDS.values())
    task = ClassificationTask("places", np.array(list("abcd")), Texts(TEXTS), np.array(["sea", "wood", "wood", "sea"]))
    for kind, made in (("dense", WordEncoder()), ("sparse", Tfidf(TfidfOptions()))):
        service = create_classification_service(task, made, ClassificationOptions(latency_requests=3), None)
        assert service.requests == TEXTS[:3], kind
        assert np.exp(service.answer("moss owl")).sum() == pytest.approx(1)


def test_a_query_is_answered_with_ten_passages_or_all_there_are() -> None:
    qrels = sp.csr_array(np.array([[1.0, 0, 0, 0]], dtype=np.float32))
    task = RetrievalTask("find", np.array(["q"]), Texts(["tide shell"]), np.array(list("abcd")), Texts(TEXTS), qrels)
    for encoder in (Bm25(Bm25Options()), Tfidf(TfidfOptions())):
        service = create_retrieval_service(task, encoder, RetrievalOptions(), None)
        assert service.answer("tide shell")[0, 0] == 0 and service.requests == ["tide shell"]
    dense = create_retrieval_service(task, WordEncoder(), RetrievalOptions(), None)
    assert sorted(dense.answer("tide shell")[0]) == [0, 1, 2, 3]


def test_a_pair_is_answered_with_its_cosine() -> None:
    places = np.array([0, 1]), np.array([3, 2])
    task = SimilarityTask("alike", np.array(["1", "2"]), Texts(TEXTS), *places, np.array([0.9, 0.5]))
    for encoder in (WordEncoder(), Tfidf(TfidfOptions())):
        service = create_similarity_service(task, encoder, EvaluationOptions(), None)
        fitted = encoder.fit(task.texts) if isinstance(encoder, Tfidf) else encoder
        first, second = (fitted.encode(task.texts)[rows] for rows in places)
        expected = score_pairs(first, second, "cosine")
        assert [service.answer(pair)[0] for pair in service.requests] == pytest.approx(expected, abs=1e-6)


def test_a_sentence_is_answered_with_a_valid_tag_for_each_token() -> None:
    task = _task()
    for encoder in (Contextual(), TokenFeatures(TokenFeaturesOptions())):
        service = create_tagging_service(task, encoder, SequenceLabelingOptions(latency_requests=4), None)
        assert service.requests == [task.sentences[row] for row in np.flatnonzero(task.split == "test")[:4]]
        for tokens in service.requests:
            codes = service.answer(tokens)
            assert len(codes) == len(tokens)
            assert all(task.allowed[before, after] for before, after in zip([-1, *codes[:-1]], codes, strict=True))


def test_a_question_is_answered_with_words_of_its_context() -> None:
    pytest.importorskip("torch")
    from emb_pipeline.embeddings.retrieval.options import SlidingWindowOptions
    from emb_pipeline.embeddings.retrieval.sliding_window import SlidingWindow
    from emb_pipeline.tasks.extractive_qa.evaluate import create_answering_service
    from tests.tasks.extractive_qa.test_evaluate import Axes, InContext, behind_the_key, vocabulary

    task = behind_the_key(20)
    words = vocabulary(task)
    for encoder in (Axes(words), InContext(words), SlidingWindow(SlidingWindowOptions())):
        service = create_answering_service(task, encoder, ExtractiveOptions(latency_requests=3), None)
        assert len(service.requests) == 3
        for context, question in service.requests:
            first, last = service.answer((context, question))[0]
            assert 0 <= first <= last < len(context)


def test_a_user_is_answered_with_what_is_new_to_them_by_the_setting_that_was_chosen() -> None:
    task, options = camps(), RecommendationOptions(latency_requests=5)
    hybrid = Hybrid(
        HybridOptions(recommender="ease", ease=EaseOptions(regularizations=(3.0,)), weights=(0.2, 0.8)), WordEncoder()
    )
    for encoder, setting in (
        (WordEncoder(), {"half_life": 1.0}),
        (WordEncoder(), None),
        (ItemKnn(ItemKnnOptions(shrinkages=(0.0,), neighbors=(5,))), {"shrinkage": 0.0, "neighbors": 5}),
        (hybrid, {"text_weight": 0.8}),
    ):
        service = create_recommendation_service(task, encoder, options, setting)
        assert service.requests == task.testing.users[:5].tolist()
        for user in service.requests:
            known = set(task.testing.known[[user]].indices.tolist())
            found = service.answer(user)[0].tolist()
            assert len(found) == 10 and not known & set(found)
