"""The hook that prints the last lines of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import find_active_environment, find_report, find_tracking_uri, load_active_parameters
from emb_pipeline.hooks.tracking.answer_tables import load_answer_tables
from emb_pipeline.redaction import redact
from emb_pipeline.storage.copies import find_url

_WIDTH = 100


class Console:
    """Last lines of a run: the leaderboard, and where report, MLflow store and graph are."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Print them, if the run made a leaderboard; if it made a decision, that before them."""
        made = pipeline.all_outputs()
        if not {"leaderboard", "decision"} & made:
            return
        from rich.console import Console as Terminal

        from emb_pipeline.datasets.mlflow.leaderboard import find_links
        from emb_pipeline.hooks.tracking.answer import find_experiments
        from emb_pipeline.reporting.console import draw_leaderboards, write_decision, write_failures, write_rounds

        known = Terminal()
        terminal = Terminal(width=min(known.width, _WIDTH) if known.is_terminal else _WIDTH)
        if "leaderboard" in made:
            terminal.print(draw_leaderboards(catalog.load("leaderboard").to_pandas()))
        if "failures" in made:
            terminal.print(write_failures(catalog.load("failures").to_pandas()))
        if "rounds" in made:
            terminal.print(write_rounds(catalog.load("rounds").to_pandas()))
        if "decision" in made:
            terminal.print(write_decision(load_answer_tables(catalog)))
        if "leaderboard" not in made:
            return
        parameters = load_active_parameters()
        use_case = parameters["use_case"]
        if parameters.get("pace") == "fast":
            sample = (parameters.get("fast") or {}).get("sample")
            of = f", on at most {sample:,} examples of a task" if sample else ""
            terminal.print(
                f"\nThis is a first answer{of}. For all of it: emb-pipeline run {use_case} --thorough", style="yellow"
            )
        stored = find_url(Path(find_report()))
        also = f"   ({stored})" if stored else ""
        terminal.print(f"report   {find_report()}{also}", soft_wrap=True, highlight=False)
        terminal.print(
            f"runs     mlflow ui --backend-store-uri {redact(find_tracking_uri())}   (http://127.0.0.1:5000)",
            soft_wrap=True,
            highlight=False,
        )
        for task, link in find_links(find_tracking_uri(), use_case, find_experiments(catalog)).items():
            terminal.print(f"compare  {link}   ({task})", soft_wrap=True, highlight=False)
        environment = find_active_environment()
        viz = f"kedro viz run --env {environment}" if environment else "kedro viz run"
        terminal.print(f"graph    {viz}   (http://127.0.0.1:4141)", soft_wrap=True, highlight=False)
