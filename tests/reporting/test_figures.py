"""Figures hold the tables' values."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from emb_pipeline.reporting.sections.background.word_map import plot_word_map
from emb_pipeline.reporting.sections.effects.derived import plot_corruption
from emb_pipeline.reporting.sections.effects.origins import plot_origins
from emb_pipeline.reporting.sections.scores.cost import plot_costs
from emb_pipeline.reporting.sections.scores.dimensions import plot_dimensions
from emb_pipeline.reporting.sections.scores.leaderboards import plot_leaderboard
from emb_pipeline.reporting.sections.scores.methods import find_shared_dimension, plot_methods
from emb_pipeline.reporting.theme import DARK_COLORS, LOOKS
from tests.reporting.conftest import TOPIC, Tables, leaderboard, origins, word_map


def points(figure: go.Figure) -> dict[str, float]:
    """Values by the name on the other axis, over all traces of markers."""
    return {y: x for trace in figure.data if trace.mode == "markers" for x, y in zip(trace.x, trace.y, strict=True)}


def trace(figure: go.Figure, name: str) -> Any:
    return next(each for each in figure.data if each.name == name)


def test_the_leaderboard_holds_every_embedding_with_its_interval_best_first() -> None:
    figure = plot_leaderboard(leaderboard(TOPIC), "topic")
    assert points(figure) == TOPIC
    assert list(figure.layout.yaxis.categoryarray) == list(TOPIC)
    domain = trace(figure, "domain")
    assert domain.error_x.array == pytest.approx([0.015, 0.015])
    assert domain.marker.color == LOOKS["domain"].color


def test_letters_stand_at_the_upper_ends_of_the_intervals() -> None:
    letters = trace(plot_leaderboard(leaderboard(TOPIC), "topic"), "letters")
    assert [text.strip() for text in letters.text] == ["a", "a", "b", "b", "b", "b", "b"]
    assert letters.x[0] == pytest.approx(0.771)


def test_a_ceiling_is_a_line_where_the_labels_cap_the_score() -> None:
    assert plot_leaderboard(leaderboard(TOPIC), "topic", ceiling=0.9).layout.shapes[0].x0 == 0.9
    assert not plot_leaderboard(leaderboard(TOPIC), "topic", ceiling=1.0).layout.shapes


def test_an_embedding_without_interval_is_still_a_point() -> None:
    board = leaderboard(TOPIC).assign(ci_low=float("nan"), ci_high=float("nan"), letters=None)
    assert points(plot_leaderboard(board, "topic")) == TOPIC


def test_origins_are_drawn_as_percentage_points_and_colored_by_their_direction() -> None:
    figure = plot_origins(origins({("glove", 50): 0.1, ("glove", 9): -0.1, ("glove", 7): 0.0}))
    assert points(figure) == pytest.approx({"GloVe 50": 10, "GloVe 9": -10, "GloVe 7": 0})
    assert [each.marker.color for each in figure.data] == [LOOKS[name].color for name in ("domain", "generic", "control")]
    assert any(shape.x0 == shape.x1 == 0 for shape in figure.layout.shapes)


def test_scores_that_are_no_shares_keep_their_scale() -> None:
    figure = plot_origins(origins({("glove", 50): 0.1}, task="search", metric="ndcg@10"))
    assert points(figure) == {"GloVe 50": 0.1}


def test_each_task_has_its_own_panel(tables: Tables) -> None:
    figure = plot_origins(tables["origins"])
    assert {each.xaxis for each in figure.data} == {"x", "x2"}


def test_dimensions_are_a_line_per_origin_and_method_and_baselines_are_levels() -> None:
    figure = plot_dimensions(leaderboard(TOPIC), "topic")
    line = trace(figure, "domain word2vec")
    assert (list(line.x), list(line.y)) == ([50, 100], [0.601, 0.748])
    assert list(trace(figure, "task.tfidf").y) == [0.756, 0.756]
    assert list(trace(figure, "control.random_100").y) == [0.412, 0.412]
    assert figure.layout.xaxis.type == "log"


def test_a_method_of_one_dimension_has_no_curve() -> None:
    assert not plot_dimensions(leaderboard({"domain.glove_50": 0.7, "task.tfidf": 0.8}), "topic").data


def test_further_seeds_are_no_dimensions() -> None:
    values = {"domain.glove_50": 0.7, "domain.glove_100": 0.8, "domain.glove_100_seed1": 0.1}
    assert list(trace(plot_dimensions(leaderboard(values), "topic"), "domain glove").y) == [0.7, 0.8]


def test_methods_are_compared_at_the_dimension_that_most_of_them_share() -> None:
    board = leaderboard(
        {"domain.word2vec_300": 0.9, "domain.word2vec_100": 0.7, "domain.glove_100": 0.6, "generic.glove_100": 0.5}
    )
    assert find_shared_dimension(board, "topic") == 100
    figure = plot_methods(board, "topic")
    assert list(trace(figure, "domain").x) == [0.7, 0.6]
    assert list(figure.layout.yaxis.ticktext) == ["word2vec", "glove"]
    assert list(trace(figure, "domain").y) == pytest.approx([0, 0.89])  # glove shares its place with the generic one
    assert list(trace(figure, "generic").y) == pytest.approx([1.11])


def test_the_cost_front_holds_what_nothing_cheaper_matches() -> None:
    front = trace(plot_costs(leaderboard(TOPIC), "topic", against="bytes_per_item"), "front")
    assert (list(front.x), list(front.y)) == ([200, 400, 2400], [0.601, 0.748, 0.756])


VARIANTS = {
    "domain.word2vec_100_typos_30": {"derivation": "corruption", "base": "domain.word2vec_100", "corruption": "typos"},
    "domain.small_50": {"derivation": "reduction", "method": "reduced", "curve": "domain.word2vec_100 by pca"},
    "domain.small_25": {"derivation": "reduction", "method": "reduced", "curve": "domain.word2vec_100 by pca"},
    "domain.bits_100": {"derivation": "reduction", "method": "reduced", "curve": "domain.word2vec_100 by pca, int8"},
    "domain.word2vec_100_tuned_topic": {"derivation": "fine_tuning", "tuned": True},
    "domain.word2vec_100_bootstrap1": {"derivation": "resampling"},
}
SCORES = {**TOPIC, **dict(zip(VARIANTS, (0.5, 0.74, 0.7, 0.745, 0.77, 0.6), strict=True))}


def with_variants() -> pd.DataFrame:
    """The leaderboard with corrupted, reduced, stored, tuned and resampled copies of an embedding of 100 dimensions."""
    facts = {
        name: {"base": "domain.word2vec_100", "curve": None, "method": "word2vec"} | VARIANTS[name] for name in VARIANTS
    }
    board = leaderboard(SCORES, facts=facts)
    dims = {"domain.small_50": 50, "domain.small_25": 25}
    return board.assign(
        dim=[dims.get(name, 100 if name in VARIANTS else dim) for name, dim in board[["embedding", "dim"]].values]
    )


def test_copies_of_an_embedding_are_no_points_of_its_curve_and_reduced_ones_have_their_own() -> None:
    figure = plot_dimensions(with_variants(), "topic")
    line = trace(figure, "domain word2vec")
    assert (list(line.x), list(line.y)) == ([50, 100], [0.601, 0.748])
    reduced = trace(figure, "domain.word2vec_100 by pca")
    assert (list(reduced.x), list(reduced.y)) == ([25, 50], [0.7, 0.74])
    names = [each.name for each in figure.data]
    assert not any("int8" in name or "typos" in name or "tuned" in name for name in names)
    assert all(list(each.x) == sorted(set(each.x)) for each in figure.data)  # nothing falls vertically


def test_copies_of_an_embedding_are_no_points_of_its_method() -> None:
    figure = plot_methods(with_variants(), "topic")
    assert list(figure.layout.yaxis.ticktext) == ["word2vec"]
    assert list(trace(figure, "domain").x) == [0.748] and list(trace(figure, "generic").x) == [0.534]


def test_several_embeddings_of_one_method_and_origin_have_rows_of_their_own() -> None:
    """Files from elsewhere are all of one method; they are neither one row nor one curve."""
    board = leaderboard({"pretrained.glove_100": 0.7, "pretrained.paragram_100": 0.6, "pretrained.glove_50": 0.5})
    board["method"] = "static_file"
    figure = plot_methods(board, "topic")
    assert list(figure.layout.yaxis.ticktext) == ["glove_100", "paragram_100"]
    assert not plot_dimensions(board, "topic").data


@pytest.mark.parametrize("against", ["seconds", "bytes_per_item"])
def test_what_costs_nothing_is_drawn_at_zero_and_leads_the_front(against: str) -> None:
    board = leaderboard({"task.bm25": 0.8, "domain.glove_50": 0.7, "domain.glove_100": 0.75, "control.random_100": 0.2})
    board.loc[board["embedding"] == "task.bm25", ["train_seconds", "encode_seconds", "fit_seconds", "bytes_per_item"]] = 0.0
    figure = plot_costs(board, "topic", against=against)
    (place,) = trace(figure, "task").x
    assert place < min(trace(figure, "domain").x)
    assert (figure.layout.xaxis.tickvals[0], figure.layout.xaxis.ticktext[0]) == (place, "0")
    assert list(trace(figure, "front").x) == [place] and list(trace(figure, "front").y) == [0.8]
    low, high = figure.layout.xaxis.range
    assert low < math.log10(place) < high
    assert "<br>0\u202f" in trace(figure, "task").text[0]
    assert [each.text for each in figure.layout.annotations] == ["task.bm25"]


def test_where_all_cost_nothing_they_stand_at_zero() -> None:
    board = leaderboard({"task.bm25": 0.8, "task.tfidf": 0.7}).assign(bytes_per_item=0.0)
    figure = plot_costs(board, "topic", against="bytes_per_item")
    assert list(figure.layout.xaxis.ticktext) == ["0"] and len(trace(figure, "task").x) == 2


def test_an_unknown_cost_is_left_out_of_the_figure_and_an_embedding_of_corrupted_text_is_no_choice() -> None:
    board = with_variants()
    board.loc[board["embedding"] == "domain.word2vec_100_typos_30", ["bytes_per_item", "value"]] = (1.0, 0.99)
    board.loc[board["embedding"] == "task.tfidf", "bytes_per_item"] = float("nan")
    figure = plot_costs(board, "topic", against="bytes_per_item")
    assert all(each.name != "task" for each in figure.data)
    assert 0.99 not in trace(figure, "front").y and 0.99 in trace(figure, "domain").y


def test_cost_in_seconds_is_training_encoding_and_fitting() -> None:
    figure = plot_costs(leaderboard(TOPIC), "topic")
    assert set(trace(figure, "domain").x) == {35.5} and set(trace(figure, "task").x) == {5.5}
    assert figure.layout.xaxis.range[0] < math.log10(5.5)


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(ValueError, match="'euros'"):
        plot_costs(leaderboard(TOPIC), "topic", against="euros")


def test_names_are_escaped_in_figures() -> None:
    board = leaderboard({"domain.<b>x</b>_50": 0.7, "domain.<b>x</b>_100": 0.8, "task.tfidf": 0.6})
    for figure in (
        plot_leaderboard(board, "topic"),
        plot_dimensions(board, "topic"),
        plot_methods(board, "topic"),
        plot_costs(board, "topic"),
    ):
        assert "<b>" not in figure.to_json() and "\\u003cb\\u003e" not in figure.to_json()


def test_corruption_runs_from_no_difference_to_the_highest_level_with_intervals() -> None:
    rows = pd.DataFrame(
        [
            {"task": "topic", "metric": "accuracy", "embedding_a": f"domain.{number}", "embedding_b": "domain.w_8"}
            | {
                "origin": "domain",
                "corruption": kind,
                "corruption_level": level / 100,
                "difference": value,
                "ci_low": value - 0.01,
                "ci_high": value + 0.01,
            }
            for number, (kind, level, value) in enumerate(
                [("less_text", 90, -0.13), ("less_text", 50, -0.02), ("typos", 50, -0.05), (None, 50, -0.4)]
            )
        ]
    )
    figure = plot_corruption(rows, "topic")
    assert [(trace.name, list(trace.x), [round(y, 6) for y in trace.y]) for trace in figure.data] == [
        ("domain.w_8, less text", [0.0, 50.0, 90.0], [0.0, -2.0, -13.0]),
        ("domain.w_8, typos", [0.0, 50.0], [0.0, -5.0]),
    ]
    assert list(figure.data[0].error_y.array) == pytest.approx([0, 1, 1])
    assert not plot_corruption(rows, "another").data


PAIR = ("domain.w_8", "generic.w_8")


@pytest.mark.slow
def test_a_map_has_a_panel_for_each_embedding_and_shows_the_same_square_in_all() -> None:
    figure = plot_word_map(word_map(*PAIR))
    assert [each.name for each in figure.data] == ["words", "dose", "pain"] * 2
    assert [each.xaxis for each in figure.data] == ["x"] * 3 + ["x2"] * 3
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range and figure.layout.xaxis.range[0] < -9
    assert (figure.layout.yaxis.scaleanchor, figure.layout.yaxis2.scaleanchor) == ("x", "x2")
    assert figure.data[1].line.color == LOOKS["domain"].color and figure.data[4].line.color == LOOKS["generic"].color
    assert figure.layout.meta == {"side_by_side": True}
    assert plot_word_map(word_map("domain.w_8")).layout.meta == {"side_by_side": False}
    assert plot_word_map(word_map(*PAIR, "pretrained.w_8")).layout.height == 2 * figure.layout.height


def test_lines_lead_from_a_probe_word_to_each_of_its_neighbors() -> None:
    figure = plot_word_map(word_map("domain.w_8"))
    dose = trace(figure, "dose")
    assert list(zip(dose.x, dose.y, strict=True)) == [(0, 0), (1, 0), (0, 0), (0, 1), (0, 0)]
    assert [text.split("<br>")[0] for text in dose.text] == [f"<b>{each}</b>" for each in "dose drug dose pill dose".split()]
    assert dose.text[1].split("<br>")[1:] == ["among the nearest of dose", "nearest: the, dose"]
    assert set(trace(figure, "words").x) == {5, 6}


def test_probe_words_are_named_on_a_map_and_the_nearest_of_each_where_there_is_room() -> None:
    named = [each.text for each in plot_word_map(word_map("domain.w_8")).layout.annotations]
    assert named == ["<b>dose</b>", "<b>pain</b>", "drug", "sore", "domain.w_8"]
    crowded = word_map("domain.w_8").assign(x=[*[99] * 7, -99], y=0)  # at the edge: room for three
    named = [each.text for each in plot_word_map(crowded).layout.annotations]
    assert "drug" in named and "sore" not in named


def test_words_of_a_map_are_escaped() -> None:
    words = trace(plot_word_map(word_map("domain.w_8")), "words")
    assert words.text[1].startswith("<b>&lt;b&gt;of&lt;/b&gt;</b>")


def test_a_map_without_probe_words_and_no_map_at_all_can_be_drawn() -> None:
    plain = word_map("domain.w_8").assign(probe=False, near=None)
    assert [(each.name, len(each.x)) for each in plot_word_map(plain).data] == [("words", len(plain))]
    assert not plot_word_map(word_map()).data


@pytest.mark.parametrize("task", ["topic", "nowhere"])
def test_every_figure_is_transparent_and_can_be_empty(task: str) -> None:
    board = leaderboard(TOPIC)
    for figure in (
        plot_leaderboard(board, task),
        plot_dimensions(board, task),
        plot_methods(board, task),
        plot_costs(board, task),
        plot_origins(origins({})),
    ):
        assert figure.layout.template.layout.paper_bgcolor == figure.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)"


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("light", "dark"), DARK_COLORS.items())
def test_colors_stand_out_from_their_page(light: str, dark: str) -> None:
    assert contrast(light, "#fdfdfc") >= 3 and contrast(dark, "#15181b") >= 3
    assert contrast(light, "#000000") >= 3  # a figure seen outside the page, on black
