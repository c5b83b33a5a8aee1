"""Errors that a person can mend: a real bad input raises each, and its message names place, reason and remedy."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog
from kedro.pipeline import node, pipeline
from kedro_datasets.json import JSONDataset

import emb_pipeline
from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.config.errors import ConfigurationError
from emb_pipeline.config.loader import ExperimentConfigLoader
from emb_pipeline.datasets.tables import TableDataset
from emb_pipeline.embeddings.remote.account import Account, BudgetError
from emb_pipeline.embeddings.remote.api_encoder import ApiEncoder
from emb_pipeline.embeddings.remote.endpoint import TooLargeError
from emb_pipeline.embeddings.remote.options import ApiOptions
from emb_pipeline.embeddings.static import glove
from emb_pipeline.embeddings.static.options import GloveOptions
from emb_pipeline.embeddings.training.divergence import DivergedError
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError, DataErrors, EmbPipelineError
from emb_pipeline.experiment.checks import check_parameters
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.problems import GridError, ParametersError
from emb_pipeline.hooks.failed_cells import FailedCells, FailedCellsError
from emb_pipeline.hooks.one_run import UseCaseInUseError, hold_use_case
from emb_pipeline.hooks.room import NoRoomError, require_room
from emb_pipeline.hooks.sizes import Sizes
from emb_pipeline.provenance.manifest import Manifest
from emb_pipeline.provenance.node_fingerprints import fingerprint_results
from emb_pipeline.provenance.reuse import (
    MissingInputsError,
    RunRequest,
    StaleResultsError,
    prepare_run,
    refuse_missing_inputs,
)
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.runners import DaskRunner, ProcessRunner
from emb_pipeline.runners.errors import ClusterError, NodeError, WorkerKilledError
from emb_pipeline.runners.tasks import Outcome
from emb_pipeline.storage.atomic import LockHeldError, hold_lock
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.examples.first_rows import check_first_rows
from emb_pipeline.text.tokens import EmptyCorpusError, TokenCorpus, write_tokens
from tests.embeddings.remote.server import Service, serve

CONF = Path(__file__).parents[1] / "conf"


def read_what_is_no_corpus(folder: Path) -> None:
    TokenCorpus(folder / "nothing")


def read_two_files_without_the_column(folder: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("words\nheart\n")
    sources = [CsvSource(path=name, text=("text",)) for name in ("a.csv", "b.csv")]
    check_first_rows({"domain": sources}, {}, folder, folder)


def write_a_corpus_without_a_word(folder: Path) -> None:
    write_tokens([("0", "...")], folder / "tokens")


def train_much_too_fast(folder: Path) -> None:
    tokens = write_tokens([(str(row), "a b c d e f a c e b d f") for row in range(200)], folder / "tokens")
    glove.train(TrainingRequest(tokens, GloveOptions(learning_rate=1, epochs=20, min_count=1), dim=10))


def expand_an_unknown_method(folder: Path) -> None:
    expand_grid({"baselines": ["tfdif"], "tasks": ["topic"]}, {})


def check_an_unknown_section(folder: Path) -> None:
    check_parameters({"grid": {"baselines": ["tfidf"], "tasks": ["topic"]}, "decisions": {}})


def load_an_unknown_use_case(folder: Path) -> None:
    ExperimentConfigLoader(str(CONF), env="medcial")


def lock_twice(folder: Path) -> None:
    with hold_lock(folder / "lock", what="the first"), hold_lock(folder / "lock", what="the second", wait=0):
        pass


def run_a_use_case_twice(folder: Path) -> None:
    with hold_use_case(folder, "shop", "kedro run --env shop"), hold_use_case(folder, "shop", "kedro run --env shop"):
        pass


def double(number: int) -> int:
    return 2 * number


def run_without_the_input(folder: Path) -> None:
    steps = pipeline([node(double, "once", "twice", name="double")])
    refuse_missing_inputs(RunRequest(steps), DataCatalog({"once": JSONDataset(filepath=str(folder / "once.json"))}))


def build_on_a_stale_result(folder: Path) -> None:
    steps = pipeline([node(double, "params:number", "once", name="first"), node(double, "once", "twice", name="second")])
    catalog = DataCatalog({name: JSONDataset(filepath=str(folder / f"{name}.json")) for name in ("once", "twice")})
    manifest = Manifest.open(folder)
    prepare_run(RunRequest(steps), catalog, fingerprint_results(steps, {"number": 1}), manifest)
    catalog.save("once", 2)
    run = RunRequest(steps.only_nodes("second"), whole=steps)
    prepare_run(run, catalog, fingerprint_results(steps, {"number": 3}), manifest)


def end_with_a_failed_cell(folder: Path) -> None:
    catalog = DataCatalog({"scores": TableDataset(filepath=str(folder / "scores.parquet"))})
    catalog.save("scores", Failed("task.tfidf on topic", "no word is frequent enough; lower min_df"))
    steps = pipeline([node(double, "params:number", "scores", name="evaluate")])
    FailedCells().after_pipeline_run(run_params={"env": "shop"}, pipeline=steps, catalog=catalog)


def spend_more_than_the_budget(folder: Path) -> None:
    options = ApiOptions(base_url="http://127.0.0.1:9", model="tiny", price_per_million_tokens=1, budget_usd=0.01)
    Account(options, folder).reserve(0.02)


def send_a_text_that_is_too_long(folder: Path) -> None:
    with serve(Service(longest_text=10)) as service:
        ApiEncoder(ApiOptions(base_url=service.url, model="tiny", dimensions=8), folder).encode(["long " * 10])


def run_what_cannot_fit(folder: Path) -> None:
    class NoEstimates(Sizes):
        def __init__(self) -> None:
            pass

        def estimate_memory(self, nodes: object) -> float:
            return 1e12

        def estimate_disk(self, nodes: object) -> float:
            return 0.0

    require_room([], NoEstimates(), str(folder), free_memory=1e9)


def ask_for_no_cluster(folder: Path) -> None:
    pytest.importorskip("distributed")
    DaskRunner(address="no-protocol://here:1")


def kill_its_worker(folder: Path) -> None:
    with ProcessRunner(max_workers=1)._open_workers(pipeline([])) as workers:
        workers._busy[done := Future()] = None, node(double, "once", "twice", name="double")
        done.set_exception(BrokenProcessPool())
        workers.finish(done)


def raise_what_cannot_be_passed(folder: Path) -> None:
    error = Outcome.of_error("node double", ValueError(lambda: None)).find_error()
    assert error is not None
    raise error


RAISED_BY: dict[type[EmbPipelineError], Callable[[Path], None]] = {
    DataError: read_what_is_no_corpus,
    DataErrors: read_two_files_without_the_column,
    EmptyCorpusError: write_a_corpus_without_a_word,
    DivergedError: train_much_too_fast,
    GridError: expand_an_unknown_method,
    ParametersError: check_an_unknown_section,
    ConfigurationError: load_an_unknown_use_case,
    LockHeldError: lock_twice,
    UseCaseInUseError: run_a_use_case_twice,
    MissingInputsError: run_without_the_input,
    StaleResultsError: build_on_a_stale_result,
    FailedCellsError: end_with_a_failed_cell,
    BudgetError: spend_more_than_the_budget,
    TooLargeError: send_a_text_that_is_too_long,
    NoRoomError: run_what_cannot_fit,
    ClusterError: ask_for_no_cluster,
    WorkerKilledError: kill_its_worker,
    NodeError: raise_what_cannot_be_passed,
}


def list_below(error: type[EmbPipelineError]) -> set[type[EmbPipelineError]]:
    return {found for below in error.__subclasses__() for found in {below, *list_below(below)}}


def test_every_error_of_the_package_has_the_one_base_and_a_case_here() -> None:
    stated = set()
    for module in pkgutil.walk_packages(emb_pipeline.__path__, "emb_pipeline."):
        if not module.name.endswith("__main__"):
            stated |= {
                value
                for value in vars(importlib.import_module(module.name)).values()
                if isinstance(value, type) and issubclass(value, Exception) and value.__module__.startswith("emb_pipeline")
            }
    assert stated == {EmbPipelineError, *RAISED_BY}
    assert list_below(EmbPipelineError) == set(RAISED_BY)


@pytest.mark.parametrize("kind", RAISED_BY, ids=lambda kind: kind.__name__)
def test_a_bad_input_raises_it_with_place_reason_and_remedy(kind: type[EmbPipelineError], tmp_path: Path) -> None:
    with pytest.raises(kind) as raised:
        RAISED_BY[kind](tmp_path)
    error, message = raised.value, str(raised.value)
    assert type(error) is kind
    for part in (error.place, error.reason, error.remedy):
        assert part and part in message
    assert str(pickle.loads(pickle.dumps(error))) == message  # workers of a parallel run send their errors as pickles


@pytest.mark.parametrize("kind", RAISED_BY, ids=lambda kind: kind.__name__)
def test_the_command_line_ends_with_its_message_alone(kind: type[EmbPipelineError], tmp_path: Path) -> None:
    command = ProjectCommand("work", callback=lambda: RAISED_BY[kind](tmp_path))
    done = CliRunner().invoke(command)
    assert done.exit_code == 1 and done.output.startswith("Error: ") and "Traceback" not in done.output
    assert isinstance(done.exception, SystemExit)


def test_an_error_that_kedro_wraps_is_one_message_too(tmp_path: Path) -> None:
    dataset = TableDataset(filepath=str(tmp_path / "scores.parquet"))
    (tmp_path / "scores.parquet").write_bytes(b"this is no table")
    done = CliRunner().invoke(ProjectCommand("work", callback=dataset.load))
    assert done.exit_code == 1 and done.output.startswith("Error: ") and "scores.parquet" in done.output, done.output


def test_an_error_of_the_program_keeps_its_traceback() -> None:
    done = CliRunner().invoke(ProjectCommand("work", callback=lambda: [][1]))
    assert isinstance(done.exception, IndexError)
