"""A real server of S3's protocol on loopback, which notes what it is asked: moto's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import fsspec

KEYS = {"key": "key-of-the-tests", "secret": "secret-of-the-tests"}


@dataclass
class ObjectServer:
    """A running server.

    Attributes
    ----------
    url : str
        Its address.
    requests : list of str
        Method, path and query of each request: ``"GET /bucket/key"``.
    on_request : callable, optional
        Is called with each request before it is answered.
    """

    url: str = ""
    requests: list[str] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What a client needs, as ``credentials.yml`` says it."""
        return {**KEYS, "endpoint_url": self.url}

    @property
    def environment(self) -> dict[str, str]:
        """The same, as the environment says it."""
        return {
            "AWS_ACCESS_KEY_ID": KEYS["key"],
            "AWS_SECRET_ACCESS_KEY": KEYS["secret"],
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self.connect().mkdir(name)

    def read_all(self, bucket: str) -> dict[str, bytes]:
        """Read all objects of a bucket, as no code of the package does."""
        files = self.connect()
        files.invalidate_cache()
        return {key.partition("/")[2]: files.cat_file(key) for key in files.find(bucket)}

    def connect(self) -> Any:
        """Connect as a client."""
        return fsspec.filesystem("s3", **self.options)

    def find_refused(self) -> list[str]:
        """Find requests that list or copy."""
        return [each for each in self.requests if (each.startswith("GET /") and is_listing(each)) or each.endswith(" copy")]


def is_listing(request: str) -> bool:
    """Tell whether a request lists: it names a bucket, or asks for it with a query."""
    path, _, query = request.partition(" ")[2].partition("?")
    return "list-type" in query or "prefix=" in query or path.strip("/").count("/") == 0


@contextmanager
def serve_objects() -> Iterator[ObjectServer]:
    """Start a server on a free port of loopback, and stop it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    running, answer = ObjectServer(), DomainDispatcherApplication(create_backend_app)

    def note(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        copied = " copy" if "HTTP_X_AMZ_COPY_SOURCE" in environ else ""
        running.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{query}{copied}")
        if running.on_request is not None:
            running.on_request(running.requests[-1])
        return answer(environ, start_response)

    server = make_server("127.0.0.1", 0, note, threaded=True, request_handler=Quiet)
    running.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
