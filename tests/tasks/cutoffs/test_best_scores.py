"""Best scores of requests with an answer, and of such without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.cutoffs import describe_cutoff, write_cutoff
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.random_vectors import build_random_encoder
from emb_pipeline.errors import DataError
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.statistics.cutoffs.cutoff import LOG_ODDS, measure_cutoff
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.classification.best_scores import hold_out
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses
from emb_pipeline.tasks.cutoffs.options import CutoffOptions, UnanswerableOptions
from emb_pipeline.tasks.cutoffs.unanswerable import Unanswerable, read_unanswerable
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

SEARCH, CLASSES = KINDS["retrieval"], KINDS["classification"]
DRAWS: dict[str, Any] = {"setting": None, "at_most": 1000, "seed": 0}
EMBEDDINGS = {
    "dense": lambda: build_random_encoder(RandomOptions(), dim=16, seed=1),
    "sparse": lambda: Tfidf(TfidfOptions()),
    "searcher": lambda: Bm25(Bm25Options()),
}


def make_search(n: int = 40) -> RetrievalTask:
    """Queries of words that their passages have; some passages are relevant to two queries."""
    rng = np.random.default_rng(3)
    words = [f"word{number}" for number in range(60)]
    passages = [" ".join(rng.choice(words, size=8)) for _ in range(n)]
    queries = [" ".join(rng.choice(passage.split(), size=3)) for passage in passages]
    judged = np.eye(n, dtype=np.float32) + np.eye(n, k=1, dtype=np.float32)
    ids = np.array([f"q{number}" for number in range(n)])
    return RetrievalTask(
        "search", ids, Texts(queries), np.char.replace(ids, "q", "p"), Texts(passages), sp.csr_array(judged)
    )


@pytest.mark.parametrize("kind", EMBEDDINGS)
def test_a_query_without_its_passages_gets_the_best_score_of_the_others(kind: str) -> None:
    task = make_search()
    found = SEARCH.find_best_scores(task, EMBEDDINGS[kind](), RetrievalOptions(), None, **DRAWS)
    assert found is not None and found.are_paired and found.measure == ("score" if kind == "searcher" else "cosine")
    model = TextSearch.fit(task, EMBEDDINGS[kind](), RetrievalOptions(), seed=0)
    relevant = task.qrels.toarray() > 0
    for row in (0, 7, 39):
        answers = model.answer([task.queries[row]], k=40)
        scores, places = answers[found.measure].to_numpy(), answers["passage_id"].str[1:].astype(int).to_numpy()
        assert found.answerable[row] == pytest.approx(scores[0], abs=1e-5)
        assert found.is_right[row] == relevant[row, places[0]]
        assert found.unanswerable[row] == pytest.approx(scores[~relevant[row, places]][0], abs=1e-5)


def test_queries_of_a_file_are_asked_as_they_are_and_none_of_the_task_is_among_them() -> None:
    task = make_search()
    given = Texts([task.queries[0], "word1 word2", "word1 word2", "unheard"])
    found = SEARCH.find_best_scores(task, Tfidf(TfidfOptions()), RetrievalOptions(), given, **DRAWS)
    assert found is not None and not found.are_paired
    assert len(found.unanswerable) == 2 and found.unanswerable[0] > 0 and found.unanswerable[1] == -np.inf


def make_places() -> ClassificationTask:
    rng = np.random.default_rng(1)
    words = {"shore": "sand tide gull shell".split(), "wood": "moss bark fern owl".split()}
    labels = np.array(["shore", "wood"] * 60)
    noise = [f"word{number}" for number in range(200)]
    texts = Texts(" ".join([*rng.choice(words[label], size=3), *rng.choice(noise, size=2)]) for label in labels)
    return ClassificationTask("places", np.array([f"p{row}" for row in range(120)]), texts, labels)


OFF_TOPIC = Texts([f"rocket word{number} engine word{number + 1}" for number in range(60)])
QUICK = ClassificationOptions(label_draws=0, latency_requests=0, folds=3)


def test_of_a_classifier_the_scores_are_of_texts_that_it_did_not_learn_from() -> None:
    task = make_places()
    encoder = Tfidf(TfidfOptions())
    found = CLASSES.find_best_scores(task, encoder, QUICK, OFF_TOPIC, **DRAWS)
    assert found is not None and len(found.answerable) == 40 and found.measure == LOG_ODDS
    assert found.is_right.mean() > 0.9 and np.median(found.answerable) > np.median(found.unanswerable)
    assert CLASSES.find_best_scores(task, encoder, QUICK, None, **DRAWS) is None  # its own texts are no others


def make_many_places(n_classes: int, n: int, seed: int) -> ClassificationTask:
    """Texts with two words of their class and noise; words of other classes are noise, too, so that none is unknown."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % n_classes
    texts = [
        " ".join([*(f"c{code}w{word}" for word in rng.integers(0, 3, 2)), *(f"n{word}" for word in rng.integers(0, 40, 3))])
        for code in codes
    ]
    return ClassificationTask("places", np.array([f"p{row}" for row in range(n)]), Texts(texts), codes.astype(str))


