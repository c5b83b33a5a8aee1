"""What a grid of many embeddings costs beside its trainings and evaluations: seconds of the processor, and memory.

    python benchmarks/grid_size.py [48 200 500 1000] [--steps graph nodes tables] [--tasks 4] [--rows 300] [--curves]

For each size a project is made in a temporary folder, with so many embeddings and some tasks of fabricated text. Each step
runs in a process of its own:

* ``graph``: what happens before the first node: parameters, pipelines, catalog, the plan of the display, fingerprints, and
  the manifest that notes them.
* ``nodes``: a ``kedro run`` of each stage up to `evaluate`, with all hooks, in which training and evaluating
  take no time. What is left is what Kedro, storage, MLflow and the display cost a node.
* ``tables``: the stages `decide` and `report` on fabricated scores, with the seconds of each node, and the size of the page.

Peak memory is that of the process until then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

ORIGINS, METHODS = ("domain", "generic"), ("word2vec", "fasttext", "glove")
OTHERS = ("task.one_hot", "task.tfidf", "task.lsa_100", "task.bm25", "control.random_8", "control.shuffled_tfidf")
TOPICS = ("heart", "skin", "lung")
STEPS = ("graph", "nodes", "tables")


def write_project(root: Path, n_embeddings: int, n_tasks: int, n_rows: int, *, has_curves: bool) -> None:
    """Write a project with a use case ``large``."""
    from tests.conftest import PROJECT, write_tiny_use_case

    root.mkdir(parents=True)
    for name in ("pyproject.toml", ".telemetry"):
        with suppress(FileNotFoundError):
            (root / name).write_bytes((PROJECT / name).read_bytes())
    subprocess.run(["cp", "-r", str(PROJECT / "conf"), str(root / "conf")], check=True)
    for empty in ("conf/local", "src"):
        (root / empty).mkdir(exist_ok=True)
    write_tiny_use_case(root)
    n_dims = max(1, round((n_embeddings - len(OTHERS)) / (len(ORIGINS) * len(METHODS))))
    tasks = [f"task_{number}" for number in range(n_tasks)]
    rng = np.random.default_rng(11)
    words = {topic: [f"{topic}{number}" for number in range(12)] for topic in TOPICS}
    for task in tasks:
        rows = [
            {"text": " ".join([*rng.choice(words[topic], 4), *rng.choice(words["lung"], 4)]) + f" {number}", "label": topic}
            for number, topic in enumerate(rng.choice(TOPICS, n_rows))
        ]
        pd.DataFrame(rows).to_csv(root / f"data/01_raw/tiny/{task}.csv", index=False)
    grid = {
        "corpora": list(ORIGINS),
        "methods": {method: list(range(2, 2 + n_dims)) for method in METHODS},
        "baselines": [name.removeprefix("task.") for name in OTHERS if name.startswith("task.")],
        "controls": [name.removeprefix("control.") for name in OTHERS if name.startswith("control.")],
        "pretrained": {},
        "tasks": tasks,
    }
    definitions = {
        task: {
            "kind": "classification",
            "source": {"reader": "csv", "path": f"data/01_raw/tiny/{task}.csv", "label": "label"},
        }
        for task in tasks
    }
    folds = {"folds": 3, "training_draws": 3, "label_draws": 3 if has_curves else 0}
    parameters = {
        "corpora": {name: {"sources": [{"reader": "csv", "path": f"data/01_raw/tiny/{name}.csv"}]} for name in ORIGINS},
        "task_definitions": definitions,
        "evaluation": {"classification": {**folds, "log10_c_low": 0, "log10_c_high": 2, "steps_per_decade": 1}},
        "latency": {"seconds": 0.05, "attempts": 1},
        "matrix_operations": {"seconds": 0},
        "vector_search": {"indexes": []},
    }
    conf = root / "conf" / "large"
    conf.mkdir()
    (conf / "globals.yml").write_text(json.dumps({"use_case": "large", "grid": grid}))
    (conf / "parameters_large.yml").write_text(json.dumps(parameters))


class Stopwatch:
    """Rows of name, processor seconds and peak memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Measure a block."""
        started = time.process_time()
        yield
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.rows.append((name, time.process_time() - started, peak))
        print(f"  {name:44} {self.rows[-1][1]:9.2f} s {peak:9.0f} MiB", flush=True)


def time_graph() -> None:
    """Time all that happens before the first node."""
    from kedro.framework.project import configure_project, pipelines
    from kedro.framework.session import KedroSession

    from emb_pipeline.config.active import build_active_experiment, load_active_parameters
    from emb_pipeline.hooks.display.durations import Durations
    from emb_pipeline.hooks.display.guess import Guess
    from emb_pipeline.hooks.display.plan import plan_run
    from emb_pipeline.provenance.manifest import Manifest
    from emb_pipeline.provenance.node_fingerprints import fingerprint_results
    from emb_pipeline.provenance.package_code import build_code_graph
    from emb_pipeline.provenance.reuse import RunRequest, prepare_run, refuse_missing_inputs

    watch = Stopwatch()
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=Path.cwd(), env="large") as session:
        with watch.measure("parameters"):
            context = session._load_context() if hasattr(session, "_load_context") else session.load_context()
            parameters = load_active_parameters()
        with watch.measure("experiment"):
            experiment = build_active_experiment()
        with watch.measure("pipelines"):
            whole = pipelines["__default__"]
        print(f"  {len(experiment.cells)} embeddings, {len(whole.nodes)} nodes, {len(whole.all_outputs())} results")
        with watch.measure("context.params"):
            context.params  # noqa: B018
        with watch.measure("catalog"):
            catalog = context.catalog
        with watch.measure("fingerprints of code"):
            code = build_code_graph(store=Path(".code_summaries.json"))
            for module in code.modules_below("emb_pipeline"):
                code.summary(module)
        with watch.measure("fingerprints of results"):
            fingerprints = fingerprint_results(whole, parameters, code=code)
        request = RunRequest(whole)
        with watch.measure("inputs"):
            refuse_missing_inputs(request, catalog)
        models = Path(parameters["folders"]["models"])
        for time_of in ("first", "second", "continued"):
            with watch.measure(f"announcement, {time_of}"):
                request = RunRequest(whole, only_missing=time_of == "continued")
                prepare_run(request, catalog, fingerprints, Manifest.open(models))
        with watch.measure("plan of the display"):
            plan_run(
                whole,
                catalog,
                [name for name in pipelines if name != "__default__"],
                [(cell.name, task) for cell in experiment.cells for task in experiment.tasks_of(cell)],
                is_only_missing=False,
                n_workers=2,
                durations=Durations.of(parameters),
                guess=Guess(parameters, Path.cwd()),
            )
        with watch.measure("one node's inputs resolved"):
            node = next(each for each in whole.nodes if each.name.endswith("evaluate_classification"))
            for name in (*node.inputs, *node.outputs):
                catalog.get(name)


class Fabricated:
    """Stands in for training and evaluating: the scores of a real cell, changed at random."""

    def __init__(self) -> None:
        self._cells: dict[str, Any] = {}
        self._vectors: Any = None

    def train(self, corpus: Any, cell: Any, training: Any, folders: Any) -> Any:
        """Stand in for `train_vectors`."""
        from emb_pipeline.efficiency.footprint import Footprint
        from emb_pipeline.embeddings.static.word_vectors import WordVectors
        from emb_pipeline.experiment.training import build_training_record

        with Footprint() as footprint:
            if self._vectors is None:
                words = [f"{topic}{number}" for topic in TOPICS for number in range(12)]
                values = np.random.default_rng(0).standard_normal((len(words), 8)).astype(np.float32)
                self._vectors = WordVectors(words, np.full(len(words), 10), values)
        return self._vectors, build_training_record(cell, self._vectors, footprint, 1000)

    def evaluate(self, tables: Any, encoder: Any, cell: Any, definition: Any) -> Any:
        """Stand in for `evaluate_cell`."""
        from emb_pipeline.embeddings import factory, registry
        from emb_pipeline.experiment import evaluation
        from emb_pipeline.tasks.registry import KINDS

        kind = KINDS[definition.kind]
        if definition.name not in self._cells:
            made = factory.build_encoder(
                "tfidf", registry.METHODS["tfidf"].options(), dim=None, seed=0, artifact=None, encodings=None
            )
            task = kind.create_task(tables, definition.name)
            self._cells[definition.name] = kind.evaluate_embedding(
                task, made, definition.evaluation, seed=0, shuffle_labels=False
            )
        found = self._cells[definition.name]
        changed = _change(found, zlib.crc32(f"{cell.name} {definition.name}".encode()))
        return evaluation.build_cell_scores(changed, tables, cell, definition)


def _change(found: Any, seed: int) -> Any:
    """Change the scores of some units, more of them for some embeddings."""
    rng = np.random.default_rng(seed)
    share = 0.02 + 0.25 * rng.random()
    table = found.item_scores
    values = table["value"].to_numpy().copy()
    metrics = np.array(table["metric"].to_pylist())
    units = np.unique(table["unit_id"].to_pylist(), return_inverse=True)[1]
    flipped = (rng.random(units.max() + 1) < share)[units]
    for name in np.unique(metrics):
        rows = metrics == name
        low, high = values[rows].min(), values[rows].max()
        if name not in ("label",):
            new = low + high - values
            values = np.where(rows & flipped, np.round(new) if name == "prediction" else new, values)
    scores = table.set_column(table.column_names.index("value"), "value", pa.array(values))
    mean = {metric: found.metrics[metric] * (1 - share) for metric in found.metrics}
    return replace(found, item_scores=scores, metrics=mean)


@contextmanager
def nothing_is_trained() -> Iterator[None]:
    """Put fabricated results in place of training and evaluating."""
    from emb_pipeline.pipelines.evaluate import nodes as evaluating
    from emb_pipeline.pipelines.train import nodes as training
    from emb_pipeline.pipelines.train import pipeline as train

    made = Fabricated()
    evaluating.evaluate_cell = made.evaluate
    evaluating._build_encoder = lambda *_, **__: None
    real = training.train_vectors

    def train_vectors(corpus: Any, cell: Any, training: Any, folders: Any) -> Any:
        return made.train(corpus, cell, training, folders)

    train_vectors.__signature__ = real.__signature__
    train_vectors.__annotations__ = real.__annotations__
    train_vectors.__wrapped__ = real.__wrapped__
    train_vectors.__module__, train_vectors.__qualname__ = real.__module__, real.__qualname__
    train.STEPS["corpus", "vectors"] = ("train", train_vectors, train.STEPS["corpus", "vectors"][2])
    yield


def time_nodes() -> None:
    """Time a run in which training and evaluating take no time."""
    from kedro.framework.project import configure_project
    from kedro.framework.session import KedroSession

    watch = Stopwatch()
    configure_project("emb_pipeline")
    with nothing_is_trained():
        for stage in ("ingest", "train", "diagnose", "evaluate"):
            with KedroSession.create(project_path=Path.cwd(), env="large") as session:
                started = time.perf_counter()
                with watch.measure(f"kedro run --pipelines {stage}"):
                    session.run(pipeline_names=[stage])
                from kedro.framework.project import pipelines

                n = len(pipelines[stage].nodes)
                print(f"  {n} nodes, {(time.perf_counter() - started) / n:.3f} s a node (wall)", flush=True)


class Parts:
    """A table in memory, in place of `TableParts`."""

    def __init__(self, tables: list[pa.Table]) -> None:
        self.tables = tables

    def read(self) -> pa.Table:
        """Give the table."""
        return pa.concat_tables(self.tables).unify_dictionaries()


def time_tables() -> None:
    """Time the nodes that decide and report, on fabricated scores."""
    from kedro.framework.project import configure_project, pipelines
    from kedro.framework.session import KedroSession

    from emb_pipeline.config.active import build_active_experiment
    from emb_pipeline.embeddings.stored_encoders import StoredEncoders
    from emb_pipeline.provenance.node_fingerprints import find_output
    from emb_pipeline.tasks import cell_tables
    from emb_pipeline.tasks.scores import ITEM_SCORES, TRAINING_DRAWS
    from overhead import _as_loaded

    watch = Stopwatch()
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=Path.cwd(), env="large") as session:
        session.run(pipeline_names=["ingest"])
    with KedroSession.create(project_path=Path.cwd(), env="large") as session:
        context = session.load_context()
        parameters, catalog = context.params, context.catalog
        experiment, made = build_active_experiment(), Fabricated()
        store: dict[str, Any] = {"parameters": parameters}
        texts = ("origin", "method", "task", "unit_id", "group_id", "metric", "embedding")
        with watch.measure("fabricated scores"):
            tables_of = {task: catalog.load(f"examples@{task}") for task in experiment.tasks}
            for origin in experiment.origins:
                parts: dict[str, list[pa.Table]] = {}
                records = []
                for cell in (each for each in experiment.cells if each.origin == origin):
                    spec = parameters["embeddings"][origin][cell.key]
                    spec = spec if not isinstance(spec, Mapping) else type(cell).model_validate(spec)
                    results = []
                    for task in experiment.tasks_of(cell):
                        scores, record, predicted, draws = made.evaluate(
                            tables_of[task], None, spec, parameters["tasks"][task]
                        )
                        for name in texts:
                            place = scores.column_names.index(name)
                            scores = scores.set_column(place, name, scores[name].dictionary_encode())
                        parts.setdefault("item_scores", []).append(scores)
                        parts.setdefault("training_draws", []).append(draws)
                        record = json.loads(json.dumps(record, default=str))
                        record.setdefault("mlflow_run_id", "")
                        results.append((record, predicted))
                    records += [
                        cell_tables.CellResult(record, EmptyParts(ITEM_SCORES), EmptyParts(TRAINING_DRAWS), predicted)
                        for record, predicted in results
                    ]
                whole = cell_tables.gather_tasks(records)
                store[f"{origin}.scores"] = {
                    **cell_tables.gather_embeddings([whole], None),
                    "item_scores": Parts(parts["item_scores"]),
                    "training_draws": Parts(parts["training_draws"]),
                    "encoders": StoredEncoders(),
                }
        rng = np.random.default_rng(5)
        cells = [(cell.name, task) for cell in experiment.cells for task in experiment.tasks_of(cell)]
        store["report.request_times"] = _fabricate_times(cells, rng)
        store["examples@audit"], store["tokens@overlap"] = catalog.load("examples@audit"), catalog.load("tokens@overlap")
        for corpus in experiment.corpora:
            store[f"tokens@{corpus}"] = catalog.load(f"tokens@{corpus}")
        for task in experiment.tasks:
            store[f"examples@{task}"] = tables_of[task]
        skipped = {"report.time_requests", "report.measure_label_purity"}
        nodes = [
            node
            for node in pipelines["__default__"].nodes
            if node.name not in skipped and {"measure", "decide", "report"} & node.tags
        ]
        (purity,) = (node for node in pipelines["__default__"].nodes if node.name == "report.measure_label_purity")
        store |= dict(zip(purity.outputs, _make_empty_purities(), strict=True))
        total = time.process_time()
        slow = 0.5
        others = 0.0
        for node in nodes:
            for name in node.inputs:
                if name.startswith("params:"):
                    value: Any = parameters
                    for part in name.removeprefix("params:").split("."):
                        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
                    store[name] = value
            started = time.process_time()
            values = {name: store[find_output(name, store)] for name in node.inputs}
            for name, value in node.run(values).items():
                store[name] = _as_loaded(value)
            if time.process_time() - started > slow:
                watch.rows.append((node.name, time.process_time() - started, 0))
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"  {node.name:44} {watch.rows[-1][1]:9.2f} s {peak:9.0f} MiB", flush=True)
            else:
                others += time.process_time() - started
        print(f"  {'all other nodes':44} {others:9.2f} s")
        print(f"  {'decide and report':44} {time.process_time() - total:9.2f} s")
        text = store["report_page"]
        print(f"  page: {len(text.encode()) / 1e6:.2f} MB")
        Path("report.html").write_text(text)
        _write_hashes({name: value for name, value in store.items() if isinstance(value, pa.Table)})
        sizes = {name: (value.num_rows, value.nbytes) for name, value in store.items() if isinstance(value, pa.Table)}
        for name, (n, size) in sorted(sizes.items(), key=lambda each: -each[1][1])[:6]:
            print(f"  table {name}: {n:,} rows, {size / 2**20:.1f} MiB")


def _write_hashes(tables: Mapping[str, pa.Table]) -> None:
    """Write a hash of each column of each table, so that two versions of the code can be held against each other."""
    found: dict[str, dict[str, str]] = {}
    for name, table in sorted(tables.items()):
        for column, values in table.to_pandas().items():
            text = values.to_json(orient="values", double_precision=15)
            found.setdefault(name, {})[str(column)] = hashlib.sha256(text.encode()).hexdigest()[:16]
    Path("hashes.json").write_text(json.dumps(found, indent=1))


class EmptyParts:
    """A table in parts without any part."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema, self.files = schema, ()


