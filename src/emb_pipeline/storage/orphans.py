"""Worker processes whose parent was killed: they end, too."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any


def end_with_parent() -> None:
    """Let this process end, from now on, where the one that started it is killed: nobody would take what it makes."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
