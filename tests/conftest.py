"""A tiny use case of fabricated text, in a project of its own, that real Kedro sessions run on."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from emb_pipeline.provenance.package_code import build_code_graph
from emb_pipeline.storage.copy_space import CACHE
from emb_pipeline.storage.object_store import OPTIONS
from tests.forked import run_in_fork
from tests.object_server import ObjectServer, serve_objects
from tests.unflushed import skip_flushes

skip_flushes()

PROJECT = Path(__file__).parents[1]
SUMMARIES = Path("data/02_intermediate/.code_summaries.json")
STORE = "mlflow.db"
TOPICS = {
    "heart": [
        "heart",
        "artery",
        "vessel",
        "pulse",
        "valve",
        "blood",
        "pressure",
        "rhythm",
        "beat",
        "aorta",
        "cardiac",
        "vein",
    ],
    "skin": ["skin", "rash", "itch", "eczema", "lesion", "mole", "blister", "dermis", "acne", "psoriasis", "wart", "scalp"],
    "lung": [
        "lung",
        "breath",
        "cough",
        "asthma",
        "airway",
        "bronchi",
        "sputum",
        "wheeze",
        "oxygen",
        "pleura",
        "inhaler",
        "smoke",
    ],
}
FILLER = [
    "the",
    "patient",
    "had",
    "a",
    "long",
    "history",
    "of",
    "with",
    "and",
    "was",
    "seen",
    "after",
    "before",
    "during",
    "treatment",
    "in",
    "clinic",
    "for",
]


LONGEST_FIRST = (
    "test_docs.py",
    "test_end_to_end.py",
    "test_encoders_end_to_end.py",
    "test_graph.py",
    "test_learned_end_to_end.py",
    "test_stack_end_to_end.py",
    "test_small_grids.py",
    "test_page_in_browser.py",
    "test_freshness_matrix.py",
    "test_notebook.py",
    "test_init.py",
    "test_failures.py",
    "test_attention_end_to_end.py",
    "test_columns_end_to_end.py",
    "test_multi_label_end_to_end.py",
    "test_rare_classes_end_to_end.py",
    "test_light_install.py",
    "test_site.py",
    "test_sections.py",
    "test_shown_run.py",
    "test_tracking.py",
)


RUNS = frozenset({"project_template", "project", "sequential", "finished"})
"""Fixtures that copy the project or run it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of minutes first: with one of them last, a worker would wait for the other. Mark tests of runs as slow."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
    for item in items:
        if RUNS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def only_slow_tests_start_python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a Python process to a test that `make test-fast` takes: such a test is marked as slow."""
    if request.node.get_closest_marker("slow"):
        return
    start = subprocess.Popen.__init__

    def start_no_python(process: subprocess.Popen, args: Sequence[str] | str, *rest: object, **options: object) -> None:
        first = str(args if isinstance(args, str) else next(iter(args)))
        if first == sys.executable:
            pytest.fail("this test starts a Python process: mark it as slow")
        start(process, args, *rest, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", start_no_python)


@pytest.fixture(autouse=True)
def mlflow_is_left_as_it_was() -> Iterator[None]:
    """Undo what a test makes of MLflow's address: the library puts it into the environment, where the next run finds it."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    if os.environ.get("MLFLOW_TRACKING_URI") != before:
        import mlflow

        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


@pytest.fixture(scope="session")
def project_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with the configuration of this repository and the tiny use case's files, without code of its own.

    The first worker that asks for it makes it. Its MLflow store is empty: a project that has none would make the same one.
    """
    root = find_shared_folder(tmp_path_factory) / "template"
    with FileLock(root.with_suffix(".lock")):
        if not (root / SUMMARIES).exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            compile_kernels()
            for name in ("pyproject.toml", ".telemetry"):
                shutil.copy(PROJECT / name, root / name)
            shutil.copytree(PROJECT / "conf", root / "conf", ignore=shutil.ignore_patterns("local"))
            for empty in ("conf/local", "src"):  # Kedro wants a folder for code, and takes the package that is installed
                (root / empty).mkdir()
            write_tiny_use_case(root)
            make_mlflow_store(root / STORE)
            summarize_code(root)
    return root


def make_mlflow_store(file: Path) -> None:
    """Make an empty store, which takes MLflow two seconds."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"sqlite:///{file}", "mlruns")


