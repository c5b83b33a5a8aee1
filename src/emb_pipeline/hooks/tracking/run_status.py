"""The hook that writes what Kedro-Viz shows of the last run: how each node ended, and the rows and bytes of each result.

Kedro-Viz brings hooks of its own; they record nothing under ``ParallelRunner``, nothing of a part of the pipeline, and count
rows of pandas frames alone. This one writes the same two files under every runner (docs/decisions/0021-kedro-structure.md).
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import project_path
from emb_pipeline.embeddings.extras import is_installed
from emb_pipeline.hooks.run_lines import append_line
from emb_pipeline.provenance.node_fingerprints import is_data
from emb_pipeline.provenance.stored_results import find_stored, is_stored
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import name_this_process, write_atomically
from emb_pipeline.storage.shared_json import read_object, update_object

STEPS = "EMB_PIPELINE_RUN_STEPS"
"""Environment variable: the file that the processes of a run note their nodes in, one line each."""


class RunStatus:
    """Notes each node's end where it runs, and writes Kedro-Viz's files where the run ends.

    Without Kedro-Viz, which is an extra, nothing is noted.
    """

    def __init__(self) -> None:
        self._started_at = ""
        self._since: dict[str, float] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Begin an empty list of steps."""
        if not is_installed("kedro_viz"):
            return
        self._started_at = _read_clock()
        steps = _find_folder() / f"steps.{name_this_process()}.jsonl"
        steps.parent.mkdir(parents=True, exist_ok=True)
        steps.write_text("", encoding="utf-8")
        os.environ[STEPS] = str(steps)

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        """Take the time."""
        self._since[node.name] = time.perf_counter()

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        """Note the node and its seconds."""
        seconds = time.perf_counter() - self._since.pop(node.name)
        _note(node, {"event": "after_node_run", "status": "success", "duration": seconds})

    @hook_impl
    def on_node_error(self, error: Exception, node: Any) -> None:
        """Note the node and its error."""
        _note(node, _describe_error("on_node_error", error))

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Write status and sizes of a run that came to its end."""
        self._write(pipeline, catalog, {"event": "after_pipeline_run", "timestamp": _read_clock()})

    @hook_impl
    def on_pipeline_error(self, error: Exception, pipeline: Any, catalog: Any) -> None:
        """Write status and sizes of a run that failed."""
        self._write(pipeline, catalog, _describe_error("on_pipeline_error", error))

    def _write(self, pipeline: Any, catalog: Any, end: dict[str, Any]) -> None:
        path = os.environ.pop(STEPS, None)
        if path is None:
            return  # refused before it began, or there is no Kedro-Viz
        steps = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        Path(path).unlink()
        made = pipeline.all_outputs()
        names = sorted(name for name in filter(is_data, pipeline.datasets()) if "@" not in name or name in made)
        sizes = {name: facts for name in names if (facts := measure(catalog, name))}
        start = {"event": "before_pipeline_run", "timestamp": self._started_at}
        saved = [_describe_result(name, facts.get("file_size", 0)) for name, facts in sizes.items()]
        events = [start, *steps, *saved, *_list_failures(pipeline, catalog), end]
        _write_json(_find_folder() / "kedro_pipeline_events.json", events)
        measured = {name.partition("@")[0]: facts for name, facts in sizes.items()}
        update_object(_find_folder() / "stats.json", lambda kept: {**kept, **measured})


def measure(catalog: Any, name: str) -> dict[str, int]:
    """Count rows, columns and bytes of a stored result; rows and columns of tables alone."""
    if not is_stored(catalog, name):
        return {}
    path, known_size = find_stored(catalog, name).look()
    if path is None:  # in a store, and not here: it was not made by this run
        return {"file_size": known_size} if known_size is not None else {}
    if path.is_dir():
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return {**_count_rows(path / "manifest.json"), "file_size": size}
    if not path.is_file():
        return {}
    size = path.stat().st_size
    if path.suffix != ".parquet":
        return {"file_size": size}
    try:
        footer = pq.read_metadata(path)
    except (pa.ArrowException, OSError):  # damaged: refused with its remedy when it is loaded
        return {"file_size": size}
    return {"rows": footer.num_rows, "columns": footer.num_columns, "file_size": size}


def _count_rows(manifest: Path) -> dict[str, int]:
    """Count the rows of a folder of tables, those in files of other results too."""
    found = read_object(manifest)
    rows, parts = found.get("rows"), found.get("parts") or {}
    if not isinstance(rows, dict):
        return {}
    return {"rows": sum(rows.values()) + sum(file["rows"] for part in parts.values() for file in part["files"])}


def _list_failures(pipeline: Any, catalog: Any) -> Iterator[dict[str, Any]]:
    """List the nodes that stored why they failed in place of their results: the run went on without them."""
    for node in pipeline.nodes:
        for name in node.outputs:
            failure = getattr(catalog.get(name), "failure", None)
            failed = failure() if failure is not None else None
            if failed is not None:
                yield {"event": "on_node_error", "error": failed.reason, "timestamp": _read_clock(), **_identify(node)}
                break


def _identify(node: Any) -> dict[str, str]:
    from kedro_viz.integrations.kedro.hooks_utils import hash_node

    return {"node": node.name, "node_id": hash_node(node)}


def _describe_result(name: str, size: int) -> dict[str, Any]:
    from kedro_viz.integrations.kedro.hooks_utils import hash_node

    event = {"event": "after_dataset_saved", "dataset": name, "node_id": hash_node(name)}
    return {**event, "status": "Available", "size": size}


def _describe_error(event: str, error: Exception) -> dict[str, Any]:
    lines = redact("".join(traceback.format_exception(error)))
    return {"event": event, "error": redact(str(error)), "traceback": lines, "timestamp": _read_clock()}


def _note(node: Any, end: dict[str, Any]) -> None:
    """Append one line about a node."""
    if STEPS in os.environ and is_installed("kedro_viz"):
        append_line(STEPS, json.dumps({**end, **_identify(node)}) + "\n")


def _find_folder() -> Path:
    from kedro_viz.constants import VIZ_METADATA_ARGS

    return project_path() / str(VIZ_METADATA_ARGS["path"])


def _write_json(path: Path, value: Any) -> None:
    with write_atomically(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")


def _read_clock() -> str:
    return datetime.now(tz=UTC).isoformat()
