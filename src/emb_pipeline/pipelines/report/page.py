"""The step that writes the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import pandas as pd

from emb_pipeline.config.active import project_path, tracking_uri
from emb_pipeline.diagnostics.neighbors import measure_overlaps
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.pipelines.diagnose.nodes import DiagnosisOptions
from emb_pipeline.pipelines.facts import (
    RESAMPLING,
    cells_of,
    embedding_facts,
    matched_pairs,
)
from emb_pipeline.pipelines.report.gathering import (
    Tables,
    of_all_tasks,
)
from emb_pipeline.pipelines.report.nodes import ReportOptions
from emb_pipeline.provenance.environment import list_versions, read_git_state
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.tables import COLUMNS, CORPORA, OTHER_CORPUS, SAMPLE, SAMPLES, SEED, ReportTables
from emb_pipeline.statistics.costs import OF_TRAINING
from emb_pipeline.text.tokens import TokenCorpus

GATHERED = frozenset({"checks", "neighbours", "overlaps", "confusions", "embeddings", "corpora"})
"""Tables of the report that `gather_tables` puts together."""

STORED = tuple(name for name in COLUMNS if name not in GATHERED)
"""Tables of the report that are datasets, by their name."""


def write_page(parameters: Mapping[str, Any], **parts: Any) -> str:
    """Write the report, as one page.

    ``parts``: tables of the report by their name, the scores of all origins, corpora, and figures.
    """
    scores = {name: part for name, part in parts.items() if name.endswith("_scores")}
    corpora = {name.removeprefix("corpus_"): part for name, part in parts.items() if name.startswith("corpus_")}
    stored = {name: parts[name].to_pandas() for name in STORED}
    tables = ReportTables(**stored, **gather_tables(cells_of(parameters["embeddings"]), scores, corpora))
    figures = {name.removesuffix("_figure"): part for name, part in parts.items() if name.endswith("_figure")}
    return render_report(tables, describe_run(parameters), figures=figures)


def gather_tables(
    grid: Sequence[EmbeddingSpec], scores: Mapping[str, Tables], corpora: Mapping[str, TokenCorpus]
) -> dict[str, pd.DataFrame]:
    """Put together those tables of the report that no dataset holds."""
    neighbours, facts = of_all_tasks(scores, "neighbours"), embedding_facts(grid)
    pairs = pair_comparable(list(neighbours["embedding"].unique()), facts, matched_pairs(grid))
    shared = measure_overlaps(neighbours[~neighbours["probe"]], list(zip(pairs["first"], pairs["second"], strict=True)))
    trained = select_trained(of_all_tasks(scores, "cells"))
    return {
        "checks": of_all_tasks(scores, "checks"),
        "neighbours": neighbours,
        "overlaps": shared.merge(pairs, on=["first", "second"], validate="one_to_one").merge(
            facts[["embedding", "origin", "key"]].rename(columns={"embedding": "of"}), on="of", validate="many_to_one"
        ),
        "confusions": of_all_tasks(scores, "confusions"),
        "embeddings": trained.merge(facts.drop(columns="origin"), on="embedding", how="left"),
        "corpora": pd.DataFrame([describe_corpus(name, corpus) for name, corpus in corpora.items()], columns=list(CORPORA)),
    }


def describe_run(parameters: Mapping[str, Any]) -> Run:
    """Say what is needed to repeat a run."""
    use_case = parameters["use_case"]
    state = read_git_state(project_path())
    tasks = {name: TaskDefinition.model_validate(parameters["tasks"][name]) for name in parameters["grid"]["tasks"]}
    methods = {cell.method for cell in cells_of(parameters["embeddings"])}
    return Run(
        use_case=use_case,
        level=ReportOptions.model_validate(parameters["report"]).level,
        command="kedro run" if use_case == "base" else f"kedro run --env {use_case}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        git_commit=state.get("git_commit") or "",
        dirty=state.get("git_dirty") == "true",
        versions=list_versions(),
        seed=parameters["seed"],
        probe_words=list(DiagnosisOptions.model_validate(parameters["diagnosis"]).probe_words),
        tracking_uri=tracking_uri(),
        tasks={
            name: {
                "kind": task.kind,
                "definition": task.source.model_dump(mode="json", exclude_defaults=True),
                "evaluation": task.evaluation.model_dump(mode="json"),
            }
            for name, task in tasks.items()
        },
        methods={name: options for name, options in parameters["methods"].items() if name in methods},
    )


def pair_comparable(known: Sequence[str], facts: pd.DataFrame, pairs: Iterable[tuple[str, str]] = ()) -> pd.DataFrame:
    """Pair embeddings that differ in one thing alone, with the columns ``first``, ``second``, ``differs_in`` and ``of``.

    An embedding and its repetitions, on other seeds or samples; two such samples; and ``pairs`` of two corpora.
    """
    rows = facts.set_index("embedding", drop=False).reindex(list(known)).dropna(subset="embedding").to_dict("records")
    seeds = [(row["family"], row["embedding"], SEED) for row in rows if row["family"] != row["embedding"]]
    sampled = [row for row in rows if row["derivation"] == RESAMPLING]
    samples = [(row["base"], row["embedding"], SAMPLE) for row in sampled]
    between = [
        (one["embedding"], other["embedding"], SAMPLES, one["base"])
        for one, other in combinations(sampled, 2)
        if one["base"] == other["base"]
    ]
    twins = [(*pair, OTHER_CORPUS, pair[0]) for pair in pairs]
    found = [*((*each, each[0]) for each in (*seeds, *samples)), *between, *twins]
    table = pd.DataFrame(found, columns=["first", "second", "differs_in", "of"])
    return table[table[["first", "second", "of"]].isin(set(known)).all(axis=1)].reset_index(drop=True)


def select_trained(cells: pd.DataFrame) -> pd.DataFrame:
    """Select one row per embedding that was trained or loaded, with what that cost."""
    axes = ["embedding", "origin", "method", "dim", "corpus_tokens", "vocabulary", "options"]
    costs = [*OF_TRAINING, "final_loss"]
    return cells[cells["vocabulary"].notna()].drop_duplicates("embedding")[axes + costs].reset_index(drop=True)


def describe_corpus(name: str, corpus: TokenCorpus) -> dict[str, Any]:
    """Give size and fingerprint of a corpus."""
    return {
        "corpus": name,
        "documents": corpus.n_documents,
        "sentences": corpus.n_sentences,
        "tokens": corpus.n_tokens,
        "vocabulary": corpus.manifest["n_types"],
        "held_out_sentences_removed": corpus.n_held_out_sentences,
        "fingerprint": corpus.fingerprint,
    }