def _fabricate_times(cells: list[tuple[str, str]], rng: np.random.Generator) -> pa.Table:
    from emb_pipeline.statistics.score_tables import make_table
    from emb_pipeline.tasks.request_times import REQUEST_TIMES

    rows = []
    for name, task in cells:
        typical = float(rng.lognormal(0, 1))
        row: dict[str, Any] = {"task": task, "embedding": name, "n_requests": 10, "rounds": 3, "steady": True}
        row |= {
            column: typical * (1 + place / 10)
            for place, column in enumerate(REQUEST_TIMES)
            if REQUEST_TIMES[column] == "float64"
        }
        rows.append(row)
    return pa.Table.from_pandas(make_table(rows, REQUEST_TIMES), preserve_index=False)


def _make_empty_purities() -> list[pa.Table]:
    from emb_pipeline.statistics.score_tables import make_table
    from emb_pipeline.tasks.label_purity import LABEL_PURITY, PURITY_UNITS

    return [pa.Table.from_pandas(make_table([], each), preserve_index=False) for each in (LABEL_PURITY, PURITY_UNITS)]


RUN = {"graph": time_graph, "nodes": time_nodes, "tables": time_tables}


def main() -> None:
    """Run each step for each size, in processes of their own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("sizes", nargs="*", type=int, default=[48, 200, 500, 1000])
    arguments.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    arguments.add_argument("--tasks", type=int, default=4)
    arguments.add_argument("--rows", type=int, default=300)
    arguments.add_argument("--curves", action="store_true", help="scores by number of labels, too")
    arguments.add_argument("--keep", type=Path, help="folder to leave the projects in")
    arguments.add_argument("--in", dest="inside", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.inside:
        os.chdir(chosen.inside)
        RUN[chosen.steps[0]]()
        return
    with tempfile.TemporaryDirectory() as folder:
        for size in chosen.sizes:
            for step in chosen.steps:
                root = Path(chosen.keep or folder) / f"{step}_{size}"
                write_project(root, size, chosen.tasks, chosen.rows, has_curves=chosen.curves)
                print(f"{size} embeddings × {chosen.tasks} tasks: {step}", flush=True)
                command = [sys.executable, __file__, "--steps", step, "--in", str(root)]
                subprocess.run(command, check=False, stderr=None)


if __name__ == "__main__":
    main()
