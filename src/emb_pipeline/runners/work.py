"""The work of a worker process: it runs one packed node after the other."""

from __future__ import annotations

from functools import cache
from typing import Any

from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks, _register_hooks_entry_points
from kedro.framework.project import settings

from emb_pipeline.pipelines.failures import fail_instead
from emb_pipeline.runners.tasks import NodeTask, Outcome, find_kept, make_kedro_task


def run_packed(packed: bytes) -> bytes:
    """Run a packed node, and pack its outcome; an error is an outcome, too."""
    place = "a node"
    try:
        task = NodeTask.unpack(packed)
        place = task.node.name
        if task.killed is not None and (fail := fail_instead(task.node.func, task.killed)) is not None:
            task.node.func = fail
        make_kedro_task(task, _make_hook_manager()).execute()
        return Outcome(kept=find_kept(task.catalog, task.node.outputs)).pack()
    except BaseException as error:
        return Outcome.of_error(place, error).pack()


@cache
def _make_hook_manager() -> Any:
    """Make the hooks of this process, once: Kedro's own parallel runner makes them for each node.

    A manager cannot be passed between processes. Kedro's task would make one by itself, and would then configure the log
    for each node.
    """
    manager = _create_hook_manager()
    _register_hooks(manager, settings.HOOKS)
    _register_hooks_entry_points(manager, settings.DISABLE_HOOKS_FOR_PLUGINS)
    return manager
