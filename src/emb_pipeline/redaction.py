"""Passwords kept out of messages, logs, MLflow and reports."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import Any

_IN_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@'\"]*(?:@[^\s/?#@'\"]*)*@")
_IN_QUERY = re.compile(r"(?i)([?&;](?:password|passwd|pwd|token|api_?key|secret|sig|signature|access_key)=)[^\s&;'\"]+")


_SECRETS: set[str] = set()
"""Keys that this process has read."""
_SHORTEST_SECRET = 4


def hide_secret(secret: str) -> None:
    """Hide a key, from now on, in everything that this process redacts or logs."""
    if len(secret) >= _SHORTEST_SECRET:  # a shorter one is in many words
        _SECRETS.add(secret)


def redact(text: str) -> str:
    """Hide keys that were read, and user and password of every address: ``http://***@host``, ``?token=***``."""
    for secret in tuple(_SECRETS):
        text = text.replace(secret, "***")
    if "://" not in text:
        return text
    return _IN_QUERY.sub(r"\1***", _IN_ADDRESS.sub(r"\g<scheme>***@", text))


def redact_logs() -> None:
    """Hide keys and passwords of addresses in everything that is logged in this process, by whichever library."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = make(*arguments, **options)
        if _may_hold_secret(str(record.msg)) or (record.args and _may_hold_secret(str(record.args))):
            with suppress(TypeError, ValueError):  # a message that does not fit its values: logging says so itself
                record.msg, record.args = redact(record.getMessage()), None
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)


def _may_hold_secret(text: str) -> bool:
    return "://" in text or any(secret in text for secret in tuple(_SECRETS))
