"""A text is encoded once per encoder, whatever asks for it."""

from __future__ import annotations

import multiprocessing
import platform
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.encodings import store
from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.storage import vector_rows


class CountingEncoder:
    """Each text's length and first letter; counts how often each text was encoded."""

    dim = 2

    def __init__(self, prompts: dict[str, str] | None = None, fails_after: int | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._prompts, self._left = prompts or {}, fails_after

    def encode(self, texts: Sequence[str], role: str = "passage") -> np.ndarray:
        if self._left is not None:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
        self.counts.update(texts)
        prompt = self._prompts.get(role, "")
        return np.array([[len(prompt + text), ord((prompt + text + " ")[0])] for text in texts], dtype=np.float32)

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        return [self.encode(sentence) for sentence in sentences]

    def fingerprint(self, role: str = "passage") -> str:
        return f"{'-'.join(self._prompts.get(role, '-').split())}-counting".ljust(32, "0")


TEXTS = [f"text number {number}" for number in range(100)]


def vectors_of(texts: Sequence[str]) -> np.ndarray:
    return CountingEncoder().encode(texts)


def test_a_text_is_encoded_once_over_calls_objects_and_repetitions(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    for texts in (TEXTS[:60], TEXTS[40:], TEXTS[::-1], ["new", *TEXTS, "new"], []):
        stored = StoredEncoder(encoder, tmp_path, rows_per_shard=16)
        np.testing.assert_array_equal(stored.encode(texts), vectors_of(texts).reshape(-1, 2))
    assert set(encoder.counts.values()) == {1} and len(encoder.counts) == 101


def test_a_later_run_encodes_nothing(tmp_path: Path) -> None:
    StoredEncoder(CountingEncoder(), tmp_path).encode(TEXTS)
    later = CountingEncoder()
    np.testing.assert_array_equal(StoredEncoder(later, tmp_path).encode(TEXTS), vectors_of(TEXTS))
    assert not later.counts


def test_another_prompt_is_another_text(tmp_path: Path) -> None:
    encoder = CountingEncoder(prompts={"query": "find "})
    stored = StoredEncoder(encoder, tmp_path)
    as_query, as_passage = stored.encode(["a"], role="query"), stored.encode(["a"])
    assert encoder.counts["a"] == 2 and as_query.tolist() != as_passage.tolist()


def test_a_killed_run_goes_on_at_the_next_shard(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        StoredEncoder(CountingEncoder(fails_after=3), tmp_path, rows_per_shard=16).encode(TEXTS)
    later = CountingEncoder()
    np.testing.assert_array_equal(StoredEncoder(later, tmp_path, rows_per_shard=16).encode(TEXTS), vectors_of(TEXTS))
    assert sum(later.counts.values()) == 100 - 3 * 16


def test_a_vector_costs_what_it_took_when_it_was_computed_and_costs_it_once(tmp_path: Path) -> None:
    class Slow(CountingEncoder):
        def encode(self, texts: Sequence[str], role: str = "passage") -> np.ndarray:
            time.sleep(0.2)
            return super().encode(texts, role)

    def seconds(store: Path, *calls: Sequence[str]) -> float:
        with EncodingClock() as clock:
            for texts in calls:
                StoredEncoder(Slow(), store, rows_per_shard=50).encode(texts)
        return clock.seconds

    fresh = seconds(tmp_path / "a", TEXTS)  # two shards
    assert fresh == pytest.approx(0.4, abs=0.15)
    assert seconds(tmp_path / "a", TEXTS) == pytest.approx(fresh, abs=0.15)
    assert seconds(tmp_path / "a", *[TEXTS] * 5) == pytest.approx(fresh, abs=0.15)  # folds
    halves = [seconds(tmp_path / "a", part) for part in (TEXTS[:50], TEXTS[50:])]
    assert sum(halves) == pytest.approx(fresh, abs=0.15) and min(halves) > 0.05


def _encode(root: Path, texts: list[str], counted: multiprocessing.Queue) -> None:
    encoder = CountingEncoder()
    StoredEncoder(encoder, root, rows_per_shard=4).encode(texts)
    counted.put(sum(encoder.counts.values()))


@pytest.mark.slow
def test_two_processes_share_the_work(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    counted = context.Queue()
    processes = [context.Process(target=_encode, args=(tmp_path, texts, counted)) for texts in (TEXTS, TEXTS[::-1])]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert counted.get() + counted.get() == 100
    assert not list(tmp_path.glob("*/.claim*"))


def test_large_results_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_rows, "_IN_MEMORY_BYTES", 100)
    vectors = StoredEncoder(CountingEncoder(), tmp_path).encode(TEXTS)
    assert isinstance(vectors, np.memmap)
    np.testing.assert_array_equal(vectors, vectors_of(TEXTS))


def _encode_for_ever(root: Path, started: Any) -> None:
    class Slow(CountingEncoder):
        def encode(self, texts: Sequence[str], role: str = "passage") -> np.ndarray:
            started.set()
            time.sleep(600)
            raise AssertionError

    StoredEncoder(Slow(), root).encode(TEXTS)


def test_what_a_killed_process_was_at_is_encoded_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=_encode_for_ever, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    # While it runs it is waited for, by its name; once it is gone nothing but its lock tells so.
    monkeypatch.setattr(store, "_SAY_AFTER_SECONDS", 0.0)
    waiting = threading.Thread(target=lambda: StoredEncoder(CountingEncoder(), tmp_path).encode(TEXTS[:5]))
    waiting.start()
    deadline = time.monotonic() + 30
    while "vectors of 5 texts from process" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.05)
    assert f"from process {process.pid} on {platform.node()}, which is encoding 100 texts" in caplog.text
    process.kill()
    process.join()
    waiting.join(30)
    assert not waiting.is_alive()
    np.testing.assert_array_equal(StoredEncoder(CountingEncoder(), tmp_path).encode(TEXTS), vectors_of(TEXTS))
    assert not list(tmp_path.glob("*/.claim*"))


def test_a_process_that_stands_still_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_PATIENCE_SECONDS", 0.3)
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=_encode_for_ever, args=(tmp_path, started))
    process.start()
    assert started.wait(60)
    np.testing.assert_array_equal(StoredEncoder(CountingEncoder(), tmp_path).encode(TEXTS), vectors_of(TEXTS))
    process.kill()
    process.join()


def test_a_damaged_shard_and_one_without_a_checksum_are_encoded_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StoredEncoder(CountingEncoder(), tmp_path, rows_per_shard=25).encode(TEXTS)
    first, second, third, _ = sorted(tmp_path.glob("*/*.arrow"))
    flipped = bytearray(first.read_bytes())
    flipped[-700] ^= 4
    first.write_bytes(flipped)
    second.write_bytes(second.read_bytes()[:500])
    table = pa.ipc.open_file(pa.py_buffer(third.read_bytes())).read_all().replace_schema_metadata(None)
    with pa.OSFile(str(third), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    later = CountingEncoder()
    np.testing.assert_array_equal(StoredEncoder(later, tmp_path).encode(TEXTS), vectors_of(TEXTS))
    assert sum(later.counts.values()) == 75
    for path, reason in ((first, "is damaged"), (second, "is damaged|is not a complete"), (third, "carries no checksum")):
        assert re.search(rf"{re.escape(str(path))}: ({reason})[^\n]*its texts are encoded again", caplog.text)
