"""Vector search in sentences and as a figure."""

from __future__ import annotations

import pandas as pd

from emb_pipeline.reporting.sections.scores.search import describe_searches, plot_searches


def row(index: str, setting: int | None = None, **changes: object) -> dict[str, object]:
    return {
        "task": "find",
        "embedding": "domain.word2vec_100",
        "origin": "domain",
        "metric": "ndcg@10",
        "index": index,
        "in_store": index != "exact",
        "parameter": "" if setting is None else "nprobe",
        "setting": setting,
        "recall": 1.0,
        "value": 0.5,
        "loss": 0.0,
        "ci_low": 0.0,
        "ci_high": 0.0,
        "latency_ms_p50": 6.0,
        "queries_per_second": 800.0,
        "bytes_per_item": 400.0,
        "filtered_recall": float("nan"),
        "filtered_latency_ms_p50": float("nan"),
        "fault": None,
        "recommended": False,
        "items": 9000,
        **changes,
    }


EXACT = row("exact", latency_ms_p50=0.3)
SPARSE = row("exact", embedding="task.tfidf", latency_ms_p50=0.9, bytes_per_item=204.0)
FEW = row("IVF_FLAT", 1, recall=0.4, value=0.3, loss=0.2, ci_low=0.15, ci_high=0.26)
ALL = row("IVF_FLAT", 64, recall=0.999, loss=0.001, ci_high=0.003, recommended=True)
FLAT = row("FLAT", filtered_recall=1.0, filtered_latency_ms_p50=21.0)
FAULTY = row("HNSW", 10, recall=0.7, fault="recall stays at 0.700 whatever the search looks at")


def sentences(*rows: dict[str, object]) -> list[str]:
    return [each.text.striptags() for each in describe_searches(pd.DataFrame(list(rows)))]


def test_each_setting_that_matters_has_its_sentence() -> None:
    exact, best, least, filtered, fault = sentences(SPARSE, EXACT, FLAT, FEW, ALL, FAULTY)
    assert exact == (
        "One query against all 9,000 passages takes this long without a vector store (median). "
        "domain.word2vec_100: 0.30 ms (400 B for a passage). task.tfidf: 0.90 ms (204 B for a passage)."
    )
    assert best == (
        "In Milvus IVF_FLAT with nprobe = 64 is the fastest that finds enough of the nearest of domain.word2vec_100. "
        "It finds 99.90 % of them in 6.00 ms a query. It loses 0.001 nDCG@10 [0.000, 0.003]."
    )
    assert least == "IVF_FLAT with nprobe = 1 finds 40.0 % of them, and that costs 0.200 nDCG@10 [0.150, 0.260]."
    assert filtered == "Confined by a filter to some of the passages they find: FLAT 100.0 % in 21.0 ms."
    assert fault == "The curve of HNSW is not shown: recall stays at 0.700 whatever the search looks at."


def test_searches_by_words_in_milvus_are_held_against_ours_and_are_in_no_curve() -> None:
    ours = row("exact", embedding="task.bm25", latency_ms_p50=0.1)
    theirs = row("BM25", embedding="task.bm25", latency_ms_p50=3.0, loss=0.02, ci_low=-0.01, ci_high=0.05)
    both = row("HYBRID", recall=float("nan"), latency_ms_p50=7.0, loss=-0.04, ci_low=-0.06, ci_high=-0.02)
    lead, best, words, fusion = sentences(EXACT, ALL, ours, theirs, both)
    assert "task.bm25" not in lead and "IVF_FLAT" in best
    assert words == (
        "BM25 in Milvus takes 3.00 ms a query (0.10 ms here). "
        "Against task.bm25 its nDCG@10 differs by −0.020 [−0.050, 0.010]."
    )
    assert fusion == (
        "The fusion of BM25 and vectors in Milvus takes 7.00 ms a query (0.30 ms here). "
        "Against domain.word2vec_100 its nDCG@10 differs by +0.040 [0.020, 0.060]."
    )
    assert [trace.name for trace in plot_searches(pd.DataFrame([EXACT, ALL, ours, theirs, both]), "find").data] == [
        "IVF_FLAT"
    ]


def test_bits_have_their_own_sentences_and_are_held_against_the_matrix_product() -> None:
    bits = {"parameter": "candidates", "in_store": False, "index_bytes": 9000 * 16.0}
    few = row("HAMMING", 10, recall=0.6, loss=0.1, ci_low=0.05, ci_high=0.15, **bits)
    enough = row("HAMMING", 100, recall=0.97, loss=0.001, ci_high=0.003, latency_ms_p50=0.2, recommended=True, **bits)
    *_, store, best, least = sentences(EXACT, ALL, few, enough)
    assert store.startswith("In Milvus IVF_FLAT with nprobe = 64") and "matrix product" not in store
    assert best == (
        "Without a vector store HAMMING with candidates = 100 is the fastest that finds enough of the nearest of "
        "domain.word2vec_100. It finds 97.0 % of them in 0.20 ms a query (the matrix product: 0.30 ms). It loses 0.001 "
        "nDCG@10 [0.000, 0.003]. It compares 16 B of each passage, and reads the 400 B kept beside them of candidates alone."
    )
    assert least == "HAMMING with candidates = 10 finds 60.0 % of them, and that costs 0.100 nDCG@10 [0.050, 0.150]."
    *_, none, _ = sentences(EXACT, few)
    assert none == "No number of candidates by Hamming distance finds enough of what an exact search finds."


def test_it_is_said_where_nothing_finds_enough() -> None:
    assert "No index finds enough of what an exact search finds." in sentences(EXACT, FEW)


def test_without_a_store_exact_search_alone_is_told() -> None:
    assert len(sentences(EXACT, SPARSE)) == 1


def test_the_figure_has_a_line_for_each_index_that_can_be_trusted() -> None:
    figure = plot_searches(pd.DataFrame([EXACT, FLAT, FEW, ALL, FAULTY]), "find")
    assert [(trace.name, list(trace.x)) for trace in figure.data] == [("FLAT", [1.0]), ("IVF_FLAT", [0.4, 0.999])]
    assert not plot_searches(pd.DataFrame([EXACT]), "find").data
