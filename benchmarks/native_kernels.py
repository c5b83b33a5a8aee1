"""Our own trainers of word vectors against gensim's: speed, bounds, growth, memory and quality, side by side in one run.

    export EMB_PIPELINE_MIRROR=<folder with the public data sets>
    python benchmarks/native_kernels.py              # all of it
    python benchmarks/native_kernels.py speed        # words per second against gensim, and against what the machine can do
    python benchmarks/native_kernels.py growth       # seconds and memory from 1 to 100 million tokens
    python benchmarks/native_kernels.py sharing      # memory of one stream that two trainings read at the same time
    python benchmarks/native_kernels.py glove        # counting and an epoch, for a window of 10
    python benchmarks/native_kernels.py quality      # accuracies and correlations, three seeds, differences with intervals

Quality is judged on Ohsumed (5-fold accuracy within its training split, vectors trained on medical text), on WordSim-353 and
analogies (trained on Wikipedia) and, with --base <data/03_primary/base of a finished default run>, on its classification of
docstrings. GloVe has no trainer in gensim: it stands beside our word2vec.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats

from emb_pipeline.embeddings import factory, registry
from emb_pipeline.embeddings.static import glove
from emb_pipeline.embeddings.static.cooccurrence import count_cooccurrences
from emb_pipeline.embeddings.static.fasttext import words_and_ngrams
from emb_pipeline.embeddings.static.kernels.negative_sampling import learn_words
from emb_pipeline.embeddings.static.kernels.random import alias_table, seeded
from emb_pipeline.embeddings.static.negative_sampling import NOISE_EXPONENT, fit, share_kept
from emb_pipeline.embeddings.static.options import FastTextOptions, GloveOptions, Word2VecOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.request import Progress, TrainingRequest, known_words
from emb_pipeline.precompile import compile_training
from emb_pipeline.text.id_stream import IdStream, open_ids
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.tokens import TokenCorpus, cut
from word_vector_defaults import accuracy, corpus_of, ohsumed_training, word_pairs, word_similarity

THREADS = 2
REPEATS = 3
EPOCHS = 3
KINDS = {
    "skip-gram": ("word2vec", {}),
    "CBOW": ("word2vec", {"architecture": "cbow"}),
    "FastText": ("fasttext", {}),
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", default=[], metavar="part", help="speed, growth, sharing, glove, quality; all by default"
    )
    parser.add_argument("--work", type=Path, default=Path("data/02_intermediate/word_vector_defaults"))
    parser.add_argument("--tokens", type=int, default=2_000_000, help="of each corpus that quality and speed train on")
    parser.add_argument("--base", type=Path, help="data/03_primary/base of a finished default run")
    arguments = parser.parse_args()
    parts = {"speed": speed, "growth": growth, "sharing": sharing, "glove": glove_epoch, "quality": quality}
    if unknown := [part for part in arguments.parts if part not in parts]:
        parser.error(f"no part {unknown[0]}; there are {', '.join(parts)}")
    mirror = Path(os.environ["EMB_PIPELINE_MIRROR"])
    compile_training()
    peak_flops(1)
    row_bandwidth(10, 10, 1)
    for name in arguments.parts or parts:
        print(f"\n## {name}\n", flush=True)
        parts[name](mirror, arguments)


def speed(mirror: Path, arguments: argparse.Namespace) -> None:
    """Words per second of whole trainings, vocabulary and all; and each kernel's share of the machine's bounds."""
    corpus = part_of("large", mirror, arguments)
    peak, rows_per_second = peak_flops(), row_bandwidth(len(known_words(corpus, 3)[0]), 100)
    print(
        f"{corpus.n_tokens:,} tokens, {len(known_words(corpus, 3)[0]):,} words, {EPOCHS} epochs, {THREADS} threads; "
        f"medians of {REPEATS}"
    )
    print(
        f"the machine: {peak / 1e9:.0f} GFLOP/s from cache, {rows_per_second / 1e9:.1f} GB/s of random rows of 400 bytes\n"
    )
    print("| kernel | dim | gensim words/s | native words/s | ratio | GFLOP/s | of the peak | GB/s of rows | of the bound |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for kind, dims in (("skip-gram", (100, 300)), ("CBOW", (100, 300)), ("FastText", (100, 300))):
        for dim in dims:
            seconds: dict[str, list[float]] = {"gensim": [], "native": []}
            for _ in range(REPEATS):
                for backend, taken in seconds.items():
                    taken.append(
                        timed(lambda kind=kind, dim=dim, backend=backend: trained(kind, corpus, dim, backend, 1, EPOCHS))
                    )
            middle = {backend: statistics.median(taken) for backend, taken in seconds.items()}
            flops, bytes_ = (EPOCHS * each for each in work_of(kind, corpus, dim))
            words = EPOCHS * corpus.n_tokens
            print(
                f"| {kind} | {dim} | {words / middle['gensim']:,.0f} | {words / middle['native']:,.0f} "
                f"| **{middle['gensim'] / middle['native']:.1f}** | {flops / middle['native'] / 1e9:.1f} "
                f"| {flops / middle['native'] / peak:.0%} | {bytes_ / middle['native'] / 1e9:.1f} "
                f"| {bytes_ / middle['native'] / rows_per_second:.0%} |",
                flush=True,
            )


def growth(mirror: Path, arguments: argparse.Namespace) -> None:
    """Seconds and memory of one epoch, for a corpus repeated up to a hundred times, each in a process of its own."""
    corpus = part_of("large", mirror, arguments, 1_000_000)
    n_words = len(known_words(corpus, 3)[0])
    sizes, seconds = (1, 3, 10, 30, 100), []
    print(f"skip-gram, 100 dimensions, {n_words:,} words: {n_words * 800 / 2**20:.0f} MiB of vectors\n")
    print("| million tokens | stream MiB | seconds | memory beyond the vectors, MiB |")
    print("|---:|---:|---:|---:|")
    for times in sizes:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            n_tokens, mib, taken, beyond = process.submit(one_epoch_of, corpus, times).result()
        seconds.append(taken)
        print(f"| {n_tokens / 1e6:.1f} | {mib:.0f} | {taken:.2f} | {beyond:.1f} |", flush=True)
    fitted = stats.linregress(np.log(sizes), np.log(seconds))
    print(f"\nseconds grow with tokens to the power of {fitted.slope:.3f} ± {fitted.stderr:.3f}")


def one_epoch_of(corpus: TokenCorpus, times: int) -> tuple[int, float, float, float]:
    """Tokens, MiB of the stream, seconds, and MiB of memory at most beside the two matrices of vectors."""
    compile_training()
    _, counts = known_words(corpus, 3)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ids.arrow"
        stream = repeated(corpus, times, path)
        inputs = np.random.default_rng(1).random((len(counts), 100), dtype=np.float32) / 100
        seconds, taken = watched(lambda: fit_once(corpus, stream, counts, inputs))
        return stream.n_tokens, path.stat().st_size / 2**20, seconds, (taken - inputs.nbytes) / 2**20


def sharing(mirror: Path, arguments: argparse.Namespace) -> None:
    """Two dimensions and seeds side by side over one stream: what each process holds of it, and holds alone."""
    corpus = part_of("large", mirror, arguments, 1_000_000)
    context, trainings = multiprocessing.get_context("spawn"), ((100, 1), (300, 2))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "ids.arrow"
        repeated(corpus, 30, path)
        facts = {
            "n_tokens": 30 * corpus.n_tokens,
            "n_sentences": 30 * corpus.n_sentences,
            "n_types": corpus.open_ids().n_types,
        }
        print(f"{facts['n_tokens'] / 1e6:.1f} million tokens, {path.stat().st_size / 2**20:.0f} MiB of stream\n")
        print("| dim | seed | MiB of it in memory | its share of them | written or copied | MiB beyond the vectors |")
        print("|---:|---:|---:|---:|---:|---:|")
        with ProcessPoolExecutor(len(trainings), context, meet_at, (context.Barrier(len(trainings)),)) as processes:
            counts = known_words(corpus, 3)[1]
            for row in [processes.submit(one_of_several, path, facts, counts, *training) for training in trainings]:
                print("| " + " | ".join(row.result()) + " |", flush=True)


_MEETINGS: list[Barrier] = []


def meet_at(barrier: Barrier) -> None:
    """Where the processes of a pool wait for each other."""
    _MEETINGS.append(barrier)


def one_of_several(path: Path, facts: dict[str, int], counts: np.ndarray, dim: int, seed: int) -> list[str]:
    """An epoch beside another process's; then what this process has of the file, while none has closed it."""
    compile_training()
    stream = open_ids(path, **facts)
    inputs = np.random.default_rng(seed).random((len(counts), dim), dtype=np.float32) / dim
    _MEETINGS[0].wait()
    _, taken = watched(lambda: fit_once(TokenCorpus(path.parent), stream, counts, inputs, seed))
    _MEETINGS[0].wait()
    held = kib_of_mapping(path)
    _MEETINGS[0].wait()
    beyond = (taken - inputs.nbytes) / 1024
    kib = (held["Rss"], held["Pss"], held["Private_Dirty"] + held["Anonymous"], beyond)
    return [str(dim), str(seed), *(f"{each / 1024:.1f}" for each in kib)]


