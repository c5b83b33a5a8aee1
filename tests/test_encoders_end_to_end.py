"""Encoders in real Kedro sessions: trained here, continued, trained elsewhere, distilled; each text encoded once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.conftest import FILLER, TOPICS, run_kedro
from tests.test_end_to_end import newest, numbers

GRID = {
    "methods": {"word2vec": [8], "bert": [16]},
    "baselines": ["tfidf"],
    "controls": ["random_8"],
    "pretrained": {"small_16": {"method": "sentence_transformer", "options": {"path": "model", "query_prompt": "query "}}},
    "derived": {
        "domain.bert_adapted_16": {"method": "bert", "continue_from": "generic.bert_16"},
        "pretrained.small_distilled_8": {"method": "distilled", "teacher": "pretrained.small_16", "options": {"dims": 8}},
        "pretrained.small_setfit": {"method": "setfit", "of": "pretrained.small_16", "options": {"max_steps": 2}},
    },
    "fine_tune": [
        {"base": "domain.word2vec_8", "tasks": ["topic"]},
        {"base": "domain.bert_16", "tasks": ["topic", "terms"]},
        {"base": "domain.bert_16", "tasks": ["search"], "name": "paired", "evaluate_on": ["topic"]},
    ],
    "resampled": [],
    "tasks": ["topic", "search", "terms", "words"],
}
TERMS = {
    "kind": "sequence_labeling",
    "source": {"reader": "jsonl", "path": "data/01_raw/tiny/terms.jsonl", "split": "split"},
    "evaluation": {
        "label_draws": 2,
        "label_counts": [10, 20, 40],
        "training_draws": 2,
        "log10_c_low": 0,
        "log10_c_high": 2,
        "widen_decades": 1,
        "tolerance": 1e-3,
    },
}
WORDS = {
    "kind": "token_classification",
    "source": {
        "reader": "conllu",
        "path": "data/01_raw/tiny",
        "splits": {"train": "train.conllu", "test": "test.conllu"},
    },
    "evaluation": {name: value for name, value in TERMS["evaluation"].items() if not name.startswith("label_")},
}
TUNED = {
    "domain.word2vec_8_tuned_topic": "domain.word2vec_8",
    "domain.bert_16_tuned_topic": "domain.bert_16",
    "domain.bert_16_tuned_terms": "domain.bert_16",
    "domain.bert_16_paired_search": "domain.bert_16",
}
BERT = {"layers": 1, "heads": 2, "vocabulary": 300, "max_length": 32, "batch_size": 8, "max_tokens": 20_000}
TRAINED = {"domain.bert_16", "generic.bert_16", "domain.bert_adapted_16"}
ELSEWHERE = {"pretrained.small_16", "pretrained.small_distilled_8"}


@pytest.fixture(scope="module")
def with_encoders(project_template: Path, tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny use case with encoders in its grid, not yet run."""
    root = tmp_path_factory.mktemp("encoders") / "project"
    shutil.copytree(project_template, root, symlinks=True)
    shutil.copytree(tiny_transformer, root / "model")
    conf = root / "conf" / "tiny"
    plan = yaml.safe_load((conf / "globals.yml").read_text())
    options = yaml.safe_load((conf / "parameters_tiny.yml").read_text())
    GRID["pretrained"]["small_16"]["options"]["path"] = str(root / "model")
    (conf / "globals.yml").write_text(yaml.safe_dump({**plan, "grid": {**plan["grid"], **GRID}}))
    tuning = {"fine_tuned_encoder": {"epochs": 2, "learning_rate": 1e-3}, "fine_tuned_vectors": {"learning_rates": [1e-2]}}
    options["task_definitions"] |= {"terms": TERMS, "words": WORDS}
    options["task_definitions"]["search"]["source"]["split"] = "part"
    (conf / "parameters_tiny.yml").write_text(yaml.safe_dump({**options, "methods": {"bert": BERT, **tuning}}))
    raw = root / "data/01_raw/tiny"
    queries = (raw / "queries.csv").read_text().splitlines()
    rows = [f"{row},{'test' if number % 2 else 'train'}" for number, row in enumerate(queries[1:])]
    (raw / "queries.csv").write_text("\n".join([f"{queries[0]},part", *rows]) + "\n")
    rng = np.random.default_rng(4)
    parts = {part: (raw / f"{part}.conllu").open("w") for part in ("train", "test")}
    with (raw / "terms.jsonl").open("w") as file, parts["train"], parts["test"]:
        for number in range(80):
            topic = str(rng.choice(list(TOPICS)))
            tokens = [*rng.choice(FILLER, 3).tolist(), str(rng.choice(TOPICS[topic])), *rng.choice(FILLER, 2).tolist(), "."]
            row = {
                "tokens": tokens,
                "tags": ["O"] * 3 + [f"B-{topic}"] + ["O"] * 3,
                "split": "test" if number % 4 == 0 else "train",
            }
            file.write(json.dumps(row) + "\n")
            tags = ["PUNCT" if word == "." else "TOPIC" if word in TOPICS[topic] else "OTHER" for word in tokens]
            columns = (f"{at}\t{word}\t_\t{tag}" for at, (word, tag) in enumerate(zip(tokens, tags, strict=True), 1))
            parts[str(row["split"])].write("".join(f"{each}\t_\t_\t0\troot\t_\t_\n" for each in columns) + "\n")
    return root


