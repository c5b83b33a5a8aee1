"""Tests do not wait until the disk has what was written: they kill processes, which loses nothing, and no machines.

A quarter of a tiny run was such waiting.
"""

from __future__ import annotations

import os
from typing import Any


def skip_flushes() -> None:
    """Let ``os.fsync`` return at once, in this process and in its forks."""
    os.fsync = lambda descriptor: None


def skip_flushes_of_sqlite() -> None:
    """Let SQLite, as MLflow opens it, leave what was committed to the operating system."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def _set_pragma(connection: Any, record: Any) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous = OFF")
