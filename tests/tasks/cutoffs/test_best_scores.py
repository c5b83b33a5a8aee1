"""Best scores of requests with an answer, and of such without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.cutoffs import describe_cutoff, write_cutoff
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.random_vectors import build_random_encoder
from emb_pipeline.errors import DataError
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.statistics.cutoffs.cutoff import measure_cutoff
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
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
    assert found is not None and len(found.answerable) == 40 and found.measure == "probability"
    assert found.is_right.mean() > 0.9 and np.median(found.answerable) > np.median(found.unanswerable)
    assert CLASSES.find_best_scores(task, encoder, QUICK, None, **DRAWS) is None  # its own texts are no others


def test_a_bundle_keeps_the_promise_on_the_scale_of_what_it_serves(tmp_path: Path) -> None:
    task, encoder = make_places(), Tfidf(TfidfOptions())
    scores = CLASSES.find_best_scores(task, encoder, QUICK, OFF_TOPIC, **DRAWS)
    assert scores is not None
    measured = measure_cutoff(scores, 0.05, Resampling(200))
    model = CLASSES.load_export().fit(task, encoder, QUICK, seed=0)
    given = Unanswerable(OFF_TOPIC, "off_topic.csv")
    cutoff = describe_cutoff((measured, "probability"), given, model, CutoffOptions(), seed=0)
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
    assert found.texts is not None and list(found.texts) == ["who?", "why?"] and found.source == "asked.csv"
    of_task = read_unanswerable(UnanswerableOptions(task="search"), tables, tmp_path, tmp_path)
    assert of_task.texts is not None and list(of_task.texts) == ["when?"]
    with pytest.raises(DataError, match="'serch' is no task with queries or texts"):
        read_unanswerable(UnanswerableOptions(task="serch"), tables, tmp_path, tmp_path)
    with pytest.raises(ValueError, match="name exactly one of 'source'"):
        UnanswerableOptions()
