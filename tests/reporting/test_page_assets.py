"""The files that are written into the page."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import plotly.graph_objects as go

from emb_pipeline.reporting.families import group_variants
from emb_pipeline.reporting.report import PLOTLY, SCRIPTS, STYLES, read_asset
from emb_pipeline.reporting.section import embed
from tests.reporting.conftest import leaderboard
from tests.reporting.many import many_report

READ_ME = "README.md"


def test_plotly_is_the_file_that_its_record_names() -> None:
    content = files("emb_pipeline.reporting").joinpath("assets", PLOTLY).read_bytes()
    assert hashlib.sha256(content).hexdigest() in read_asset(READ_ME)


def test_every_style_and_script_has_a_line_that_says_its_idea() -> None:
    assert set(re.findall(r"^\| `([^`]+)`", read_asset(READ_ME), re.MULTILINE)) >= {PLOTLY, *STYLES, *SCRIPTS}


def test_a_figure_keeps_five_digits_and_no_template() -> None:
    chart = embed(go.Figure(go.Scatter(x=[0.123456789], y=[2.0]), layout={"template": "plotly"}), "one", "label", "caption")
    assert '"x":[0.12346]' in chart.json and '"y":[2]' in chart.json and "template" not in chart.json


def test_seeds_dimensions_bits_and_copies_are_one_family_and_controls_another() -> None:
    families = group_variants(many_report().tables.leaderboard)
    of_domain = {name for name, family in families.items() if family == families["domain.word2vec_100"]}
    assert {"domain.word2vec_300", "domain.word2vec_100_seed1", "domain.word2vec_100_typos_50"} <= of_domain
    assert "generic.word2vec_100" not in of_domain and "domain.bert_128_tuned_topic" not in of_domain
    assert families["pretrained.minilm_pca_16"] == families["pretrained.minilm"]
    assert families["domain.bert_128_tuned_topic"] != families["domain.bert_128"]
    controls = group_variants(leaderboard({"control.random_100": 0.1, "control.shuffled_tfidf": 0.2}))
    assert set(controls.values()) == {"control"}