def summarize_code(root: Path) -> None:
    """Summarize the modules of the package, as a project's first run would: each copy would read all of the code again."""
    graph = build_code_graph(store=root / SUMMARIES)
    for module in graph.modules_below("emb_pipeline"):
        graph.summary(module)
    graph.keep()


def copy_code(root: Path) -> None:
    """Give a project a copy of the package, which a test may change."""
    shutil.copytree(PROJECT / "src", root / "src", ignore=shutil.ignore_patterns("*.egg-info"), dirs_exist_ok=True)


def find_shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Find the folder of this session that all of its workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


def compile_kernels() -> None:
    """Compile kernels beside their source, as `make` does, if nobody did: each copy of the project would compile its own."""
    if not any((PROJECT / "src").rglob("*.nbi")):
        own = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
        subprocess.run([sys.executable, "-m", "emb_pipeline.precompile"], check=True, env=own)


@pytest.fixture
def project(project_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh copy of the project, as the working directory."""
    root = tmp_path / "project"
    shutil.copytree(project_template, root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    yield root


@pytest.fixture(scope="session")
def sequential(project_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny use case: the first worker that asks for it makes it, the others wait for it."""
    shared = find_shared_folder(tmp_path_factory)
    root = shared / "sequential" / "project"
    with FileLock(shared / "sequential.lock"):
        if not (root / "console.txt").exists():
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(project_template, root, symlinks=True)
            for made in (SUMMARIES, STORE):  # this run is the first one
                (root / made).unlink()
            here = Path.cwd()
            os.chdir(root)
            try:
                done = run_kedro("--env", "tiny")
            finally:
                os.chdir(here)
            (root / "console.txt").write_text(done.stdout)
    return root


@pytest.fixture
def finished(sequential: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory."""
    root = tmp_path / "finished"
    shutil.copytree(sequential, root, symlinks=True)
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """A real server of S3's protocol, on loopback."""
    pytest.importorskip("moto")
    with serve_objects() as server:
        yield server


@pytest.fixture
def bucket(object_server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket of it, which this process has the keys of; copies are in the test's folder."""
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    object_server.make_bucket(name)
    object_server.requests.clear()
    monkeypatch.setenv(OPTIONS, json.dumps(object_server.options))
    monkeypatch.setenv(CACHE, str(tmp_path / "copies"))
    return f"s3://{name}"


WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "cat",
    "dog",
    "sat",
    "on",
    "the",
    "mat",
    "query",
    "un",
    "##like",
    "##ly",
]


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer and 16 hidden units with random weights, in transformers' format."""
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("transformer") / "model"
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}, model_max_length=12).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_cross_encoder(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same transformer with a last layer that gives one score, of random weights."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("cross_encoder") / "model"
    torch.manual_seed(5)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_transformer, num_labels=1)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_transformer).save_pretrained(folder)
    return folder


def write_tiny_use_case(root: Path) -> None:
    """Files and configuration of the use case ``tiny``: three topics, two corpora, a task of each kind."""
    rng = np.random.default_rng(7)
    raw = root / "data" / "01_raw" / "tiny"
    raw.mkdir(parents=True)
    topics = list(TOPICS)
    domain = [_sentence(rng, topic) for _ in range(600) for topic in topics]
    everything = [word for words in TOPICS.values() for word in words] + FILLER
    generic = [" ".join(rng.choice(everything, size=12)) + "." for _ in range(1800)]
    _write_rows(raw / "domain.csv", ["text"], [[text] for text in domain])
    _write_rows(raw / "generic.csv", ["text"], [[text] for text in generic])
    labelled = [[_sentence(rng, topic), topic] for _ in range(50) for topic in topics]
    _write_rows(raw / "labels.csv", ["text", "label"], labelled)
    queries, passages, qrels = [], [], []
    for number in range(60):
        words = rng.choice(TOPICS[topics[number % 3]], size=5, replace=False)
        queries.append([f"q{number}", " ".join([*words[:3], "clinic"])])
        passages.append([f"p{number}", " ".join([*words, *rng.choice(FILLER, size=6)])])
        qrels.append([f"q{number}", f"p{number}", 1])
    _write_rows(raw / "queries.csv", ["query_id", "text"], queries)
    _write_rows(raw / "passages.csv", ["passage_id", "text"], passages)
    _write_rows(raw / "qrels.csv", ["query_id", "passage_id", "relevance"], qrels)
    conf = root / "conf" / "tiny"
    conf.mkdir()
    (conf / "globals.yml").write_text(TINY_GLOBALS)
    (conf / "parameters_tiny.yml").write_text(TINY_PARAMETERS)


