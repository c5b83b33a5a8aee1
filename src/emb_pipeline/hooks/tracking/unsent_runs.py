"""Parent runs that MLflow has not taken, or not to their end: files, until a later run can send them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from emb_pipeline.datasets.mlflow.jobs import join_jobs
from emb_pipeline.datasets.mlflow.origin import RUN_KEY
from emb_pipeline.datasets.mlflow.runs import PARENTS, Answer, close_run, open_run, write_answer
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import LockHeldError, has_ended, hold_lock, name_this_process, write_atomically


@dataclass(frozen=True)
class Parent:
    """One ``kedro run`` as MLflow will have it.

    Attributes
    ----------
    name : str
        Of its run.
    tags, config : dict
        Tags of the run, among them its key; what is stored with it.
    jobs : str
        The name that jobs have in common of which it is one; empty for a run by itself.
    started : int
        Milliseconds since 1970.
    process : str
        The process that will close it (`name_this_process`).
    run_id, jobs_id : str
        Its run, and the one of all these jobs; empty where MLflow did not take it.
    status : str
        How it ended; empty while it goes on.
    ended : int
        Milliseconds since 1970.
    is_last : bool
        Whether it is the last of its jobs, which ends their run.
    """

    name: str
    tags: dict[str, str]
    config: dict[str, Any]
    jobs: str = ""
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    process: str = field(default_factory=name_this_process)
    run_id: str = ""
    jobs_id: str = ""
    status: str = ""
    ended: int = 0
    is_last: bool = False

    @property
    def key(self) -> str:
        """The run key, by which the runs of its cells find it."""
        return self.tags[RUN_KEY]

    @property
    def place_of_answer(self) -> str:
        """The run that has the answer: that of all jobs, or its own."""
        return self.jobs_id or self.run_id

    def end(self, status: str, *, is_last: bool) -> Parent:
        """Note how it ended, and when."""
        return replace(self, status=status, ended=int(time.time() * 1000), is_last=is_last)

    def open(self, tracking_uri: str, artifact_location: str) -> Parent:
        """Give it its run, unless it has one or MLflow does not take it."""
        if self.run_id:
            return self
        jobs_id = ""
        if self.jobs:
            use_case = self.tags["use_case"]
            name, tags = f"{use_case}/{self.jobs}", {"use_case": use_case}
            jobs_id = (
                join_jobs(
                    tracking_uri, PARENTS, self.jobs, name, tags, artifact_location=artifact_location, reopen=not self.status
                )
                or ""
            )
            if not jobs_id:
                return self
        run_id = open_run(
            tracking_uri,
            PARENTS,
            self.name,
            {**self.tags, **({"mlflow.parentRunId": jobs_id} if jobs_id else {})},
            self.config,
            started=self.started,
            artifact_location=artifact_location,
        )
        return replace(self, run_id=run_id or "", jobs_id=jobs_id)

    def close(self, tracking_uri: str) -> bool:
        """End its run, and that of its jobs after the last of them or one that failed; False if MLflow does not take it."""
        ends = [self.run_id, *([self.jobs_id] if self.jobs_id and (self.is_last or self.status != "FINISHED") else [])]
        return all(run_id and close_run(tracking_uri, run_id, self.status, self.ended) for run_id in ends)


class UnsentRuns:
    """A folder of parent runs that wait for MLflow: a file for each, and its answer next to it.

    Parameters
    ----------
    folder : Path
        It need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, parent: Parent) -> None:
        """Keep a run; one that is kept already gets its newer state."""
        with write_atomically(self._find_file(parent)) as path:
            path.write_text(redact(json.dumps(asdict(parent), default=str)), encoding="utf-8")

    def keep_answer(self, parent: Parent, answer: Answer) -> None:
        """Keep the answer of a run, with a copy of its report: a later run writes another one in its place."""
        with write_atomically(self._find_answer(parent)) as folder:
            folder.mkdir()
            kept = {"note": answer.note, "metrics": dict(answer.metrics), "page": answer.page.name}
            (folder / "answer.json").write_text(redact(json.dumps(kept)), encoding="utf-8")
            answer.leaderboard.to_parquet(folder / "leaderboard.parquet")
            shutil.copyfile(answer.page, folder / answer.page.name)

    def forget(self, parent: Parent) -> None:
        """Remove a run that MLflow has; one whose answer is kept stays until MLflow has that, too."""
        if self._find_answer(parent).is_dir():
            self.keep(parent)
        else:
            self._find_file(parent).unlink(missing_ok=True)

    def send(self, tracking_uri: str, artifact_location: str) -> None:
        """Give kept runs that are over their run in MLflow, their answer and their end; remove those that MLflow has."""
        if not any(self._list_ended()):
            return
        with suppress(LockHeldError), hold_lock(self._folder / ".lock", what="sending runs to MLflow", wait=0):
            self._send_each(tracking_uri, artifact_location)

    def _send_each(self, tracking_uri: str, artifact_location: str) -> None:
        for parent in self._list_ended():
            opened = parent.open(tracking_uri, artifact_location)
            if not opened.run_id:
                continue
            answer = self._load_answer(parent)
            if answer is not None and write_answer(tracking_uri, opened.place_of_answer, answer):
                shutil.rmtree(self._find_answer(parent))
            if opened.close(tracking_uri):
                self.forget(opened)

    def _find_file(self, parent: Parent) -> Path:
        return self._folder / f"{parent.key}.json"

    def _find_answer(self, parent: Parent) -> Path:
        return self._folder / f"{parent.key}.answer"

    def _list_ended(self) -> Iterator[Parent]:
        for file in sorted(self._folder.glob("[!.]*.json")):
            parent = Parent(**json.loads(file.read_text(encoding="utf-8")))
            if parent.status:
                yield parent
            elif has_ended(parent.process):
                yield replace(parent, status="KILLED", ended=int(file.stat().st_mtime * 1000))

    def _load_answer(self, parent: Parent) -> Answer | None:
        import pandas as pd

        folder = self._find_answer(parent)
        if not folder.is_dir():
            return None
        kept = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        board = pd.read_parquet(folder / "leaderboard.parquet")
        return Answer(kept["note"], kept["metrics"], board, folder / kept["page"])
