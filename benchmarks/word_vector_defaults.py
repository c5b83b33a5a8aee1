"""Which hyper-parameters word vectors should have by default, by evidence.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/word_vector_defaults.py small
    … word_vector_defaults.py large        the same on the whole medical corpus, for the best few
    … word_vector_defaults.py generic      GloVe beside Word2Vec on Wikipedia, against human similarity judgements

Vectors of 100 dimensions are trained on medical text (10 BioNLP sets and the titles and abstracts of Cohen 2006; `small`
is a cut to 0.5 million tokens) and judged on Ohsumed's *training* split alone: accuracy of logistic regression on pooled,
standardised vectors over 5 stratified folds, the better of two strengths of regularisation. The test split is never read.
Accuracies that differ by less than 1.5 points are within the noise of the folds.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import io
import os
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emb_pipeline.embeddings import factory, registry
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens

GENSIM_DEFAULTS = {"learning_rate": 0.025, "sample": 1e-3}
GRIDS = {
    "small": [
        *(
            ("word2vec", {"learning_rate": rate, "sample": sample, "epochs": epochs})
            for epochs in (5, 10, 20)
            for rate in (0.025, 0.05)
            for sample in (1e-3, 1e-4)
        ),
        ("word2vec", {"learning_rate": 0.1}),
        ("word2vec", {"learning_rate": 0.1, "epochs": 20}),
        ("word2vec", {"epochs": 40}),
        *(("word2vec", {"window": window}) for window in (3, 10)),
        ("word2vec", {"min_count": 5}),
        ("word2vec", {"architecture": "cbow"}),
        *(("fasttext", {"epochs": epochs}) for epochs in (5, 10)),
        *(("glove", {"epochs": epochs, "x_max": x_max}) for epochs in (15, 25, 50) for x_max in (10, 100)),
        ("glove", {"x_max": 3}),
        ("glove", {"window": 10}),
    ],
    "large": [
        *(("word2vec", {**rates, "epochs": 5}) for rates in (GENSIM_DEFAULTS, {}, {"learning_rate": 0.1})),
        ("word2vec", {}),
        ("glove", {"epochs": 15}),
        ("glove", {}),
        ("glove", {"epochs": 15, "x_max": 100}),
    ],
    "generic": [
        ("word2vec", {"epochs": 5, **GENSIM_DEFAULTS}),
        ("word2vec", {"epochs": 5}),
        ("glove", {"epochs": 15}),
        ("glove", {}),
    ],
}


def main() -> None:
    """Train and judge one line of a table at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", choices=GRIDS)
    parser.add_argument("--work", type=Path, default=Path("data/02_intermediate/word_vector_defaults"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--only", type=int, nargs="+", metavar="LINE", help="lines of the grid, from 1; all by default")
    arguments = parser.parse_args()
    mirror = Path(os.environ["EMB_PIPELINE_MIRROR"])
    corpus = corpus_of(arguments.grid, mirror, arguments.work)
    print(f"{corpus}\n")
    if arguments.grid == "generic":
        judged = {"WordSim-353 ρ": lambda vectors: word_similarity(vectors, word_pairs())}
    else:
        texts, labels = ohsumed_training(mirror)
        judged = {
            pooling: lambda vectors, pooling=pooling: accuracy(PooledEncoder(vectors, pooling), texts, labels)
            for pooling in ("mean", "idf", "sif")
        }
    print("|", " | ".join(["method", "changed from the default", *judged, "train s"]), "|")
    print("|---|---|" + "---:|" * (len(judged) + 1))
    grid = GRIDS[arguments.grid]
    for method, changes in grid if arguments.only is None else [grid[line - 1] for line in arguments.only]:
        start = time.perf_counter()
        vectors = factory.train(
            method,
            TrainingRequest(
                corpus,
                dim=arguments.dim,
                options=registry.METHODS[method].options(**changes),
                seed=1,
                workers=arguments.workers,
            ),
        )
        seconds = time.perf_counter() - start
        values = [f"{judge(vectors):.3f}" for judge in judged.values()]
        stated = ", ".join(f"{name} {value}" for name, value in changes.items()) or "–"
        print("|", " | ".join([method, stated, *values, f"{seconds:.0f}"]), "|", flush=True)


def accuracy(encoder: PooledEncoder, texts: Texts, labels: np.ndarray) -> float:
    """Cross-validated accuracy within the training split."""
    vectors = encoder.encode(texts).astype(np.float64)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return max(
        float(
            cross_val_score(
                make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200, tol=1e-3)),
                vectors,
                labels,
                cv=folds,
            ).mean()
        )
        for strength in (0.003, 0.03)
    )


