"""What a GPU gives beside the same machine's processor: the same vectors, the same training, and how much faster.

    python benchmarks/gpu_check.py CORPUS                             # a folder of tokens, or a file with a text a line
    python benchmarks/gpu_check.py CORPUS --parts masked --minutes 5  # only some parts

Each line of a table is measured in the same run, on all of the processor's threads and on the GPU. Models start at random
weights, which cost as much time as others; ``--model`` takes the folder of one that is trained. The parts:

encode    vectors of texts and of tokens by device, precision and batch_tokens: how far from the processor's, how fast
train     a small BERT at an equal budget: perplexity, speed, and whether two runs, and a killed one, give the same bits
tune      fine-tuning on classes, tags, pairs, and by LoRA, of the first shape: losses before and after, and seconds; from
          random weights the losses say only whether devices agree
masked    a BERT of 12 layers and 768 hidden units for some minutes: speed, share of the GPU's peak, losses, perplexity
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from emb_pipeline.embeddings.contextual import sentence_transformer
from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import (
    BertOptions,
    EncoderOptions,
    EncoderTuningOptions,
    SentenceTransformerOptions,
)
from emb_pipeline.embeddings.contextual.training import bert, encoder_tuning
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens

SHAPES = {"MiniLM": (6, 384), "BERT-base": (12, 768)}
WORDS_PER_TEXT = 100
READ = 128
"""Sub-words read of a text."""


def main() -> None:
    """Print the tables of the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--parts", nargs="+", default=["encode", "train", "tune", "masked"])
    parser.add_argument("--model", type=Path, help="encoder folder, or folder in transformers' format, to encode with, too")
    parser.add_argument("--texts", type=int, default=16_384, help="texts that the GPU encodes; the processor: one in 32")
    parser.add_argument("--examples", type=int, default=1024, help="training texts of each fine-tuning")
    parser.add_argument("--tokens", type=int, default=500_000, help="sub-tokens of each small training")
    parser.add_argument("--minutes", type=float, default=3, help="of the large training")
    parser.add_argument("--batch-size", type=int, default=256, help="sequences per step of the large training")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--device", default="cuda", help="cpu: a dry run")
    arguments = parser.parse_args()
    device = arguments.device
    card = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    print(f"{card}; {torch.get_num_threads()} threads; torch {torch.__version__}, transformers {transformers.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        corpus = token_corpus(arguments.corpus, work / "corpus")
        print(f"{corpus}", flush=True)
        small = cut(corpus, work / "small", 1_000_000)
        texts = list(itertools.islice(texts_of(small), arguments.texts))
        models = {name: random_model(small, *SHAPES[name], work / name) for name in arguments.shapes}
        if "encode" in arguments.parts:
            if arguments.model:
                models[arguments.model.name] = encoder_folder(arguments.model, work / "given")
            for name, model in models.items():
                encode(name, model, texts, device)
        if "train" in arguments.parts:
            for length in (128, 512):
                train(small, work, length, arguments.tokens, device)
        if "tune" in arguments.parts:
            name = arguments.shapes[0]
            tune(name, models[name], texts, arguments.examples, work, device)
        if "masked" in arguments.parts:
            masked(corpus, work, arguments.minutes, arguments.batch_size, device)


def encode(name: str, model: EncoderFolder, texts: list[str], device: str) -> None:
    """Agreement and speed of encoding."""
    few = texts[:: max(1, len(texts) // 512)][: max(8, len(texts) // 32)]
    sentences = [text.split()[:40] for text in few[:200]]

    def encoder(where: str, dtype: str, batch_tokens: int) -> ContextualEncoder:
        return ContextualEncoder(
            model, EncoderOptions(device=where, dtype=dtype, batch_tokens=batch_tokens, pooling="mean", max_length=READ)
        )

    print(f"\n{name}, texts of {WORDS_PER_TEXT} words, {READ} sub-words at most")
    print("| device | dtype | batch_tokens | texts/s | × cpu | largest difference | least cosine | of tokens | twice same |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    reference, of_tokens, slowest = None, None, 0.0
    settings = [("cpu", "float32", 1024), ("cpu", "auto", 1024)]
    settings += [(device, dtype, 1024 * 4**power) for dtype in ("float32", "bfloat16") for power in range(5)]
    for where, dtype, batch_tokens in settings:
        made = encoder(where, dtype, batch_tokens)
        vectors = made.encode(few)
        tokens = np.concatenate(made.encode_tokens(sentences))
        timed = few if where == "cpu" else texts
        rate = len(timed) / min(seconds_of(lambda: made.encode(timed)) for _ in range(2))  # noqa: B023
        if reference is None:
            reference, of_tokens, slowest = vectors, tokens, rate
        cosines = (vectors * reference).sum(1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(reference, axis=1)
        same = np.array_equal(vectors, made.encode(few)) and np.array_equal(
            tokens, np.concatenate(made.encode_tokens(sentences))
        )
        print(
            f"| {where} | {dtype} | {batch_tokens:,} | {rate:,.0f} | {rate / slowest:.1f} | "
            f"{np.abs(vectors - reference).max():.1e} | {cosines.min():.6f} | {np.abs(tokens - of_tokens).max():.1e} | "
            f"{'yes' if same else 'no'} |",
            flush=True,
        )


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def train(corpus: TokenCorpus, work: Path, length: int, budget: int, device: str) -> None:
    """Masked-language training at an equal, small budget."""
    rows = 8192 // length
    options = BertOptions(
        layers=4,
        heads=4,
        max_length=length,
        batch_size=rows,
        max_tokens=budget,
        learning_rate=1e-3,
        warmup_steps=10,
        dropout=0.1,
        checkpoint_seconds=10**6,
    )
    print(f"\nBERT of 4 layers and 256 units, {rows} sequences of {length} a step, {budget:,} sub-tokens")
    print("| run | sub-tokens/s | × cpu | first loss | last loss | perplexity | weights: largest difference from cuda's |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    runs: dict[str, dict[str, np.ndarray]] = {}
    slowest = 0.0
    for name in ("cpu", device, f"{device} again", f"{device} killed"):
        where = name.split()[0]
        folder, times = work / f"{name} {length}", []

        def on_step(step: int, loss: float, times: list[float] = times) -> None:
            times.append(time.perf_counter())

        chosen = options.model_copy(update={"device": where})
        arguments: dict[str, Any] = {"dim": 256, "seed": 1, "workers": torch.get_num_threads()}
        if name.endswith("killed"):
            chosen = chosen.model_copy(update={"checkpoint_seconds": 0.0})

            def kill(step: int, loss: float) -> None:
                if step == 20:
                    raise Killed

            try:
                bert.train(
                    TrainingRequest(corpus, options=chosen, folder=folder, checkpoints=work / "c", **arguments), on_step=kill
                )
            except Killed:
                chosen = chosen.model_copy(update={"checkpoint_seconds": 10.0**6})
        bert.train(
            TrainingRequest(corpus, options=chosen, folder=folder, checkpoints=work / "c", **arguments), on_step=on_step
        )
        record = json.loads((folder / "encoder.json").read_text())["provenance"]
        rate = (len(times) - 1) * rows * length / (times[-1] - times[0])
        slowest = slowest or rate
        runs[name] = weights_of(folder)
        furthest = "–"
        if name != "cpu":
            of_first = runs[device]
            furthest = f"{max(np.abs(value - of_first[key]).max() for key, value in runs[name].items()):.1e}"
        first, last = record["losses"][0][1], record["losses"][-1][1]
        print(
            f"| {name} | {rate:,.0f} | {rate / slowest:.1f} | {first:.3f} | {last:.3f} | "
            f"{record['perplexity']:.1f} | {furthest} |",
            flush=True,
        )


def tune(name: str, model: EncoderFolder, texts: list[str], n: int, work: Path, device: str) -> None:
    """Fine-tuning of each kind, one pass."""
    texts = texts[:n]
    held_out = np.arange(len(texts)) % 8 == 0
    split = [text.split() for text in texts]
    common = most_even_word(split)
    classes = np.array([common in words for words in split]).astype(np.int64)
    tags = [np.array([min(len(word) // 4, 2) for word in words]) for words in split]
    halves = [(" ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])) for words in split]
    dim = model.dim
    head = LinearHead(np.zeros((dim, 2), np.float32), np.zeros(2, np.float32))

    def tuned(kind: str, where: str, precision: str, folder: Path) -> encoder_tuning.TunedEncoder:
        options = EncoderTuningOptions(
            epochs=1, batch_size=32, learning_rate=5e-5, precision=precision, lora_rank=8 if kind == "LoRA" else None
        )
        encoder = EncoderOptions(device=where, max_length=READ, batch_tokens=4096)
        given: dict[str, Any] = {"seed": 0, "folder": folder}
        if kind == "tags":
            return encoder_tuning.tune_on_tags(model, encoder, split, tags, held_out, 3, options, **given)
        if kind == "pairs":
            queries, passages = zip(*halves, strict=True)
            return encoder_tuning.tune_on_pairs(model, encoder, queries, passages, held_out, options, **given)
        return encoder_tuning.tune_on_classes(model, encoder, texts, classes, held_out, 2, options, head=head, **given)

    print(f"\n{name}, {(~held_out).sum()} examples, one pass, 32 a step")
    print("| kind | device | precision | seconds | × cpu | held-out loss before | after | difference on cpu | twice same |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|")
    for kind in ("classes", "tags", "pairs", "LoRA"):
        slowest = 0.0
        for where, precision in (("cpu", "float32"), (device, "float32"), (device, "bfloat16")):
            made, times = [], []
            for turn in ("first", "again") if where != "cpu" else ("first",):
                folder = work / f"tuned {turn}"
                shutil.rmtree(folder, ignore_errors=True)
                began = time.perf_counter()
                made.append(tuned(kind, where, precision, folder))
                times.append(time.perf_counter() - began)
            slowest = slowest or min(times)
            here, there = (
                ContextualEncoder(made[-1].encoder, EncoderOptions(device=device_of, max_length=READ)).encode(texts[:64])
                for device_of in ("cpu", where)
            )
            same = "–" if len(made) < 2 else "yes" if made[0].encoder.fingerprint == made[1].encoder.fingerprint else "no"
            print(
                f"| {kind} | {where} | {precision} | {min(times):.2f} | {slowest / min(times):.1f} | "
                f"{made[0].losses[0]:.4f} | {made[0].losses[-1]:.4f} | {np.abs(here - there).max():.1e} | {same} |",
                flush=True,
            )


def masked(corpus: TokenCorpus, work: Path, minutes: float, batch_size: int, device: str) -> None:
    """Masked-language training of a large model."""
    layers, dim = SHAPES["BERT-base"] if device == "cuda" else (2, 64)
    options = BertOptions(
        layers=layers,
        heads=dim // 64,
        vocabulary=30_000,
        max_length=READ,
        batch_size=batch_size,
        learning_rate=2e-4,
        warmup_steps=300,
        max_tokens=10**10,
        max_seconds=60 * minutes,
        device=device,
        checkpoint_seconds=60 * minutes,
    )
    times: list[float] = []
    began = time.perf_counter()
    request = TrainingRequest(
        corpus,
        options,
        dim=dim,
        folder=work / "masked",
        checkpoints=work / "masked checkpoints",
        workers=torch.get_num_threads(),
    )
    folder = bert.train(request, on_step=lambda step, loss: times.append(time.perf_counter())).path
    record = json.loads((folder / "encoder.json").read_text())["provenance"]
    steps = np.diff(times)
    rate = batch_size * READ / float(np.median(steps))
    size = int(json.loads((folder / "model" / "config.json").read_text())["vocab_size"])
    of_layers = layers * (12 * dim * dim + 2 * READ * dim)
    of_head = options.mask_share * (dim * dim + dim * size)
    operations = 6.0 * (of_layers + of_head)
    print(f"\nBERT of {layers} layers, {dim} units, {size:,} sub-tokens; {batch_size} sequences of {READ} a step, bfloat16")
    print(f"before the first step {times[0] - began:.0f} s; {len(times)} steps, {record['sub_tokens']:,} sub-tokens")
    print(f"{rate:,.0f} sub-tokens/s, {operations * rate / 1e12:.0f} TFLOP/s", end="")
    if device == "cuda":
        peak = rate_of_products()
        print(f" = {operations * rate / peak:.0%} of {peak / 1e12:.0f}, the rate of large bfloat16 products", end="")
        print(f"; {torch.cuda.max_memory_allocated() / 2**30:.0f} GiB at most", end="")
    print(f"\nperplexity on held-out sentences {record['perplexity']:.1f}; losses:")
    curve = record["losses"]
    for tokens, loss in [*curve[:5], *curve[9::5]]:
        print(f"{tokens:>14,} {loss:.3f}")


def rate_of_products(size: int = 8192) -> float:
    """Operations a second of large bfloat16 products on random numbers."""
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        left @ right
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(20):
        left @ right
    torch.cuda.synchronize()
    return 20 * 2 * size**3 / (time.perf_counter() - began)


def token_corpus(path: Path, folder: Path) -> TokenCorpus:
    """A corpus that is there, or one of a file with a text on each line."""
    if path.is_dir():
        return TokenCorpus(path)
    with path.open(encoding="utf-8") as lines:
        return write_tokens(((str(number), line) for number, line in enumerate(lines)), folder)


def texts_of(corpus: TokenCorpus) -> Iterator[str]:
    """Texts of so many words, cut from the corpus as it runs."""
    words = itertools.chain.from_iterable(corpus)
    while text := list(itertools.islice(words, WORDS_PER_TEXT)):
        yield " ".join(text)


def random_model(corpus: TokenCorpus, layers: int, dim: int, folder: Path) -> EncoderFolder:
    """A BERT with random weights and the corpus's own tokenizer."""
    options = BertOptions(layers=layers, heads=dim // 64, vocabulary=30_000, max_length=512, max_tokens=1, batch_size=1)
    checkpoints = folder.with_name("checkpoints")
    return bert.train(TrainingRequest(corpus, options, dim=dim, folder=folder, checkpoints=checkpoints))


def encoder_folder(model: Path, folder: Path) -> EncoderFolder:
    """A folder of either kind."""
    if (model / "encoder.json").is_file():
        return EncoderFolder.read(model)
    return sentence_transformer.load(SentenceTransformerOptions(path=model), folder)


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of an encoder."""
    from safetensors.numpy import load_file

    return load_file(folder / "model" / "model.safetensors")


def most_even_word(texts: list[list[str]]) -> str:
    """The word that stands in nearest to half of the texts."""
    counts = Counter(itertools.chain.from_iterable(map(set, texts)))
    return min(counts, key=lambda word: (abs(counts[word] - len(texts) / 2), word))


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock time; what is called ends with its vectors on the host."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
