"""The comparison of embeddings on one task, in one call."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from emb_pipeline.comparison.candidates import ComparedEmbedding, read_candidates
from emb_pipeline.comparison.measure import Measured, measure
from emb_pipeline.comparison.result import Comparison
from emb_pipeline.comparison.task import NAME, ComparedTask, make_task
from emb_pipeline.efficiency.latency import REQUEST_TIMES
from emb_pipeline.experiment.facts import build_embedding_facts
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.comparisons import any_difference
from emb_pipeline.statistics.comparisons.claims import check_claims
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.decision.run_decision import RunScores, decide_tasks, decide_under_budgets
from emb_pipeline.statistics.embedding_facts import (
    FACTS,
    add_origins,
    find_pretrained_languages,
    list_candidates,
    list_controls,
)
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.learning_curves import label_curves
from emb_pipeline.statistics.learning_curves.zero_shot import build_zero_shot, gather_zero_shot
from emb_pipeline.statistics.options import ReportOptions
from emb_pipeline.statistics.score_tables import make_table, read_task_scores
from emb_pipeline.statistics.unseen import score_unseen
from emb_pipeline.tasks.item_examples import MOST_CHARACTERS, compare_items
from emb_pipeline.tasks.label_errors import find_label_errors
from emb_pipeline.tasks.registry import KINDS, list_estimates, list_lower_metrics
from emb_pipeline.text.seen import SEEN

USE_CASE = "compare"
DEFAULT = ("tfidf", "word_char_tfidf", "minilm", "random_100")


def compare(
    texts: Sequence[Any],
    labels: Sequence[Any],
    embeddings: Sequence[Any] | Mapping[str, Any] = DEFAULT,
    *,
    split: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    passages: Sequence[str] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    primary_metric: str | None = None,
    margin: float = 0.01,
    examples: int = 50,
    seed: int = 0,
) -> Comparison:
    """Compare embeddings on a labeled task of your own.

    No project folder is needed, and no worker process is started: it works in a notebook and in a script without a guard.

    Parameters
    ----------
    texts : sequence of str, or of pairs of str
        The texts; pairs of texts that people found more or less alike; or, with ``passages``, queries.
    labels : sequence
        The label of each text; the score of each pair; or, with ``passages``, for each query the positions of the passages
        that answer it.
    embeddings : sequence, or mapping of str to any
        What is compared, each by a name (``"tfidf"``, ``"bm25"``, ``"lsa_100"``, ``"word2vec_100"``, ``"minilm"``), as a
        model (a folder, ``"org/name@revision"`` of the hub), as in YAML (``{"method": …, "options": {…}}``), or as an
        object: a function from a list of texts to an array of shape (n_texts, dim), or something whose ``encode`` is one.
    split : sequence of {"train", "validation", "test"}, optional
        The part of each text; by default folds are drawn.
    groups : sequence, optional
        Texts of one group stay in one fold, and count together in intervals.
    passages : sequence of str, optional
        What queries are searched in.
    evaluation : mapping, optional
        Options of the evaluation, as under ``evaluation:`` in YAML.
    primary_metric : str, optional
        Metric that embeddings are ranked and chosen by: ``"macro_f1"``. By default accuracy, nDCG@10 or Spearman's ρ.
    margin : float
        How much worse than the best is still good enough, in the metric's scale.
    examples : int
        Test items that the page shows of any two embeddings, with their text; 0: none.
    seed : int
        Of everything that is drawn.

    Returns
    -------
    Comparison
        ``leaderboard``, ``decision``, ``comparisons``, ``report("page.html")``.

    Raises
    ------
    DataError
        Texts or labels cannot be used, an embedding is not known, or none of them can be evaluated.

    Examples
    --------
    >>> from emb_pipeline import compare  # doctest: +SKIP
    >>> compare(texts, labels, embeddings=["tfidf", "minilm", my_encode_function])  # doctest: +SKIP
    """
    options_of_kind = dict(evaluation or {}) | ({"primary_metric": primary_metric} if primary_metric else {})
    task = make_task(texts, labels, split=split, groups=groups, passages=passages, evaluation=options_of_kind)
    candidates = read_candidates(embeddings, task.definition.kind, seed=seed)
    with tempfile.TemporaryDirectory(prefix="emb_pipeline_") as folder:
        measured = measure(task, candidates, Path(folder))
    options = ReportOptions(resamples=2000, permutations=4999, level=0.05, seed=seed, examples=examples)
    tables = _build_tables(task, candidates, measured, options, DecisionOptions(margin=margin))
    return Comparison(tables, _describe_run(task, options, seed))


def _build_tables(
    task: ComparedTask,
    candidates: Sequence[ComparedEmbedding],
    measured: Measured,
    options: ReportOptions,
    decision: DecisionOptions,
) -> ReportTables:
    facts = build_embedding_facts(each.spec for each in candidates)
    item_scores, draws = measured.join("item_scores"), measured.join("training_draws")
    cells, label_draws = measured.join("cells").to_pandas(), measured.join("label_draws").to_pandas()
    kind = KINDS[task.definition.kind]
    metrics = {NAME: task.definition.primary_metric}
    unlabeled = gather_zero_shot(item_scores)
    found = read_task_scores(item_scores, training_draws=draws)
    scored = [each for each in found if len(each.families) > 1 or each.task in unlabeled]
    curves = list(label_curves.gather_curve_scores(item_scores, label_draws, metrics, training_draws=draws))
    points = {each.task: each.list_points() for each in curves}
    claims = check_claims(scored, metrics, {}, options.resampling, points, unlabeled)
    failures = measured.failures
    board = statistics.build_leaderboard(
        item_scores,
        GridCells(USE_CASE, cells, failed=failures[failures["task"].notna()]),
        MetricRules(metrics, list_lower_metrics(), list_estimates()),
        options.resampling,
        claims=claims,
        training_draws=draws,
    ).merge(facts[list(FACTS)].drop(columns="origin"), on="embedding", how="left", validate="many_to_one")
    compared = statistics.compare_embeddings(item_scores, metrics, options.resampling, claims=claims, training_draws=draws)
    of_counts, crossovers = label_curves.build_learning_curves(curves, options.resampling, claims=claims)
    zero_shot = build_zero_shot(item_scores, curves, metrics, options.resampling, claims, training_draws=draws)
    run = RunScores(item_scores, draws, cells, label_draws, make_table([], REQUEST_TIMES), metrics)
    chosen, relaxations, joint = decide_tasks(run, list_candidates(facts), decision, options.resampling)
    if not chosen.empty:
        languages = find_pretrained_languages(facts, cells)
        chosen["languages"] = chosen["embedding"].map(languages).astype("string")
        chosen = add_origins(chosen, facts)
    names = [name for each in scored for name in each.families if name in list_candidates(facts)]
    items = [
        compare_items(
            each, kind, task.tables, names, per_pair=options.examples, most=MOST_CHARACTERS, primary_metric=metrics[NAME]
        )
        for each in scored
    ]
    seen = {NAME: set(task.tables[SEEN]["unit_id"].to_pylist())} if SEEN in task.tables else {}
    label_errors, without = find_label_errors(
        measured.join("label_doubts").to_pandas(), cells, list_candidates(facts), {NAME: task.tables}, [item_scores], options
    )
    return ReportTables(
        leaderboard=board,
        comparisons=compared,
        **({"pair_outcomes": items[0][0], "item_examples": items[0][1].to_pandas()} if items else {}),
        any_difference=any_difference.check_any_differences(claims, list_controls(facts), options.level),
        learning_curves=add_origins(of_counts, facts),
        crossovers=crossovers,
        zero_shot=add_origins(zero_shot, facts),
        decision=chosen,
        relaxations=relaxations,
        budget_choices=decide_under_budgets(run, list_candidates(facts), decision, options.resampling),
        joint_choice=joint,
        failures=failures,
        class_results=measured.join("class_results").to_pandas(),
        confusions=measured.join("confusions").to_pandas(),
        label_errors=label_errors,
        without_label_errors=without,
        audit=_audit(task),
        without_seen=score_unseen([item_scores], seen, metrics, options.resampling),
    )


def _audit(task: ComparedTask) -> pd.DataFrame:
    found: pd.DataFrame = KINDS[task.definition.kind].audit(task.tables).to_pandas()
    found.insert(0, "scope", NAME)
    return found


def _describe_run(task: ComparedTask, options: ReportOptions, seed: int) -> Run:
    described = {
        "kind": task.definition.kind,
        "definition": {"texts": "in memory"},
        "evaluation": task.definition.evaluation.model_dump(mode="json"),
    }
    return Run(
        use_case=USE_CASE,
        level=options.level,
        command="emb_pipeline.compare(…)",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        seed=seed,
        examples=options.examples,
        tasks={NAME: described},
    )
