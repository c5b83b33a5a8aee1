"""The keys of an object store: from the project's credentials, for this process and its workers, and never in a log."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from emb_pipeline.hooks.object_storage import ObjectStorage
from emb_pipeline.redaction import redact
from emb_pipeline.storage.object_store import OPTIONS

KEYS = {
    "key": "key-of-somebody-else",
    "secret": "a-secret-of-theirs",
    "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"},
}


def make_context(options: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(config_loader={"credentials": {"data_root": options}})


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTIONS, "")
    monkeypatch.delenv(OPTIONS)


def test_credentials_are_options_of_the_store_and_are_hidden() -> None:
    ObjectStorage().after_context_created(make_context(KEYS))
    assert json.loads(os.environ[OPTIONS]) == KEYS
    assert redact("a-secret-of-theirs and key-of-somebody-else at http://127.0.0.1:9") == "*** and *** at http://127.0.0.1:9"


def test_what_the_environment_says_wins() -> None:
    os.environ[OPTIONS] = "{}"
    ObjectStorage().after_context_created(make_context(KEYS))
    assert os.environ[OPTIONS] == "{}"


def test_another_project_of_the_same_process_has_its_own_keys() -> None:
    hook = ObjectStorage()
    hook.after_context_created(make_context(KEYS))
    hook.after_context_created(make_context({"key": "key-of-another-project"}))
    assert json.loads(os.environ[OPTIONS]) == {"key": "key-of-another-project"}
    hook.after_context_created(make_context({}))
    assert OPTIONS not in os.environ
