"""MLflow runs as datasets: saving one writes one finished run.

A dataset works alike under every runner, where a call inside a node or MLflow's notion of an active run does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from emb_pipeline.datasets.mlflow.origin import Origin
from emb_pipeline.datasets.mlflow.params import list_inputs
from emb_pipeline.datasets.mlflow.runs import CELL, log_run, name_run
from emb_pipeline.datasets.placed import Placed, take_filepath
from emb_pipeline.datasets.tables import Tables, TablesDataset, preview_failure, preview_table
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.places import Place, find_place
from emb_pipeline.storage.sealed_files import read_json, write_json

RUN_NAME = "mlflow_run_name"
"""Key of a record: the name of its run."""


@dataclass(frozen=True)
class TrackedRun:
    """The run of one dataset: where it goes, how it is called, and what MLflow has not taken of it yet.

    A record that MLflow does not take is kept in ``<place>.unsent.json``, next to the result, with the run of the pipeline
    that it belongs to: whoever sends it later makes the run that it would have been.
    """

    tracking_uri: str
    experiment: str
    name: str
    use_case: str
    place: PurePosixPath
    artifact_location: str = ""

    def send(self, record: Mapping[str, Any], name: str | None = None, status: str = "FINISHED") -> str | None:
        """Write a record as one run that is over, and give the run's id; keep the record if MLflow does not take it."""
        tags = {"use_case": self.use_case, CELL: f"{self.use_case}/{self.name}", **record.get("tags", {})}
        of_run = {**record, "tags": tags, "inputs": list_inputs(record, self.use_case)}
        origin = Origin.of_this_run()
        run_id = self._log(name or self.name, of_run, status, origin)
        if run_id is None:
            kept = {"name": name or self.name, "status": status, "origin": origin.to_json(), "record": of_run}
            with self._unsent.write() as target, write_atomically(target) as path:
                write_json(kept, path)
        else:
            self.forget()
        return run_id

    def send_kept(self) -> str | None:
        """Send the record that is kept, and give the run's id; None if MLflow still does not take it."""
        with self._unsent.use() as path:
            kept = read_json(path)
        run_id = self._log(kept["name"], kept["record"], kept["status"], Origin(**kept["origin"]))
        if run_id is not None:
            self.forget()
        return run_id

    def keeps(self) -> bool:
        """Tell whether a record is kept that MLflow has not taken."""
        return self._unsent.exists()

    def forget(self) -> None:
        """Remove the record that is kept."""
        self._unsent.remove()

    @property
    def _unsent(self) -> Place:
        return find_place(self.place.with_name(f"{self.place.name}.unsent.json"))

    def _log(self, name: str, record: Mapping[str, Any], status: str, origin: Origin) -> str | None:
        return log_run(
            self.tracking_uri,
            self.experiment,
            name,
            record,
            status=status,
            origin=origin,
            artifact_location=self.artifact_location,
        )


