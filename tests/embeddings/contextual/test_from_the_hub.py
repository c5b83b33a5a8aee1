"""Models from a hub: a real server on this machine that gates one of them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.models.precision import batch_tokens_in_force, device_in_force
from emb_pipeline.embeddings.contextual.open_encoder import open_encoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.errors import DataError

REVISION, TOKEN = "0123456789abcdef0123456789abcdef01234567", "hf_SecretOfThisTest"
SERVED: dict[str, Path] = {}


class Hub(BaseHTTPRequestHandler):
    """The routes of the hub's protocol that a download asks; ``maker/gated`` wants the token."""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/models").strip("/")
        route = next(route for route in ("/resolve/", "/tree/", "/revision/") if route in path)
        name, _, rest = path.partition(route)
        model = SERVED.get(name)
        if model is None or (name == "maker/gated" and self.headers.get("Authorization") != f"Bearer {TOKEN}"):
            code, error = (404, "RepoNotFound") if model is None else (401, "GatedRepo")
            self._send(code, b"", {"X-Error-Code": error, "X-Error-Message": f"no {name}"}, with_body)
            return
        if route != "/resolve/":
            files = [file for file in model.rglob("*") if file.is_file()]
            names = [file.relative_to(model).as_posix() for file in files]
            facts: Any = {"id": name, "sha": REVISION, "siblings": [{"rfilename": each} for each in names]}
            if route == "/tree/":
                sizes = [file.stat().st_size for file in files]
                facts = [
                    {"type": "file", "oid": hashlib.sha1(each.encode()).hexdigest(), "size": size, "path": each}
                    for each, size in zip(names, sizes, strict=True)
                ]
            self._send(200, json.dumps(facts).encode(), {"Content-Type": "application/json"}, with_body)
            return
        body = (model / rest.partition("/")[2]).read_bytes()
        tag = {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": REVISION}
        self._send(200, body, tag, with_body)

    def _send(self, code: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub(tiny_transformer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    SERVED.update({"maker/open": tiny_transformer, "maker/gated": tiny_transformer})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def options(name: str, **more: Any) -> SentenceTransformerOptions:
    return SentenceTransformerOptions(hub=name, revision=REVISION, **more)


@pytest.mark.slow
def test_a_model_is_downloaded_once_and_then_found_on_this_machine(hub: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded .*leave local_files_only out once"):
        load(options("maker/open", local_files_only=True), tmp_path / "encoder")
    first = load(options("maker/open"), tmp_path / "encoder")
    SERVED.clear()
    again = load(options("maker/open", local_files_only=True), tmp_path / "again")
    assert first.fingerprint == again.fingerprint
    assert open_encoder(again, options("maker/open")).encode(["cat"]).shape == (1, 16)


@pytest.mark.slow
def test_a_gated_model_needs_a_token_that_is_written_nowhere(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DataError, match=r"api_keys: \{HF_TOKEN: …\}.*conf/local/credentials.yml"):
        load(options("maker/gated"), tmp_path / "encoder")
    monkeypatch.setenv("HF_TOKEN", "hf_AnotherOne")
    with pytest.raises(DataError) as refused:
        load(options("maker/gated"), tmp_path / "encoder")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = load(options("maker/gated"), tmp_path / "encoder")
    encoder = open_encoder(folder, options("maker/gated"))
    monkeypatch.setenv("HF_TOKEN", "hf_AnotherOne")
    assert encoder.fingerprint() == open_encoder(folder, options("maker/gated")).fingerprint()
    written = [file.read_text(errors="replace") for file in (tmp_path / "encoder").rglob("*") if file.is_file()]
    for text in [*written, caplog.text, str(refused.value)]:
        assert TOKEN not in text and "hf_AnotherOne" not in text


@pytest.mark.slow
def test_a_model_that_is_not_there_is_named(hub: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"hub model maker/none at {REVISION}.*check its name"):
        load(options("maker/none"), tmp_path / "encoder")


def test_a_cache_is_of_the_hub_alone(tiny_transformer: Path) -> None:
    with pytest.raises(ValueError, match="'local_files_only' goes with 'hub'"):
        SentenceTransformerOptions(path=tiny_transformer, local_files_only=True)


def test_the_device_is_what_is_there_and_stands_in_the_fingerprint(tiny_transformer: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert device_in_force("auto") == found
    folder = load(SentenceTransformerOptions(path=tiny_transformer), tmp_path / "encoder")
    names = {wanted: open_encoder(folder, EncoderOptions(device=wanted)).fingerprint() for wanted in ("auto", found)}
    assert len(set(names.values())) == 1
    automatic = open_encoder(folder, EncoderOptions(device="auto", batch_tokens="auto")).encode(["cat", "dog"])
    np.testing.assert_allclose(automatic, open_encoder(folder, EncoderOptions()).encode(["cat", "dog"]), atol=1e-5)
    with pytest.raises(ValueError, match="leave dtype and device alone"):
        EncoderOptions(device="auto", backend="onnx")


def test_tokens_of_a_batch_are_the_users_or_go_by_what_computes() -> None:
    assert batch_tokens_in_force(5000, "cuda", 384) == 5000
    assert batch_tokens_in_force("auto", "cpu", 384) == 1024
    with pytest.raises(ValueError, match="batch_tokens"):
        EncoderOptions(batch_tokens=3)


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="there is no GPU")
def test_a_gpu_takes_more_tokens_at_a_time_of_a_smaller_model() -> None:
    small, large = (batch_tokens_in_force("auto", "cuda", size) for size in (384, 8192))
    assert 4096 <= large < small <= 262_144
