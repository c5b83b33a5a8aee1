"""``emb-pipeline drift``: are new texts like those that embeddings were tested on, and what if they are not?"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from emb_pipeline.cli.command import VerdictCommand, find_project, open_use_case
from emb_pipeline.cli.deployed import load_leaderboard
from emb_pipeline.diagnostics.drift.sample import draw_sample
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.experiment.model import Folders, TaskDefinition
from emb_pipeline.readers.description.texts import read_brought_texts
from emb_pipeline.reporting.drift.report import describe_drift, find_drift_code, write_drift_report
from emb_pipeline.reporting.markdown_page import require_report_name, write_report
from emb_pipeline.scaffold.language import guess_language
from emb_pipeline.statistics.embedding_facts import CONTROL
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.unit_scores import read_primary_scores
from emb_pipeline.tasks.coverage import find_known_words, find_word_vectors
from emb_pipeline.tasks.drift.measure import (
    NEW,
    THRESHOLD,
    Drift,
    ScoredTask,
    compare_corpora,
    measure_task_drift,
)
from emb_pipeline.tasks.drift.task_texts import find_task_texts
from emb_pipeline.tasks.drift.unknown_words import KnownWords, know_words
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.hashing import hash_text

MOST_VOCABULARIES = 8
"""Embeddings of words whose unknown words are counted: the best ones of a task."""


@click.command("drift", cls=VerdictCommand)
@click.option("--env", "use_case", default="base", show_default=True, help="Use case that has been run.")
@click.option("--new", "new_file", required=True, type=click.Path(path_type=Path), help="File with the new texts.")
@click.option("--text", "columns", multiple=True, metavar="COLUMN", help="Column with the text; several are joined.")
@click.option("--task", "tasks", multiple=True, help="A task; by default all that have texts.")
@click.option(
    "--threshold",
    type=click.FloatRange(0.5, 1, max_open=True),
    default=THRESHOLD,
    show_default=True,
    help="Area under the ROC curve above which new texts differ.",
)
@click.option("--examples", type=click.IntRange(min=0), default=5, show_default=True, help="New texts that are shown.")
@click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report: .md or .html.")
@click.option("--label-sample", type=click.Path(dir_okay=False, path_type=Path), help="Write new texts to label, as CSV.")
def command(
    use_case: str,
    new_file: Path,
    columns: tuple[str, ...],
    tasks: tuple[str, ...],
    threshold: float,
    examples: int,
    file: Path | None,
    label_sample: Path | None,
) -> None:
    """Compare a file of new texts with the texts that embeddings were trained and tested on.

    Exit code 0: the new texts are like the test texts. 1: they differ. 2: there are too few texts to say. 3: an error.
    """
    require_report_name(file)
    with open_use_case(use_case) as context:
        catalog, params = context.catalog, context.params
        board = load_leaderboard(catalog, use_case)
        scored, without_texts = _read_tasks(catalog, params, board, tasks)
        resampling = ReportOptions.model_validate(params["report"]).resampling
        folders = Folders.model_validate(params["folders"])
        rows = read_brought_texts(new_file, columns, find_project(), folders.raw)
        new, all_new = draw_sample(NEW, rows), frozenset(hash_text(text) for _, text in rows)
        names = [name for name in params["corpora"] if catalog.exists(f"{name}.documents")]  # others are in no grid
        corpora = [draw_sample(f"corpus {name}", catalog.load(f"{name}.documents")) for name in names]
        found = [
            measure_task_drift(
                each,
                corpora,
                new,
                all_new,
                _find_vocabularies(catalog, params, names, board, each),
                guess_language,
                resampling,
                threshold=threshold,
                n_examples=examples,
            )
            for each in scored
        ]
        n_to_label = max((each.n_to_label for each in found), default=0)
        drift = Drift(
            str(new_file),
            new,
            resampling.level,
            compare_corpora(corpora, new, resampling),
            found,
            without_texts,
            list(zip(new.ids, new.texts, strict=True))[:n_to_label],
        )
    for one in found:
        click.echo(describe_drift(one, drift))
    if file is not None:
        write_report(file, write_drift_report(drift))
        click.echo(f"The report: {file}")
    if label_sample is not None:
        _write_label_sample(label_sample, drift.to_label)
        click.echo(f"To label: {len(drift.to_label)} texts in {label_sample}")
    raise SystemExit(find_drift_code(drift))


def _read_tasks(catalog: Any, params: Any, board: pd.DataFrame, names: Sequence[str]) -> tuple[list[ScoredTask], list[str]]:
    """Read texts and scores of the tasks that were named, or of all; also the names of those without texts."""
    primary = board[board["primary"] & board["failed"].isna()]
    known = list(dict.fromkeys(primary["task"]))
    for name in names:
        if name not in known:
            raise DataError(f"--task {name}", "the use case has no scores of it", suggest(name, known))
    wanted = list(names) or known
    definitions = {name: TaskDefinition.model_validate(params["tasks"][name]) for name in wanted}
    metrics = {
        name: KINDS[each.kind].find_unit_metric(str(primary.loc[primary["task"] == name, "metric"].iloc[0]))
        for name, each in definitions.items()
    }
    tables = [catalog.load(f"{origin}.scores")["item_scores"].read() for origin in dict.fromkeys(primary["origin"])]
    scores = read_primary_scores(tables, wanted, metrics)
    found, without_texts = [], []
    for name in wanted:
        texts = find_task_texts(catalog.load(f"examples@{name}"), scores[name].units)
        if texts is None:
            without_texts.append(name)
            continue
        chosen = _find_chosen(catalog, primary[primary["task"] == name])
        found.append(ScoredTask(name, definitions[name].kind, texts, scores[name], metrics[name], chosen))
    if not found:
        raise DataError(", ".join(wanted), "test items of these tasks are no texts", "name another task: --task")
    return found, without_texts


def _find_chosen(catalog: Any, board: pd.DataFrame) -> str:
    """Find the embedding that the decision chose for a task, or else the best one."""
    if catalog.exists("decision"):
        decision = catalog.load("decision").to_pandas()
        chosen = decision[decision["chosen"] & (decision["task"] == board["task"].iloc[0])]
        if len(chosen):
            return str(chosen["embedding"].iloc[0])
    return str(board.sort_values("value", ascending=False, kind="stable")["embedding"].iloc[0])


def _find_vocabularies(
    catalog: Any, params: Any, corpora: Sequence[str], board: pd.DataFrame, task: ScoredTask
) -> dict[str, KnownWords]:
    """Find what knows words: all corpora together, and the best embeddings that have a vocabulary of words."""
    words = {word for name in corpora for word in catalog.load(f"tokens@{name}").counts}
    found: dict[str, KnownWords] = {"the corpora": know_words(words)} if words else {}
    could_be_chosen = board["embedding"].isin(list(task.found.families)) & (board["origin"] != CONTROL)
    rows = board[could_be_chosen & (board["task"] == task.name) & board["primary"] & board["known_tokens"].notna()]
    best = rows.sort_values("value", ascending=False, kind="stable").head(MOST_VOCABULARIES)
    encodings = Folders.model_validate(params["folders"]).encodings
    for name, origin in zip(best["embedding"], best["origin"], strict=True):
        stored = catalog.load(f"{origin}.scores")["encoders"].by_name().get(name)
        vectors = None if stored is None else find_word_vectors(stored.load(encodings))
        if vectors is not None:
            found[str(name)] = _know_vectors(vectors)
    return found


def _know_vectors(vectors: Any) -> KnownWords:
    return lambda words: find_known_words(words, vectors)


def _write_label_sample(file: Path, rows: Sequence[tuple[str, str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as written:
        writer = csv.writer(written)
        writer.writerow(("id", "text", "label"))
        writer.writerows((name, text, "") for name, text in rows)
