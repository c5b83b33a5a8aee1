"""Vectors of texts that machines share: what one has encoded, no other one encodes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.storage import object_store, shared_shards
from emb_pipeline.storage.copies import find_copy
from emb_pipeline.storage.copy_space import CACHE
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts
from tests.object_server import ObjectServer


@pytest.fixture
def machines(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folder of one encoder on three machines."""
    folders = []
    for name in ("one", "two", "three"):
        monkeypatch.setenv(CACHE, str(tmp_path / name))
        folders.append(find_copy(f"{bucket}/04_feature/encodings/abc"))
    return folders


def open_on(machine: Path, monkeypatch: pytest.MonkeyPatch) -> VectorShards:
    monkeypatch.setenv(CACHE, str(Path(*machine.parts[: machine.parts.index("s3")])))
    object_store._known.clear()
    return VectorShards(machine, 2)


def add(shards: VectorShards, *texts: str) -> None:
    vectors = np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32)
    shards.add(hash_texts(texts), vectors, np.ones(len(texts)))


def test_a_machine_finds_what_others_have_added(machines: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_on(machines[0], monkeypatch)
    add(one, "a", "bb")
    two = open_on(machines[1], monkeypatch)
    assert two.find_stored(hash_texts(["bb", "ccc"])).tolist() == [True, False]
    add(two, "ccc")
    assert one.find_stored(hash_texts(["a", "ccc"])).all()
    assert one.read_vectors(hash_texts(["ccc", "a"])).tolist() == [[3, ord("c")], [1, ord("a")]]


def test_the_store_is_not_asked_for_what_is_here(
    machines: list[Path], object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(open_on(machines[0], monkeypatch), "a", "bb")
    object_server.requests.clear()
    again = open_on(machines[0], monkeypatch)
    assert again.find_stored(hash_texts(["a", "bb"])).all() and object_server.requests == []
    assert not again.find_stored(hash_texts(["new"])).any()
    assert [each.rpartition("/")[2] for each in object_server.requests] == ["000002.json"]


def test_a_shard_whose_writer_was_killed_before_it_was_shared_is_shared_by_the_next_process(
    machines: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_on(machines[0], monkeypatch)
    add(one, "a")
    with monkeypatch.context() as killed:
        killed.setattr(shared_shards.SharedShards, "push", lambda *_: None)
        add(one, "bb")
    assert not open_on(machines[1], monkeypatch).find_stored(hash_texts(["bb"])).any()
    open_on(machines[0], monkeypatch).find_stored(hash_texts(["ccc"]))
    assert open_on(machines[1], monkeypatch).find_stored(hash_texts(["a", "bb"])).all()


def test_a_damaged_shard_is_encoded_again(
    machines: list[Path], bucket: str, object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(open_on(machines[0], monkeypatch), "a")
    (name,) = (path.name for path in machines[0].glob("*.arrow"))
    object_server.connect().pipe_file(f"{bucket}/04_feature/encodings/abc/{name}", b"damaged")
    two = open_on(machines[1], monkeypatch)
    assert not two.find_stored(hash_texts(["a"])).any()
    add(two, "a")
    assert open_on(machines[2], monkeypatch).find_stored(hash_texts(["a"])).all()


def add_many(machine: Path, texts: list[str]) -> None:
    shards = VectorShards(machine, 2)
    for text in texts:
        add(shards, text)


@pytest.mark.slow
def test_machines_add_at_the_same_time(machines: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [[f"{name} {number}" for number in range(10)] for name in "ab"]
    workers = []
    for machine, own in zip(machines, texts, strict=False):
        open_on(machine, monkeypatch)
        worker = multiprocessing.get_context("fork").Process(target=add_many, args=(machine, own))
        worker.start()
        workers.append(worker)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    three = open_on(machines[2], monkeypatch)
    assert three.find_stored(hash_texts([text for own in texts for text in own])).all()
