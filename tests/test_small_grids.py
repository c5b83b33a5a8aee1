"""Grids of any shape run to their end: no corpus, one embedding, no baseline, no control, nothing that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.datasets.tables import TablesDataset
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.model import CorpusOptions, Folders
from emb_pipeline.hooks.failed_cells import FailedCellsError
from emb_pipeline.pipelines.ingest.nodes import tokenize_corpus
from emb_pipeline.text.held_out import HELD_OUT
from tests.conftest import TOPICS


def _run(project: Path, grid: dict[str, Any], *, only_missing: bool = False, **parameters: Any) -> pd.DataFrame:
    """The leaderboard of a use case with this grid, run in this process."""
    raw = project / "data" / "01_raw" / "tiny"
    (raw / "glove.txt").write_text("heart 1 0 0\nskin 0 1 0\nlung 0 0 1\n")
    path = project / "conf" / "tiny" / "globals.yml"
    path.write_text(yaml.safe_dump({"use_case": "tiny", "grid": grid}))
    quick = {
        "report": {"resamples": 100, "permutations": 99},
        "evaluation": {"classification": {"label_draws": 0, "latency_requests": 0}},
        "vector_search": {"indexes": []},
        **parameters,
    }
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session:
        try:
            session.run(only_missing_outputs=only_missing)
        finally:
            folder = project / "data" / "08_reporting" / "tiny" / "leaderboard.parquet"
            newest = sorted(folder.iterdir())[-1]
    return pd.read_parquet(newest / "leaderboard.parquet")


def _page(project: Path, use_case: str = "tiny") -> str:
    page = (project / "data" / "08_reporting" / use_case / "latest" / "report.html").read_text()
    return " ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def test_one_pretrained_embedding_without_a_corpus_has_nothing_to_be_compared_with(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrained = {"glove_3": {"options": {"path": "data/01_raw/tiny/glove.txt", "format": "glove_text"}}}
    board = _run(project, {"corpora": [], "pretrained": pretrained, "tasks": ["topic"]})
    assert set(board["embedding"]) == {"pretrained.glove_3"}
    page, console = _page(project), capsys.readouterr().out
    assert "It is the only embedding on this task: there is nothing to compare it with." in page
    assert "No embedding is shown to be better than the largest class." in " ".join(console.split())
    assert "topic class by class" in page and "topic: confusion table" in page
    results = project / "data" / "07_model_output" / "tiny" / "pretrained" / "glove_3" / "topic"
    predicted = pd.read_parquet(results / "predicted.parquet")
    assert len(predicted) == 150 and set(predicted["label"]) == {"heart", "skin", "lung"}
    assert "no difference between embeddings" not in page and "1.000" not in page


@pytest.mark.parametrize(
    ("grid", "evaluated"),
    [
        ({"controls": ["random_8"], "tasks": ["search"]}, {"control.random_8"}),
        ({"baselines": ["bm25"], "controls": ["shuffled_tfidf"], "tasks": ["search"]}, {"task.bm25"}),
    ],
)
def test_controls_alone_and_origins_that_no_task_asks_for(grid: Any, evaluated: set[str], project: Path) -> None:
    assert set(_run(project, grid)["embedding"]) == evaluated


def test_where_every_cell_fails_there_is_a_report_of_that(project: Path) -> None:
    grid = {"baselines": ["one_hot"], "tasks": ["topic"]}
    with pytest.raises(FailedCellsError, match=r"task.one_hot on topic: .*lower min_df"):
        _run(project, grid, methods={"one_hot": {"min_df": 1000}})
    assert "1 embedding failed ( one-hot )" in _page(project)


@pytest.mark.parametrize(
    ("held_out", "reason"),
    [
        (["Heart and skin."], "tasks are tested on all of its 1 sentences; .*name the column split"),
        ([], "no token to write; check which files and which column"),
    ],
)
def test_a_corpus_of_nothing_but_tested_texts_is_refused(held_out: list[str], reason: str, tmp_path: Path) -> None:
    folders = Folders(raw=tmp_path, scratch=tmp_path, project=tmp_path, encodings=tmp_path, models=tmp_path)
    task = {HELD_OUT: pa.table({"text": pa.array(held_out, pa.string())})}
    with pytest.raises(DataError, match=f"a corpus: .*{reason}"):
        tokenize_corpus([("d1", held_out[0] if held_out else "…")], CorpusOptions(), folders, 1, task)


def test_methods_without_a_corpus_and_tasks_without_an_embedding_are_refused() -> None:
    with pytest.raises(ValueError, match=r"methods \(word2vec\) are trained on corpora, and corpora: is empty"):
        expand_grid({"methods": {"word2vec": [8]}, "baselines": ["tfidf"], "tasks": ["topic"]}, {})
    with pytest.raises(ValueError, match="there is no embedding"):
        expand_grid({"tasks": ["topic"]}, {})
    grid = {"baselines": ["tfidf"], "tasks": ["topic", "names"]}
    parameters = {
        "use_case": "x",
        "grid": grid,
        "corpora": {},
        "tasks": {"topic": {"kind": "classification"}, "names": {"kind": "sequence_labeling"}},
        "embeddings": expand_grid(grid, {}),
    }
    with pytest.raises(ValueError, match=r"no embedding can be evaluated on names .*add one of baselines: .*token_features"):
        build_experiment(parameters)


def test_another_domain_and_exchanged_words_are_in_tables_and_on_the_page(project: Path) -> None:
    own = {"reader": "csv", "path": "data/01_raw/tiny/labels.csv", "label": "label"}
    rows = pd.read_csv(project / own["path"])
    other = project / "data" / "01_raw" / "tiny" / "other.csv"
    rows.assign(text="elsewhere " + rows["text"], label=rows["label"].str.upper()).to_csv(other, index=False)
    train, test = {**own, "sample": {"high": 0.6}}, {**own, "sample": {"low": 0.6}}
    elsewhere = {**own, "path": "data/01_raw/tiny/other.csv"}
    swaps = {"topics": list(zip(TOPICS["heart"], TOPICS["skin"], strict=False)), "absent": [["xxx", "www"]]}
    evaluation = {"label_draws": 0, "latency_requests": 0, "swaps": swaps}
    names = {label: label.lower() for label in rows["label"].str.upper().unique()}
    tasks = {
        "within": {"reader": "transfer", "train": train, "test": test},
        "across": {"reader": "transfer", "train": train, "test": elsewhere, "test_labels": names},
    }
    board = _run(
        project,
        {"baselines": ["tfidf"], "controls": ["random_8"], "tasks": list(tasks)},
        task_definitions={
            name: {"kind": "classification", "source": source, "evaluation": evaluation} for name, source in tasks.items()
        },
        report={"resamples": 100, "permutations": 99, "transfers": [{"within": "within", "across": "across"}]},
    )
    scored = board[board["metric"] == "changed_topics"]
    assert len(scored) == 4 and scored.set_index("embedding")["value"]["task.tfidf"].min() > 0.5
    assert scored["ci_low"].notna().all() and scored["letters"].isna().all()
    assert set(board.loc[board["metric"] == "swapped_absent", "value"]) == {0}
    folder = project / "data" / "08_reporting" / "tiny" / "transfers.parquet"
    transfers = pd.read_parquet(sorted(folder.iterdir())[-1] / "transfers.parquet")
    assert set(transfers["embedding"]) == {"task.tfidf", "control.random_8"} and transfers["same_training"].all()
    values = board[board["primary"]].set_index(["task", "embedding"])["value"]
    for row in transfers.to_dict("records"):
        assert row["change"] == pytest.approx(values["across", row["embedding"]] - values["within", row["embedding"]])
    page = _page(project)
    assert "What is lost on texts of another domain?" in page and "0 test texts have such a word: too few" in page
    assert "within: topics" in page


def _write_purchases(folder: Path) -> dict[str, Any]:
    """Write what 60 users of two cities took, each mostly that of the own city, without times; and give the source."""
    rng = np.random.default_rng(0)
    taken = [
        f"u{user},i{item}"
        for user in range(60)
        for item in rng.choice(40, size=9, replace=False, p=np.where(np.arange(40) % 2 == user % 2, 9, 1) / 200).tolist()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "taken.csv").write_text("\n".join(["user,item", *taken]))
    (folder / "users.csv").write_text("\n".join(["user,city", *(f"u{user},{'AB'[user % 2]}" for user in range(60))]))
    lines = [f"i{item},{('tea', 'beer')[item % 2]} number {item},{('hot', 'cold')[item % 2]}" for item in range(40)]
    (folder / "items.csv").write_text("\n".join(["item,title,served", *lines]))
    here = "data/01_raw/tiny/purchases"
    return {
        "reader": "interactions",
        "path": f"{here}/taken.csv",
        "split": "leave_random",
        "users": {"file": f"{here}/users.csv", "attributes": {"city": {}}},
        "items": {"file": f"{here}/items.csv", "attributes": {"served": {}}},
        "text": "title",
        "core": 2,
    }


@pytest.mark.slow
def test_purchases_without_times_are_recommended_and_the_page_says_what_vectors_carry(project: Path) -> None:
    source = _write_purchases(project / "data" / "01_raw" / "tiny" / "purchases")
    tasks = {"next": {"kind": "recommendation", "source": source}}
    baselines = ["popularity", "ease", "lsa_4", "item2vec_4", "ease_attributes", "user_attributes"]
    grid = {"corpora": [], "baselines": baselines, "tasks": ["next"]}
    board = _run(project, grid, task_definitions=tasks).query("metric == 'ndcg@10'").set_index("embedding")["value"]
    assert (
        board["task.user_attributes"] > board["task.popularity"] and board["task.ease_attributes"] > board["task.popularity"]
    )
    page = _page(project)
    assert "What vectors of users and items carry" in page and "city of 60 users, one value against the other" in page
    assert "test interactions that a hash drew, for there are no times" in page
    tables = TablesDataset(filepath=str(project / "data/07_model_output/tiny/user_item_vectors/next")).load()
    assert tables["task.item2vec_4.users"].num_rows == 60 and "task.ease.users" not in tables
    probes = tables["attribute_probes"].to_pandas().set_index(["side", "embedding"])["auroc"]
    assert probes["user", "task.item2vec_4"] > 0.8 > abs(probes["user", "number of interactions"] - 0.5) + 0.4
