"""Results in an object store: whole objects by exact key, with copies here; a killed write leaves no mixed result."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.storage import copies, copy_space, object_store
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.copy_space import CACHE, MOST_GIGABYTES
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.object_log import ObjectLog
from emb_pipeline.storage.places import LocalPlace, StorePlace, find_place, read_small_file, write_small_file
from tests.object_server import KEYS, ObjectServer


@pytest.fixture(params=["memory", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a store of each kind."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/prefix"
    monkeypatch.setenv(CACHE, str(tmp_path / "copies"))
    return f"memory://{tmp_path.name}/prefix"


def write_folder(url: str, files: dict[str, str]) -> None:
    with find_place(url).write() as target, write_atomically(target) as folder:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)


def read_folder(url: str) -> dict[str, str]:
    with find_place(url).use() as folder:
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def move_to_new_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> Path:
    """An empty folder of copies, and nothing that this process remembers."""
    monkeypatch.setenv(CACHE, str(tmp_path / name))
    object_store._known.clear()
    return tmp_path / name


def test_a_folder_comes_back_on_another_machine(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"manifest.json": "{}", "model/weights": "w" * 1000, "empty": ""}
    place = find_place(f"{root}/encoder")
    assert isinstance(place, StorePlace) and not place.exists()
    write_folder(f"{root}/encoder", files)
    assert place.exists() and read_folder(f"{root}/encoder") == files
    copies_here = move_to_new_machine(monkeypatch, tmp_path)
    assert place.exists() and not copies_here.exists()
    assert read_folder(f"{root}/encoder") == files
    assert find_place(place.path) == place and place.path.is_relative_to(copies_here)


def test_what_is_here_is_not_downloaded_again(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(f"{root}/a", {"x": "1"})
    monkeypatch.setattr(copies, "download_object", lambda *_: pytest.fail("it is here"))
    assert read_folder(f"{root}/a") == {"x": "1"}


def test_a_newer_result_takes_the_place_of_the_copy(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(f"{bucket}/a", {"x": "1", "old": "1"})
    move_to_new_machine(monkeypatch, tmp_path)
    write_folder(f"{bucket}/a", {"x": "2"})
    monkeypatch.setenv(CACHE, str(tmp_path / "copies"))
    object_store._known.clear()
    assert read_folder(f"{bucket}/a") == {"x": "2"}


def test_files_beside_belong_to_the_result(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = find_place(f"{root}/vectors.arrow")
    with place.write(companions=("vectors.subwords.arrow",)) as path:
        path.write_text("vectors")
        path.with_name("vectors.subwords.arrow").write_text("n-grams")
    move_to_new_machine(monkeypatch, tmp_path)
    with place.use() as path:
        assert path.read_text() == "vectors" and path.with_name("vectors.subwords.arrow").read_text() == "n-grams"


def test_a_failure_takes_the_place_of_a_result_and_the_other_way_round(root: str) -> None:
    place, failed = find_place(f"{root}/a"), Failed("here", "why", {"embedding": "here"})
    write_folder(f"{root}/a", {"x": "1"})
    place.store_failure(failed)
    assert not place.exists() and place.failure() == failed
    with pytest.raises(DataError, match="is not there"), place.use():
        pass
    write_folder(f"{root}/a", {"x": "2"})
    assert place.exists() and place.failure() is None
    place.store_failure(failed)
    place.forget_failure()
    assert not place.exists() and place.failure() is None


def test_what_is_added_to_a_result_leaves_its_time(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = find_place(f"{root}/card")
    write_folder(f"{root}/card", {"manifest.json": "{}"})
    written_at = place.find_write_time()
    move_to_new_machine(monkeypatch, tmp_path)
    with place.use(), place.write(is_added_to=True) as folder:
        (folder / "mlflow.json").write_text("run")
    move_to_new_machine(monkeypatch, tmp_path, "third")
    assert read_folder(f"{root}/card") == {"manifest.json": "{}", "mlflow.json": "run"}
    assert place.find_write_time() == written_at


def test_damaged_objects_are_refused(bucket: str, object_server: ObjectServer, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(copies, "_WAIT_SECONDS", 0.01)
    write_folder(f"{bucket}/a", {"x": "1"})
    object_server.connect().pipe_file(f"{bucket}/a/x", b"2")
    move_to_new_machine(monkeypatch, tmp_path)
    with pytest.raises(DataError, match="damaged") as refused:
        read_folder(f"{bucket}/a")
    assert "make it again" in refused.value.remedy
    write_folder(f"{bucket}/a", {"x": "1"})
    assert read_folder(f"{bucket}/a") == {"x": "1"}


def test_an_entry_that_cannot_be_read_counts_as_missing(bucket: str, object_server: ObjectServer) -> None:
    write_folder(f"{bucket}/a", {"x": "1"})
    object_server.connect().pipe_file(f"{bucket}/a.entry.json", b"[1")
    object_store._known.clear()
    assert not find_place(f"{bucket}/a").exists()


class KillingStore:
    """A connection that ends this process before one of its writes: after the one before it."""

    def __init__(self, store: Any, at: int) -> None:
        self._store, self._at, self._n = store, at, 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name not in ("pipe_file", "put_file", "rm_file"):
            return call

        def counted(*arguments: Any, **options: Any) -> Any:
            self._n += 1
            if self._n == self._at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted


def is_killed(work: Callable[[], object], at: int) -> bool:
    """Do some work in a fork that is killed before a write; False where it ended before it came so far."""
    child = os.fork()
    if child == 0:
        try:
            connect, killing = object_store._connect, {}
            object_store._connect = lambda url: killing.setdefault("store", KillingStore(connect(url), at))
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_a_write_that_is_killed_anywhere_leaves_no_mixed_result_and_can_be_made_again(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = {"a": "1", "b": "1", "gone": "1"}, {"a": "2", "b": "2"}
    found = []
    for at in range(1, 20):
        url = f"{bucket}/{at}"
        write_folder(url, old)
        killed = is_killed(lambda url=url: write_folder(url, new), at)
        for machine in ("copies", "other"):  # the one that was killed, and one that has no copy
            monkeypatch.setenv(CACHE, str(tmp_path / machine))
            object_store._known.clear()
            found.append(read_folder(url) if find_place(url).exists() else None)
        write_folder(url, new)
        assert read_folder(url) == new
        if not killed:
            break
    # The entry goes, two files and the entry come, a file of the old result goes.
    assert found == [old] * 2 + [None] * 6 + [new] * 4


def test_no_request_lists_or_copies(bucket: str, object_server: ObjectServer, tmp_path: Path, monkeypatch: Any) -> None:
    write_folder(f"{bucket}/a/b", {"x": "1", "y/z": "2"})
    write_folder(f"{bucket}/a/b", {"x": "2"})
    find_place(f"{bucket}/never").exists()
    move_to_new_machine(monkeypatch, tmp_path)
    read_folder(f"{bucket}/a/b")
    write_small_file(find_place(f"{bucket}/small").path, "text")
    assert read_small_file(find_place(f"{bucket}/small").path) == "text"
    assert len(object_server.requests) > 10 and object_server.find_refused() == []


def test_large_files_go_in_parts(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_WHOLE_BYTES", 100)
    write_folder(f"{bucket}/a", {"x": "1" * 1000})
    move_to_new_machine(monkeypatch, tmp_path)
    assert read_folder(f"{bucket}/a") == {"x": "1" * 1000}


def test_the_longest_unused_copies_go_first_and_none_that_is_in_use(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_space, "_SCAN_AGAIN", 0.0)
    monkeypatch.setenv(MOST_GIGABYTES, "1")
    for name in "abcd":
        write_folder(f"{root}/{name}", {"x": name * 1000})
        os.utime(find_place(f"{root}/{name}").path.with_name(f".{name}.copy.json"), (ord(name), ord(name)))

    class Reader:
        """A value that reads from a copy."""

    reader = Reader()
    with find_place(f"{root}/a").use():
        find_place(f"{root}/a").keep_for(reader)
    os.utime(find_place(f"{root}/a").path.with_name(".a.copy.json"), (1, 1))
    monkeypatch.setenv(MOST_GIGABYTES, "2.5e-6")
    copy_space.make_room(0)
    here = [name for name in "abcd" if find_place(f"{root}/{name}").path.exists()]
    assert here == ["a", "d"]
    del reader
    gc.collect()
    monkeypatch.setenv(MOST_GIGABYTES, "1e-6")
    copy_space.make_room(0)
    assert [name for name in "abcd" if find_place(f"{root}/{name}").path.exists()] == ["d"]
    assert read_folder(f"{root}/b") == {"x": "b" * 1000}


def test_a_room_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOST_GIGABYTES, "much")
    with pytest.raises(DataError, match=f"{MOST_GIGABYTES}: is 'much'"):
        copy_space.make_room(0)


def test_machines_append_to_one_log(root: str) -> None:
    first, second = ObjectLog(f"{root}/log"), ObjectLog(f"{root}/log")
    assert list(first.read()) == [] and first.append(b"1")
    assert not second.append(b"2")
    assert list(second.read()) == [b"1"] and second.append(b"2")
    assert list(first.read()) == [b"2"]
    for number in range(3, 30):
        assert first.append(str(number).encode())
    assert [int(each) for each in ObjectLog(f"{root}/log").read()] == list(range(1, 30))
    first.start_here()
    assert list(ObjectLog(f"{root}/log").read()) == [b"29"]


@pytest.mark.parametrize("written", ["memory://b/p/x", "memory:/b/p/x", "MEMORY://b//p/x/", "memory:///b/p/x"])
def test_a_url_has_one_form(written: str) -> None:
    assert find_place(written) == StorePlace("memory://b/p/x")


def test_paths_are_local_places_and_other_urls_are_refused(tmp_path: Path) -> None:
    assert find_place("data/x") == LocalPlace(Path("data/x")) and find_place(tmp_path) == LocalPlace(tmp_path)
    with pytest.raises(DataError, match="no object store") as refused:
        find_place("https://example.org/x")
    assert "s3://" in refused.value.remedy


def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "is_library_installed", lambda library: False)
    with pytest.raises(DataError, match="needs adlfs, which is not installed; pip install 'emb_pipeline\\[azure\\]'"):
        find_place("abfs://container/x")


@pytest.mark.parametrize(("url", "remedy"), [("s3://no-such-bucket/a", "make its bucket first")])
def test_a_store_that_takes_nothing_is_an_error_with_a_way_out(bucket: str, url: str, remedy: str) -> None:
    with pytest.raises(DataError) as refused:
        write_folder(url, {"x": "1"})
    assert remedy in refused.value.remedy and KEYS["secret"] not in str(refused.value)


def test_a_store_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("s3fs")
    options = {**KEYS, "endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    monkeypatch.setenv(object_store.OPTIONS, json.dumps({**options, "retries": 1}))
    with pytest.raises(DataError, match="the store cannot be used"):
        find_place("s3://bucket/a").exists()
