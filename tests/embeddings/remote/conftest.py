"""A service, and options for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emb_pipeline.embeddings.remote.options import ApiOptions

from .server import Service, serve

Build = Callable[..., ApiOptions]


@pytest.fixture
def service() -> Iterator[Service]:
    """A service of its own for each test."""
    with serve(Service()) as running:
        yield running


@pytest.fixture
def build(service: Service, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Options for the service; waits between attempts are short."""
    monkeypatch.setattr("emb_pipeline.embeddings.remote.endpoint._FIRST_WAIT_SECONDS", 0.01)

    def options(**given: Any) -> ApiOptions:
        return ApiOptions(**{"base_url": service.url, "model": "tiny", "dimensions": 8, "drift_texts": 0, **given})

    return options
