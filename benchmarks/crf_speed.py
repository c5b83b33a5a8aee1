"""The conditional random field of token vectors beside CRFsuite's, on the same sentences and with the same objective.

    pip install python-crfsuite
    EMB_PIPELINE_MIRROR=<folder> OMP_NUM_THREADS=1 python benchmarks/crf_speed.py [--sentences 800] [--dim 50]

Sentences of WNUT 2017 are tagged from a vector for each word, drawn by its hash, with one token to each side. Both maximize
the log likelihood with the same L2 penalty by L-BFGS until a step gains less than the same part of it. Printed are seconds
of the processor for the input's making and for the fit, iterations, the peak of memory above the start, and the log
likelihood of held-out sentences. Each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emb_pipeline.tasks.probes.crf import LinearChainCrf, TokenVectors

C, TOLERANCE = 10.0, 1e-4
Sentences = list[tuple[list[str], list[str]]]


def main() -> None:
    """Run both, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=800, help="to fit on; half as many are held out")
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--system", choices=list(SYSTEMS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.system:
        print(f"{arguments.sentences} sentences, {arguments.dim} dimensions, C = {C:g}, one thread")
        print("| | input s | fit s | iterations | memory MiB | held-out log likelihood a sentence |")
        print("|---|---:|---:|---:|---:|---:|")
        for name in SYSTEMS:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--system", name], check=True)
        return
    read = read_sentences(Path(os.environ["EMB_PIPELINE_MIRROR"]) / "wnut17" / "wnut17train.conll")
    n = arguments.sentences
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made, fitted, iterations, likelihood = SYSTEMS[arguments.system](read[:n], read[n : n + n // 2], arguments.dim)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"| {arguments.system} | {made:.2f} | {fitted:.2f} | {iterations} | {memory:,.0f} | {likelihood:.3f} |", flush=True
    )


def read_sentences(path: Path) -> Sentences:
    """Read words and tags."""
    found: Sentences = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if "\t" in line]
        if rows:
            found.append(([row[0] for row in rows], [row[1].strip() for row in rows]))
    return found


def draw_vector(word: str, dim: int) -> np.ndarray:
    """Draw a word's vector, the same in both systems."""
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dim).astype(np.float32)


def fit_own(train: Sentences, test: Sentences, dim: int) -> tuple[float, float, int, float]:
    """Fit `LinearChainCrf`."""
    tags = sorted({tag for _, of in train for tag in of})

    def prepare(sentences: Sentences) -> tuple[TokenVectors, np.ndarray]:
        first: dict[str, int] = {}
        places = np.array([first.setdefault(word, len(first)) for words, _ in sentences for word in words])
        starts = np.concatenate([[0], np.cumsum([len(words) for words, _ in sentences])])
        codes = np.array([tags.index(tag) if tag in tags else 0 for _, of in sentences for tag in of])
        return TokenVectors(np.array([draw_vector(word, dim) for word in first]), places, starts), codes

    allowed = np.ones((len(tags) + 1, len(tags)), dtype=bool)
    small = [(words[:3], of[:3]) for words, of in train[:20]]
    LinearChainCrf(*prepare(small), allowed, 1).fit(1.0)  # compiles
    started = time.process_time()
    vectors, codes = prepare(train)
    made = time.process_time() - started
    started = time.process_time()
    field = LinearChainCrf(vectors, codes, allowed, 1)
    coefficients = field.fit(C, tolerance=TOLERANCE, max_iterations=1000)
    fitted = time.process_time() - started
    return made, fitted, field.iterations, float(coefficients.log_likelihoods(*prepare(test)).mean())


def fit_crfsuite(train: Sentences, test: Sentences, dim: int) -> tuple[float, float, int, float]:
    """Fit CRFsuite on the vectors' numbers as weighted features."""
    import pycrfsuite

    known: dict[str, list[tuple[str, float]]] = {}
    tags = {tag for _, of in train for tag in of}

    def prepare(words: list[str]) -> list[dict[str, float]]:
        rows = []
        for place in range(len(words)):
            row = {"b": 1.0}
            if place == 0:
                row["first"] = 1.0
            for offset in (-1, 0, 1):
                if 0 <= place + offset < len(words):
                    word = words[place + offset]
                    if word not in known:
                        known[word] = [(str(number), float(value)) for number, value in enumerate(draw_vector(word, dim))]
                    row.update({f"{offset}:{name}": value for name, value in known[word]})
            rows.append(row)
        return rows

    started = time.process_time()
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    trainer.set_params(
        {
            "c1": 0.0, "c2": 1 / (2 * C), "epsilon": 0.0, "period": 1, "delta": TOLERANCE, "max_iterations": 1000,
            "feature.possible_transitions": True, "feature.possible_states": True,
        }
    )  # fmt: skip
    for words, of in train:
        trainer.append(prepare(words), of)
    made = time.process_time() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        trainer.train(str(Path(folder) / "model"))
        fitted = time.process_time() - started
        tagger = pycrfsuite.Tagger()
        tagger.open(str(Path(folder) / "model"))
        logs = []
        for words, of in test:
            tagger.set(prepare(words))
            logs.append(np.log(tagger.probability([tag if tag in tags else sorted(tags)[0] for tag in of])))
    return made, fitted, trainer.logparser.last_iteration["num"], float(np.mean(logs))


SYSTEMS: dict[str, Callable[[Sentences, Sentences, int], tuple[float, float, int, float]]] = {
    "own field": fit_own,
    "CRFsuite": fit_crfsuite,
}


if __name__ == "__main__":
    main()
