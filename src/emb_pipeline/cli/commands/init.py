"""``emb-pipeline init``: a use case from somebody's files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from emb_pipeline.cli.command import ProjectCommand, find_project
from emb_pipeline.config.active import build_active_experiment
from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described, describe_files
from emb_pipeline.scaffold.build import build_use_case, require_new_name
from emb_pipeline.scaffold.estimate import estimate_seconds, write_duration
from emb_pipeline.scaffold.files import NewUseCase
from emb_pipeline.scaffold.language import find_language, sample_texts
from emb_pipeline.scaffold.propose import propose_tasks
from emb_pipeline.tasks.proposal import Named, Proposal
from emb_pipeline.tasks.registry import KINDS

_SURE = 0.85


@click.command(cls=ProjectCommand, name="init")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--text", multiple=True, metavar="COLUMN", help="Column with the text; twice for a pair, or for texts to join."
)
@click.option("--label", metavar="COLUMN", help="Column with what is to be predicted: a label, a score.")
@click.option("--kind", type=click.Choice(list(KINDS)), help="The kind of task, where the files could be several.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what the files look like.")
@click.option("--force", is_flag=True, help="Replace a use case of this name.")
def command(
    name: str, files: Sequence[Path], text: tuple[str, ...], label: str | None, kind: str | None, yes: bool, force: bool
) -> None:
    """Write a use case for your own FILES: a table, tagged sentences, queries and passages, interactions, documents.

    Looks at the files, says what they hold, and writes conf/NAME with comments to edit it by.
    """
    project = find_project()
    require_new_name(name, project / "conf", replaces=force)
    described = describe_files(files, project)
    for file in described:
        click.echo(_describe(file))
    asks = not yes and sys.stdin.isatty()
    proposal = _choose(described, Named(text, label), kind, asks=asks)
    texts = sample_texts(described, _list_columns(proposal), project) if proposal.has_texts else []
    use_case = build_use_case(name, proposal, find_language(texts))
    _write(use_case, project)
    click.echo(f"\n  {proposal.kind.replace('_', ' ')}: {proposal.what}")
    for note in proposal.notes:
        click.echo(f"  {note}")
    if use_case.language is not None:
        click.echo(f"  language: {use_case.language}")
    for note in use_case.describe_language():
        click.secho(f"  {note}", fg="yellow")
    _say_what_runs(use_case)


def _list_columns(proposal: Proposal) -> list[str]:
    """List all that a source names: its columns are among it."""
    values = (value if isinstance(value, list | tuple) else [value] for value in proposal.source.values())
    return [each for value in values for each in value if isinstance(each, str)]


def _describe(file: Described) -> str:
    what = f"{'' if file.is_whole else 'at least '}{file.n_items:,} "
    if file.shape != "rows":
        return f"{file.path}: {what if file.n_items else ''}{file.shape.replace('_', ' ')}"
    columns = ", ".join(_describe_column(column) for column in file.columns[:12])
    return f"{file.path}: {what}rows; {columns}{', …' if len(file.columns) > 12 else ''}"


def _describe_column(column: Column) -> str:
    name = column.name or "(no name)"
    if column.is_text:
        return f"{name} ({column.words:.0f} words)"
    if column.is_list:
        return f"{name} (lists)"
    return f"{name} ({column.n_distinct:,} values)"


def _choose(files: Sequence[Described], named: Named, kind: str | None, *, asks: bool) -> Proposal:
    """Choose the task; on a terminal, ask what the files do not say: its kind, its text, its label."""
    found = propose_tasks(files, named, kind)
    if not asks or found[0].confidence >= _SURE:
        return found[0]
    chosen = found[0]
    if len(found) > 1:
        for number, proposal in enumerate(found, 1):
            click.echo(f"  {number}. {proposal.kind.replace('_', ' ')}: {proposal.what}")
        chosen = found[click.prompt("Which task is it?", type=click.IntRange(1, len(found)), default=1) - 1]
    text, label = named.text, named.label
    if not text and len(chosen.text_choices) > 1:
        text = (_ask("Which column is the text?", chosen.text_choices),)
    if not label and len(chosen.label_choices) > 1:
        label = _ask("Which column is to be predicted?", chosen.label_choices)
    return propose_tasks(files, replace(named, text=text, label=label), chosen.kind)[0]


def _ask(question: str, choices: Sequence[str]) -> str:
    answer: str = click.prompt(question, type=click.Choice(choices), default=choices[0])
    return answer


def _write(use_case: NewUseCase, project: Path) -> None:
    folder = project / "conf" / use_case.name
    kept = folder.with_name(f".{use_case.name}.replaced")
    if folder.exists():
        folder.rename(kept)
    folder.mkdir(parents=True)
    try:
        for name, text in use_case.write_files().items():
            (folder / name).write_text(text, encoding="utf-8")
        _check(use_case.name, project)
    except Exception:
        shutil.rmtree(folder)
        if kept.exists():
            kept.rename(folder)
        raise
    shutil.rmtree(kept, ignore_errors=True)


def _check(name: str, project: Path) -> None:
    """Read the use case as a run does."""
    from kedro.framework.session import KedroSession

    with KedroSession.create(project, env=name) as session:
        session.load_context()  # type: ignore[attr-defined]
        build_active_experiment()


def _say_what_runs(use_case: NewUseCase) -> None:
    for name, reason in use_case.missing.items():
        click.echo(f"  left out: {name} ({reason})")
    first, proposal, name = use_case.first, use_case.proposal, use_case.name
    fast = write_duration(estimate_seconds(first, proposal, use_case.sample))
    whole = write_duration(estimate_seconds(use_case.candidates, proposal))
    sampled = f" on {use_case.sample:,} examples" if proposal.n_items > use_case.sample else ""
    click.echo(f"\nwritten: conf/{name}/ ({', '.join(sorted(use_case.write_files()))}). Edit it, or run it:")
    click.echo(f"  emb-pipeline run {name} --fast        {len(first)} embeddings{sampled}: about {fast} on two cores")
    click.echo(f"  emb-pipeline run {name} --thorough    {len(use_case.candidates)} embeddings: about {whole}")
