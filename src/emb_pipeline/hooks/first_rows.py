"""The hook that looks at the first rows of files before a large corpus is read."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import load_active_parameters


class FirstRows:
    """Refuses files that cannot be used by a look at their first rows, before a large corpus is read."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Read the first rows of every file of the corpora and tasks that this run ingests."""
        from emb_pipeline.experiment.model import CorpusDefinition, Folders, TaskDefinition
        from emb_pipeline.tasks.examples.first_rows import check_first_rows
        from emb_pipeline.tasks.registry import KINDS

        only_missing = bool(run_params.get("only_missing_outputs"))
        read = (name for name in pipeline.all_outputs() if name.endswith((".documents", ".examples")))
        made = {name for name in read if not (only_missing and catalog.exists(name))}
        parameters = load_active_parameters()
        corpora = {
            name: CorpusDefinition.model_validate(definition).sources
            for name, definition in parameters["corpora"].items()
            if f"{name}.documents" in made
        }
        tasks = [
            TaskDefinition.model_validate(definition)
            for name, definition in parameters["tasks"].items()
            if f"{name}.examples" in made
        ]
        if corpora or tasks:
            folders = Folders.model_validate(parameters["folders"])
            readers = {task.name: (KINDS[task.kind].create_reader(), task.source) for task in tasks}
            check_first_rows(corpora, readers, folders.raw, folders.project)