def kib_of_mapping(path: Path) -> Counter[str]:
    """What this process has of a mapped file in memory, by kind (Linux)."""
    kib: Counter[str] = Counter()
    is_of_file = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):  # a mapping's addresses; its figures follow
            is_of_file = line.endswith(str(path))
        elif is_of_file and values[-1] == "kB":
            kib[name[:-1]] += int(values[0])
    return kib


def glove_epoch(mirror: Path, arguments: argparse.Namespace) -> None:
    """Counting and one epoch, per record."""
    corpus = corpus_of("generic", mirror, arguments.work)
    options = GloveOptions(window=10, epochs=3)
    _, counts = known_words(corpus, options.min_count)
    with tempfile.TemporaryDirectory() as scratch:
        counting = [
            timed(
                lambda: count_cooccurrences(
                    corpus, len(counts), window=10, memory_mb=1024, folder=Path(scratch), workers=THREADS
                )
            )
            for _ in range(REPEATS)
        ]
        pairs = count_cooccurrences(corpus, len(counts), window=10, memory_mb=1024, folder=Path(scratch), workers=THREADS)
        n_records = 2 * len(pairs) - int((pairs.first == pairs.second).sum())
        marks = [time.perf_counter()]
        request = TrainingRequest(
            corpus, options, dim=100, workers=THREADS, on_epoch=lambda *_: marks.append(time.perf_counter())
        )
        glove.fit(pairs, request, Checkpoint(None, {}))
        epoch = statistics.median(np.diff(marks))
        print(f"{corpus.n_tokens:,} tokens, window 10, {n_records:,} records, 100 dimensions, {THREADS} threads")
        per_second = n_records / epoch
        print(f"an epoch {epoch:.2f} s: {per_second / 1e6:.1f} M records/s, {22.7e6 / per_second:.2f} s for 22.7 M")
        print(f"counting {statistics.median(counting):.2f} s: {statistics.median(counting) / epoch:.2f} of an epoch")


