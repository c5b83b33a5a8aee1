"""A collection in Milvus: embedded in a file, and on a server."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError

from emb_pipeline.datasets.milvus import MilvusVectorStoreDataset, MilvusVectorStoreHandle
from tests.conftest import PROJECT

pytest.importorskip("milvus_lite")
AXES = np.eye(4, dtype=np.float32)
NAMES = ["east", "north", "west", "south"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("milvus") / "vectors.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Milvus server on this machine."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    started, database, port = start_server_in_thread(
        data_dir=str(tmp_path_factory.mktemp("server") / "data"), host="127.0.0.1", port=0
    )
    yield f"http://127.0.0.1:{port}"
    started.stop(grace=0)
    database.close()


def filled(dataset: MilvusVectorStoreDataset) -> MilvusVectorStoreHandle:
    handle = dataset.load()
    handle.replace(NAMES, AXES, [{"text": name.upper(), "drawn": name in ("east", "south")} for name in NAMES])
    return handle


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file", "server"])
def test_what_was_put_in_is_found_with_its_properties(place: str, request: pytest.FixtureRequest) -> None:
    where = (
        {"filepath": str(request.getfixturevalue("file"))} if place == "file" else {"uri": request.getfixturevalue("server")}
    )
    with filled(MilvusVectorStoreDataset(collection="points", **where)) as store:
        (first, second) = store.search(vector=[0.9, 0.1, 0, 0], top_k=2)
        assert (first["id"], first["properties"]["text"], second["id"]) == ("east", "EAST", "north")
        assert first["distance"] == pytest.approx(0.9 / np.hypot(0.9, 0.1), abs=1e-5)
        assert {hit["id"] for hit in store.search(vector=[1, 1, 1, 1], filters="drawn == true")} == {"east", "south"}
        assert store.describe()["count"] == 4 and store.describe()["dim"] == 4


@pytest.mark.slow
def test_it_stays_when_the_handle_is_closed(file: Path) -> None:
    dataset = MilvusVectorStoreDataset(filepath=str(file), collection="kept")
    filled(dataset).close()
    with dataset.load() as store:
        assert [hit["id"] for hit in store.search(vector=[0, 0, 0, 1], top_k=1)] == ["south"]
        store.close()
        store.close()  # harmless


def test_records_are_added_and_deleted(file: Path) -> None:
    with MilvusVectorStoreDataset(filepath=str(file), collection="growing").load() as store:
        assert store.describe() == {"collection": "growing", "count": 0}
        with pytest.raises(DatasetError, match="no collection growing yet"):
            store.search(vector=[1, 0, 0, 0])
        made = store.add([{"id": "east", "vector": [1, 0, 0, 0], "properties": {"page": 3}}, {"vector": [0, 1, 0, 0]}])
        assert made[0] == "east" and len(made[1]) == 36
        assert store.search(vector=[1, 0, 0, 0], top_k=1)[0]["properties"] == {"page": 3}
        store.delete(ids=["east"])
        assert [hit["id"] for hit in store.search(vector=[1, 0, 0, 0])] == made[1:]
        assert store.add([]) == []


@pytest.mark.slow
def test_replacing_leaves_nothing_behind(file: Path) -> None:
    with filled(MilvusVectorStoreDataset(filepath=str(file), collection="replaced")) as store:
        store.replace(["one", "two"], np.eye(2, dtype=np.float32), [{}, {}])
        assert {hit["id"] for hit in store.search(vector=[1, 1])} == {"one", "two"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("index", "build", "params"),
    [
        ("FLAT", {}, {}),
        ("IVF_FLAT", {"nlist": 2}, {"nprobe": 2}),
        ("IVF_SQ8", {"nlist": 2}, {"nprobe": 2}),
        ("HNSW", {"M": 8, "efConstruction": 32}, {"ef": 16}),
    ],
)
def test_every_index_finds_the_nearest(index: str, build: dict[str, int], params: dict[str, int], file: Path) -> None:
    with filled(MilvusVectorStoreDataset(filepath=str(file), collection="indexed")) as store:
        store.build_index(index, build)
        assert store.describe()["index"] == index
        assert store.find_nearest(AXES + np.float32(0.01), 1, params) == [[name] for name in NAMES]
        assert store.find_nearest(AXES[1:2], 1, params, "drawn == true")[0][0] in ("east", "south")
        size = store.index_bytes()
        assert size is not None and size > 0


@pytest.mark.slow
def test_an_index_is_built_as_it_was_asked_for(file: Path) -> None:
    with filled(MilvusVectorStoreDataset(filepath=str(file), collection="indexed")) as store:
        for lists, seen in ((1, 4), (4, 1)):  # one of so many lists is looked into
            store.build_index("IVF_FLAT", {"nlist": lists})
            assert len(store.find_nearest(AXES[:1], 4, {"nprobe": 1})[0]) == seen


def test_an_index_that_this_milvus_lacks_is_refused_by_name(file: Path) -> None:
    with filled(MilvusVectorStoreDataset(filepath=str(file), collection="indexed")) as store:
        store.build_index("IVF_FLAT", {"nlist": 4})
        with pytest.raises(DatasetError, match="IVF_PQ is not to be had here"):
            store.build_index("IVF_PQ", {"nlist": 2, "m": 2, "nbits": 4})
        assert store.describe()["index"] == "IVF_FLAT"  # it is as it was, with its four lists
        assert len(store.find_nearest(AXES[:1], 4, {"nprobe": 1})[0]) == 1


@pytest.mark.parametrize(
    ("uri", "credentials", "environment", "wanted"),
    [
        ("", {"uri": "http://one", "token": "key", "database": "shelf"}, "", ("http://one", "key", "shelf")),
        ("http://two", {"token": "key"}, "", ("http://two", "key", "")),
        ("http://two", {"uri": "http://one", "token": "key"}, "other", ("http://two", "other", "other")),
        ("", {}, "other", ("{file}", "", "")),
    ],
)
def test_a_token_is_for_the_server_that_it_was_written_for(
    uri: str,
    credentials: dict[str, str],
    environment: str,
    wanted: tuple[str, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MILVUS_TOKEN", "MILVUS_DATABASE"):
        monkeypatch.setenv(name, environment)
    file = str(tmp_path / "vectors.db")
    dataset = MilvusVectorStoreDataset(collection="points", filepath=file, uri=uri, credentials=credentials)
    assert dataset.find_address() == tuple(each.format(file=file) for each in wanted)


def test_credentials_that_nothing_reads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing reads \['tokn'\]; there are uri, token, database"):
        MilvusVectorStoreDataset(collection="points", filepath=str(tmp_path / "a.db"), credentials={"tokn": "key"})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: store.search(), "needs a vector"),
        (lambda store: store.delete(), "either ids or filters"),
        (lambda store: store.delete(ids=["a"], filters="b"), "either ids or filters"),
        (lambda store: store.add([{"properties": {}}]), "record 0 has no vector"),
        (lambda store: store.replace(["a"], AXES, [{}]), r"shape \(4, 4\) for 1 ids"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(call, message: str, file: Path) -> None:
    with (
        filled(MilvusVectorStoreDataset(filepath=str(file), collection="misused")) as store,
        pytest.raises(DatasetError) as bad,
    ):
        call(store)
    assert bad.match(message)


def test_text_is_not_searched_for(file: Path) -> None:
    with (
        filled(MilvusVectorStoreDataset(filepath=str(file), collection="misused")) as store,
        pytest.raises(NotImplementedError, match="encode the text"),
    ):
        store.search(text="east")


def test_the_dataset_goes_to_other_processes_and_is_always_there(file: Path) -> None:
    dataset = MilvusVectorStoreDataset(filepath=str(file), collection="kept", credentials={"token": "secret"})
    again = pickle.loads(pickle.dumps(dataset))
    assert again.exists() and "secret" not in str(again)
    with pytest.raises(DatasetError, match="Saving is not supported"):
        dataset.save({})


def test_a_collection_nowhere_is_refused() -> None:
    with pytest.raises(DatasetError, match="name a file"):
        MilvusVectorStoreDataset(collection="nowhere")


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(DatasetError, match=r"no Milvus database at http://127\.0\.0\.1:9"):
        MilvusVectorStoreHandle("http://127.0.0.1:9", "any")


@pytest.mark.parametrize(("package", "uri"), [("pymilvus", ""), ("pymilvus", "http://127.0.0.1:9"), ("milvus_lite", "")])
def test_what_is_not_installed_is_said_before_a_run(package: str, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DatasetError, match=r"pip install 'emb_pipeline\[milvus\]'"):
        MilvusVectorStoreDataset(filepath="x.db", uri=uri, collection="any").require()


def test_a_server_needs_no_embedded_milvus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "milvus_lite", None)
    MilvusVectorStoreDataset(uri="http://127.0.0.1:9", collection="any").require()


@pytest.mark.slow
def test_a_server_has_every_index_keeps_its_own_when_one_is_refused_and_has_databases(tmp_path: Path) -> None:
    """Over a minute: it runs where somebody has installed the server, `pip install milvus==2.3.5`."""
    pytest.importorskip("milvus", reason="no Milvus server: pip install milvus==2.3.5")
    apart = ["unshare", "--net", "--fork", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no networks of processes here, and the server listens on all addresses")
    command = [*apart, sys.executable, "-m", "tests.datasets.milvus_in_namespace", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
