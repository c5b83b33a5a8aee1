"""A few seconds of the work of a run, to know how fast this machine is."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.experiment.training import compile_method, request_training
from emb_pipeline.scaffold.estimate import TYPICAL, Rates
from emb_pipeline.tasks.probes.softmax import fit_once
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

_LOG = logging.getLogger(__name__)
_WORDS, _TYPES, _SENTENCE = 40_000, 6_000, 20
_ROWS, _DIMS, _CLASSES = 4_000, 100, 8
_TEXTS, _WORDS_PER_TEXT = 32, 40
_SIDE = 1_000
_READING, _PROBE, _GIGAFLOPS = 6.3e-7, 1.35e-6, 120.0
"""The same on the machine that `Rates` has its defaults from: seconds for a word and for a row, and products of matrices."""


@dataclass(frozen=True)
class Calibration:
    """The speed of this machine, on one core.

    Attributes
    ----------
    words, probe_rows : float
        Words that are cut out of text, and rows that a probe is fitted to, in a second.
    gigaflops : float
        Of a product of matrices in float32.
    rates : Rates
        What estimates are made of.
    seconds : float
        Time that it took.
    """

    words: float
    probe_rows: float
    gigaflops: float
    rates: Rates
    seconds: float


def calibrate(cells: Iterable[EmbeddingSpec]) -> Calibration:
    """Measure this machine: tokens, probes, products of matrices, and the trainings and encoders of a grid.

    Parameters
    ----------
    cells : iterable of EmbeddingSpec
        The grid. Each kind of word vectors in it is trained on 40,000 words, and each packaged encoder encodes 32 texts.
        Other trainings are known by the products of matrices; what fails by a typical machine.
    """
    started = time.perf_counter()
    with threadpool_limits(1), tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = _draw_text(_WORDS)
        tokens = write_tokens(text, folder / "first")  # what is imported and compiled is not measured
        reading = _time(lambda: write_tokens(text, folder / "tokens")) / tokens.n_tokens
        probe = _time_probe() / _ROWS
        flops = 2 * _SIDE**3 / _time_product()
        trainings, encodings = _time_cells(cells, folder, tokens)
    of_words, of_probe, of_products = reading / _READING, probe / _PROBE, _GIGAFLOPS * 1e9 / flops
    by_products = ("pretrained", "corpus_encoder")
    rates = Rates(
        per_word={
            source: seconds * (of_products if source in by_products else of_words)
            for source, seconds in TYPICAL.per_word.items()
        },
        per_text={source: seconds * of_products for source, seconds in TYPICAL.per_text.items()},
        per_example=TYPICAL.per_example * of_probe,
        per_sparse_word=TYPICAL.per_sparse_word * of_probe,
        per_word_read=TYPICAL.per_word_read * of_words,
        of_training=trainings,
        of_encoding=encodings,
    )
    return Calibration(1 / reading, 1 / probe, flops / 1e9, rates, time.perf_counter() - started)


def _time(work: Callable[[], object], repeats: int = 2) -> float:
    """Give the processor seconds of the fastest of some repetitions: what else runs on the machine hardly counts."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def _draw_text(n_words: int) -> list[tuple[str, str]]:
    """Draw documents whose words are as frequent as those of real text."""
    shares = 1 / np.arange(1, _TYPES + 1)
    words = np.random.default_rng(0).choice(_TYPES, n_words, p=shares / shares.sum()).tolist()
    sentences = (" ".join(f"w{word}" for word in words[start : start + _SENTENCE]) for start in range(0, n_words, _SENTENCE))
    return [(str(number), f"{sentence.capitalize()}.") for number, sentence in enumerate(sentences)]


def _time_probe() -> float:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((_ROWS, _DIMS), dtype=np.float32)
    codes = (rows @ rng.standard_normal((_DIMS, _CLASSES)) + 4 * rng.standard_normal((_ROWS, _CLASSES))).argmax(axis=1)
    fit_once(rows, codes)
    return _time(lambda: fit_once(rows, codes))


def _time_product() -> float:
    left = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), dtype=np.float32)
    return _time(lambda: left @ left, 4)


def _time_cells(
    cells: Iterable[EmbeddingSpec], folder: Path, tokens: TokenCorpus
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Give seconds a word of the trainings and of the encoders of a grid, by name; equal ones are measured once."""
    trainings: dict[str, float] = {}
    encodings: dict[str, float] = {}
    known: dict[str, float | None] = {}
    for cell in cells:
        method = METHODS[cell.method]
        found = trainings if method.source == "corpus" else encodings
        is_measured = method.artifact == "vectors" if method.source == "corpus" else _is_at_hand(cell)
        if not is_measured or cell.starts_from or cell.tuned_on:
            continue
        key = json.dumps([cell.method, cell.dim, cell.options.model_dump(mode="json")], default=str)
        if key not in known:
            known[key] = _try(cell, folder / f"cell_{len(known)}", tokens)
        if (seconds := known[key]) is not None:
            found[cell.name] = seconds
    return trainings, encodings


def _is_at_hand(cell: EmbeddingSpec) -> bool:
    """Say whether an encoder is part of an installed package: to know a speed, nothing is downloaded or paid for."""
    method = METHODS[cell.method]
    return method.source == "pretrained" and method.artifact == "encoder" and bool(getattr(cell.options, "package", None))


def _try(cell: EmbeddingSpec, folder: Path, tokens: TokenCorpus) -> float | None:
    folder.mkdir()
    method = METHODS[cell.method]
    try:
        if method.source == "pretrained":
            return _time_encoder(cell, folder)
        compile_method(cell, 1, folder)
        request = request_training(cell, tokens, workers=1)
        return _time(lambda: factory.train(cell.method, request), 1) / tokens.n_tokens
    except (EmbPipelineError, OSError, ValueError, RuntimeError, ImportError) as error:
        _LOG.warning("%s: not measured (%s)", cell.name, error)
        return None


def _time_encoder(cell: EmbeddingSpec, folder: Path) -> float:
    artifact = factory.load_encoder(cell.method, cell.options, folder / "encoder")
    encoder: Any = factory.build_encoder(cell.method, cell.options, dim=cell.dim, artifact=artifact)
    texts = [" ".join(f"word {number} of text" for _ in range(_WORDS_PER_TEXT // 4)) for number in range(_TEXTS)]
    encoder.encode(texts[:4])
    return _time(lambda: encoder.encode(texts), 1) / (_TEXTS * _WORDS_PER_TEXT)