def quality(mirror: Path, arguments: argparse.Namespace) -> None:
    """What each trainer's vectors are worth: three seeds, and the mean difference with its 95 % interval (paired t).

    With one thread, as the pipeline trains: with several, gensim's ``corpus_file`` mode lets each count its own sentences
    against those of all, so that the step size of an epoch does not fall to where it should.
    """
    medical, wikipedia = part_of("large", mirror, arguments), part_of("generic", mirror, arguments)
    texts, labels = ohsumed_training(mirror)
    pairs = word_pairs()
    judged: list[tuple[str, TokenCorpus, Callable[[WordVectors], float]]] = [
        ("Ohsumed accuracy", medical, lambda vectors: accuracy(PooledEncoder(vectors, "idf"), texts, labels)),
        ("WordSim-353 ρ", wikipedia, lambda vectors: word_similarity(vectors, pairs)),
        ("analogies", wikipedia, analogies),
    ]
    if arguments.base:
        rows = pq.read_table(arguments.base / "tasks/subpackage/examples/examples.parquet").to_pandas()
        rows = rows[rows["split"] == "train"].drop_duplicates("text").sample(4_000, random_state=0)
        base_texts, base_labels = Texts(rows["text"].tolist()), rows["label"].to_numpy()
        judged.append(
            (
                "base: subpackage",
                TokenCorpus(arguments.base / "corpora/domain/tokens"),
                lambda vectors: accuracy(PooledEncoder(vectors, "idf"), base_texts, base_labels),
            )
        )
    contrasts = [(kind, (kind, "native"), (kind, "gensim")) for kind in KINDS]
    contrasts.append(("GloVe (against word2vec)", ("GloVe", "native"), ("skip-gram", "native")))
    values = {}
    for kind, backend in dict.fromkeys(side for _, *sides in contrasts for side in sides):
        for seed in (1, 2, 3):
            for corpus in {id(corpus): corpus for _, corpus, _ in judged}.values():
                vectors = trained(kind, corpus, 100, backend, seed, 5, workers=1)
                for name, own, judge in judged:
                    if own is corpus:
                        values[name, kind, backend, seed] = judge(vectors)
    print(f"{medical.n_tokens:,} tokens of each corpus, 100 dimensions, 5 epochs, one thread\n")
    print("| judged by | kernel | ours | the other | difference | 95 % interval |")
    print("|---|---|---:|---:|---:|---|")
    for name, _, _ in judged:
        for label, ours, other in contrasts:
            first, second = (np.array([values[name, *side, seed] for seed in (1, 2, 3)]) for side in (ours, other))
            difference = first - second
            half = stats.t.ppf(0.975, 2) * difference.std(ddof=1) / np.sqrt(3)
            print(
                f"| {name} | {label} | {first.mean():.3f} | {second.mean():.3f} | {difference.mean():+.3f} "
                f"| [{difference.mean() - half:+.3f}, {difference.mean() + half:+.3f}] |"
            )


