"""Models that rank learn from a task's training queries, and from nothing that the evaluated ones tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.learned.options import LearnedSparseOptions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options, RerankerOptions, RerankerTuningOptions
from emb_pipeline.embeddings.retrieval.ranking_examples import draw_negatives
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import TUNING
from emb_pipeline.tasks.fine_tuning import Tunable
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.tune import gather_ranking_examples
from emb_pipeline.text.texts import Texts

from ...embeddings.learned.tiny_models import save_masked_model

OPTIONS = RetrievalOptions(latency_requests=0)
HOW = RerankerTuningOptions(epochs=8, learning_rate=3e-3, negatives=3, negatives_depth=8, batch_size=8, patience=8)
FIXED = Bm25(Bm25Options(k1=1.5, b=0.75))


def mat_task(n: int = 20, n_training: int = 40) -> RetrievalTask:
    """Whoever asks for a cat or a dog wants the passage of it with a mat; BM25 ranks the one without a mat higher."""
    rng = np.random.default_rng(0)
    animals = ["cat", "dog"]
    passages = [f"{animal} {' '.join(rng.choice(['the', 'on', 'a'], 4))} mat" for animal in animals for _ in range(15)]
    passages += [
        f"{animal} {animal} {' '.join(rng.choice(['the', 'on', 'a'], 3))} sat" for animal in animals for _ in range(15)
    ]
    asked = [animals[number % 2] for number in range(n + n_training)]
    queries = [f"{animal} {' '.join(rng.choice(['the', 'on', 'a'], 2))}" for animal in asked]
    grades = np.zeros((len(asked), len(passages)), dtype=np.float32)
    for row, animal in enumerate(asked):
        first = animals.index(animal) * 15
        grades[row, first : first + 7] = row >= n  # the training queries' answers, and those of the test, are others
        grades[row, first + 7 : first + 15] = row < n
    return RetrievalTask(
        "mats",
        np.array([f"q{number}" for number in range(n)]),
        Texts(queries[:n]),
        np.array([f"p{number}" for number in range(len(passages))]),
        Texts(passages),
        sp.csr_array(grades[:n]),
        Texts(queries[n:]),
        sp.csr_array(grades[n:]) if n_training else None,
    )


def tunable(model: Path, folder: Path, tuning: RerankerTuningOptions = HOW) -> Tunable:
    options = RerankerOptions(path=model)
    base = factory.make_cross_encoder("reranker", options, folder / "base")
    return Tunable(base, "reranker", options, tuning, 1, folder / "tuned")


def score(task: RetrievalTask, model: EncoderFolder, path: Path) -> float:
    options = RerankerOptions(path=path, depth=60)
    encoder: Any = factory.build_encoder("reranker", options, artifact=model, bases={"task.bm25": FIXED})
    return evaluate_retrieval(task, encoder, OPTIONS).metrics["ndcg@10"]


@pytest.mark.slow
def test_training_queries_teach_what_the_retriever_does_not_know(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    task = mat_task()
    before = evaluate_retrieval(task, FIXED, OPTIONS).metrics["ndcg@10"]
    tuned = KINDS["retrieval"].tune_embedding(task, tunable(tiny_cross_encoder, tmp_path), OPTIONS)
    assert min(tuned.losses) < tuned.losses[0] - 0.1
    assert tuned.n_learnt > 100
    assert tuned.artifact.format == "cross_encoder"
    assert (
        score(task, tuned.artifact, tiny_cross_encoder) > before + 0.1
    )  # half of those with a mat are of the training queries


def test_nothing_is_learnt_of_passages_that_answer_evaluated_queries(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    task = mat_task()
    examples, n_left_out = gather_ranking_examples(task, tunable(tiny_cross_encoder, tmp_path), 8)
    answers = set(np.flatnonzero(task.is_answer).tolist())
    drawn = [draw_negatives(examples, row, 6, np.random.default_rng(row)) for row in range(50)]
    assert n_left_out == 0 and len(answers) == 16
    assert not answers & set(examples.relevant.tolist())
    assert not answers & {int(place) for row in drawn for place in row}
    for row, places in enumerate(drawn):
        assert len(places) == 6 and not set(places.tolist()) & set(examples.judged[row].tolist())


def other_tunable(method: str, folder: Path, **options: Any) -> Tunable:
    """A BERT of random weights that is to become a sparse encoder, or a model of token vectors."""
    line = METHODS[method]
    _, tuning = TUNING[line.tuned_part]
    base = factory.load_encoder(
        "learned_sparse", LearnedSparseOptions(path=save_masked_model(folder / "masked")), folder / "found"
    )
    start = factory.load_encoder(method, line.options(), folder / "start", base=base)
    how = tuning(**{"epochs": 4, "learning_rate": 3e-3, "negatives": 3, "negatives_depth": 8, "patience": 4, **options})
    return Tunable(start, method, line.options(), how, 1, folder / "tuned")


def score_other(task: RetrievalTask, method: str, model: EncoderFolder) -> float:
    encoder = factory.build_encoder(method, METHODS[method].options(), artifact=model)
    return evaluate_retrieval(task, encoder, OPTIONS).metrics["ndcg@10"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["learned_sparse", "late_interaction"])
def test_an_encoder_learns_to_search_from_training_queries(method: str, tmp_path: Path) -> None:
    task, start = mat_task(), other_tunable(method, tmp_path)
    assert isinstance(start.base, EncoderFolder)
    tuned = KINDS["retrieval"].tune_embedding(task, start, OPTIONS)
    assert min(tuned.losses) < tuned.losses[0] - 0.1 and tuned.n_learnt > 100
    assert tuned.artifact.format == "sentence_transformers" and list(tuned.artifact.path.rglob("*.safetensors"))
    assert score_other(task, method, tuned.artifact) > score_other(task, method, start.base) + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["reranker", "learned_sparse", "late_interaction"])
def test_one_seed_gives_one_model(method: str, tiny_cross_encoder: Path, tmp_path: Path) -> None:
    task, once = mat_task(n_training=10), HOW.model_copy(update={"epochs": 1})
    prints = set()
    for name in ("one", "other"):
        if method == "reranker":
            start = tunable(tiny_cross_encoder, tmp_path / name, once)
        else:
            start = other_tunable(method, tmp_path / name, epochs=1)
        prints.add(KINDS["retrieval"].tune_embedding(task, start, OPTIONS).artifact.fingerprint)
    assert len(prints) == 1


@pytest.mark.parametrize("method", ["reranker", "learned_sparse", "late_interaction"])
def test_a_task_without_training_queries_trains_nothing(method: str, tiny_cross_encoder: Path, tmp_path: Path) -> None:
    start = tunable(tiny_cross_encoder, tmp_path) if method == "reranker" else other_tunable(method, tmp_path)
    with pytest.raises(DataError, match="has no training queries"):
        KINDS["retrieval"].tune_embedding(mat_task(n_training=0), start, OPTIONS)
