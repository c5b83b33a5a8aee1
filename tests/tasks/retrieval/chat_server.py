"""A chat model on 127.0.0.1 by OpenAI's protocol: it answers by template, and refuses on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def ask_for_words(prompt: str) -> str:
    """Two questions of the passage, which is the prompt's second paragraph: by its first word, and by its last."""
    words = prompt.split("\n\n")[1].split()
    return f"1. What about {words[0]} here?\n2. Where is {words[-1].strip('.')} to be found?"


@dataclass
class ChatService:
    """What the server answers, and what it was asked."""

    answer: Callable[[str], Any] = ask_for_words
    key: str | None = None
    answers_left: int | None = None
    prompts: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: ThreadingHTTPServer | None = None

    def start(self) -> ChatService:
        """Serve until `stop`, or until the process ends."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = service.respond(self.path, self.headers.get("Authorization"), body)
                sent = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        """End it."""
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()

    def respond(self, path: str, key: str | None, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and content of one answer."""
        prompt = body["messages"][0]["content"]
        with self.lock:
            if not path.endswith("/chat/completions") or (self.key and key != f"Bearer {self.key}"):
                return 401, {"error": {"message": f"bad key {key}"}}
            if self.answers_left is not None:
                if not self.answers_left:
                    return 400, {"error": {"message": "no more today"}}
                self.answers_left -= 1
            self.prompts.append(prompt)
            self.bodies.append(body)
        text = self.answer(prompt)
        message = {"choices": [{"message": {"role": "assistant", "content": text}}]} if isinstance(text, str) else text
        return 200, {**message, "usage": {"total_tokens": len(prompt) // 4 + 20}}


@cache
def start_shared() -> ChatService:
    """One server for tests that need no other."""
    return ChatService().start()