def trained(
    kind: str, corpus: TokenCorpus, dim: int, backend: str, seed: int, epochs: int, workers: int = THREADS
) -> WordVectors:
    """Vectors of one training."""
    if kind == "GloVe":
        return factory.train("glove", TrainingRequest(corpus, dim=dim, options=GloveOptions(), seed=seed, workers=workers))
    method, changes = KINDS[kind]
    options = registry.METHODS[method].options(**changes, epochs=epochs, backend=backend)
    return factory.train(method, TrainingRequest(corpus, dim=dim, options=options, seed=seed, workers=workers))


def analogies(vectors: WordVectors) -> float:
    """Share of the analogies of Mikolov et al. (2013) that are solved, among those whose words are all known."""
    from gensim.models import KeyedVectors
    from gensim.test.utils import datapath

    keyed = KeyedVectors(vectors.dim)
    keyed.add_vectors(list(vectors.tokens), vectors.vectors)
    share, _ = keyed.evaluate_word_analogies(datapath("questions-words.txt"), restrict_vocab=30_000, case_insensitive=False)
    return float(share)


def part_of(grid: str, mirror: Path, arguments: argparse.Namespace, tokens: int | None = None) -> TokenCorpus:
    """So many tokens of the medical or of the generic corpus, made once."""
    whole = corpus_of(grid, mirror, arguments.work)
    n_tokens = tokens or arguments.tokens
    folder = whole.folder.with_name(f"{whole.folder.name}_{n_tokens}")
    return TokenCorpus(folder) if folder.exists() else cut(whole, folder, n_tokens)


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def work_of(kind: str, corpus: TokenCorpus, dim: int) -> tuple[float, float]:
    """Floating-point operations, and bytes of rows to and from the tables of vectors, of one epoch.

    A step is 6 multiply-adds of each number of each of negative + 1 outputs: one in the product and one in each of the two
    changes. Of the rows of a window, the outputs come and go, and one input does as the window moves on.
    """
    options = Word2VecOptions()
    pairs, windows = (steps(corpus, options, of_mean) for of_mean in (False, True))
    n_outputs = options.negative + 1
    flops = (windows if kind == "CBOW" else pairs) * n_outputs * 6 * dim
    rows = windows * 2 * n_outputs
    if kind == "FastText":
        words, counts = known_words(corpus, options.min_count)
        kept = counts * share_kept(counts, options.sample)
        parts = words_and_ngrams(words, FastTextOptions())
        rows += windows * 2 * float((np.diff(parts.starts) * kept).sum() / kept.sum())
    else:
        rows += windows * 2
    return flops, rows * dim * 4.0


