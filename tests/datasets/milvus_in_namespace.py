"""Use a Milvus server of PyPI's package `milvus`: a process of its own network, since the server listens on all addresses.

python -m tests.datasets.milvus_in_namespace <folder>    # below `unshare --net`
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

import numpy as np
from kedro.io import DatasetError
from milvus import default_server

from emb_pipeline.datasets.milvus import MilvusVectorStoreDataset

N, DIM = 500, 16
INDEXES = (
    ("FLAT", {}, {}),
    ("IVF_FLAT", {"nlist": 4}, {"nprobe": 4}),
    ("IVF_SQ8", {"nlist": 4}, {"nprobe": 4}),
    ("HNSW", {"M": 8, "efConstruction": 32}, {"ef": 32}),
    ("IVF_PQ", {"nlist": 4, "m": 8, "nbits": 8}, {"nprobe": 4}),
)
_SIOCSIFFLAGS, _UP_LOOPBACK_RUNNING = 0x8914, 0x1 | 0x8 | 0x40


def main(folder: str) -> None:
    """Start the server, check every index, a refused one, and a database by credentials."""
    with socket.socket() as asked:  # a new network's loopback is down
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP_LOOPBACK_RUNNING))
    default_server.set_base_dir(folder)
    default_server.config.set("quotaAndLimits.enabled", "false")  # one flush in ten seconds otherwise
    default_server.start()
    try:
        use(f"http://127.0.0.1:{default_server.listen_port}")
    finally:
        default_server.stop()


def use(uri: str) -> None:
    """Use a server as a run does."""
    from pymilvus import MilvusClient

    vectors = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
    ids = [str(row) for row in range(N)]
    with MilvusVectorStoreDataset(collection="points", uri=uri).load() as store:
        store.replace(ids, vectors, [{"text": name} for name in ids])
        for kind, build, search in INDEXES:
            store.build_index(kind, build)
            found = store.find_nearest(vectors[:20], 1, search)
            assert store.describe()["index"] == kind and found == [[name] for name in ids[:20]], (kind, found)
        for kind, build in (("NO_SUCH_INDEX", {}), ("HNSW", {"M": 99_999, "efConstruction": 32})):
            try:
                store.build_index(kind, build)
            except DatasetError as error:
                assert f"{kind} is not to be had here" in str(error)
            else:
                raise AssertionError(f"{kind} was taken")
            assert store.describe()["index"] == "IVF_PQ" and len(store.find_nearest(vectors[:1], 3, {"nprobe": 4})[0]) == 3
    client = MilvusClient(uri=uri)
    client.create_database("shelf")
    client.close()
    shelf = {"uri": uri, "database": "shelf"}
    with MilvusVectorStoreDataset(collection="points", credentials=shelf).load() as store:
        assert store.describe() == {"collection": "points", "count": 0}
        store.replace(["one"], vectors[:1], [{}])
        assert store.describe()["count"] == 1
    with MilvusVectorStoreDataset(collection="points", uri=uri).load() as store:
        assert store.describe()["count"] == N
    try:
        MilvusVectorStoreDataset(collection="points", credentials={"uri": uri, "database": "none"}).load()
    except DatasetError as error:
        assert "no Milvus database" in str(error)
    else:
        raise AssertionError("a database that is not there was opened")


if __name__ == "__main__":
    main(sys.argv[1])
