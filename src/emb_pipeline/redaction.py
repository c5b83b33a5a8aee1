"""Passwords kept out of messages, logs, MLflow and reports."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import Any

_IN_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@'\"]*(?:@[^\s/?#@'\"]*)*@")
_IN_QUERY = re.compile(r"(?i)([?&;](?:password|passwd|pwd|token|api_?key|secret|sig|signature|access_key)=)[^\s&;'\"]+")


def redact(text: str) -> str:
    """Hide user and password of every address in a text: ``http://***@host``, ``?token=***``."""
    if "://" not in text:
        return text
    return _IN_QUERY.sub(r"\1***", _IN_ADDRESS.sub(r"\g<scheme>***@", text))


def redact_logs() -> None:
    """Hide passwords of addresses in everything that is logged in this process, by whichever library."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        if "://" in str(record.msg) or (record.args and "://" in str(record.args)):
            with suppress(TypeError, ValueError):  # a message that does not fit its values: logging says so itself
                record.msg, record.args = redact(record.getMessage()), None
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)
