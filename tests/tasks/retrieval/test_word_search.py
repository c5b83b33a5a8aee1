"""Milvus's own BM25, sparse index and fusion, next to ours: in a real Milvus Lite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import make_table
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES, SearchCosts
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import WordEncoder

pytest.importorskip("milvus_lite")
OPTIONS = VectorSearchOptions(nearest=5, requests=3)


@pytest.fixture(scope="module")
def task() -> RetrievalTask:
    """Sixty passages of several words; a query has two words of the passage that it wants."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(40)])
    passages = [" ".join(rng.choice(words, size=rng.integers(4, 20))) for _ in range(60)]
    queries = [" ".join(rng.choice(passage.split(), size=2, replace=False)) for passage in passages]
    names = np.array([f"n{number}" for number in range(60)])
    qrels = sp.csr_array(sp.identity(60, format="csr", dtype=np.float32))
    return RetrievalTask("find", names, Texts(queries), np.char.add("p", names), Texts(passages), qrels)


@pytest.mark.slow
def test_milvuss_own_bm25_sparse_index_and_fusion_stand_next_to_ours(
    task: RetrievalTask, words: WordEncoder, tmp_path: Path
) -> None:
    from emb_pipeline.datasets.milvus import MilvusVectorStoreDataset

    costs = SearchCosts(task, OPTIONS, Resampling())
    with MilvusVectorStoreDataset(collection="c", filepath=str(tmp_path / "v.db")).load() as store:
        bm25 = Bm25(Bm25Options(k1=0.3, b=0.2))
        rows = costs.of_words("task.bm25", bm25, store.words, ("domain.words_8", words))
        rows += costs.of_sparse("task.tfidf", Tfidf(), store.words)
        left = store.raw_client.list_collections()
    assert left == []
    table: pd.DataFrame = make_table(rows, SEARCHES)
    assert table["index"].tolist() == ["exact", "BM25", "HYBRID", "exact", "SPARSE"]
    assert table["in_store"].tolist() == [False, True, True, False, True]
    ours, theirs, both, exact, sparse = table.to_dict("records")
    assert ours["value"] > 0.5 and theirs["recall"] > 0.9  # of equal scores each finds others
    assert (
        theirs["value"] == pytest.approx(ours["value"], abs=0.02) and theirs["ci_low"] <= theirs["loss"] <= theirs["ci_high"]
    )
    assert sparse["recall"] > 0.97 and sparse["value"] == pytest.approx(exact["value"], abs=0.02)
    assert both["embedding"] == "domain.words_8" and both["value"] > 0.3
    assert table["latency_ms_p50"].gt(0).all() and table["bytes_per_item"].gt(0).all()
    with pytest.raises(DataError, match=r"task.bm25 .* name it under"):
        costs.of_words("task.bm25", Tfidf(), store.words)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="gives dense vectors; name it under embeddings"):
        costs.of_sparse("domain.words_8", words, store.words)


@pytest.mark.slow
def test_milvus_takes_k1_and_b_and_ranks_as_ours_does(task: RetrievalTask, tmp_path: Path) -> None:
    from emb_pipeline.datasets.milvus import MilvusVectorStoreDataset

    texts, queries = list(task.passages), list(task.queries)[:20]
    with MilvusVectorStoreDataset(collection="c", filepath=str(tmp_path / "v.db")).load() as store:
        for k1, b in [(1.5, 0.75), (0.2, 0.0)]:
            held = store.words
            held.replace_texts(texts, np.ones((len(texts), 2), dtype=np.float32), {"k1": k1, "b": b}, "dot")
            found = held.find_by_words(queries, 3)
            scores = Bm25(Bm25Options(k1=k1, b=b)).index(texts).search_scored(queries, len(texts))
            for row in range(len(queries)):
                of_passage = dict(zip(scores.passages[row], scores.scores[row], strict=True))
                best = [of_passage[passage] for passage in found[row]]
                np.testing.assert_allclose(best, scores.scores[row, :3], rtol=1e-3)
