"""Processor, memory, disk, network and graphics card while a run goes on, as MLflow's page of system metrics shows them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from emb_pipeline.datasets.mlflow.runs import MACHINE_METRICS
from emb_pipeline.redaction import redact

LOGGER = logging.getLogger(__name__)
EVERY_SECONDS = 10.0
_AGAIN_SECONDS = 60.0
"""Wait after a sample that MLflow does not take: no process is forked while one is sent."""
_INTERVAL = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"
"""MLflow's own environment variable for the seconds between two samples."""
_IN_STORE = threading.Lock()
"""Held while a sample is taken and written: no process is forked meanwhile, which would inherit the store's locks."""

if hasattr(os, "register_at_fork"):
    _release = {"after_in_parent": _IN_STORE.release, "after_in_child": _IN_STORE.release}
    os.register_at_fork(before=_IN_STORE.acquire, **_release)


class MachineMonitor:
    """A thread that writes samples of this machine into a run until it is stopped, or its process ends.

    MLflow has a thread of its own; that one writes nothing of a run under ten seconds, and a worker that is forked while it
    writes waits for ever.

    Parameters
    ----------
    tracking_uri : str
        MLflow store.
    run_id : str
        The run.
    """

    def __init__(self, tracking_uri: str, run_id: str) -> None:
        self._tracking_uri, self._run_id = tracking_uri, run_id
        self._every = float(os.environ.get(_INTERVAL) or EVERY_SECONDS)
        self._ended = threading.Event()
        self._step = 0
        self._gauges = _list_gauges()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="MachineMonitor")

    def start(self) -> None:
        """Begin; the first sample comes after the first interval."""
        for gauge in self._gauges:
            gauge.collect_metrics()  # processor use is counted from here on
            gauge.clear_metrics()
        self._thread.start()

    def stop(self) -> None:
        """Write a last sample and end the thread."""
        self._ended.set()
        self._thread.join()
        self._write_sample()

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            if not self._write_sample() and self._ended.wait(_AGAIN_SECONDS):
                return

    def _write_sample(self) -> bool:
        """Write one sample; False if MLflow does not take it."""
        from mlflow import MlflowClient
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        with _IN_STORE:
            try:
                for gauge in self._gauges:
                    gauge.collect_metrics()
                values = {name: value for gauge in self._gauges for name, value in gauge.aggregate_metrics().items()}
                metrics = [Metric(f"{MACHINE_METRICS}{name}", value, now, self._step) for name, value in values.items()]
                MlflowClient(self._tracking_uri).log_batch(self._run_id, metrics=metrics)
            except Exception as error:  # whatever it is, a run is not stopped by a thermometer
                LOGGER.debug("no system metrics: %s", redact(str(error)))
                return False
        self._step += 1
        for gauge in self._gauges:
            gauge.clear_metrics()
        return True


def _list_gauges() -> Sequence[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    gauges: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        gauges.append(GPUMonitor())
    except Exception as error:  # without a card, a driver or a library that asks it
        LOGGER.debug("no graphics card is watched: %s", error)
    return gauges
