"""Steps of the report stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.config import project_path, tracking_uri
from emb_pipeline.diagnostics.neighbours import overlaps
from emb_pipeline.diagnostics.tables import PLACES
from emb_pipeline.diagnostics.word_map import side_by_side
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.pipelines.diagnose.nodes import DiagnosisOptions
from emb_pipeline.pipelines.facts import (
    RESAMPLING,
    SPOILING,
    are_trained_on_a_corpus,
    cells_of,
    embedding_facts,
    matched_pairs,
)
from emb_pipeline.pipelines.failures import FAILURES
from emb_pipeline.provenance.freshness import git_state, versions
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.rows import audit_share
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.sections.background.word_map import word_map_figure
from emb_pipeline.reporting.sections.effects.derived import dose_figure
from emb_pipeline.reporting.sections.effects.factors import factors_figure, overall_effects
from emb_pipeline.reporting.sections.effects.origins import origins_figure
from emb_pipeline.reporting.sections.scores.cost import cost_figure
from emb_pipeline.reporting.sections.scores.dimensions import dimension_figure
from emb_pipeline.reporting.sections.scores.labels import learning_curve_figure
from emb_pipeline.reporting.sections.scores.leaderboards import leaderboard_figure
from emb_pipeline.reporting.sections.scores.methods import methods_figure
from emb_pipeline.reporting.sections.scores.search import search_figure
from emb_pipeline.reporting.tables import COLUMNS, CORPORA, OTHER_CORPUS, SAMPLE, SAMPLES, SEED, ReportTables
from emb_pipeline.reporting.wording import LATENCIES, label_name
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.comparisons import any_difference
from emb_pipeline.statistics.comparisons.claims import check_claims, contrast_tests, with_average_tests
from emb_pipeline.statistics.effects import factorial
from emb_pipeline.statistics.effects.across_tasks import effects_across_tasks
from emb_pipeline.statistics.intervals.metric_ranges import largest_difference
from emb_pipeline.statistics.intervals.seeds import seed_variance
from emb_pipeline.statistics.learning_curves import label_curves
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, framed, task_scores
from emb_pipeline.statistics.unseen import scores_on_unseen
from emb_pipeline.tasks.metrics.class_results import CLASS_RESULTS
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.scores import TRAINING_DRAWS
from emb_pipeline.text.seen import SEEN
from emb_pipeline.text.tokens import TokenCorpus

Tables = Mapping[str, pa.Table]
GATHERED = frozenset({"checks", "neighbours", "overlaps", "confusions", "embeddings", "corpora"})
"""Tables of the report that `gathered_tables` puts together."""
STORED = tuple(name for name in COLUMNS if name not in GATHERED)
"""Tables of the report that are datasets, by their name."""
PRIMARY = {name: kind.primary_metric for name, kind in KINDS.items()}


class ReportOptions(BaseModel):
    """How intervals and tests are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: int = Field(ge=100, le=1_000_000, description="bootstrap resamples of the units")
    permutations: int = Field(ge=99, le=1_000_000, description="random sign flips of the tests")
    level: float = Field(gt=0, lt=0.5, description="family-wise error rate of the letter groups")
    seed: int = Field(default=0, ge=0, description="seed of both")

    @property
    def resampling(self) -> Resampling:
        """The same, for the library."""
        return Resampling(self.resamples, self.permutations, self.level, self.seed)


