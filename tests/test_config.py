"""Where configuration is read from, and which use case a command shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import configure_project, pipelines, settings
from kedro.framework.session import KedroSession

from emb_pipeline.config.active import ExperimentContext, find_active_environment, load_active_parameters
from emb_pipeline.config.errors import ConfigurationError
from emb_pipeline.config.loader import ExperimentConfigLoader
from tests.conftest import run_kedro


def load(project: Path, env: str | None = "tiny", **runtime: Any) -> ExperimentConfigLoader:
    configure_project("emb_pipeline")
    return ExperimentConfigLoader(str(project / "conf"), env=env, runtime_params=runtime, **settings.CONFIG_LOADER_ARGS)


def open_context(project: Path, **runtime: Any) -> ExperimentContext:
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env="tiny", runtime_params=runtime) as session:
        return session.load_context()


def write(project: Path, path: str, text: str) -> None:
    (project / "conf" / path).write_text(text)


def test_what_is_kept_in_local_lies_on_top_of_every_use_case(project: Path) -> None:
    write(project, "local/parameters.yml", "report: {resamples: 123}\ntraining: {workers: 2}\n")
    parameters = load(project)["parameters"]
    assert (parameters["report"]["resamples"], parameters["report"]["permutations"]) == (123, 199)
    assert parameters["training"]["workers"] == 2 and parameters["use_case"] == "tiny"
    assert load(project, report={"resamples": 150})["parameters"]["report"]["resamples"] == 150


def test_credentials_come_from_local_and_none_are_needed(project: Path) -> None:
    assert load(project)["credentials"] == {"milvus": {}, "mlflow": {}, "api_keys": {}, "databases": {}, "data_root": {}}
    write(project, "local/credentials.yml", "milvus: {token: root:secret}\n")
    assert load(project)["credentials"] == {
        "milvus": {"token": "root:secret"},
        "mlflow": {},
        "api_keys": {},
        "databases": {},
        "data_root": {},
    }


def test_a_catalog_entry_of_local_replaces_that_of_base(project: Path) -> None:
    write(project, "local/catalog.yml", "leaderboard: {type: pandas.CSVDataset, filepath: board.csv}\n")
    catalog = load(project)["catalog"]
    assert catalog["leaderboard"]["filepath"] == "board.csv" and "comparisons" in catalog


def find_places(loader: ExperimentConfigLoader) -> set[str]:
    """Find the folders that results, encodings and models are in."""
    files = [entry["filepath"] for entry in loader["catalog"].values() if "filepath" in entry]
    layered = [file for file in files if "/search/" not in file]
    folders = loader["parameters"]["folders"]
    return {re.split(r"/0\d_", str(place))[0] for place in [*layered, folders["encodings"], folders["models"]]}


@pytest.mark.parametrize("where", ["tiny/globals.yml", "local/globals.yml", "environment"])
def test_data_root_moves_all_results_and_neither_raw_files_nor_scratch(
    project: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = open_context(project).config_loader
    assert find_places(before) == {"data", str(project / "data")}
    if where == "environment":
        monkeypatch.setenv("EMB_PIPELINE_DATA_ROOT", "/mnt/large")
    else:
        path = project / "conf" / where
        path.write_text((path.read_text() if path.exists() else "") + "\ndata_root: /mnt/large\n")
    after = open_context(project).config_loader
    assert find_places(after) == {"/mnt/large"}
    kept = ("raw", "scratch", "project")
    assert [after["parameters"]["folders"][name] for name in kept] == [
        before["parameters"]["folders"][name] for name in kept
    ]


@pytest.mark.parametrize(
    ("text", "uri", "wanted"),
    [
        ("", "", "file://{project}/mlruns"),
        ("", "postgresql+psycopg2://mlflow@127.0.0.1/mlflow", "file://{project}/mlruns"),
        ("", "http://127.0.0.1:5000", ""),
        ("mlflow: {artifact_location: s3://bucket/mlflow}", "http://127.0.0.1:5000", "s3://bucket/mlflow"),
        ("mlflow: {artifact_location: files/mlflow}", "", "file://{project}/files/mlflow"),
    ],
)
def test_artifacts_of_mlflow_have_one_absolute_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str, uri: str, wanted: str
) -> None:
    write(project, "local/globals.yml", text)
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    loader = open_context(project).config_loader
    monkeypatch.chdir("/")
    places = {entry["artifact_location"] for entry in loader["catalog"].values() if "tracking_uri" in entry}
    assert places == {wanted.format(project=project)}


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("local/globals.yml", "mlflow: s3://bucket", r"conf/local/globals.yml: mlflow is 's3://bucket'; write 'mlflow: {"),
        (
            "local/globals.yml",
            "mlflow: {artefact_location: s3://bucket}",
            r"conf/local/globals.yml: nothing reads 'mlflow.artefact_location'; did you mean 'artifact_location'",
        ),
        (
            "local/globals.yml",
            "data_root: https://host/prefix",
            r"globals.yml: data_root https://host/prefix is a URL of no object store; name a folder, or one of s3://",
        ),
        (
            "local/globals.yml",
            "data_root: ''",
            r"conf/local/globals.yml: data_root is ''; write a folder, 'data_root: data'",
        ),
        (
            "tiny/paramters_x.yml",
            "seed: 1",
            r"paramters_x.yml: nothing reads a file of this name; did you mean 'parameters.yml'",
        ),
        (
            "tiny/globals.yaml",
            "use_case: tiny",
            r"globals.yaml: nothing reads a file of this name; did you mean 'globals.yml'",
        ),
        ("tiny/more.yml", "seed: 1", r"conf/tiny/more.yml: nothing reads a file of this name"),
        ("local/parameters.yml", "reprt: {}", r"conf/local/parameters.yml: unknown section 'reprt'; did you mean 'report'"),
        ("local/parameters.yml", "report: {", r"conf/local, parameters: .*unable to read line"),
        ("local/parameters.yml", "use_case: other", r"set it in globals.yml alone"),
        ("local/globals.yml", "gird: {}", r"conf/local/globals.yml: nothing reads 'gird'; did you mean 'grid'"),
        ("tiny/globals.yml", "use_case: template\ngrid: {corpora: [domain], tasks: [topic]}", r"write 'use_case: tiny'"),
    ],
)
def test_a_file_or_a_name_that_nothing_reads_is_refused(path: str, text: str, message: str, project: Path) -> None:
    write(project, path, text)
    with pytest.raises(ConfigurationError, match=message):
        load(project)["parameters"]


@pytest.mark.parametrize(
    "text", ["mine: [200]\nreport: {resamples: '${mine.0}'}", "mine: &mine 200\nreport: {resamples: *mine}"]
)
def test_a_name_of_ones_own_is_read_where_it_is_referred_to(text: str, project: Path) -> None:
    write(project, "local/parameters.yml", text)
    assert load(project)["parameters"]["report"]["resamples"] == 200


def test_an_unknown_use_case_is_refused_with_the_nearest(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no use case 'tinny' in conf/; did you mean 'tiny'"):
        load(project, "tinny")


def test_a_name_on_the_command_line_is_refused_as_such(project: Path) -> None:
    with pytest.raises(ConfigurationError, match="--params: methods: unknown method 'word2vc'; did you mean 'word2vec'"):
        load(project, methods={"word2vc": {"window": 9}})["parameters"]


def test_options_of_sections_are_refused_whichever_nodes_run(project: Path) -> None:
    open_context(project, decision={"budget": {}})
    with pytest.raises(ConfigurationError, match="--params: decision: unknown option 'budget'; did you mean 'budgets'"):
        list(pipelines)


def test_kedro_viz_shows_the_use_case_that_it_is_asked_for_without_the_projects_hooks(project: Path) -> None:
    from kedro_viz.integrations.kedro.data_loader import load_data

    _, shown, *_ = load_data(project, env="tiny")
    assert "topic.examples" in shown["ingest"].all_outputs()
    assert find_active_environment() == "tiny" and load_active_parameters()["use_case"] == "tiny"


def test_a_command_without_a_session_shows_the_use_case_of_the_environment_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExperimentContext, "active", None)
    monkeypatch.setenv("KEDRO_ENV", "tiny")
    configure_project("emb_pipeline")
    assert "topic.examples" in pipelines["ingest"].all_outputs()


def test_parameters_of_a_use_case_are_read_from_flat_files_and_from_a_folder_per_stage(project: Path) -> None:
    (project / "conf/tiny/decide").mkdir()
    write(project, "tiny/decide/parameters.yml", "decision: {margin: 0.02}\n")
    write(project, "tiny/parameters_mine.yml", "latency: {rounds: 5}\n")
    parameters = load(project)["parameters"]
    assert parameters["decision"]["margin"] == 0.02 and parameters["latency"]["rounds"] == 5
    assert parameters["decision"]["weights"] == {} and parameters["latency"]["seconds"] == 0.05
    assert parameters["vector_search"]["nearest"] == 10, "the default stays where neither says a thing"


def test_an_error_in_the_data_is_one_line_and_its_traceback_is_in_the_log_file(project: Path) -> None:
    labels = project / "data/01_raw/tiny/labels.csv"
    labels.write_text(labels.read_text().replace("text,label", "text,labels", 1))
    done = run_kedro("--env", "tiny", "--pipelines", "ingest", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: data/01_raw/tiny/labels.csv, row 1: there is no column 'label'; ")
    assert "Traceback" not in done.stdout + done.stderr and "╭" not in done.stdout + done.stderr
    log = (project / "info.log").read_text()
    assert "Traceback" in log and "DataError" in log


def test_keys_with_an_old_name_say_the_same_in_files_and_on_the_command_line(project: Path, caplog: Any) -> None:
    new = load(project)["parameters"]
    file = project / "conf/tiny/parameters_tiny.yml"
    text = file.read_text()
    assert "sources: [" in text and "source: {" in text
    file.write_text(text.replace("sources: [", "readings: [").replace("source: {", "reading: {"))
    assert load(project)["parameters"] == new
    changed = load(project, task_definitions={"topic": {"reading": {"path": "other.csv"}}})["parameters"]
    assert changed["tasks"]["topic"]["source"] == {**new["tasks"]["topic"]["source"], "path": "other.csv"}
    messages = [each for each in caplog.messages if "is called" in each]
    old_name = "the old name works for one minor version more"
    assert messages == [
        f"conf/tiny/parameters_tiny.yml: task_definitions.*: 'reading' is called 'source' now; {old_name}",
        f"conf/tiny/parameters_tiny.yml: corpora.*: 'readings' is called 'sources' now; {old_name}",
        f"--params: task_definitions.*: 'reading' is called 'source' now; {old_name}",
    ]


def test_an_old_name_beside_the_new_one_is_refused_with_its_file(project: Path) -> None:
    write(project, "local/parameters.yml", "task_definitions: {topic: {reading: {}, source: {}}}\n")
    with pytest.raises(
        ConfigurationError, match=r"conf/local/parameters.yml: task_definitions.*both are written; leave 'readi"
    ):
        _ = load(project)["parameters"]
