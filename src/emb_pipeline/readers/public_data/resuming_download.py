"""One file from a web server: a download that goes on where an earlier try stopped, and its progress."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from emb_pipeline.readers.public_data.public_sources import SourceFile

_CHUNK = 1 << 16  # what a broken connection loses at most


class ResumingDownloader:
    """A downloader for pooch that goes on where an earlier try stopped.

    Parameters
    ----------
    part : Path
        Where the unfinished file is kept between tries.
    limit : int, optional
        Size in bytes that the file is known to have; more than that is refused before it fills the disk.
    advance : callable, optional
        Told the number of bytes of each chunk that arrives.
    tries : int
        Connections to try before giving up.
    pause_seconds : float
        Pause before the second try; it doubles each time.
    """

    def __init__(
        self,
        part: Path,
        *,
        limit: int | None = None,
        advance: Callable[[int], None] | None = None,
        tries: int = 3,
        pause_seconds: float = 0.5,
    ) -> None:
        self.part, self._limit, self._advance = part, limit, advance
        self._tries, self._pause_seconds = tries, pause_seconds

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download ``url`` to ``output_file``; pooch checks it there and gives it its name."""
        import requests

        for attempt in range(self._tries):
            try:
                self._continue(url)
                break
            except requests.RequestException as error:
                response = getattr(error, "response", None)
                refused = response is not None and 400 <= response.status_code < 500 and response.status_code != 429
                if refused or attempt == self._tries - 1:
                    raise
                time.sleep(self._pause_seconds * 2**attempt)
        shutil.move(self.part, output_file)

    def _continue(self, url: str) -> None:
        import requests

        have = self.part.stat().st_size if self.part.is_file() else 0
        if self._limit is not None and have > self._limit:
            self.part.unlink()
            have = 0
        if have and have == self._limit:
            return
        # 'identity': a range counts bytes of the file itself, not of a compressed transfer.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=(10, 60)) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
                raise requests.ConnectionError(f"the server has no more than the {have:,} bytes of an earlier try")
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            expected = response.headers.get("Content-Length")
            arrived = 0
            with self.part.open("ab" if resumed else "wb") as out:
                for chunk in response.iter_content(_CHUNK):
                    arrived += len(chunk)
                    if self._limit is not None and (have if resumed else 0) + arrived > self._limit:
                        raise ValueError(f"{url} sends more than the {self._limit:,} bytes that the file has")
                    out.write(chunk)
                    if self._advance is not None:
                        self._advance(len(chunk))
            if expected is not None and arrived < int(expected):
                raise requests.ConnectionError(f"{url} broke off after {arrived:,} of {expected} bytes")


class ProgressBar:
    """A progress bar over the bytes of a source, or nothing."""

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        self._name, self._total, self._shown = name, total, shown

    def __enter__(self) -> ProgressBar:
        if self._shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._progress = Progress(
                TextColumn("fetch {task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._progress.start()
            self._task = self._progress.add_task(self._name, total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def start(self, file: SourceFile) -> None:
        self._before = self._progress.tasks[0].completed if self._shown else 0
        if self._shown:
            self._progress.update(self._task, description=f"{self._name}/{file.path}")

    def advance(self, n_bytes: int) -> None:
        if self._shown:
            self._progress.advance(self._task, n_bytes)

    def finish(self, file: SourceFile) -> None:
        if self._shown:
            self._progress.update(self._task, completed=self._before + file.bytes)