def test_a_class_that_is_left_out_stands_for_one_that_nobody_has_learned() -> None:
    """Twelve classes are known, three are not: of their texts at most the level gets an answer."""
    whole = make_many_places(15, 1200, 4)
    is_known = whole.labels.astype(int) < 12
    known, unknown = whole.take(np.flatnonzero(is_known)), whole.take(np.flatnonzero(~is_known))
    held = hold_out(known, QUICK, seed=0)
    left_out = LeftOutClasses(at_most=4)
    scores = CLASSES.find_best_scores(known, Tfidf(TfidfOptions()), QUICK, left_out, **DRAWS)
    assert scores is not None and scores.are_paired and scores.measure == LOG_ODDS
    assert held.split is not None and len(scores.answerable) == (held.split == "test").sum() > 300
    assert len(scores.unanswerable) == np.isin(held.labels[held.split == "test"], left_out.choose(known.classes, 0)).sum()
    cutoff = measure_cutoff(scores, 0.05, Resampling(200))
    assert cutoff.exists and cutoff.recall.low > 0.8
    model = CLASSES.load_export().fit(held, Tfidf(TfidfOptions()), QUICK, seed=0)
    assert (model.answer_scored(list(unknown.texts))[1] > cutoff.threshold).mean() <= cutoff.bound


def test_classes_that_are_named_are_all_that_cannot_be_answered() -> None:
    task = make_many_places(4, 240, 5)
    weighted = QUICK.model_copy(update={"class_weights": {"3": 2.0}})
    scores = CLASSES.find_best_scores(task, Tfidf(TfidfOptions()), weighted, LeftOutClasses(("3",)), **DRAWS)
    assert scores is not None and not scores.are_paired
    assert len(scores.unanswerable) == 20 and len(scores.answerable) == 60
    with pytest.raises(DataError, match="'5' is no class of the task"):
        LeftOutClasses(("5",)).choose(task.classes, 0)
    with pytest.raises(DataError, match="2 classes: without one of them there is nothing to choose between") as error:
        LeftOutClasses().choose(make_places().classes, 0)
    assert "name texts of your own" in error.value.remedy


def test_confident_answers_are_not_tied_in_the_score_that_refuses(tmp_path: Path) -> None:
    """A probe that is sure of everything: all probabilities are 1, and what is surer is still answered first."""
    encoder = Tfidf(TfidfOptions())
    model = CLASSES.load_export().fit(make_places(), encoder, QUICK, seed=0)
    sure = replace(model, head=LinearHead(model.head.weights * 1e4, model.head.intercepts))
    texts = ["moss bark fern", "moss bark tide", "owl word1 word2"]
    (answers, scores), (_, unsure) = sure.answer_scored(texts), model.answer_scored(texts)
    assert (answers["probability"] == 1).all() and scores.argsort().tolist() == unsure.argsort().tolist()
    assert len(set(scores)) == 3
    probabilities = model.answer(texts)["probability"].to_numpy()
    np.testing.assert_allclose(unsure, np.log(probabilities / (1 - probabilities)), rtol=1e-9)
    threshold = float(np.sort(scores)[1])
    Bundle(sure, {"cutoff": {"threshold": threshold}}, "").write(tmp_path / "bundle")
    assert Bundle.read(tmp_path / "bundle").answer(texts)["answered"].tolist() == (scores > threshold).tolist()
    assert sure.answer_scored([""])[1].tolist() == [-np.inf]


