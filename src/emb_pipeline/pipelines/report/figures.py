"""Steps of the report stage that draw: each figure once, for Kedro-Viz and for the page."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.reporting.rows import find_audit_share
from emb_pipeline.reporting.sections.background.word_map import plot_word_map
from emb_pipeline.reporting.sections.effects.closeness import plot_closeness
from emb_pipeline.reporting.sections.effects.derived import plot_corruption
from emb_pipeline.reporting.sections.effects.factors import overall_effects, plot_factors
from emb_pipeline.reporting.sections.effects.origins import plot_origins
from emb_pipeline.reporting.sections.scores.cost import plot_costs
from emb_pipeline.reporting.sections.scores.dimensions import plot_dimensions
from emb_pipeline.reporting.sections.scores.labels import plot_learning_curves
from emb_pipeline.reporting.sections.scores.leaderboards import plot_leaderboard
from emb_pipeline.reporting.sections.scores.matrices import plot_operations
from emb_pipeline.reporting.sections.scores.methods import plot_methods
from emb_pipeline.reporting.sections.scores.periods import plot_periods
from emb_pipeline.reporting.sections.scores.search import plot_searches
from emb_pipeline.reporting.shown import limit_leaderboard
from emb_pipeline.reporting.wording import name_labels
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.embedding_facts import CORRUPTION
from emb_pipeline.statistics.options import ReportOptions

TASK_FIGURES = ("leaderboard", "dimension", "methods", "cost", "bytes")
"""What `draw_task` draws, in this order."""


def draw_task(leaderboard: pa.Table, task: str, audit: pa.Table) -> tuple[go.Figure, ...]:
    """Draw what `TASK_FIGURES` names: scores with intervals and letters, by dimension, by method, and against two costs."""
    board = limit_leaderboard(leaderboard.to_pandas())
    return (
        plot_leaderboard(board, task, ceiling=find_audit_share(audit.to_pandas(), task, "ceiling")),
        plot_dimensions(board, task),
        plot_methods(board, task),
        plot_costs(board, task),
        plot_costs(board, task, against="bytes_per_item"),
    )


def draw_learning_curve(curves: pa.Table, zero_shot: pa.Table, task: str, kind: str) -> go.Figure:
    """Draw the primary metric against the number of labels."""
    return plot_learning_curves(curves.to_pandas(), task, labels=name_labels(kind), zero_shot=zero_shot.to_pandas())


def draw_periods(periods: pa.Table, choices: pa.Table, task: str) -> go.Figure:
    """Draw the primary metric by period."""
    return plot_periods(periods.to_pandas(), choices.to_pandas(), task)


def draw_search(searches: pa.Table, task: str) -> go.Figure:
    """Draw queries a second against recall, a line for each index."""
    return plot_searches(searches.to_pandas(), task)


def draw_origins(effects: pa.Table, options: ReportOptions) -> go.Figure:
    """Draw domain minus generic, a row for each method and dimension."""
    return plot_origins(select_factor(effects, statistics.CORPUS), level=options.level)


def draw_corruption(effects: pa.Table, task: str) -> go.Figure:
    """Draw what corrupted training text costs, by level."""
    return plot_corruption(select_factor(effects, CORRUPTION), task)


def draw_factors(factor_effects: pa.Table, options: ReportOptions) -> go.Figure:
    """Draw one level of a factor minus another, on average over the rest of the grid."""
    return plot_factors(overall_effects(factor_effects.to_pandas()), level=options.level)


def draw_closeness(closeness: pa.Table) -> go.Figure:
    """Draw the rank correlation of each measure of embeddings with the scores on each task."""
    return plot_closeness(closeness.to_pandas())


def draw_matrices(matrix_operations: pa.Table, after: pa.Table) -> go.Figure:
    """Draw the time of dense and sparse products against the number of rows; ``after`` what was timed last."""
    return plot_operations(matrix_operations.to_pandas())


def draw_word_map(word_map: pa.Table) -> go.Figure:
    """Draw words in two dimensions, a panel for each embedding."""
    return plot_word_map(word_map.to_pandas())


def select_factor(effects: pa.Table, factor: str) -> pd.DataFrame:
    """Select the effects of one factor."""
    table: pd.DataFrame = effects.filter(pc.equal(effects["factor"], factor)).to_pandas()
    return table
