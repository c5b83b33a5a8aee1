"""A chat model makes queries of passages: each answer is paid once, and what cannot be a query is left out and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.retrieval.formats.made_queries import FOLDER
from emb_pipeline.tasks.retrieval.reader import RetrievalReader
from emb_pipeline.tasks.retrieval.task import RetrievalTask, find_asked_passages
from tests.tasks.retrieval.chat_server import ChatService

SOURCE: TypeAdapter[Any] = TypeAdapter(RetrievalReader.source_type)
NAMES = [f"{first}{second}" for first in "bcdfgh" for second in ("ada", "ede", "idi", "odo")]


@pytest.fixture
def service() -> Iterator[ChatService]:
    started = ChatService().start()
    yield started
    started.stop()


def write_passages(folder: Path, names: list[str] = NAMES) -> None:
    (folder / "docs").mkdir(exist_ok=True)
    for name in names:
        (folder / f"docs/{name}.md").write_text(f"{name} is the first word of many, and the last one is x{name}.")


def read(folder: Path, service: ChatService, endpoint: dict[str, Any] | None = None, **options: Any) -> dict[str, pa.Table]:
    given = {
        "reader": "made_queries",
        "passages": {"reader": "documents", "path": "docs"},
        "endpoint": {"base_url": service.url, "model": "tiny", "retries": 0, **(endpoint or {})},
        **options,
    }
    return RetrievalReader().read(SOURCE.validate_python(given), folder / "raw", folder, "made")


def counts(tables: dict[str, pa.Table]) -> dict[str, int]:
    return {row["check"]: row["count"] for row in RetrievalReader().audit(tables).to_pylist()}


def answers(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in (folder / "raw" / FOLDER).glob("*.jsonl") for line in file.read_text().splitlines()]


def test_each_query_is_answered_by_the_passage_that_it_was_made_of(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    tables = read(tmp_path, service)
    task = RetrievalTask.from_tables(tables)
    passage_of = find_asked_passages(tables)
    assert len(task.queries) == 2 * len(NAMES) and task.groups is not None
    for query_id, query, group in zip(task.query_ids, task.queries, task.groups, strict=True):
        assert passage_of[query_id] == group and group.removesuffix(".md") in query
    assert counts(tables)["groups"] == len(NAMES)
    body = service.bodies[0]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("tiny", 300, 0.0)


def test_no_answer_is_paid_twice_and_each_is_kept_with_its_prompt(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    first = read(tmp_path, service)
    again = read(tmp_path, service)
    assert len(service.prompts) == len(NAMES) and again["queries"].equals(first["queries"])
    kept = answers(tmp_path)
    assert {row["passage_id"] for row in kept} == {f"{name}.md" for name in NAMES}
    assert all("{passage}" in row["prompt"] and len(row["prompt_hash"]) == 64 and row["answer"] for row in kept)
    write_passages(tmp_path, ["new"])
    read(tmp_path, service)
    assert len(service.prompts) == len(NAMES) + 1 and "new is the first word" in service.prompts[-1]
    read(tmp_path, service, prompt="Other words.\n\n{passage}")
    assert len(service.prompts) == 2 * (len(NAMES) + 1)


def test_what_was_answered_before_an_error_is_kept_whatever_a_kill_left_unfinished(
    tmp_path: Path, service: ChatService
) -> None:
    write_passages(tmp_path)
    service.answers_left = 5
    with pytest.raises(DataError, match="no more today"):
        read(tmp_path, service, {"concurrency": 1})
    assert len(answers(tmp_path)) == 5
    (file,) = (tmp_path / "raw" / FOLDER).glob("*.jsonl")
    file.write_text(file.read_text() + '{"passage_id": "cut')
    service.answers_left = None
    assert read(tmp_path, service)["queries"].num_rows == 2 * len(NAMES)
    assert len(service.prompts) == len(NAMES)


def test_what_cannot_be_a_query_is_left_out_and_counted(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    lines = {
        NAMES[0]: "Why?",
        NAMES[1]: "- What does the passage say about it?",
        NAMES[2]: f"{NAMES[2]} is the first word of many and the last",
        NAMES[3]: "Is this asked of two?",
        NAMES[4]: "is this asked of two",
        NAMES[5]: "What comes twice?\nWhat comes twice?",
        NAMES[6]: "",
    }
    service.answer = lambda prompt: lines.get(prompt.split("\n\n")[1].split()[0], f'"Where is {hash(prompt)} kept?"')
    tables = read(tmp_path, service)
    found = counts(tables)
    assert {name: found[name] for name in found if name.startswith(("made_", "passages_without"))} == {
        "passages_without_made_query": 1,
        "made_short": 1,
        "made_naming_the_passage": 1,
        "made_copied": 1,
        "made_duplicates": 3,
    }
    assert "What comes twice?" in tables["queries"]["text"].to_pylist()
    assert not any(text.startswith(('"', "-")) for text in tables["queries"]["text"].to_pylist())
    assert tables["passages"].num_rows == len(NAMES)


def test_passages_are_drawn_by_seed_and_those_of_real_queries_are_added(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    drawn = {seed: set(find_asked_passages(read(tmp_path, service, max_passages=6, seed=seed)).values()) for seed in (0, 1)}
    assert len(drawn[0]) == len(drawn[1]) == 6 and drawn[0] != drawn[1]
    other = next(f"{name}.md" for name in NAMES if f"{name}.md" not in drawn[0])
    (tmp_path / "qrels.csv").write_text(f"query_id,passage_id\nq1,{other}\n")
    tables = read(tmp_path, service, max_passages=6, also_for="qrels.csv")
    assert set(find_asked_passages(tables).values()) == {*drawn[0], other}
    (tmp_path / "qrels.csv").write_text("query_id,passage_id\nq1,nowhere.md\n")
    with pytest.raises(DataError, match=r"qrels\.csv, row 2: passage 'nowhere\.md' is not in docs"):
        read(tmp_path, service, max_passages=6, also_for="qrels.csv")


def test_the_key_is_sent_and_written_nowhere(tmp_path: Path, service: ChatService, monkeypatch: pytest.MonkeyPatch) -> None:
    write_passages(tmp_path)
    service.key = "sk-never-to-be-seen"
    with pytest.raises(DataError, match="is not set"):
        read(tmp_path, service, {"key": "CHAT_KEY"})
    monkeypatch.setenv("CHAT_KEY", service.key)
    read(tmp_path, service, {"key": "CHAT_KEY"})
    assert all(service.key not in file.read_text() for file in (tmp_path / "raw").rglob("*") if file.is_file())


def test_a_budget_stops_before_it_is_exceeded(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    money = {"price_per_million_tokens": 100, "budget_usd": 0.1, "concurrency": 1}
    with pytest.raises(DataError, match="budget"):
        read(tmp_path, service, money)
    assert 0 < len(service.prompts) < len(NAMES)


def test_an_answer_without_text_and_a_model_without_queries_are_refused(tmp_path: Path, service: ChatService) -> None:
    write_passages(tmp_path)
    service.answer = lambda prompt: {"choices": []}
    with pytest.raises(DataError, match="without choices"):
        read(tmp_path, service)
    service.answer = lambda prompt: "No."
    with pytest.raises(DataError, match=f"made_short {len(NAMES)}"):
        read(tmp_path, service)


def test_a_prompt_without_its_passage_is_refused(tmp_path: Path, service: ChatService) -> None:
    with pytest.raises(ValidationError, match="where the passage is to be filled in"):
        read(tmp_path, service, prompt="Write something.")