def test_a_bundle_keeps_the_promise_on_the_scale_of_what_it_serves(tmp_path: Path) -> None:
    task, encoder = make_places(), Tfidf(TfidfOptions())
    scores = CLASSES.find_best_scores(task, encoder, QUICK, OFF_TOPIC, **DRAWS)
    assert scores is not None
    measured = measure_cutoff(scores, 0.05, Resampling(200))
    model = CLASSES.load_export().fit(task, encoder, QUICK, seed=0)
    given = Unanswerable(OFF_TOPIC, "off_topic.csv")
    cutoff = describe_cutoff((measured, LOG_ODDS), given, model, CutoffOptions(), seed=0)
    assert cutoff["threshold"] != measured.threshold and cutoff["recall_of_part"]  # it has learned from more texts
    Bundle(model, {"cutoff": cutoff}, "").write(tmp_path / "bundle")
    answers = Bundle.read(tmp_path / "bundle").answer(list(OFF_TOPIC))
    assert answers["answered"].sum() <= 3 and "answered" not in model.answer(["moss"])
    own = Bundle.read(tmp_path / "bundle").answer(["moss bark fern", "", None])  # type: ignore[list-item]
    assert own["answered"].tolist() == [True, False, False]
    assert "at a recall of" in "\n".join(write_cutoff(cutoff))


def test_the_rows_of_a_query_are_answered_or_refused_together(tmp_path: Path) -> None:
    task = make_search()
    model = TextSearch.fit(task, Tfidf(TfidfOptions()), RetrievalOptions(), seed=0)
    answers = Bundle(model, {"cutoff": {"threshold": 0.3}}).answer([task.queries[3], "word1 unheard", "unheard"])
    best = answers.groupby("query")["cosine"].max()
    assert answers.groupby("query")["answered"].nunique().max() == 1
    assert answers.groupby("query")["answered"].first().tolist() == (best > 0.3).tolist()
    assert "answered" not in Bundle(model, {"cutoff": {"reason": "too few"}}).answer(["word1"])


def test_unanswerable_requests_are_read_from_a_file_or_from_another_task(tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("text\nwho?\nwhy?\n")
    tables = {"search": {"queries": pa.table({"text": ["when?"]})}, "pairs": {"scores": pa.table({"x": [1]})}}
    of_file = UnanswerableOptions(source=CsvSource(path="asked.csv"))
    found = read_unanswerable(of_file, tables, tmp_path, tmp_path)
    assert isinstance(found.requests, Texts) and list(found.requests) == ["who?", "why?"] and found.source == "asked.csv"
    of_task = read_unanswerable(UnanswerableOptions(task="search"), tables, tmp_path, tmp_path)
    assert isinstance(of_task.requests, Texts) and list(of_task.requests) == ["when?"]
    with pytest.raises(DataError, match="'serch' is no task with queries or texts"):
        read_unanswerable(UnanswerableOptions(task="serch"), tables, tmp_path, tmp_path)
    of_class = read_unanswerable(UnanswerableOptions(leave_out="class", most_classes=5), tables, tmp_path, tmp_path)
    assert of_class.requests == LeftOutClasses(at_most=5) and "left out" in of_class.source
    passages = read_unanswerable(UnanswerableOptions(leave_out="passages"), tables, tmp_path, tmp_path)
    assert passages.requests is None and passages.source == "own queries without their passages"
    for wrong in ({}, {"task": "search", "leave_out": "class"}):
        with pytest.raises(ValueError, match="name exactly one of 'source'"):
            UnanswerableOptions(**wrong)
    with pytest.raises(ValueError, match="'classes' and 'most_classes' need leave_out: class"):
        UnanswerableOptions(task="search", classes=("a",))