class TrackedRunDataset(Placed, AbstractDataset[Mapping[str, Any] | Failed, dict[str, Any] | Failed]):
    """A record as one JSON file and one finished MLflow run.

    The record's ``params`` are the axes that vary over the grid, ``probe`` the hyper-parameters of an evaluation,
    ``metrics`` numbers, ``series`` lists of numbers by step, ``inputs`` the data that it is about, ``tags`` everything else.
    Options of the method are the tag ``options``; MLflow holds them as params. A failure in place of the record is a failed
    run, with its reason among the tags.

    Parameters
    ----------
    filepath : str
        The JSON file, a path or a URL. It alone decides whether the dataset exists.
    experiment : str
        MLflow experiment.
    run_name : str
        Name of the run: that of the embedding.
    use_case : str
        A tag of the run; the tag ``cell`` is both, ``<use_case>/<run_name>``.
    tracking_uri : str
        MLflow store.
    artifact_location : str
        Where MLflow's artifacts go, a URI; empty: where the store decides (`find_experiment`).
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(
        self,
        *,
        filepath: str,
        experiment: str,
        run_name: str,
        use_case: str,
        tracking_uri: str,
        artifact_location: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = take_filepath(filepath)
        self._run = TrackedRun(tracking_uri, experiment, run_name, use_case, self._filepath, artifact_location)
        self.metadata = metadata

    @property
    def experiment(self) -> str:
        """MLflow experiment of its runs."""
        return self._run.experiment

    def load(self) -> dict[str, Any] | Failed:
        return self.failure() or self._record()

    def save(self, data: Mapping[str, Any] | Failed) -> None:
        if isinstance(data, Failed):
            self.place.store_failure(data)
            self._run.send(make_failed_record(data), status="FAILED")
            return
        named = {**data, RUN_NAME: name_run(self._run.name, data, self._record() if self._exists() else {})}
        self._write({**named, "mlflow_run_id": self._track(named)})
        self.place.forget_failure()

    def flush(self) -> bool:
        """Write the run that MLflow could not take when the record was saved; True if nothing is left to write."""
        if self.failure() is not None:
            return not self._run.keeps() or self._run.send_kept() is not None
        if not self._exists() or (record := self._record()).get("mlflow_run_id"):
            return True
        record["mlflow_run_id"] = self._run.send_kept() if self._run.keeps() else self._track(record)
        self._write(record)
        return record["mlflow_run_id"] is not None

    def preview(self) -> TablePreview:
        """Give the metrics to Kedro-Viz: it looks for this return type."""
        record = self.load()
        if isinstance(record, Failed):
            return preview_failure(record)
        metrics = record.get("metrics", {})
        return preview_table(pa.table({"metric": list(metrics), "value": list(metrics.values())}))

    def _record(self) -> dict[str, Any]:
        with self.place.use() as path:
            return read_json(path)

    def _write(self, record: Mapping[str, Any]) -> None:
        with self.place.write() as target, write_atomically(target) as path:
            write_json(record, path)

    def _track(self, record: Mapping[str, Any]) -> str | None:
        return self._run.send(record, record.get(RUN_NAME))

    def _exists(self) -> bool:
        return self.place.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "experiment": self._run.experiment, "run_name": self._run.name}


class TrackedTablesDataset(TablesDataset):
    """The scores of one embedding as tables, and one wide MLflow run of them: its scorecard.

    Parameters
    ----------
    filepath, experiment, run_name, use_case, tracking_uri, metadata
        As for ``TrackedRunDataset``; ``filepath`` is a folder.
    """

    def __init__(
        self,
        *,
        filepath: str,
        experiment: str,
        run_name: str,
        use_case: str,
        tracking_uri: str,
        artifact_location: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._run = TrackedRun(tracking_uri, experiment, run_name, use_case, self._filepath, artifact_location)

    TRACKED = "mlflow.json"

    @property
    def experiment(self) -> str:
        """MLflow experiment of its runs."""
        return self._run.experiment

    @property
    def run_id(self) -> str | None:
        """The run that MLflow took; None while it took none."""
        if not self._exists():
            return None
        with self.place.use() as folder:
            path = folder / self.TRACKED
            return str(json.loads(path.read_text(encoding="utf-8"))["mlflow_run_id"]) if path.is_file() else None

    def save(self, data: Tables | Failed) -> None:
        super().save(data)
        if isinstance(data, Failed):
            self._run.forget()
        else:
            self._track(data["cells"])

    def flush(self) -> bool:
        """Write the scorecard that MLflow could not take when the tables were saved; True if nothing is left to write."""
        if not self._exists() or self.run_id is not None:
            return True
        if self._run.keeps():
            return self._note(self._run.send_kept())
        tables = self.load()
        return isinstance(tables, Failed) or self._track(tables["cells"])

    def _track(self, cells: Any) -> bool:
        if cells.num_rows:
            return self._note(self._run.send(_build_scorecard(cells)))
        self._run.forget()
        return True

    def _note(self, run_id: str | None) -> bool:
        """Note the run that MLflow took; False if it took none."""
        if run_id is not None:
            with (
                self.place.use(),
                self.place.write(is_added_to=True) as folder,
                write_atomically(folder / self.TRACKED) as path,
            ):
                path.write_text(json.dumps({"mlflow_run_id": run_id}), encoding="utf-8")
        return run_id is not None


def _build_scorecard(cells: pa.Table) -> dict[str, Any]:
    rows = cells.to_pylist()
    costs = ("train_seconds", "bytes_per_item")
    return {
        "params": {**{axis: rows[0][axis] for axis in ("origin", "method", "tuned", "seed")}, "dim": rows[0]["grid_dim"]},
        "metrics": {
            **{f"{row['task']}/{row['metric']}": row["value"] for row in rows},
            **{cost: rows[0][cost] for cost in costs},
        },
    }


def make_failed_record(failed: Failed) -> dict[str, Any]:
    """Make the record that MLflow keeps of a step that failed."""
    axes = ("origin", "method", "dim", "tuned", "seed")
    return {
        "params": {name: failed.cell[name] for name in axes if name in failed.cell},
        "tags": {"failed": failed.reason},
    }
