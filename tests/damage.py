"""Files of the project's own that are damaged at random, read in child processes: what comes out?

Run as a module it reads the mutations of one kind, a line each; a child that dies is noticed by its parent.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError


class Kind(NamedTuple):
    """One sort of file at rest.

    Attributes
    ----------
    write : callable
        Writes into a folder.
    read : callable
        Reads what is there, as plain values.
    """

    write: Callable[[Path], Any]
    read: Callable[[Path], Any]


def damage(path: Path, rng: np.random.Generator) -> str:
    """Change some bytes of a file; what was done, in words."""
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    match rng.integers(6):
        case 0 | 1:
            content[at] ^= 1 << int(rng.integers(8))
            done = f"flip a bit at {at}"
        case 2:
            content[at : at + 64] = bytes(len(content[at : at + 64]))
            done = f"64 zeros at {at}"
        case 3:
            del content[at:]
            done = f"cut at {at}"
        case 4:
            length = len(content[at : at + 8])
            content[at : at + 8] = rng.bytes(length)
            done = f"8 random bytes at {at}"
        case _:
            del content[at : at + int(rng.integers(1, 40))]
            done = f"bytes lost at {at}"
    path.write_bytes(content)
    return done


def outcome(kind: Kind, template: Path, seed: int, expected: Any) -> tuple[str, str]:
    """What reading gives after one change: ``right``, ``refused``, ``wrong`` or the name of another error."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "copy"
        shutil.copytree(template, folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != ".lock")
        file = files[int(rng.integers(len(files)))]
        done = f"{file.relative_to(folder)}: {damage(file, rng)}"
        try:
            read = kind.read(folder)
        except DataError as error:
            return "refused" if error.remedy else "no remedy", done
        except Exception as error:
            if isinstance(error.__cause__, DataError):  # Kedro wraps what a dataset raises
                return "refused" if error.__cause__.remedy else "no remedy", done
            return f"{type(error).__module__}.{type(error).__name__}: {str(error)[:80]}", done
        return "right" if _equal(read, expected) else "wrong", done


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other or (one != one and other != other))  # NaN is equal to itself here


def outcomes(names: Sequence[str], n: int, first_seed: int = 0) -> Iterator[tuple[int, str, str]]:
    """Seed, outcome and change of ``n`` mutations of some kinds in turn; ``crash`` where the interpreter died."""
    seed = first_seed
    while seed < first_seed + n:  # a child that died is followed by another one
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.damage", ",".join(names), str(seed), str(first_seed + n)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            seed, result, done = json.loads(line)
            yield seed, result, done
            seed += 1
        status = child.wait()
        if status > 0:
            raise RuntimeError(f"{names}: the mutations cannot be run")
        if status:
            yield seed, f"crash {child.returncode}", ""
            seed += 1


def _vectors(folder: Path) -> None:
    from emb_pipeline.embeddings.static.word_vectors import Subwords, WordVectors

    rng = np.random.default_rng(1)
    buckets = np.sort(rng.choice(1000, 30, replace=False)).astype(np.int32)
    subwords = Subwords(3, 5, 1000, buckets, rng.normal(size=(30, 8)).astype(np.float32))
    words = [f"word{number}" for number in range(40)]
    WordVectors(words, np.arange(40, 0, -1), rng.normal(size=(40, 8)).astype(np.float32), {"method": "x"}, subwords).write(
        folder / "vectors.arrow"
    )


def _read_vectors(folder: Path) -> Any:
    from emb_pipeline.embeddings.static.word_vectors import WordVectors

    read = WordVectors.read(folder / "vectors.arrow")
    return list(read.tokens), read.lookup(["word3", "word39", "words", "zzz"]), read.vectors.sum(), dict(read.provenance)


class _Lengths:
    dim = 3

    def encode(self, texts: Any, role: str = "passage") -> np.ndarray:
        return np.array([[len(text), ord(text[-1]), 1] for text in texts], np.float32)

    encode_tokens: Any = None

    def fingerprint(self, role: str = "passage") -> str:
        return "lengths".ljust(32, "0")


_TEXTS = [f"{'text ' * number}{number}" for number in range(60)]


def _read_store(folder: Path) -> Any:
    from emb_pipeline.embeddings.encodings.store import StoredEncoder

    return StoredEncoder(_Lengths(), folder, rows_per_shard=25).encode(_TEXTS)


def _corpus(folder: Path) -> None:
    from emb_pipeline.text.tokens import write_tokens

    write_tokens([(str(n), f"The cat {n} sat. A dog ran {n % 3} times.") for n in range(50)], folder / "corpus")


def _read_corpus(folder: Path) -> Any:
    from emb_pipeline.text.tokens import TokenCorpus

    corpus = TokenCorpus(folder / "corpus")
    ids = [batch.ids for batch in corpus.open_ids().batches]
    facts = (corpus.n_tokens, corpus.n_sentences, corpus.n_documents, corpus.fingerprint)
    return list(corpus), corpus.counts, corpus.sentences_per_document, ids, facts


def _some_tables() -> dict[str, pa.Table]:
    rng = np.random.default_rng(2)
    table = pa.table({"name": [f"n{n % 7}" for n in range(300)], "value": rng.normal(size=300), "n": range(300)})
    return {"scores": table, "other": table.slice(0, 20)}


