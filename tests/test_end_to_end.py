"""Real Kedro sessions on the tiny use case, in every runner."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.datasets.mlflow.views import decode_view
from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.provenance.manifest import Manifest
from emb_pipeline.reporting.gathered_tables import STORED
from emb_pipeline.reporting.packing import unpack
from emb_pipeline.reporting.tables import COLUMNS
from tests.conftest import TOPICS, copy_code, run_kedro
from tests.forked import run_in_fork, start_in_fork

NUMBERS = ["task", "embedding", "metric", "value", "ci_low", "ci_high", "n", "letters", "primary"]


def newest(root: Path, name: str, use_case: str = "tiny") -> pd.DataFrame:
    return pd.read_parquet(max((root / "data/08_reporting" / use_case / f"{name}.parquet").glob("*/*.parquet")))


def numbers(root: Path) -> pd.DataFrame:
    """What a run found out, without what it cost."""
    board = newest(root, "leaderboard")
    board = board[~board["metric"].str.startswith("latency_ms")]
    return board[NUMBERS].sort_values(NUMBERS[:3]).reset_index(drop=True)


def set_parameter(root: Path, path: str, **values: object) -> None:
    file = root / "conf" / "tiny" / path
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **values}))


def test_every_cell_is_on_the_leaderboard_with_an_interval_and_letters(sequential: Path) -> None:
    board = newest(sequential, "leaderboard")
    primary = board[board["primary"]]
    assert set(primary.loc[primary["task"] == "topic", "embedding"]) == {
        "domain.word2vec_8",
        "domain.word2vec_8_bootstrap1",
        "domain.word2vec_8_bootstrap2",
        "domain.glove_8",
        "generic.word2vec_8",
        "generic.glove_8",
        "task.one_hot",
        "task.tfidf",
        "control.random_8",
        "control.shuffled_tfidf",
    }
    assert "task.bm25" in set(primary.loc[primary["task"] == "search", "embedding"])
    assert ((primary["ci_low"] <= primary["value"]) & (primary["value"] <= primary["ci_high"])).all()
    candidates = primary[~primary["embedding"].str.contains("_bootstrap")]
    assert candidates["letters"].str.fullmatch("[a-z]+").all()


def test_resamples_of_the_corpus_are_no_candidates_but_say_how_far_another_sample_moves_things(sequential: Path) -> None:
    resamples = newest(sequential, "leaderboard").query("embedding.str.contains('_bootstrap')", engine="python")
    assert set(resamples["task"]) == {"topic"} and resamples["letters"].isna().all()
    assert newest(sequential, "leaderboard").set_index("embedding").loc["domain.word2vec_8", "letters"].notna().any()
    for name in ("comparisons", "effects"):
        table = newest(sequential, name)
        assert len(table) and not table[["embedding_a", "embedding_b"]].map(lambda each: "_bootstrap" in each).any(axis=None)
    for name in ("decision", "learning_curves", "sizes"):
        assert not newest(sequential, name)["embedding"].str.contains("_bootstrap").any()
    learnt_from = {
        WordVectors.read(sequential / f"data/06_models/tiny/domain/{key}/vectors.arrow").provenance["corpus_fingerprint"]
        for key in ("word2vec_8", "word2vec_8_bootstrap1", "word2vec_8_bootstrap2")
    }
    assert len(learnt_from) == 3
    page = (sequential / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "Trained again on another sample of the corpus, a word’s ten neighbours overlap by" in page
    assert "Between two such samples, they overlap by" in page
    assert "topic: another sample of the corpus moves accuracy by up to" in page


def test_what_must_be_learnt_is_learnt_and_what_cannot_be_is_not(sequential: Path) -> None:
    value = newest(sequential, "leaderboard").query("primary and task == 'topic'").set_index("embedding")["value"]
    assert value["task.tfidf"] > 0.9
    assert value["domain.word2vec_8"] > 0.8
    assert value["control.shuffled_tfidf"] < 0.5


def test_the_console_ends_with_the_leaderboard_and_where_the_results_are(sequential: Path) -> None:
    last = (sequential / "console.txt").read_text()[-6000:]
    assert "task.tfidf" in last
    assert str(sequential / "data/08_reporting/tiny/latest/report.html") in last
    assert "mlflow ui" in last and "kedro viz run" in last


def test_results_stand_at_their_fixed_places(sequential: Path) -> None:
    reporting = sequential / "data/08_reporting/tiny"
    for name in ("leaderboard", "comparisons", "audit"):
        assert len(list((reporting / f"{name}.parquet").glob(f"*/{name}.parquet"))) == 1
    page = (reporting / "latest" / "report.html").read_text()
    assert page == next((reporting / "report.html").glob("*/report.html")).read_text()


def test_tables_of_the_report_have_the_columns_of_their_schema(sequential: Path) -> None:
    folder = sequential / "data/08_reporting/tiny"
    for name in STORED:
        newest = max(folder.glob(f"{name}.parquet/*/*.parquet"), default=folder / f"{name}.parquet")
        assert pq.read_schema(newest).names == list(COLUMNS[name]), name


def test_measures_of_embeddings_are_held_against_their_scores(sequential: Path) -> None:
    """Label purity is of the embeddings of texts, but for the one whose probe learns from shuffled labels."""
    purity = newest(sequential, "label_purity").set_index("embedding")["value"]
    assert purity["domain.word2vec_8"] > 0.7 > 0.5 > purity["control.random_8"]
    closeness = newest(sequential, "closeness")
    of_purity = closeness[closeness["measure"] == "label purity"].set_index("population")
    assert of_purity.loc["all", "n"] == 7 and of_purity.loc["without controls", "n"] == 6 and of_purity.loc["all", "rho"] > 0
    assert set(of_purity["task"]) == {"topic"} and of_purity["uses_labels"].all()
    assert "Do closer vectors mean better scores?" in (sequential / "data/08_reporting/tiny/latest/report.html").read_text()


def test_matrix_operations_are_timed_and_shown(sequential: Path) -> None:
    table = newest(sequential, "matrix_operations")
    assert {"dense, one query", "sparse, one query", "rows by number"} <= set(table.loc[table["seconds"] > 0, "operation"])
    page = (sequential / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "From how many words on is a dense vector cheaper?" in page and "One thread of this machine moves" in page


def test_mlflow_holds_one_finished_run_per_cell(sequential: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{sequential / 'mlflow.db'}")
    counts = {}
    for experiment in client.search_experiments():
        runs = client.search_runs([experiment.experiment_id])
        counts[experiment.name] = len(runs)
        assert all(run.info.status == "FINISHED" for run in runs)
    assert counts == {"Default": 0, "emb/train": 6, "emb/topic": 10, "emb/search": 8, "emb/scorecard": 11, "emb/runs": 1}
    (parent,) = client.search_runs([client.get_experiment_by_name("emb/runs").experiment_id])
    cells = client.search_runs([client.get_experiment_by_name("emb/topic").experiment_id])
    assert all(run.data.tags["mlflow.parentRunId"] == parent.info.run_id for run in cells)
    assert {"n_tasks": 2.0}.items() <= parent.data.metrics.items() and parent.data.metrics["best/topic"] > 0.5
    note = parent.data.tags["mlflow.note.content"]
    assert "## topic" in note and "- Deploy" in note and "| embedding | accuracy % |" in note
    assert parent.data.tags["mlflow.source.name"].startswith("kedro run --env tiny") and parent.data.tags["mlflow.user"]
    stored = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"answer.md", "leaderboard.csv", "leaderboard.json", "report.html"} <= stored
    assert parent.data.metrics["system/system_memory_usage_megabytes"] > 0
    spent = [run.info.end_time - run.info.start_time for run in cells if "encode_seconds" in run.data.metrics]
    assert spent and max(spent) > 0
    assert all(run.data.metrics["primary_metric"] == run.data.metrics["accuracy"] for run in cells)
    assert {run.data.params["dim"] for run in cells} == {"8", "sparse"}
    board = newest(sequential, "leaderboard")
    assert set(board.loc[board["task"] == "topic", "mlflow_run_id"]) == {run.info.run_id for run in cells}
    assert {run.info.run_name for run in cells} == set(board.loc[board["task"] == "topic", "embedding"])


def test_mlflow_compares_cells_by_interval_cost_hyper_parameter_data_and_model(sequential: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{sequential / 'mlflow.db'}")
    topic, card = (client.get_experiment_by_name(f"emb/{name}") for name in ("topic", "scorecard"))
    view = decode_view(topic.tags["mlflow.sharedViewState.tiny"])
    cells = client.search_runs([topic.experiment_id], view["searchFilter"], order_by=[f"{view['orderByKey']} DESC"])
    board = newest(sequential, "leaderboard")
    ranked = board[(board["task"] == "topic") & board["primary"]].set_index("embedding")
    assert len(cells) == len(ranked)
    for run in cells:
        row, found = ranked.loc[run.info.run_name], run.data.metrics
        assert (found["accuracy_low"], found["accuracy_high"], found["n"]) == (row["ci_low"], row["ci_high"], row["n"])
        assert run.data.params["probe.folds"] == "3" and "options" not in run.data.tags
        assert run.data.tags["mlflow.source.name"] == "kedro run --env tiny" and run.data.tags["mlflow.user"]
        (data,) = (each.dataset for each in run.inputs.dataset_inputs)
        assert data.name == "topic" and '"classes": 3' in data.profile and "labels.csv" in data.source
    assert len({each.dataset.digest for run in cells for each in run.inputs.dataset_inputs}) == 1
    (word2vec,) = (run for run in cells if run.info.run_name == "domain.word2vec_8")
    assert word2vec.data.params["corpus"] == "domain" and word2vec.data.params["epochs"].isdecimal()
    assert {"latency_ms_p50", "train_seconds", "bytes_per_item"} <= word2vec.data.metrics.keys()
    models = client.search_logged_models([card.experiment_id])
    assert {model.tags["embedding"] for model in models} == set(board["embedding"])
    (model,) = (model for model in models if model.name == "domain word2vec_8")
    assert {(each.dataset_name, each.run_id) for each in model.metrics if each.key == "accuracy"} == {
        ("topic", word2vec.info.run_id)
    }
    trained = client.search_runs([client.get_experiment_by_name("emb/train").experiment_id])
    assert {each.dataset.name for run in trained for each in run.inputs.dataset_inputs} == {
        "domain corpus",
        "generic corpus",
    }
    link = f"http://127.0.0.1:5000/#/experiments/{topic.experiment_id}/runs?viewStateShareKey=tiny"
    assert link in (sequential / "console.txt").read_text()


def test_a_labelled_task_has_a_learning_curve_up_to_what_the_leaderboard_says(sequential: Path) -> None:
    curves, board = newest(sequential, "learning_curves"), newest(sequential, "leaderboard")
    assert set(curves["task"]) == {"topic"} and (curves.groupby("embedding")["n_labels"].nunique() == 2).all()
    all_labels = curves[curves["label_fraction"] == 1].set_index("embedding")["value"]
    accuracy = board[(board["task"] == "topic") & (board["metric"] == "accuracy")].set_index("embedding")["value"]
    for embedding, value in all_labels.items():
        seeds = accuracy[accuracy.index.str.fullmatch(rf"{embedding}(_seed\d+)?")]
        assert value == pytest.approx(seeds.mean())
    crossovers = newest(sequential, "crossovers")
    assert len(crossovers) == len(all_labels) - 1 and set(crossovers["reference"]) == {all_labels.idxmax()}


def open_kedro_viz(root: Path) -> tuple[Any, dict[str, dict[str, Any]]]:
    """The server of Kedro-Viz for a finished run, and what it draws, by name."""
    from fastapi.testclient import TestClient
    from kedro_viz.api.apps import create_api_app_from_project
    from kedro_viz.data_access import data_access_manager
    from kedro_viz.server import load_and_populate_data

    data_access_manager.reset_fields()
    load_and_populate_data(root, env="tiny")
    viz = TestClient(create_api_app_from_project(root))
    return viz, {node.get("full_name", node["name"]): node for node in viz.get("/api/main").json()["nodes"]}


def test_kedro_viz_previews_tables_figures_metrics_and_the_page(finished: Path) -> None:
    viz, drawn = open_kedro_viz(finished)
    names = {
        "leaderboard": "TablePreview",
        "topic.examples": "TablePreview",
        "domain.glove_8.topic.metrics": "TablePreview",
        "topic_curve_figure": "PlotlyPreview",
        "report_page": "HTMLPreview",
    }
    shown = {name: viz.get(f"/api/nodes/{drawn[name]['id']}").json() for name in names}
    assert {name: each["preview_type"] for name, each in shown.items()} == names
    assert "embedding" in shown["leaderboard"]["preview"]["columns"] and len(shown["leaderboard"]["preview"]["data"]) == 10
    assert {"text", "label"} <= set(shown["topic.examples"]["preview"]["columns"])
    assert "accuracy" in {metric for metric, _ in shown["domain.glove_8.topic.metrics"]["preview"]["data"]}
    assert shown["topic_curve_figure"]["preview"]["data"] and "</html>" in shown["report_page"]["preview"]


def test_kedro_viz_shows_how_each_node_ended_and_the_rows_of_each_table(finished: Path) -> None:
    viz, drawn = open_kedro_viz(finished)
    status = viz.get("/api/run-status").json()
    steps = {node["id"] for node in drawn.values() if node["type"] == "task"}
    assert {name: each["status"] for name, each in status["nodes"].items()} == dict.fromkeys(steps, "success")
    assert status["pipeline"]["status"] == "success" and status["pipeline"]["duration"] > 0
    rows = len(newest(finished, "leaderboard"))
    assert viz.get(f"/api/nodes/{drawn['leaderboard']['id']}").json()["stats"]["rows"] == rows
    assert status["datasets"][drawn["leaderboard"]["id"]]["size"] > 1000
    scores = viz.get(f"/api/nodes/{drawn['domain.scores']['id']}").json()["stats"]
    assert scores["rows"] > 1000 and scores["file_size"] > 1000


def test_a_decision_is_made_for_each_task_and_changes_with_the_budgets_alone(finished: Path) -> None:
    decision = newest(finished, "decision")
    assert set(decision["task"]) == {*newest(finished, "leaderboard")["task"], "all tasks"}
    assert (decision.groupby("task")["chosen"].sum() == 1).all()
    assert not decision["embedding"].str.startswith("control.").any()
    output = run_kedro("--env", "tiny", "--pipelines", "decide", "--params", "decision.budgets.bytes_per_item=1")
    assert "No embedding fits all budgets." in output.stdout and not newest(finished, "decision")["chosen"].any()


def test_the_page_shows_test_items_that_embeddings_differ_on_and_no_text_where_none_is_wanted(finished: Path) -> None:
    examples, page = newest(finished, "item_examples"), finished / "data/08_reporting/tiny/latest/report.html"
    texts = {str(text) for text in examples["text"] if len(text) > 20}
    assert set(examples["task"]) == {"topic", "search"} and len(texts) > 10
    assert set(examples.loc[examples["task"] == "topic", "predicted"]) <= set(TOPICS)
    assert texts <= {item[0] for data in read_packed(page) for item in data.get("items", ())}
    outcomes, board = newest(finished, "pair_outcomes"), newest(finished, "leaderboard")
    whole = outcomes[outcomes["group"].isna() & (outcomes["task"] == "topic")]
    value = board[board["primary"] & (board["task"] == "topic")].set_index("embedding")["value"]
    leads = (whole["wins"] - whole["losses"]) / (whole["wins"] + whole["losses"] + whole["ties"])
    expected = whole["embedding_a"].map(value).to_numpy() - whole["embedding_b"].map(value).to_numpy()
    single = ~(whole["embedding_a"] + whole["embedding_b"]).str.contains("word2vec")  # others have one seed each
    np.testing.assert_allclose(leads[single], expected[single], atol=1e-6)

    run_kedro("--env", "tiny", "--only-missing-outputs", "--remake-stale", "--params", "report.examples=0")
    written = page.read_text(encoding="utf-8") + json.dumps(read_packed(page), ensure_ascii=False)
    for name in STORED:
        tables = list((finished / "data/08_reporting/tiny" / f"{name}.parquet").glob("*/*.parquet"))
        written += newest(finished, name).to_csv() if tables else ""
    assert newest(finished, "item_examples").empty and len(newest(finished, "pair_outcomes")) == len(outcomes)
    assert not [text for text in texts if text in written]


def read_packed(page: Path) -> list[dict[str, Any]]:
    return [unpack(data) for data in re.findall(r'class="packed">([^<]*)<', page.read_text(encoding="utf-8"))]


def test_what_was_chosen_is_handed_over_as_a_model_that_takes_text(finished: Path) -> None:
    run_kedro("--env", "tiny", "--pipelines", "deploy")
    decision = newest(finished, "decision")
    chosen = decision[(decision["task"] == "topic") & decision["chosen"]].iloc[0]
    bundle = Bundle.read(finished / "data/08_reporting/tiny/deployment/topic")
    assert bundle.facts["embedding"] == chosen["embedding"] and chosen["embedding"] in bundle.card
    examples = pd.read_parquet(finished / "data/03_primary/tiny/tasks/topic/examples/examples.parquet")
    answers = bundle.model.answer(examples["text"].tolist())
    assert (answers["label"] == examples["label"]).mean() > 0.9
    folder = str(finished / "data/08_reporting/tiny/deployment/topic")
    gate = ("-m", "emb_pipeline", "gate", "--env", "tiny", "--baseline", folder, "--margin", "0.1", "--candidate")
    held = run_in_fork((*gate, str(chosen["embedding"])), dict(os.environ))
    assert held.returncode == 0 and "topic: The candidate is not worse by 10.0 points or more" in held.stdout, held.stderr
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{finished / 'mlflow.db'}")
    assert client.get_model_version("tiny.topic", "1").tags["gate.verdict"] == "not inferior"


def test_the_passages_stay_in_milvus_and_can_be_searched(finished: Path) -> None:
    searches = newest(finished, "vector_search")
    assert list(searches["index"]) == ["exact", "exact", "exact", "HNSW", "HNSW", "HAMMING", "HAMMING"]
    dense = searches["embedding"].iloc[-1]
    board = newest(finished, "leaderboard").query("task == 'search' and metric == 'ndcg@10'").set_index("embedding")["value"]
    assert dense.split(".")[1] in ("word2vec_8", "glove_8")
    last = searches.drop_duplicates("index", keep="last").set_index("index")
    for index in ("HNSW", "HAMMING"):
        assert last["value"][index] == pytest.approx(board[dense], abs=0.03) and last["recall"][index] > 0.9
    assert last["recall"]["HAMMING"] == 1  # all sixty passages are candidates
    assert last["index_bytes"]["HAMMING"] == 60 * 1 + 8 * 4 and last["bytes_per_item"]["HAMMING"] == 8 * 4
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "Vector search" in page and "HNSW with ef" in page and "HAMMING with candidates" in page
    configure_project("emb_pipeline")
    with KedroSession.create(finished, env="tiny") as session:
        catalog = session.load_context().catalog
    with catalog.load("examples@search.collection") as store:
        (hit,) = store.search(vector=[1.0] * 8, top_k=1)
        assert store.describe()["count"] == 60 and len(hit["properties"]["text"].split()) == 11


def test_all_that_the_report_says_of_differences_was_tested_in_one_family(finished: Path) -> None:
    claims, found = newest(finished, "claims"), newest(finished, "any_difference")
    assert {("topic", "all"), ("search", "all")} <= set(zip(found["task"], found["labels"], strict=True))
    assert claims["critical"].nunique() == 1
    pairs = claims[claims["family"] == "pair"].set_index(["task", "embedding_a", "embedding_b"])["p_adjusted"]
    compared = newest(finished, "comparisons").set_index(["task", "embedding_a", "embedding_b"])["p_adjusted"]
    pd.testing.assert_series_equal(compared.sort_index(), pairs.sort_index())
    assert found.set_index(["task", "labels"])["p_adjusted"]["topic", "all"] <= 0.05
    across = newest(finished, "effects_across_tasks")
    effects = newest(finished, "factor_effects")
    row = across[(across["factor"] == "corpus") & (across["within"] == "")].iloc[0]
    parts = effects[(effects["design"] == row["design"]) & (effects["factor"] == "corpus") & (effects["within"] == "")]
    assert row["tasks"] == 2 and row["difference"] == pytest.approx(parts["difference"].mean())
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "over all tasks" in page and "On average over all tasks" in page


def test_words_of_both_corpora_are_on_a_map_that_other_tools_read(sequential: Path) -> None:
    places = pd.read_parquet(sequential / "data/08_reporting/tiny/word_map.parquet")
    assert list(places["embedding"].unique()) == ["domain.word2vec_8", "generic.word2vec_8"]
    for _, part in places.groupby("embedding"):
        assert {*TOPICS["heart"], *TOPICS["skin"], *TOPICS["lung"]} <= set(part["word"])
    for each, nearest in zip(places["neighbors"], places["nearest"], strict=True):
        assert ", ".join(places["word"].iloc[each["ids"]]) == nearest and (np.diff(each["distances"]) >= 0).all()
    assert places.groupby("embedding")["kept"].mean().min() > 0.4  # of ten neighbours among 53 words chance would keep 0.19
    assert json.loads(next((sequential / "data/08_reporting/tiny/figures/word_map.json").glob("*/*.json")).read_text())[
        "data"
    ]
    assert "placed by t-SNE" in (sequential / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")


def test_a_map_of_vectors_that_are_not_there_is_refused_before_any_node_runs(project: Path) -> None:
    set_parameter(project, "parameters_tiny.yml", diagnosis={"map": {"embeddings": ["domain.word2vec_9"]}})
    done = run_kedro("--env", "tiny", check=False)
    message = " ".join((done.stdout + done.stderr).split())
    assert done.returncode and "domain.word2vec_9" in message and "domain.word2vec_8, domain.glove_8" in message
    assert not (project / "data/03_primary").exists()


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["ParallelRunner", "ThreadRunner"])
def test_every_runner_finds_the_same(runner: str, sequential: Path, project: Path) -> None:
    run_kedro("--env", "tiny", "--runner", runner, "--runner-params", "max_workers=2")
    pd.testing.assert_frame_equal(numbers(project), numbers(sequential))
    noted = [json.loads((root / ".viz/kedro_pipeline_events.json").read_text()) for root in (project, sequential)]
    ended = [sorted(event["node"] for event in events if event["event"] == "after_node_run") for events in noted]
    assert ended[0] == ended[1]


@pytest.mark.slow
def test_a_run_that_is_killed_thrice_and_continued_ends_with_the_same_leaderboard(sequential: Path, project: Path) -> None:
    """Killed with SIGKILL after about these shares of the outputs, each time at a random moment."""
    whole = written_outputs(sequential)
    for share in (0.25, 0.5, 0.75):
        with start_in_fork(["-m", "kedro", "run", "--env", "tiny", "--only-missing-outputs"], os.environ) as running:
            while written_outputs(project) < share * whole:
                assert running.process.is_alive(), "the run ended before it was killed"
                time.sleep(0.05)
            time.sleep(random.Random(share).uniform(0, 0.3))
            running.process.kill()
            running.process.join()
            assert running.process.exitcode == -signal.SIGKILL
        assert not (project / "data/08_reporting/tiny/latest/report.html").exists()
    run_kedro("--env", "tiny", "--only-missing-outputs")
    pd.testing.assert_frame_equal(numbers(project), numbers(sequential))


def written_outputs(root: Path) -> int:
    """Vectors and scored cells on disk (os.walk bears with folders that vanish meanwhile)."""
    return sum(name in ("vectors.arrow", "metrics.json") for _, _, files in os.walk(root / "data") for name in files)


def test_a_second_run_with_only_missing_outputs_does_nothing(finished: Path) -> None:
    before = results(finished)
    run_kedro("--env", "tiny", "--only-missing-outputs")
    assert results(finished) == before


def results(root: Path) -> dict[Path, int]:
    """All files of data with their times, but for locks and what is remembered about files."""
    files = (file for file in (root / "data").rglob("*") if file.is_file() and not file.name.startswith("."))
    return {file: file.stat().st_mtime_ns for file in files}


def test_a_changed_hyper_parameter_is_not_mixed_with_old_results(finished: Path) -> None:
    done = run_kedro("--env", "tiny", "--only-missing-outputs", "--params", "methods.glove.window=3", check=False)
    assert done.returncode != 0
    message = " ".join((done.stdout + done.stderr).split())
    assert "domain.glove_8.vectors" in message and "domain.word2vec_8.vectors" not in message
    assert "--from-nodes" in message


def test_changes_of_code_and_files_are_noticed_and_the_command_in_the_message_works(finished: Path) -> None:
    """A byte of the labels is refused until it is accepted, a template remakes the page, code is made again."""
    cell = finished / "data/07_model_output/tiny/task/tfidf/topic/metrics.json"
    page = finished / "data/08_reporting/tiny/latest/report.html"
    labels = finished / "data/01_raw/tiny/labels.csv"
    labels.write_bytes(labels.read_bytes().replace(b".", b"!", 1))
    copy_code(finished)
    append(finished / "src/emb_pipeline/text/tokens.py", "\n# a remark\n")
    append(finished / "src/emb_pipeline/reporting/templates/page.html.j2", "<!-- another template -->\n")
    refused = run_kedro("--env", "tiny", "--only-missing-outputs", check=False)
    message = " ".join(refused.stderr.split())
    assert refused.returncode == 1 and "What differs: data/01_raw/tiny/labels.csv; to make them" in message
    reason, before = "one sign of one text, and nothing else", cell.stat().st_mtime_ns
    accepted = run_kedro("--env", "tiny", "--only-missing-outputs", "--accept-stale", reason)
    assert reason in " ".join(accepted.stdout.split())
    entry = Manifest.open(finished / "data/06_models/tiny").read("topic.examples")
    assert entry["accepted"]["reason"] == reason and cell.stat().st_mtime_ns == before
    assert "<!-- another template -->" in page.read_text(encoding="utf-8")

    replace_in(finished / "src/emb_pipeline/embeddings/sparse/word_counts.py", "idf = (np.log(", "idf = 1.0 * (np.log(")
    refused = run_kedro("--env", "tiny", "--only-missing-outputs", check=False)
    message = " ".join(refused.stderr.split())
    assert "the code behind control.shuffled_tfidf.topic, the code behind task.tfidf.search, " in message
    assert "the code behind task.tfidf.topic; " in message and "glove" not in message
    run_kedro(*message.split("again: kedro run ")[1].split(" To use")[0].split())
    assert cell.stat().st_mtime_ns > before


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace_in(file: Path, old: str, new: str) -> None:
    source = file.read_text(encoding="utf-8")
    assert old in source
    file.write_text(source.replace(old, new), encoding="utf-8")


def test_a_new_cell_is_all_that_runs(finished: Path) -> None:
    grid = yaml.safe_load((finished / "conf/tiny/globals.yml").read_text())["grid"]
    before = (finished / "data/06_models/tiny/domain/word2vec_8/vectors.arrow").stat().st_mtime_ns
    shorter = {"domain.word2vec_8_pca_4": {"method": "reduced", "of": "domain.word2vec_8", "options": {"dims": 4}}}
    set_parameter(finished, "globals.yml", grid={**grid, "baselines": [*grid["baselines"], "lsa_4"], "derived": shorter})
    run_kedro("--env", "tiny", "--only-missing-outputs")
    assert {"task.lsa_4", *shorter} <= set(newest(finished, "leaderboard")["embedding"])
    sizes = newest(finished, "sizes")
    assert set(sizes["family"]) == {"domain.word2vec_8, reduced"} and set(sizes["task"]) == {"topic", "search"}
    assert sizes.groupby("task")["chosen"].sum().eq(1).all() and set(sizes["bytes_per_item"]) == {16, 32}
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "which size is enough" in page
    assert (finished / "data/06_models/tiny/domain/word2vec_8/vectors.arrow").stat().st_mtime_ns == before


def test_one_embedding_one_stage_one_task_can_run_alone(finished: Path) -> None:
    cell = finished / "data/07_model_output/tiny/domain/glove_8/topic/metrics.json"
    other = finished / "data/07_model_output/tiny/domain/glove_8/search/metrics.json"
    seen = cell.stat().st_mtime_ns, other.stat().st_mtime_ns
    run_kedro("--env", "tiny", "--pipelines", "evaluate", "--tags", "topic", "--namespaces", "domain.glove_8")
    assert cell.stat().st_mtime_ns > seen[0] and other.stat().st_mtime_ns == seen[1]


def test_a_stage_whose_inputs_were_never_made_says_what_to_run(project: Path) -> None:
    done = run_kedro("--env", "tiny", "--pipelines", "evaluate", check=False)
    assert done.returncode != 0
    assert "--only-missing-outputs" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("methods.word2vec.window=0", "--params: methods.word2vec.window: Input should be greater than or equal to 1"),
        ("methods.glove.epochs=many", "--params: methods.glove.epochs: Input should be a valid integer"),
        ("decision.budgets.dollars=3", "dollars"),
    ],
)
def test_a_wrong_value_is_refused_before_any_node_runs(override: str, named: str, project: Path) -> None:
    done = run_kedro("--env", "tiny", "--params", override, check=False)
    assert done.returncode != 0
    assert named in done.stdout + done.stderr
    assert not (project / "data/03_primary").exists()


def test_a_hyper_parameter_of_the_command_line_reaches_the_training(finished: Path) -> None:
    run_kedro("--env", "tiny", "--namespaces", "domain.glove_8", "--params", "methods.glove.epochs=2")
    training = json.loads((finished / "data/06_models/tiny/domain/glove_8/training.json").read_text())
    assert len(training["series"]["loss"]) == 2


BAD_FILES = {
    "missing column": ("labels.csv", "words,label\na b c d,heart\n", ["labels.csv", "text"]),
    "empty label": ("labels.csv", "text,label\na b c d,heart\ne f g,\n", ["labels.csv, row 3", "label"]),
    "one class": ("labels.csv", "text,label\na b c d,heart\ne f g,heart\n", ["heart"]),
    "a class with one example": ("labels.csv", "text,label\n" + "a b,x\nc d,x\n" * 5 + "e f,y\n", ["'y'"]),
    "invalid UTF-8": ("labels.csv", b"text,label\na b c,heart\n\xff\xfe,skin\n", ["labels.csv", "UTF-8"]),
    "unknown passage": ("qrels.csv", "query_id,passage_id,relevance\nq0,nowhere,1\n", ["qrels.csv, row 2", "nowhere"]),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_bad_input_is_refused_before_any_training_and_nothing_half_written_stays(fault: str, project: Path) -> None:
    name, content, expected = BAD_FILES[fault]
    file = project / "data/01_raw/tiny" / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run_kedro("--env", "tiny", check=False)
    assert done.returncode != 0
    message = " ".join((done.stdout + done.stderr).split())
    assert all(part in message for part in expected), message[-1500:]
    assert not list(project.glob("data/06_models/tiny/domain"))
    # The first rows of a file show the others, and no corpus is read before those rows are.
    only_the_whole_shows = ("one class", "a class with one example", "unknown passage")
    assert fault in only_the_whole_shows or not list((project / "data").rglob("documents*"))
    assert not [path for path in (project / "data").rglob("*") if "part" in path.suffix or "scratch" in path.name]