def word_similarity(vectors: WordVectors, pairs: list[tuple[str, str, float]]) -> float:
    """Spearman's ρ over the pairs whose words both have a vector."""
    known = [(first, second, score) for first, second, score in pairs if first in vectors and second in vectors]
    first, _ = vectors.lookup([pair[0] for pair in known])
    second, _ = vectors.lookup([pair[1] for pair in known])
    cosine = (first * second).sum(axis=1) / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))
    return float(spearmanr(cosine, [score for *_, score in known]).statistic)


def corpus_of(grid: str, mirror: Path, work: Path) -> TokenCorpus:
    """The tokens that a grid trains on, made once."""
    name, documents = ("wikipedia", wikipedia(mirror)) if grid == "generic" else ("medical", medical(mirror))
    whole = work / name
    if not whole.exists():
        write_tokens(documents, whole, max_tokens=8_000_000)
    if grid != "small":
        return TokenCorpus(whole)
    part = work / "medical_small"
    return TokenCorpus(part) if part.exists() else cut(TokenCorpus(whole), part, 500_000)


def medical(mirror: Path) -> Iterator[tuple[str, str]]:
    """Sentences of the BioNLP sets, titles and abstracts of the drug reviews."""
    for path in sorted(mirror.glob("bionlp_sentences/*/*.tsv.gz")):
        for number, block in enumerate(gzip.decompress(path.read_bytes()).decode().strip().split("\n\n")):
            yield f"{path.stem}-{number}", " ".join(line.split("\t")[0] for line in block.split("\n"))
    for path in sorted(mirror.glob("cohen2006_drug_reviews/*.csv.gz")):
        for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline="")):
            yield row["record_id"], f"{row['title']}\n\n{row['abstract']}"


def wikipedia(mirror: Path) -> Iterator[tuple[str, str]]:
    """Articles."""
    for path in sorted(mirror.glob("wikipedia_en_2015_sample/text/*/wiki_*.bz2")):
        articles = re.findall(r"<doc [^>]*>\n(.*?)</doc>", bz2.decompress(path.read_bytes()).decode(), re.DOTALL)
        yield from ((f"{path.parent.name}-{path.stem}-{number}", text) for number, text in enumerate(articles))


def ohsumed_training(mirror: Path) -> tuple[Texts, np.ndarray]:
    """Texts and disease groups of Ohsumed's training split."""
    with tarfile.open(mirror / "ohsumed_single_23" / "ohsumed_single_23.tar.xz") as archive:
        rows = [
            (member.name.split("/")[-2], io.TextIOWrapper(archive.extractfile(member), "latin-1").read())
            for member in archive
            if member.isfile() and "training" in member.name
        ]
    return Texts(text for _, text in rows), np.array([label for label, _ in rows])


def word_pairs() -> list[tuple[str, str, float]]:
    """WordSim-353 (Finkelstein et al. 2002), as gensim ships it."""
    from gensim.test.utils import datapath

    lines = Path(datapath("wordsim353.tsv")).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(first.lower(), second.lower(), float(score)) for first, second, score in rows if score[0].isdigit()]


if __name__ == "__main__":
    main()