def _tables(folder: Path) -> None:
    from emb_pipeline.datasets.tables import TableDataset, TablesDataset

    TablesDataset(filepath=str(folder / "tables")).save(_some_tables())
    TableDataset(filepath=str(folder / "one.parquet")).save(_some_tables()["scores"])


def _read_tables(folder: Path) -> Any:
    from emb_pipeline.datasets.tables import TableDataset, TablesDataset

    tables = TablesDataset(filepath=str(folder / "tables"), dictionaries={"scores": ["name"]}).load()
    one = TableDataset(filepath=str(folder / "one.parquet")).load()
    return {name: table.to_pydict() for name, table in tables.items()}, one.to_pydict()


def _documents(folder: Path) -> None:
    from emb_pipeline.datasets.text import DocumentsDataset

    DocumentsDataset(filepath=str(folder / "documents.parquet")).save((str(n), f"text {n} " * 5) for n in range(300))


def _read_documents(folder: Path) -> Any:
    from emb_pipeline.datasets.text import DocumentsDataset

    documents = DocumentsDataset(filepath=str(folder / "documents.parquet")).load()
    return list(documents), len(documents)


def _checkpoint(folder: Path) -> None:
    from emb_pipeline.embeddings.training import checkpoints

    checkpoints.SECONDS_BETWEEN = 0.0
    arrays = {"a": np.arange(60, dtype=np.float32).reshape(20, 3), "b": np.ones(7, np.float32)}
    checkpoints.Checkpoint(folder / "c", {"seed": 1}).save(arrays, [0.5, 0.25])


def _read_checkpoint(folder: Path) -> Any:
    from emb_pipeline.embeddings.training.checkpoints import Checkpoint

    arrays = {"a": np.zeros((20, 3), np.float32), "b": np.zeros(7, np.float32)}
    losses = Checkpoint(folder / "c", {"seed": 1}).restore(arrays)
    if not losses:  # passed over: the training begins again, with what it began with
        assert not any(array.any() for array in arrays.values())
        raise DataError("checkpoint", "passed over", "begin again")
    return losses, arrays


def _bundle(folder: Path) -> None:
    from emb_pipeline.deployment.bundle import Bundle
    from emb_pipeline.embeddings.factory import build_encoder
    from emb_pipeline.embeddings.linear_head import LinearHead
    from emb_pipeline.embeddings.sparse.options import TfidfOptions
    from emb_pipeline.tasks.classification.export import TextClassifier
    from emb_pipeline.text.texts import Texts

    texts = Texts([f"some text of {word}" for word in ("cats", "dogs", "mice", "cats and dogs")])
    fitted: Any = build_encoder("tfidf", TfidfOptions())
    fitted = fitted.fit(texts)
    rng = np.random.default_rng(3)
    head = LinearHead(rng.normal(size=(fitted.dim, 3)).astype(np.float32), np.zeros(3))
    Bundle(TextClassifier(fitted, head, ["a", "b", "c"]), {"task": "t"}, "card").write(folder / "bundle")


def _read_bundle(folder: Path) -> Any:
    from emb_pipeline.deployment.bundle import Bundle

    bundle = Bundle.read(folder / "bundle")
    answer = bundle.model.answer(["some cats", "text of mice"])
    return answer.to_dict("list"), dict(bundle.facts)


def _search(folder: Path) -> None:
    from emb_pipeline.deployment.bundle import Bundle
    from emb_pipeline.embeddings.retrieval.bm25 import Bm25
    from emb_pipeline.embeddings.retrieval.fusion import Fusion
    from emb_pipeline.embeddings.retrieval.options import FusionOptions
    from emb_pipeline.embeddings.static.pooling import PooledEncoder
    from emb_pipeline.embeddings.static.word_vectors import WordVectors
    from emb_pipeline.tasks.retrieval.export import TextSearch

    rng = np.random.default_rng(4)
    vectors = WordVectors(["cats", "dogs", "mice"], np.array([3, 2, 1]), rng.normal(size=(3, 4)).astype(np.float32))
    retrievers = {"words": Bm25(), "vectors": PooledEncoder(vectors, "idf")}
    index = Fusion(FusionOptions(), retrievers).index(["cats", "dogs cats", "mice", "mice dogs"])
    Bundle(TextSearch(index, list("abcd")), {"task": "t"}, "card").write(folder / "bundle")


KINDS = {
    "vectors": Kind(_vectors, _read_vectors),
    "store": Kind(_read_store, _read_store),
    "corpus": Kind(_corpus, _read_corpus),
    "tables": Kind(_tables, _read_tables),
    "documents": Kind(_documents, _read_documents),
    "checkpoint": Kind(_checkpoint, _read_checkpoint),
    "classifier": Kind(_bundle, _read_bundle),
    "search": Kind(_search, _read_bundle),
}


def main() -> None:
    names, first, end = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
    logging.disable()
    with tempfile.TemporaryDirectory() as scratch:
        expected = {}
        for name in names:
            (Path(scratch) / name).mkdir()
            KINDS[name].write(Path(scratch) / name)
            expected[name] = KINDS[name].read(Path(scratch) / name)
        for seed in range(first, end):
            name = names[seed % len(names)]
            sys.stdout.write(json.dumps([seed, *outcome(KINDS[name], Path(scratch) / name, seed, expected[name])]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
