"""Steps of the report stage that draw: each figure once, for Kedro-Viz and for the page."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.reporting.rows import audit_share
from emb_pipeline.reporting.sections.background.word_map import word_map_figure
from emb_pipeline.reporting.sections.effects.derived import corruption_figure
from emb_pipeline.reporting.sections.effects.factors import factors_figure, overall_effects
from emb_pipeline.reporting.sections.effects.origins import origins_figure
from emb_pipeline.reporting.sections.scores.cost import cost_figure
from emb_pipeline.reporting.sections.scores.dimensions import dimension_figure
from emb_pipeline.reporting.sections.scores.labels import learning_curve_figure
from emb_pipeline.reporting.sections.scores.leaderboards import leaderboard_figure
from emb_pipeline.reporting.sections.scores.methods import methods_figure
from emb_pipeline.reporting.sections.scores.search import search_figure
from emb_pipeline.reporting.wording import label_name
from emb_pipeline.statistics import leaderboard as statistics
from emb_pipeline.statistics.embedding_facts import CORRUPTION
from emb_pipeline.statistics.options import ReportOptions

TASK_FIGURES = ("leaderboard", "dimension", "methods", "cost", "bytes")
"""What `draw_task` draws, in this order."""


def draw_task(leaderboard: pa.Table, task: str, audit: pa.Table) -> tuple[go.Figure, ...]:
    """Draw what `TASK_FIGURES` names: scores with intervals and letters, by dimension, by method, and against two costs."""
    board = leaderboard.to_pandas()
    return (
        leaderboard_figure(board, task, ceiling=audit_share(audit.to_pandas(), task, "ceiling")),
        dimension_figure(board, task),
        methods_figure(board, task),
        cost_figure(board, task),
        cost_figure(board, task, against="bytes_per_item"),
    )


def draw_learning_curve(curves: pa.Table, task: str, kind: str) -> go.Figure:
    """Draw the primary metric against the number of labels."""
    return learning_curve_figure(curves.to_pandas(), task, labels=label_name(kind))


def draw_search(searches: pa.Table, task: str) -> go.Figure:
    """Draw queries a second against recall, a line for each index."""
    return search_figure(searches.to_pandas(), task)


def draw_origins(effects: pa.Table, options: ReportOptions) -> go.Figure:
    """Draw domain minus generic, a row for each method and dimension."""
    return origins_figure(select_factor(effects, statistics.CORPUS), level=options.level)


def draw_corruption(effects: pa.Table, task: str) -> go.Figure:
    """Draw what corrupted training text costs, by level."""
    return corruption_figure(select_factor(effects, CORRUPTION), task)


def draw_factors(factor_effects: pa.Table, options: ReportOptions) -> go.Figure:
    """Draw one level of a factor minus another, on average over the rest of the grid."""
    return factors_figure(overall_effects(factor_effects.to_pandas()), level=options.level)


def draw_word_map(word_map: pa.Table) -> go.Figure:
    """Draw words in two dimensions, a panel for each embedding."""
    return word_map_figure(word_map.to_pandas())


def select_factor(effects: pa.Table, factor: str) -> pd.DataFrame:
    """Select the effects of one factor."""
    table: pd.DataFrame = effects.filter(pc.equal(effects["factor"], factor)).to_pandas()
    return table
