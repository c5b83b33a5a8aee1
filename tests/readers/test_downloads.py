"""Fetching public sources, from a mirror and from a server on this machine."""

from __future__ import annotations

import bz2
import functools
import gzip
import hashlib
import http.server
import io
import lzma
import os
import re
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.public_data import fetch as module
from emb_pipeline.readers.public_data.fetch import fetch, find_mirror, fingerprint_content
from emb_pipeline.readers.public_data.public_sources import PublicSource, SourceFile, parse_sources, public_sources

CONTENT = b"one line\n" * 100_000
NO_HTTPS = ("http://mlg.ucd.ie/",)
"""Hosts that offer no other; the hash says whether what came is what was meant."""
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PACKERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@dataclass
class Server:
    """A web server whose files, and how much of them it sends before it breaks off, the test sets."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: int | None = None
    knows_ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            content = state.files.get(self.path.removeprefix("/"))
            if content is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.knows_ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:] if state.breaks_after is None else content[start:][: state.breaks_after])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state = Server(f"http://127.0.0.1:{running.server_address[1]}/")
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        monkeypatch.setattr(
            module, "ResumingDownloader", functools.partial(module.ResumingDownloader, pause_seconds=0, tries=2)
        )
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(variable, raising=False)
        yield state
        running.shutdown()


def source(server: Server | None = None, *, path: str = "a/text.txt", sha256: str = SHA256) -> PublicSource:
    url = "http://127.0.0.1:9/" if server is None else server.url
    return PublicSource("set", "a set", "CC0", (SourceFile(path, url + path, len(CONTENT), sha256),))


def tar(members: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def files_of(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return sorted(path.relative_to(folder).as_posix() for path in files)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_mirror_may_hold_the_file_compressed(tmp_path: Path, suffix: str) -> None:
    copy = tmp_path / "mirror/set/a" / f"text.txt{suffix}"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(PACKERS[suffix](CONTENT))
    folder = fetch(source(), tmp_path / "raw", mirror=tmp_path / "mirror")
    assert folder == tmp_path / "raw/set"
    assert (folder / "a/text.txt").read_bytes() == CONTENT


@pytest.mark.parametrize("content", [gzip.compress(CONTENT[:-1] + b"!"), gzip.compress(CONTENT)[:-100], b"not gzip"])
def test_a_bad_copy_in_the_mirror_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    copy = tmp_path / "mirror/set/a/text.txt.gz"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(content)
    with pytest.raises(DataError, match=r"text\.txt\.gz: .*; copy the file into .* again"):
        fetch(source(), tmp_path / "raw", mirror=tmp_path / "mirror")
    assert files_of(tmp_path / "raw") == []


def test_a_file_is_downloaded_checked_and_not_fetched_again(tmp_path: Path, server: Server) -> None:
    server.files["a/text.txt"] = CONTENT
    for _ in range(2):
        folder = fetch(source(server), tmp_path, mirror=None, progress=True)
    assert (folder / "a/text.txt").read_bytes() == CONTENT
    assert server.requests == [("/a/text.txt", None)]


def test_a_verified_file_is_not_hashed_again_until_it_changes(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["a/text.txt"] = CONTENT
    folder = fetch(source(server), tmp_path)
    hashed: list[object] = []
    real = module._is_intact
    monkeypatch.setattr(module, "_is_intact", lambda *arguments: hashed.append(arguments) or real(*arguments))
    fetch(source(server), tmp_path)
    assert hashed == []
    os.utime(folder / "a/text.txt", ns=(1, 1))
    fetch(source(server), tmp_path)
    assert len(hashed) == 1
    (folder / "a/text.txt").write_bytes(b"spoilt")
    fetch(source(server), tmp_path)
    assert (folder / "a/text.txt").read_bytes() == CONTENT


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, server: Server) -> None:
    server.files["a/text.txt"] = CONTENT
    server.breaks_after = 300_000
    with pytest.raises(DataError, match="go online and run again"):
        fetch(source(server), tmp_path)
    assert not (tmp_path / "set/a/text.txt").exists()
    server.breaks_after = None
    fetch(source(server), tmp_path)
    assert (tmp_path / "set/a/text.txt").read_bytes() == CONTENT
    starts = [0 if asked is None else int(asked.removeprefix("bytes=").removesuffix("-")) for _, asked in server.requests]
    assert starts[0] == 0
    assert 200_000 < starts[1] <= 300_000  # all but the last, incomplete chunk
    assert starts[1] + 200_000 < starts[2] <= starts[1] + 300_000
    assert files_of(tmp_path / "set") == [".verified.json", "a/text.txt"]


def test_a_server_without_ranges_starts_over(tmp_path: Path, server: Server) -> None:
    server.files["a/text.txt"] = CONTENT
    server.knows_ranges = False
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "set/a/text.txt.part").write_bytes(CONTENT[:1_000])
    fetch(source(server), tmp_path)
    assert (tmp_path / "set/a/text.txt").read_bytes() == CONTENT


def test_what_an_earlier_try_left_is_dropped_if_it_does_not_fit(tmp_path: Path, server: Server) -> None:
    server.files["a/text.txt"] = CONTENT
    (tmp_path / "set/a").mkdir(parents=True)
    (tmp_path / "set/a/text.txt.part").write_bytes(b"something else")
    fetch(source(server), tmp_path)
    assert (tmp_path / "set/a/text.txt").read_bytes() == CONTENT


@pytest.mark.parametrize("sent", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"more"])
def test_a_wrong_download_is_refused_and_leaves_nothing(tmp_path: Path, server: Server, sent: bytes) -> None:
    server.files["a/text.txt"] = sent
    with pytest.raises(DataError, match="what arrived is not the file that is wanted"):
        fetch(source(server), tmp_path)
    assert files_of(tmp_path) == []


def test_a_file_that_upstream_no_longer_has_is_named(tmp_path: Path, server: Server) -> None:
    with pytest.raises(DataError, match=r"a/text\.txt is missing and http://.* cannot be reached \(HTTPError\)"):
        fetch(source(server), tmp_path)
    assert len(server.requests) == 1


def test_offline_and_without_a_mirror_one_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ResumingDownloader", functools.partial(module.ResumingDownloader, pause_seconds=0, tries=1))
    with pytest.raises(DataError) as error:
        fetch(source(), tmp_path, mirror=tmp_path / "mirror")
    for part in (
        "source 'set'",
        "a/text.txt is missing",
        "mirror does not hold it",
        "http://127.0.0.1:9/a/text.txt",
        "set EMB_PIPELINE_MIRROR to a folder that holds set/a/text.txt",
    ):
        assert part in str(error.value)


MEMBERS = {"training/C01/1": b"one", "training/C01/2": b"two", "test/C01/3": b"three"}
PATTERN = r"(?:^|/)kept/((?:training|test)/C\d\d/\d+)$"


def archive_source(url: str) -> PublicSource:
    return PublicSource(
        "set", "a set", "CC0", (SourceFile("set.tar", url, 11, fingerprint_content(list(MEMBERS.items())), PATTERN),)
    )


def test_an_archive_is_the_same_from_the_mirror_and_from_upstream(tmp_path: Path, server: Server) -> None:
    server.files["commit.tar.gz"] = tar(
        {f"repository-0a1b/data/kept/{name}": content for name, content in MEMBERS.items()}
        | {"repository-0a1b/readme": b"more"}
    )
    (tmp_path / "mirror/set").mkdir(parents=True)
    (tmp_path / "mirror/set/set.tar.xz").write_bytes(
        tar({f"kept/{name}": MEMBERS[name] for name in sorted(MEMBERS)}, "w:xz")
    )
    upstream = fetch(archive_source(server.url + "commit.tar.gz"), tmp_path / "a")
    mirrored = fetch(archive_source("http://127.0.0.1:9/"), tmp_path / "b", mirror=tmp_path / "mirror")
    assert (upstream / "set.tar").read_bytes() == (mirrored / "set.tar").read_bytes()
    with tarfile.open(upstream / "set.tar") as archive:
        assert archive.getnames() == sorted(MEMBERS)
    assert files_of(upstream) == [".verified.json", "set.tar"]
    os.utime(upstream / "set.tar", ns=(1, 1))
    fetch(archive_source(server.url + "commit.tar.gz"), tmp_path / "a")
    assert len(server.requests) == 1


# Names of their own: gzip writes the time into an archive, and processes that run tests must agree on each test's name.
@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(tar({f"kept/{name}": b"changed" for name in MEMBERS}), id="other contents"),
        pytest.param(tar({}), id="no members"),
        pytest.param(b"no archive", id="no archive"),
        pytest.param(tar({"../x": b""}), id="outside its folder"),
    ],
)
def test_an_archive_with_other_content_is_refused(tmp_path: Path, server: Server, archive: bytes) -> None:
    server.files["commit.tar.gz"] = archive
    with pytest.raises(DataError):
        fetch(archive_source(server.url + "commit.tar.gz"), tmp_path)
    assert files_of(tmp_path) == []


def test_a_fingerprint_depends_on_names_and_contents_and_not_on_their_order() -> None:
    lines = b"a\0" + hashlib.sha256(b"1").hexdigest().encode() + b"\nb\0" + hashlib.sha256(b"2").hexdigest().encode() + b"\n"
    assert fingerprint_content([("b", b"2"), ("a", b"1")]) == hashlib.sha256(lines).hexdigest()


def test_an_unknown_source_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'imaginary' is not among .*'medquad'"):
        fetch("imaginary", tmp_path)


def test_the_table_of_sources_is_whole() -> None:
    named = set()
    for file in (Path(__file__).parents[2] / "conf").glob("*/parameters_*.yml"):
        named |= set(re.findall(r"\bdownload: *(\w+)", file.read_text(encoding="utf-8")))
    assert named == set(public_sources()), "each source is used by a use case, and each that one names is there"
    for each in public_sources().values():
        assert each.about
        assert each.licence
        for file in each.files:
            assert file.url.startswith(("https://", *NO_HTTPS)) or (not file.url and each.by_hand)
            assert len(file.sha256) == 64
            assert file.bytes > 0
    assert len(public_sources()["wikipedia_en_2015_sample"].files) == 100


def test_rows_of_the_table_get_their_url_from_the_base() -> None:
    table = {"s": {"about": "a", "licence": "b", "base_url": "https://x/", "files": [["y/z.csv", 3, "ab"]]}}
    assert parse_sources(table)["s"].files == (SourceFile("y/z.csv", "https://x/y/z.csv", 3, "ab"),)


def test_a_file_made_by_hand_comes_from_a_mirror_or_the_message_says_how_to_make_it(tmp_path: Path) -> None:
    entry = {"about": "a", "licence": "b", "by_hand": "unpack it", "mirror": "set/part"}
    content = b"pair\n"
    files = [["x.tsv", len(content), hashlib.sha256(content).hexdigest()]]
    made = parse_sources({"s": {**entry, "files": files}})["s"]
    with pytest.raises(
        DataError, match=r"source 's': x.tsv is not offered for download; unpack it, and read it with 'path:'"
    ):
        fetch(made, tmp_path / "raw")
    (tmp_path / "mirror/set/part").mkdir(parents=True)
    (tmp_path / "mirror/set/part/x.tsv").write_bytes(content)
    assert (fetch(made, tmp_path / "raw", mirror=tmp_path / "mirror") / "x.tsv").read_bytes() == content


def test_the_mirror_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMB_PIPELINE_MIRROR", "/some/where")
    assert find_mirror() == Path("/some/where")
    monkeypatch.delenv("EMB_PIPELINE_MIRROR")
    assert find_mirror() is None


def test_a_mirror_may_hold_a_rebuilt_file_that_the_table_knows(tmp_path: Path, server: Server) -> None:
    rebuilt, mirror = b"the same in other bytes", tmp_path / "mirror" / "set"
    entry = {
        "about": "x",
        "licence": "x",
        "base_url": server.url,
        "files": [["a.txt", len(CONTENT), SHA256]],
        "rebuilt": {"a.txt": [len(rebuilt), hashlib.sha256(rebuilt).hexdigest()]},
    }
    source = parse_sources({"set": entry})["set"]
    mirror.mkdir(parents=True)
    (mirror / "a.txt.gz").write_bytes(gzip.compress(rebuilt))
    folder = fetch(source, tmp_path / "raw", mirror=mirror.parent)
    assert (folder / "a.txt").read_bytes() == rebuilt
    assert fetch(source, tmp_path / "raw", mirror=mirror.parent) == folder and not server.requests
    (mirror / "a.txt.gz").write_bytes(gzip.compress(b"anything else"))
    with pytest.raises(DataError, match="SHA-256"):
        fetch(source, tmp_path / "other", mirror=mirror.parent)
    server.files["a.txt"] = CONTENT
    assert (fetch(source, tmp_path / "upstream") / "a.txt").read_bytes() == CONTENT


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def packed(server: Server) -> PublicSource:
    rows = [
        [f"{name}.csv", len(name), hashlib.sha256(name.encode()).hexdigest(), f"set/{name}.csv"] for name in ("one", "two")
    ]
    table = {"packed": {"about": "", "licence": "", "packed": server.url + "set.zip", "files": rows}}
    return parse_sources(table)["packed"]


@pytest.mark.parametrize("pack", [zipped, tar])
def test_files_that_upstream_packs_are_taken_out_of_one_download(
    tmp_path: Path, server: Server, pack: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    server.files["set.zip"] = pack({"set/readme": b"", "set/one.csv": b"one", "set/two.csv": b"two"})
    folder = fetch(packed(server), tmp_path, mirror=None)
    assert (folder / "one.csv").read_bytes() == b"one" and (folder / "two.csv").read_bytes() == b"two"
    assert len(server.requests) == 1
    assert not list(folder.glob("*.download"))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"set/one.csv": b"one"}, r"set.zip: it has no member set/two.csv"),
        ({"set/one.csv": b"won", "set/two.csv": b"two"}, r"set.zip: its member set/one.csv has the SHA-256"),
    ],
)
def test_a_packed_file_that_is_not_the_one_that_is_wanted_is_refused(
    tmp_path: Path, server: Server, members: Mapping[str, bytes], message: str
) -> None:
    server.files["set.zip"] = zipped(members)
    with pytest.raises(DataError, match=message):
        fetch(packed(server), tmp_path, mirror=None)


def test_a_packed_file_may_lie_in_a_mirror_by_itself(tmp_path: Path, server: Server) -> None:
    for name in ("one", "two"):
        (tmp_path / "mirror/packed").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"mirror/packed/{name}.csv").write_bytes(name.encode())
    assert (fetch(packed(server), tmp_path / "raw", mirror=tmp_path / "mirror") / "two.csv").read_bytes() == b"two"
    assert server.requests == []