def steps(corpus: TokenCorpus, options: Word2VecOptions, of_mean: bool) -> int:
    """Steps of one epoch: they do not depend on the dimension."""
    _, counts = known_words(corpus, options.min_count)
    tables = (share_kept(counts, options.sample), *alias_table(counts**NOISE_EXPONENT))
    rates = (np.float32(0), np.float32(0))
    vectors = [np.zeros((len(counts), 1), np.float32) for _ in range(2)]
    return sum(
        learn_words(
            *(batch.ids, batch.ends, len(counts), *tables, options.window, 1, of_mean, rates, *vectors, seeded(1, number))
        )[1]
        for number, batch in enumerate(corpus.open_ids().batches)
    )


def peak_flops(repeats: int = 200_000) -> float:
    """Multiply-adds per second, times two, of all threads on rows that stay in the first cache."""
    rows = [np.ones((8, 512), np.float32) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        seconds = timed(lambda: list(threads.map(lambda part: _multiply_add(part, repeats), rows)))
    return THREADS * repeats * 7 * 512 * 2 / seconds


def row_bandwidth(n_rows: int, dim: int, passes: int = 40) -> float:
    """Bytes per second, read and written, of all threads that change random rows of one table."""
    table = np.zeros((n_rows, dim), np.float32)
    orders = [np.random.default_rng(part).integers(0, n_rows, 50_000) for part in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        seconds = timed(lambda: list(threads.map(lambda order: _change_rows(table, order, passes), orders)))
    return THREADS * passes * 50_000 * dim * 4 * 2 / seconds


@nb.njit(nogil=True, fastmath=True)
def _multiply_add(rows, repeats):
    a, b, c, d, e, f, g, h = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7]
    total = np.float32(0)
    for _ in range(repeats):
        t = u = v = w = x = y = z = np.float32(0)
        for k in range(512):
            t += a[k] * b[k]
            u += a[k] * c[k]
            v += a[k] * d[k]
            w += a[k] * e[k]
            x += a[k] * f[k]
            y += a[k] * g[k]
            z += a[k] * h[k]
        total += t + u + v + w + x + y + z
        a[0] = total * np.float32(1e-9)
    return total


@nb.njit(nogil=True, fastmath=True)
def _change_rows(table, order, passes):
    for _ in range(passes):
        for row in order:
            target = table[row]
            for d in range(target.shape[0]):
                target[d] += np.float32(1)


def repeated(corpus: TokenCorpus, times: int, path: Path) -> IdStream:
    """The stream of a corpus so many times over, in a file of its own."""
    stream = corpus.open_ids()
    schema = pa.schema([("ids", pa.list_(pa.int32()))])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for _ in range(times):
            for batch in stream.batches:
                rows = pa.ListArray.from_arrays(pa.array(batch.ends), pa.array(batch.ids))
                writer.write_batch(pa.record_batch([rows], schema=schema))
    return open_ids(path, n_tokens=stream.n_tokens * times, n_sentences=corpus.n_sentences * times, n_types=stream.n_types)


def fit_once(corpus: TokenCorpus, stream: IdStream, counts: np.ndarray, inputs: np.ndarray, seed: int = 1) -> None:
    """Train one epoch of skip-gram on a stream of the corpus's words."""
    request = TrainingRequest(corpus, Word2VecOptions(epochs=1), seed=seed, workers=THREADS)
    progress = Progress("word2vec", 1, stream.n_tokens)
    fit(stream, request, counts, inputs, None, Checkpoint(None, {}), progress)


def watched(work: Callable[[], object]) -> tuple[float, int]:
    """Seconds that something takes, and the most bytes of memory that no file backs, beyond those before."""
    with ThreadPoolExecutor(1) as watcher:
        before, highest, done = anonymous_bytes(), [0], []
        watching = watcher.submit(watch, highest, done)
        seconds = timed(work)
        done.append(True)
        watching.result()
    return seconds, highest[0] - before


def anonymous_bytes() -> int:
    """Memory of this process that no file backs (Linux)."""
    lines: Iterator[str] = iter(Path("/proc/self/smaps_rollup").read_text().splitlines())
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def watch(highest: list[int], done: list[bool]) -> None:
    """Note the most memory there is until told to stop."""
    while not done:
        highest[0] = max(highest[0], anonymous_bytes())
        time.sleep(0.05)


if __name__ == "__main__":
    main()
