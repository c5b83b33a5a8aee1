"""No password of an address is shown."""

from __future__ import annotations

import logging

import pytest

from emb_pipeline.redaction import hide_secret, redact, redact_logs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "no Milvus database at http://user:secret@host:19530: refused",
            "no Milvus database at http://***@host:19530: refused",
        ),
        ("postgresql+psycopg2://me:secret@db/mlflow", "postgresql+psycopg2://***@db/mlflow"),
        ("http://me:p@secret@host/x", "http://***@host/x"),
        ("https://secret@host and http://a:secret@b", "https://***@host and http://***@b"),
        ("https://host/v1?token=secret&limit=3", "https://host/v1?token=***&limit=3"),
        ("https://host/v1?limit=3&api_key=secret", "https://host/v1?limit=3&api_key=***"),
        (
            "write to me@example.org, or see https://example.org/a@b",
            "write to me@example.org, or see https://example.org/a@b",
        ),
        ("sqlite:////home/me/mlflow.db", "sqlite:////home/me/mlflow.db"),
    ],
)
def test_user_and_password_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_logs_of_any_library_hide_them(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    redact_logs()
    redact_logs()
    try:
        logging.getLogger("pymilvus").error("cannot reach %s (%d)", "http://user:secret@host", 3)
    finally:
        logging.setLogRecordFactory(before)
    assert caplog.records[-1].getMessage() == "cannot reach http://***@host (3)"


def test_a_key_that_was_read_is_hidden_wherever_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    hide_secret("sk-of-a-test-1234")
    hide_secret("abc")  # too short: it stands in words
    assert redact("Incorrect key sk-of-a-test-1234, said abc") == "Incorrect key ***, said abc"
    redact_logs()
    try:
        logging.getLogger("urllib3").error("header %s", {"api-key": "sk-of-a-test-1234"})
    finally:
        logging.setLogRecordFactory(before)
    assert "***" in caplog.text and "1234" not in caplog.text
