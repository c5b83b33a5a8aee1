"""The hook that prepares an object store for results, where ``data_root`` is a URL."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import find_data_root
from emb_pipeline.provenance.node_fingerprints import is_data
from emb_pipeline.provenance.stored_results import is_stored
from emb_pipeline.storage.copies import normalize_url
from emb_pipeline.storage.local_paths import is_url
from emb_pipeline.storage.object_log import AT_ONCE
from emb_pipeline.storage.object_store import OPTIONS, forget_reads, hide_options, remember_reads, write_object

_TRIAL = ".emb_pipeline"
_ASKED_SECONDS = 120.0
"""The time in which the hooks before a run, and those after it, ask what is there."""


class ObjectStorage:
    """Gives this process and its workers the keys of the store, and refuses one that cannot be written to."""

    def __init__(self) -> None:
        self._given = ""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Put the credentials ``data_root`` into the environment, where no other options are."""
        options = context.config_loader["credentials"]["data_root"]
        if self._given and os.environ.get(OPTIONS) == self._given:  # those of an earlier session of this process
            del os.environ[OPTIONS]
        if options and OPTIONS not in os.environ:
            hide_options(options)
            self._given = os.environ[OPTIONS] = json.dumps(options)

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Write one small object before anything is computed."""
        root = find_data_root()
        if is_url(root):
            write_object(f"{normalize_url(root)}/{_TRIAL}", b"{}")

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, catalog: Any) -> None:
        """Forget what was there before the run, and ask at once for all that the hooks at its end ask for."""
        from kedro.framework.project import pipelines

        ask_at_once(catalog, pipelines["__default__"].all_outputs())

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Forget what was there before the run."""
        forget_reads()


def ask_at_once(catalog: Any, names: Iterable[str]) -> None:
    """Ask a store whether results are there, many at a time, and know the answers for a while: each takes some time.

    Nobody else may be writing them: a run asks when it has the lock of the use case.
    """
    forget_reads()
    if not is_url(find_data_root()):
        return
    results = sorted(filter(is_data, names))
    for name in results:
        catalog.get(name)  # made of its pattern, by one thread
    with remember_reads(_ASKED_SECONDS), ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(partial(is_stored, catalog), results))