def _sentence(rng: np.random.Generator, topic: str) -> str:
    words = [*rng.choice(TOPICS[topic], size=4), *rng.choice(FILLER, size=6)]
    return " ".join(rng.permutation(words)).capitalize() + "."


def _write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


TINY_GLOBALS = """
use_case: tiny
grid:
  corpora: [domain, generic]
  methods: {word2vec: [8], glove: [8]}
  baselines: [one_hot, tfidf, bm25]
  controls: [random_8, shuffled_tfidf]
  pretrained: {}
  resampled: [{of: domain.word2vec_8, bootstraps: 2, evaluate_on: [topic]}]
  tasks: [topic, search]
"""
TINY_PARAMETERS = """
corpora:
  domain: {sources: [{reader: csv, path: data/01_raw/tiny/domain.csv}]}
  generic: {sources: [{reader: csv, path: data/01_raw/tiny/generic.csv}]}
task_definitions:
  topic:
    kind: classification
    source: {reader: csv, path: data/01_raw/tiny/labels.csv, label: label}
  search:
    kind: retrieval
    source:
      reader: tables
      queries: data/01_raw/tiny/queries.csv
      passages: data/01_raw/tiny/passages.csv
      qrels: data/01_raw/tiny/qrels.csv
evaluation:
  classification: {folds: 3, training_draws: 3, label_draws: 3, log10_c_low: 0, log10_c_high: 2, steps_per_decade: 1}
latency: {seconds: 0.05, attempts: 1}
matrix_operations: {n: [100], dims: [8], densities: [0.01, 0.1], columns: 200, fit_rows: 100, seconds: 5}
report: {resamples: 200, permutations: 199, level: 0.05}
vector_search:
  requests: 5
  indexes:
    - {index: HNSW, links: 8, ef_construction: 32, ef: [10, 60]}
    - {index: HAMMING, candidates: [10, 60]}
"""


QUICK = """
evaluation:
  classification: &few {folds: 3, training_draws: 3, label_draws: 3, log10_c_low: 0, log10_c_high: 2, steps_per_decade: 1}
  multi_label: *few
  regression: {folds: 3, training_draws: 3, label_draws: 3, steps_per_decade: 1}
  pair_classification: {folds: 3, log10_c_low: 0, log10_c_high: 2, steps_per_decade: 1}
  sequence_labeling: {training_draws: 2, log10_c_low: 0, log10_c_high: 2, widen_decades: 1, tolerance: 1.0e-3}
latency: {seconds: 0.05, attempts: 1}
matrix_operations: {seconds: 0}
report: {resamples: 200, permutations: 199}
"""
"""Parameters for ``conf/local`` under which a use case takes less time, and is otherwise the one that somebody wrote."""


def run_kedro(
    *arguments: str, env: dict[str, str] | None = None, check: bool = True, in_new_python: bool = False
) -> subprocess.CompletedProcess[str]:
    """``kedro run`` in a process of its own, in the working directory."""
    arguments = ("-m", "kedro", "run", *arguments)
    environment = {**os.environ, "COLUMNS": "400", **(env or {})}
    if in_new_python:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    else:
        done = run_in_fork(arguments, environment)
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return done
