"""The hook that refuses stale results, and holds what a run makes and takes while it goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import load_active_parameters
from emb_pipeline.hooks.claims import Claim
from emb_pipeline.hooks.command import ACCEPT_STALE, REMAKE_STALE, format_kedro_command
from emb_pipeline.hooks.object_storage import ask_at_once
from emb_pipeline.hooks.one_run import hold_use_case

__all__ = ["ACCEPT_STALE", "REMAKE_STALE", "Freshness"]


class Freshness:
    """Refuses to reuse results that other parameters, code, files or inputs made, and two runs that make the same ones."""

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._thread: int | None = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Stop with the list of stale results; otherwise note the fingerprint of everything that this run makes."""
        from kedro.framework.project import pipelines

        parameters = load_active_parameters()
        models = Path(parameters["folders"]["models"])
        if self._thread == threading.get_ident():
            self._free()  # an earlier session of this thread was interrupted
        try:
            command = format_kedro_command(run_params)
            claim = Claim.of(pipeline, pipelines["__default__"])
            self._lock.enter_context(hold_use_case(models, parameters["use_case"], command, claim))
            self._thread = threading.get_ident()
            ask_at_once(catalog, pipeline.datasets())
            _prepare_results(run_params, pipeline, catalog, parameters)
        except BaseException:
            self._free()
            raise

    @hook_impl(wrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Let runs start that want the same results, once all else that follows a run is done."""
        try:
            yield
        finally:
            self._free()

    @hook_impl(wrapper=True)
    def on_pipeline_error(self) -> Iterator[None]:
        """Let runs start that want the same results."""
        try:
            yield
        finally:
            self._free()

    def _free(self) -> None:
        self._lock.close()
        self._thread = None


def _prepare_results(run_params: dict[str, Any], pipeline: Any, catalog: Any, parameters: dict[str, Any]) -> None:
    from kedro.framework.project import pipelines
    from kedro.pipeline import Pipeline

    from emb_pipeline.provenance.manifest import Manifest
    from emb_pipeline.provenance.node_fingerprints import fingerprint_results
    from emb_pipeline.provenance.package_code import build_code_graph
    from emb_pipeline.provenance.raw_files import FileHashes
    from emb_pipeline.provenance.reuse import RunRequest, prepare_run, refuse_missing_inputs

    every = pipelines["__default__"]
    known = {node.name for node in every.nodes}
    whole = every + Pipeline(node for node in pipeline.nodes if node.name not in known)
    run = RunRequest(
        pipeline,
        command=format_kedro_command({name: run_params.get(name) for name in ("env", "runtime_params", "runner")}),
        whole=whole,
        only_missing=bool(run_params.get("only_missing_outputs")),
        accept=os.environ.get(ACCEPT_STALE, "").strip(),
        remakes=bool(os.environ.get(REMAKE_STALE)),
    )
    refuse_missing_inputs(run, catalog)
    folders = parameters["folders"]
    manifest, remembered = Manifest.open(Path(folders["models"])), Path(folders["scratch"])
    code = build_code_graph(store=remembered / ".code_summaries.json")
    hashes = FileHashes(remembered / ".file_hashes.json")
    fingerprints = fingerprint_results(whole, parameters, code=code, hashes=hashes)
    code.keep()
    hashes.keep()
    prepare_run(run, catalog, fingerprints, manifest)
