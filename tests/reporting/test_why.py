"""Why embeddings differ on a task: one sentence and one figure for each reason."""

from __future__ import annotations

import pandas as pd
import pytest

from emb_pipeline.reporting.sections.effects.origins import describe_sizes
from emb_pipeline.reporting.sections.effects.why import describe_levels, describe_tuning, view
from tests.reporting.tiny import TINY, effect, shaped, tiny_report

LEVELS = {
    "task": "topic",
    "metric": "accuracy",
    "design": "corpus × method at 100",
    "level_a": "word2vec",
    "level_b": "fasttext",
    "within": "",
    "difference": -0.05,
    "ci_low": -0.06,
    "ci_high": -0.04,
    "p_adjusted": 0.001,
    "pairs": 2,
}
TUNED = {"embedding_a": "domain.word2vec_100_tuned_topic", "embedding_b": "domain.word2vec_100"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "FastText instead of Word2Vec gains 5.0 points [4.0, 6.0] on average over 2 pairs."),
        ({"p_adjusted": 0.4}, "FastText instead of Word2Vec may gain 5.0 points [4.0, 6.0] over 2 pairs; it may be chance."),
        (
            {"factor": "dimension", "design": "corpus × dimension of word2vec", "level_a": "50", "level_b": "300"},
            "Word2Vec with 300 instead of 50 dimensions gains 5.0 points [4.0, 6.0] on average over 2 pairs.",
        ),
    ],
)
def test_the_largest_difference_between_levels_is_said_from_the_better_one(changes: dict[str, object], said: str) -> None:
    row = {"factor": "method", **LEVELS, **changes}
    small = {**row, "difference": 0.01, "ci_low": 0.005, "ci_high": 0.02}
    assert describe_levels(pd.DataFrame([small, row]), str(row["factor"]), 0.05).striptags() == said


def test_tuning_is_said_by_cases_and_by_its_largest_change() -> None:
    rows = [effect("fine_tuning", second=TUNED["embedding_b"], embedding_a=TUNED["embedding_a"], difference=0.1)]
    rows += [{**rows[0], "difference": -0.02, "ci_low": -0.03, "ci_high": -0.01}]
    assert describe_tuning(pd.DataFrame(rows), 0.05).striptags() == (
        "Tuning helps in 1 of 2 cases and hurts in 1. "
        "The largest change is +10.0 points [4.9, 7.3], to domain.word2vec_100_tuned_topic."
    )


def test_each_reason_that_has_numbers_is_a_block_with_its_figure() -> None:
    tuned = effect("fine_tuning", TUNED["embedding_b"], embedding_a=TUNED["embedding_a"], value_a=0.8, value_b=0.7)
    effects = pd.concat([TINY["effects"], shaped("effects", tuned)])
    method = {"factor": "method", **LEVELS, "instead_of": "", "p": 0.001, "n": 300}
    report = tiny_report(
        effects=effects, factor_effects=pd.concat([TINY["factor_effects"], shaped("factor_effects", method)])
    )
    (task,) = view(report)["tasks"]
    blocks = {block.title: block for block in task["blocks"]}
    assert list(blocks) == ["Domain text", "Method", "Tuning on labels", "Made from another"]
    assert all(block.figure is not None for title, block in blocks.items() if title != "Made from another")
    assert [table.caption.split(".")[0] for table in blocks["Made from another"].tables] == [
        "Fused with other retrievers: against each of its parts",
        "Trained on less text, on shuffled words or on misspelt ones: what poor training costs",
    ]


def test_a_difference_that_is_significant_only_alone_says_so_in_its_line() -> None:
    alone = shaped("effects", effect("corpus", "generic.word2vec_100", p_adjusted=0.4))
    (task,) = view(tiny_report(effects=alone))["tasks"]
    (table,) = task["blocks"][0].tables
    assert table.lines[0][1][-1] == "significant alone, not after adjusting"


def test_corpora_of_one_size_need_no_word() -> None:
    corpora = pd.DataFrame({"corpus": ["domain", "generic"], "tokens": [20_000, 20_100]})
    assert describe_sizes(corpora) == "" == describe_sizes(corpora.head(1))
    assert "generic 40,200 tokens" in describe_sizes(corpora.assign(tokens=[20_000, 40_200]))