@pytest.fixture(scope="module")
def run(with_encoders: Path) -> Path:
    """The same, run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(with_encoders)
        run_kedro("--env", "tiny")
    return with_encoders


def shards(root: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in (root / "data/04_feature/encodings").glob("*/*.arrow")}


@pytest.mark.slow
def test_every_encoder_is_evaluated_on_every_task(run: Path) -> None:
    board = newest(run, "leaderboard").query("primary")
    assert set(board["task"]) == {"topic", "search", "terms", "words"}
    assert set(board.query("task == 'words'")["metric"]) == {"accuracy"}
    for _, rows in board.groupby("task"):
        assert set(rows["embedding"]) >= TRAINED | ELSEWHERE
    encoders = board[board["embedding"].isin(TRAINED | ELSEWHERE) & ~board["task"].isin(["terms", "words"])]
    assert (encoders["encode_seconds"] > 0).all() and (encoders["bytes_per_item"] == 4 * encoders["dim"]).all()
    assert (board.loc[board["embedding"].isin(TRAINED), "train_seconds"] > 0).all()


@pytest.mark.slow
def test_tagging_has_a_learning_curve_where_one_is_asked_for(run: Path) -> None:
    curves = newest(run, "learning_curves").query("task == 'terms'")
    assert set(curves["embedding"]) >= TRAINED and (curves["n_labels"].unique() == [10, 20, 40, 60]).all()
    assert set(curves.query("n_labels < 60")["draws"]) == {2} and curves["fitted"].notna().all()
    board = newest(run, "leaderboard").query("task == 'terms' and metric == 'f1'").set_index("embedding")["value"]
    for row in curves.query("n_labels == 60").itertuples():
        assert row.value == pytest.approx(board[row.embedding])
    page = (run / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "is best with all 60 labelled sentences" in page and "labelled sentences learnt from (log scale)" in page
    assert "TF-IDF</span> had all of the task’s training texts to be fitted on, those without a label, too" in page


@pytest.mark.slow
def test_what_further_training_and_distillation_change_is_tested(run: Path) -> None:
    effects = newest(run, "effects").query("factor != 'corpus'")
    pairs = set(zip(effects["factor"], effects["embedding_a"], effects["embedding_b"], strict=True))
    assert pairs == {
        ("further_training", "domain.bert_adapted_16", "generic.bert_16"),
        ("distillation", "pretrained.small_distilled_8", "pretrained.small_16"),
        ("few_shot_tuning", "pretrained.small_setfit", "pretrained.small_16"),
        *(("fine_tuning", tuned, base) for tuned, base in TUNED.items()),
    }
    board = newest(run, "leaderboard").query("primary").set_index(["task", "embedding"])["value"]
    for row in effects.itertuples():
        assert row.difference == pytest.approx(board[row.task, row.embedding_a] - board[row.task, row.embedding_b])
    page = (run / "data/08_reporting/tiny/latest/report.html").read_text()
    assert "Trained further on another corpus" in page and "Distilled into static vectors" in page


@pytest.mark.slow
def test_an_encoder_that_is_tuned_on_few_labels_has_the_same_curve_as_the_others_and_no_other_task(run: Path) -> None:
    curves = newest(run, "learning_curves").query("task == 'topic'").groupby("embedding")["n_labels"].apply(list)
    assert curves["pretrained.small_setfit"] == curves["pretrained.small_16"] == curves["task.tfidf"]
    board = newest(run, "leaderboard").query("primary and embedding == 'pretrained.small_setfit'")
    assert board["task"].tolist() == ["topic"] and board["failed"].isna().all()


@pytest.mark.slow
def test_tuned_embeddings_stand_beside_their_bases_on_their_own_task_and_on_others(run: Path) -> None:
    board = newest(run, "leaderboard").query("primary")
    assert set(board.loc[board["tuned"], "embedding"]) == set(TUNED)
    value = board.set_index(["task", "embedding"])["value"]
    assert value["topic", "domain.word2vec_8_tuned_topic"] >= value["topic", "domain.word2vec_8"] - 0.05
    assert ("search", "domain.bert_16_tuned_topic") in value.index  # what has it forgotten?
    assert ("terms", "domain.bert_16_paired_search") not in value.index  # evaluate_on
    assert (board.loc[board["tuned"], "train_seconds"] > 0).all()
    effects = newest(run, "effects").query("factor == 'fine_tuning'")
    assert {"topic", "search", "terms", "words"} == set(effects["task"])
    assert "Fine-tuned on a task" in (run / "data/08_reporting/tiny/latest/report.html").read_text()


@pytest.mark.slow
def test_losses_and_perplexity_reach_mlflow(run: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{run / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("emb/train")
    runs = {each.info.run_name: each for each in client.search_runs([experiment.experiment_id])}
    adapted = runs["domain.bert_adapted_16"]
    curve = [point.value for point in client.get_metric_history(adapted.info.run_id, "loss")]
    assert len(curve) > 5 and curve[-1] < curve[0]
    assert adapted.data.metrics["perplexity"] < adapted.data.metrics["perplexity_before"]


@pytest.mark.slow
def test_a_later_run_encodes_no_text_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run)
    before, found = shards(run), numbers(run)
    run_kedro("--env", "tiny", "--pipelines", "evaluate,report")
    assert shards(run) == before and before
    pd.testing.assert_frame_equal(numbers(run), found)


@pytest.mark.slow
def test_worker_processes_find_the_same(
    run: Path, with_encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    shutil.copytree(with_encoders, root, symlinks=True, ignore=shutil.ignore_patterns("0[2-8]_*", "mlflow.db"))
    monkeypatch.chdir(root)
    run_kedro("--env", "tiny", "--runner", "ParallelRunner", "--runner-params", "max_workers=2")
    pd.testing.assert_frame_equal(numbers(root), numbers(run))


@pytest.mark.slow
def test_a_broken_model_is_refused_before_anything_is_trained(
    with_encoders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "project"
    shutil.copytree(with_encoders, root, symlinks=True, ignore=shutil.ignore_patterns("0[2-8]_*", "mlflow.db"))
    plan = yaml.safe_load((root / "conf/tiny/globals.yml").read_text())
    plan["grid"]["pretrained"]["small_16"]["options"]["path"] = str(root / "model")
    (root / "conf/tiny/globals.yml").write_text(yaml.safe_dump(plan))
    (root / "model" / "model.safetensors").rename(root / "model" / "pytorch_model.bin")
    monkeypatch.chdir(root)
    done = run_kedro("--env", "tiny", check=False)
    assert done.returncode and "keeps its weights as pickles" in done.stdout + done.stderr
    assert not list((root / "data/06_models").rglob("*.arrow"))