def test_differences(
    options: ReportOptions, embeddings: Mapping[str, Any], after: pa.Table, **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test all that the report claims of differences, together; and whether embeddings differ at all, task by task.

    ``after`` is what was timed last: the report begins when nothing is being timed any more.
    """
    item_scores, metrics = item_scores_of(scores), primary_metrics(scores)
    cells = cells_of(embeddings)
    tasks = [
        found for found in task_scores(item_scores, training_draws=training_draws_of(scores)) if len(found.families) > 1
    ]
    designs = {found.task: designs_on(found, metrics[found.task], are_trained_on_a_corpus(cells)) for found in tasks}
    curves = label_curves.curve_scores(item_scores, of_all_tasks(scores, "label_draws"), metrics)
    points = {each.task: each.points() for each in curves}
    claims = check_claims(tasks, metrics, designs, options.resampling, points)
    controls = {cell.family for cell in cells if cell.origin == "control"}
    return claims, any_difference.any_differences(claims, controls, options.level)


def make_leaderboard(
    options: ReportOptions,
    use_case: str,
    embeddings: Mapping[str, Any],
    claims: pa.Table,
    times: pa.Table,
    failures: pa.Table,
    **scores: Tables,
) -> pd.DataFrame:
    """Every metric of every cell, with interval, letters, costs, and its embedding's facts; of a cell that failed, why."""
    item_scores, cells = item_scores_of(scores), of_all_tasks(scores, "cells")
    latencies = times.to_pandas().melt(["task", "embedding"], list(LATENCIES), "metric", "value").dropna()
    failed = failures.to_pandas()
    board = statistics.leaderboard(
        item_scores,
        pd.concat([cells, latencies], ignore_index=True),
        PRIMARY,
        options.resampling,
        use_case=use_case,
        claims=claims.to_pandas(),
        failed=failed[failed["task"].notna()],
        training_draws=training_draws_of(scores),
    )
    return board.merge(embedding_facts(cells_of(embeddings)), on="embedding", how="left", validate="many_to_one")


def collect_failures(after: pa.Table, **scores: Tables) -> pa.Table:
    """What failed: cells, and without a task embeddings that could not be made or diagnosed."""
    whole = pa.concat_tables(
        [tables["failures"] for tables in scores.values() if "failures" in tables] or [FAILURES.empty_table()]
    )
    frame = whole.to_pandas().drop_duplicates(["embedding", "task", "reason"])
    return pa.Table.from_pandas(frame, schema=FAILURES, preserve_index=False)


def collect_class_results(after: pa.Table, **scores: Tables) -> pa.Table:
    """Precision, recall and F1 of each class, of each embedding; ``after`` the times of all tasks are taken."""
    return pa.concat_tables([CLASS_RESULTS.empty_table(), *(tables["class_results"] for tables in scores.values())])


def compare_embeddings(options: ReportOptions, claims: pa.Table, **scores: Tables) -> pd.DataFrame:
    """All pairs of embeddings on each task's primary metric."""
    return statistics.comparisons(
        item_scores_of(scores),
        primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=training_draws_of(scores),
    )


def measure_effects(
    options: ReportOptions, embeddings: Mapping[str, Any], claims: pa.Table, **scores: Tables
) -> pd.DataFrame:
    """What domain text, further training, distillation and fine-tuning change."""
    cells = cells_of(embeddings)
    facts = embedding_facts(cells)
    contrasts = {statistics.CORPUS: matched_pairs(cells), **derivations(facts)}
    effects = statistics.effects(
        item_scores_of(scores),
        contrasts,
        primary_metrics(scores),
        options.resampling,
        claims=claims.to_pandas(),
        training_draws=training_draws_of(scores),
    )
    changed = facts[["embedding", "corruption", "corruption_level"]].rename(columns={"embedding": "embedding_a"})
    return effects.merge(changed, on="embedding_a", how="left", validate="many_to_one")


def measure_factors(
    options: ReportOptions, embeddings: Mapping[str, Any], claims: pa.Table, **scores: Tables
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """How much of the differences between trained embeddings is due to corpus, method and dimension."""
    metrics, cells = primary_metrics(scores), are_trained_on_a_corpus(cells_of(embeddings))
    tested = claims.to_pandas()
    shares: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    tasks = list(task_scores(item_scores_of(scores), training_draws=training_draws_of(scores)))
    seeds = seed_variance(tasks, metrics, {cell.family for cell in cells})
    for number, found in enumerate(tasks):
        metric = metrics[found.task]
        designs = designs_on(found, metric, cells)
        if not designs:
            continue
        place = {"task": found.task, "metric": metric}
        rng, level = options.resampling.rng(), 1 - options.level
        for design in designs:
            of_design = factorial.variance_shares(design, n_resamples=options.resamples, rng=rng, level=level)
            shares += [{**place, "design": design.name, **row} for row in of_design]
        of_task = factorial.factor_effects(
            designs,
            n_resamples=options.resamples,
            n_permutations=options.permutations,
            rng=rng,
            level=level,
            largest=largest_difference(metric),
            extra=found.extra(metric),
            seed_variance=seeds.covariance[number, number] if seeds else 0.0,
            seed_freedom=seeds.freedom if seeds else float("inf"),
            tests=contrast_tests(tested, found.task),
        )
        changes += [{**place, **row} for row in of_task]
    effects = framed(changes, factorial.FACTOR_EFFECTS)
    across = effects_across_tasks(effects, 1 - options.level, seeds=seeds, tasks=[found.task for found in tasks])
    return framed(shares, factorial.SHARES), effects, with_average_tests(across, tested)


def measure_learning_curves(options: ReportOptions, claims: pa.Table, **scores: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by number of labels, and which embedding is ahead of the best one when labels are few."""
    item_scores, draws = item_scores_of(scores), of_all_tasks(scores, "label_draws")
    return label_curves.learning_curves(
        item_scores,
        draws,
        primary_metrics(scores),
        options.resampling,
        training_draws=training_draws_of(scores),
        claims=claims.to_pandas(),
    )


def make_audit(audits: pa.Table, overlap: pa.Table) -> pd.DataFrame:
    """What is wrong with the tasks, and how much of their held-out text stands in the corpora."""
    found = overlap.to_pandas().rename(columns={"task": "scope"})
    found["check"] = found["check"] + ": " + found.pop("corpus")
    whole: pd.DataFrame = pd.concat([audits.to_pandas(), found], ignore_index=True)
    return whole


def measure_without_seen(options: ReportOptions, after: pa.Table, **parts: Tables) -> pd.DataFrame:
    """Scores with and without the test units whose text was seen in training; see `test_differences` for ``after``."""
    scores = {name: tables for name, tables in parts.items() if name.endswith("_scores")}
    seen = {
        name.removeprefix("task_"): set(tables[SEEN]["unit_id"].to_pylist())
        for name, tables in parts.items()
        if name not in scores and SEEN in tables
    }
    tables = [each["item_scores"] for each in scores.values()]
    return scores_on_unseen(tables, seen, primary_metrics(scores), options.resampling)


def make_word_map(after: pa.Table, **scores: Tables) -> pa.Table:
    """Words of several embeddings in two dimensions, the maps turned onto the first; see `test_differences`."""
    return pa.Table.from_pandas(side_by_side(of_all_tasks(scores, "word_map")), schema=PLACES, preserve_index=False)


def draw_task(leaderboard: pa.Table, task: str, audit: pa.Table) -> tuple[go.Figure, ...]:
    """The figures of `TASK_FIGURES`: scores with intervals and letters, by dimension, by method, and against two costs."""
    board = leaderboard.to_pandas()
    return (
        leaderboard_figure(board, task, ceiling=audit_share(audit.to_pandas(), task, "ceiling")),
        dimension_figure(board, task),
        methods_figure(board, task),
        cost_figure(board, task),
        cost_figure(board, task, against="bytes_per_item"),
    )


def draw_learning_curve(curves: pa.Table, task: str, kind: str) -> go.Figure:
    """Primary metric against the number of labels."""
    return learning_curve_figure(curves.to_pandas(), task, labels=label_name(kind))


def draw_search(searches: pa.Table, task: str) -> go.Figure:
    """Queries a second against recall, a line for each index."""
    return search_figure(searches.to_pandas(), task)


def draw_origins(effects: pa.Table, options: ReportOptions) -> go.Figure:
    """Domain minus generic, a row for each method and dimension."""
    return origins_figure(of_factor(effects, statistics.CORPUS), level=options.level)


def draw_doses(effects: pa.Table, task: str) -> go.Figure:
    """What spoilt training text costs, by dose."""
    return dose_figure(of_factor(effects, SPOILING), task)


def draw_factors(factor_effects: pa.Table, options: ReportOptions) -> go.Figure:
    """One level of a factor minus another, on average over the rest of the grid."""
    return factors_figure(overall_effects(factor_effects.to_pandas()), level=options.level)


def draw_word_map(word_map: pa.Table) -> go.Figure:
    """Words in two dimensions, a panel for each embedding."""
    return word_map_figure(word_map.to_pandas())


def write_page(parameters: Mapping[str, Any], **parts: Any) -> str:
    """Write the report, as one page.

    ``parts``: tables of the report by their name, the scores of all origins, corpora, and figures.
    """
    scores = {name: part for name, part in parts.items() if name.endswith("_scores")}
    corpora = {name.removeprefix("corpus_"): part for name, part in parts.items() if name.startswith("corpus_")}
    stored = {name: parts[name].to_pandas() for name in STORED}
    tables = ReportTables(**stored, **gathered_tables(cells_of(parameters["embeddings"]), scores, corpora))
    figures = {name.removesuffix("_figure"): part for name, part in parts.items() if name.endswith("_figure")}
    return render_report(tables, describe_run(parameters), figures=figures)


def gathered_tables(
    grid: Sequence[EmbeddingSpec], scores: Mapping[str, Tables], corpora: Mapping[str, TokenCorpus]
) -> dict[str, pd.DataFrame]:
    """Put together those tables of the report that no dataset holds."""
    neighbours, facts = of_all_tasks(scores, "neighbours"), embedding_facts(grid)
    pairs = comparable(list(neighbours["embedding"].unique()), facts, matched_pairs(grid))
    shared = overlaps(neighbours[~neighbours["probe"]], list(zip(pairs["first"], pairs["second"], strict=True)))
    trained = trained_embeddings(of_all_tasks(scores, "cells"))
    return {
        "checks": of_all_tasks(scores, "checks"),
        "neighbours": neighbours,
        "overlaps": shared.merge(pairs, on=["first", "second"], validate="one_to_one"),
        "confusions": of_all_tasks(scores, "confusions"),
        "embeddings": trained.merge(facts, on="embedding", how="left"),
        "corpora": pd.DataFrame([corpus_row(name, corpus) for name, corpus in corpora.items()], columns=list(CORPORA)),
    }


def describe_run(parameters: Mapping[str, Any]) -> Run:
    """Say what is needed to repeat a run."""
    use_case = parameters["use_case"]
    state = git_state(project_path())
    tasks = {name: TaskDefinition.model_validate(parameters["tasks"][name]) for name in parameters["grid"]["tasks"]}
    methods = {cell.method for cell in cells_of(parameters["embeddings"])}
    return Run(
        use_case=use_case,
        level=ReportOptions.model_validate(parameters["report"]).level,
        command="kedro run" if use_case == "base" else f"kedro run --env {use_case}",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        git_commit=state.get("git_commit") or "",
        dirty=state.get("git_dirty") == "true",
        versions=versions(),
        seed=parameters["seed"],
        probe_words=list(DiagnosisOptions.model_validate(parameters["diagnosis"]).probe_words),
        tracking_uri=tracking_uri(),
        tasks={
            name: {
                "kind": task.kind,
                "definition": task.reading.model_dump(mode="json", exclude_defaults=True),
                "evaluation": task.evaluation.model_dump(mode="json"),
            }
            for name, task in tasks.items()
        },
        methods={name: options for name, options in parameters["methods"].items() if name in methods},
    )


def derivations(facts: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Embeddings that were made from another one, or like it from worse text, each with that one, by how."""
    made = facts[facts["base"].notna() & (facts["derivation"] != RESAMPLING)]
    return {
        str(factor): list(zip(rows["embedding"], rows["base"], strict=True))
        for factor, rows in made.groupby("derivation", sort=False)
    }


def comparable(known: Sequence[str], facts: pd.DataFrame, pairs: Iterable[tuple[str, str]] = ()) -> pd.DataFrame:
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


def designs_on(scores: TaskScores, metric: str, cells: Sequence[EmbeddingSpec]) -> list[factorial.Design]:
    """The crossings of corpus, method and dimension that a task's scores hold."""
    known = {cell.name: cell for cell in cells}
    columns = [column for column, name in enumerate(scores.embeddings) if name in known]
    factors = pd.DataFrame(
        [
            {"corpus": cell.origin, "method": cell.method, "dim": str(cell.dim)}
            for cell in (known[scores.embeddings[column]] for column in columns)
        ],
        columns=["corpus", "method", "dim"],
    )
    return factorial.designs_of(
        factors, scores.metrics[metric][:, columns], scores.groups, np.array(columns, dtype=np.int64)
    )


def of_factor(effects: pa.Table, factor: str) -> pd.DataFrame:
    """The effects of one factor."""
    table: pd.DataFrame = effects.filter(pc.equal(effects["factor"], factor)).to_pandas()
    return table


def trained_embeddings(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per embedding that was trained or loaded, with what that cost."""
    axes = ["embedding", "origin", "method", "dim", "corpus_tokens", "vocabulary", "options"]
    costs = ["train_seconds", "peak_rss_bytes", "bytes", "final_loss"]
    return cells[cells["vocabulary"].notna()].drop_duplicates("embedding")[axes + costs].reset_index(drop=True)


def corpus_row(name: str, corpus: TokenCorpus) -> dict[str, Any]:
    """Size and fingerprint of a corpus."""
    return {
        "corpus": name,
        "documents": corpus.n_documents,
        "sentences": corpus.n_sentences,
        "tokens": corpus.n_tokens,
        "vocabulary": corpus.manifest["n_types"],
        "held_out_sentences_removed": corpus.n_held_out_sentences,
        "fingerprint": corpus.fingerprint,
    }


TASK_FIGURES = ("leaderboard", "dimension", "methods", "cost", "bytes")
"""What `draw_task` draws, in this order."""


def item_scores_of(scores: Mapping[str, Tables]) -> pa.Table:
    """The item scores of all embeddings, one below the other: millions of rows, which pandas would copy."""
    return pa.concat_tables([tables["item_scores"] for tables in scores.values()])


def training_draws_of(scores: Mapping[str, Tables]) -> pa.Table:
    """Scores by probes that learnt from resamples of the training labels, of all embeddings."""
    found = [tables["training_draws"] for tables in scores.values() if "training_draws" in tables]
    return pa.concat_tables([TRAINING_DRAWS.empty_table(), *found])


def of_all_tasks(scores: Mapping[str, Tables], name: str) -> pd.DataFrame:
    """The table of that name of every task, one below the other."""
    whole: pd.DataFrame = pd.concat([tables[name].to_pandas() for tables in scores.values()], ignore_index=True)
    return whole


def primary_metrics(scores: Mapping[str, Tables]) -> dict[str, str]:
    """The metric that each task is judged by."""
    cells = of_all_tasks(scores, "cells").drop_duplicates("task")
    return {task: PRIMARY[kind] for task, kind in zip(cells["task"], cells["kind"], strict=True)}
