"""An embedding service on 127.0.0.1 by OpenAI's protocol, which misbehaves on demand and counts what it bills."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

Encode = Callable[[Sequence[str], str | None], np.ndarray]


def encode_by_hash(texts: Sequence[str], input_type: str | None = None) -> np.ndarray:
    """Eight numbers of each text, always the same ones."""
    seeds = [int.from_bytes(hashlib.sha256(f"{input_type}|{text}".encode()).digest()[:4], "little") for text in texts]
    return np.stack([np.random.default_rng(seed).normal(size=8).astype(np.float32) for seed in seeds])


@dataclass
class Request:
    """A request that was billed."""

    texts: list[str]
    body: dict[str, Any]
    headers: dict[str, str]
    parameters: dict[str, list[str]]


@dataclass
class Service:
    """What the server does, and what it did.

    ``faults`` are misbehaviors of the next requests, by name; an empty name is an honest answer.
    """

    encode: Encode = encode_by_hash
    model: str = "tiny"
    reranker: str | None = None
    key: str | None = None
    key_header: str = "Authorization"
    longest_text: int | None = None
    largest_batch: int | None = None
    seconds: float = 0.0
    retry_after: str = "0"
    says_usage: bool = True
    faults: deque[str] = field(default_factory=deque)
    billed: list[Request] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def billed_texts(self) -> list[str]:
        """All texts that were billed, as often as they were."""
        return [text for request in self.billed for text in request.texts]


def count_tokens(text: str) -> int:
    """Tokens that the server bills a text with: one for four characters."""
    return len(text) // 4 + 1


@contextmanager
def serve(service: Service, port: int = 0) -> Iterator[Service]:
    """Serve until the block ends, at any free port or at this one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with service.lock:
                fault = service.faults.popleft() if service.faults else ""
                service.at_once += 1
                service.most_at_once = max(service.most_at_once, service.at_once)
            try:
                self._answer(urlsplit(self.path), body, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with service.lock:
                    service.at_once -= 1

        def _answer(self, url: Any, body: dict[str, Any], fault: str) -> None:
            given = self.headers.get(service.key_header, "").removeprefix("Bearer ")
            if service.key is not None and given != service.key:
                self._refuse(401, f"Incorrect API key provided: {given}. You can find your key in your account.")
            elif body["model"] not in (service.model, service.reranker):
                self._refuse(404, f"The model '{body['model']}' does not exist")
            elif fault.isdigit():
                self._refuse(int(fault), "try again later")
            elif fault == "quota":
                self._send(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
            elif fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            else:
                self._work(url, body, fault)

        def _work(self, url: Any, body: dict[str, Any], fault: str) -> None:
            is_rerank = url.path.endswith("/rerank")
            texts = body.get("documents") or body.get("texts") if is_rerank else body["input"]
            if service.largest_batch is not None and len(texts) > service.largest_batch:
                self._refuse(413, f"batch size {len(texts)} > maximum allowed batch size {service.largest_batch}")
                return
            if service.longest_text is not None and any(len(text) > service.longest_text for text in texts):
                self._refuse(400, f"This model's maximum context length is {service.longest_text} tokens")
                return
            time.sleep(service.seconds + (5.0 if fault == "slow" else 0.0))
            request = Request(list(texts), body, dict(self.headers), parse_qs(url.query))
            with service.lock:
                service.billed.append(request)
            answer = self._rerank(body, texts, fault) if is_rerank else self._embed(body, texts, fault)
            content = json.dumps(answer).encode()
            self._write(200, content[: len(content) // 2] if fault == "truncated" else content)

        def _embed(self, body: dict[str, Any], texts: list[str], fault: str) -> dict[str, Any]:
            vectors = service.encode(texts, body.get("input_type"))[:, : body.get("dimensions")].astype("<f4")
            if fault == "nan":
                vectors[0, 0] = np.nan
            if fault == "dimension":
                vectors = vectors[:, :-1]
            if fault == "drift":
                vectors = vectors + np.float32(0.1)
            as_base64 = body.get("encoding_format") == "base64"
            data = [
                {"object": "embedding", "index": row, "embedding": encoded(vector) if as_base64 else vector.tolist()}
                for row, vector in enumerate(vectors)
            ]
            if fault == "order":
                data.reverse()
            if fault == "count":
                data.pop()
            if fault == "twice":
                data[-1]["index"] = 0
            if fault == "no index":
                data = [{"embedding": item["embedding"]} for item in data]
            tokens = sum(map(count_tokens, texts))
            usage = {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if service.says_usage else {}
            return {"object": "list", "model": body["model"], "data": data, **usage}

        def _rerank(self, body: dict[str, Any], texts: list[str], fault: str) -> Any:
            query, passages = service.encode([body["query"]], None), service.encode(texts, None)
            order = np.argsort(-(passages @ query[0]))
            scores = [{"index": int(row), "relevance_score": float(passages[row] @ query[0])} for row in order]
            if fault == "count":
                scores.pop()
            if "texts" in body:
                return [{"index": each["index"], "score": each["relevance_score"]} for each in scores]
            return {"data" if "top_k" in body else "results": scores}

        def _refuse(self, status: int, message: str) -> None:
            self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})

        def _send(self, status: int, content: dict[str, Any]) -> None:
            with service.lock:
                service.refused.append(status)
            self._write(status, json.dumps(content).encode())

        def _write(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if status == 429:
                self.send_header("Retry-After", service.retry_after)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def encoded(vector: np.ndarray) -> str:
    """A vector as base64 of little-endian float32."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
