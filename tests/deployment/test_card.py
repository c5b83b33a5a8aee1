"""The card of a chosen embedding says what was not chosen, why, and which language a pretrained model was made for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from emb_pipeline.deployment.card import write_embedding_card
from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.system_scores import SystemScores

RIGHT = {"pretrained.minilm": 930, "pretrained.mean": 925, "task.one_hot": 887, "task.tfidf": 884, "domain.poor": 500}


def card_of(budgets: dict[str, float], latencies: dict[str, float], **facts: Any) -> str:
    """The card of the embedding that a real decision chooses."""
    scores = np.column_stack([np.arange(1000) < right for right in RIGHT.values()]).astype(float)
    rng = np.random.default_rng(0)
    scored = Scored.of_units(
        Criterion("topic", "accuracy", 0.01), SystemScores(scores, list(RIGHT)), n_resamples=500, rng=rng
    )
    costs = pd.DataFrame(
        {"bytes_per_item": [1536.0, 1536, 60, 80, 400], "latency_ms_p95": [latencies.get(name, 1.0) for name in RIGHT]},
        index=list(RIGHT),
    )
    decision, _ = decide(scored, costs, Rules(budgets, ("bytes_per_item",)))
    (chosen,) = decision[decision["chosen"]].to_dict("records")
    facts = {**chosen, "kind": "classification", "origin": "task", "method": "one_hot", **facts}
    return write_embedding_card(facts, {}, decision[~decision["chosen"]]).replace("\u202f", " ")


def test_what_scores_more_but_exceeds_a_budget_is_named_with_both_numbers() -> None:
    slow = {"pretrained.minilm": 82.0, "pretrained.mean": float("nan")}
    card = card_of({"latency_ms_p95": 12.0}, slow)
    assert card.startswith("# task.one_hot for topic")
    assert "not inferior to the best that fits the budgets, which is this one." in card
    more = "- `pretrained.minilm` scores 4.3 points more (93.0 %) but exceeds the budget for time of a request (95 %) (82"
    unknown = "- `pretrained.mean` scores 3.8 points more (92.5 %) but its time of a request (95 %) is unknown, and a"
    assert more in card and unknown in card
    assert "- is not inferior either, but not cheaper: `task.tfidf`" in card
    assert "- may be worse than the best that fits the budgets by more than the margin (0.01): `domain.poor`" in card
    assert "the best," not in card and "against the best:" not in card


def test_without_a_binding_budget_the_best_is_the_best() -> None:
    card = card_of({}, {})
    assert card.startswith(("# pretrained.mean for topic", "# pretrained.minilm for topic"))
    assert "not inferior to the best" in card and "that fits" not in card


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ("en, de", "pretrained model made for text in: en, de (its model card)."),
        ("", "pretrained model made for an unknown language: no model card says which."),
        (None, None),
    ],
)
def test_a_pretrained_model_has_its_language_on_the_card(languages: str | None, said: str | None) -> None:
    card = card_of({}, {}, **({} if languages is None else {"languages": languages}))
    assert (said in card) if said else ("pretrained model" not in card)


def test_the_setting_and_the_parts_of_a_retriever_are_on_the_card() -> None:
    model = {"architecture": "bert", "parameters": 1234, "bytes": 5e6, "license": "mit"}
    prompts = {"query": {"prompt": "find: ", "from": "options"}}
    parts = [
        {"embedding": "task.bm25", "method": "bm25", "options": {"stem": "english"}},
        {"embedding": "pretrained.e5", "method": "sentence_transformer", "options": {}, "model": model, "prompts": prompts},
    ]
    chosen = {"setting": {"task.bm25 k1": 0.9, "task.bm25 weight": None}, "chosen_on": "training queries"}
    card = card_of({}, {}, parts=parts, **chosen)
    assert "- setting: `task.bm25 k1` 0.9; chosen on training queries\n" in card
    assert "- part `task.bm25`: BM25 (`bm25`), stem: `english`\n" in card
    assert (
        "- part `pretrained.e5`: Sentence Transformer (`sentence_transformer`)\n  - model: `bert`, 1,234 parameters" in card
    )
    assert "\n  - prompt of a query: `find: ` (options)\n" in card
    assert "setting" not in card_of({}, {}, setting={"half_life": 3.0})
    same = card_of({}, {}, parts=parts[1:], model=model, prompts=prompts)
    assert same.count("1,234 parameters") == same.count("prompt of a query") == 1  # said of the whole already


def test_no_name_is_a_tag_on_the_card() -> None:
    evil = "x`</code><script>alert(1)</script>"
    facts = {"embedding": f"pretrained.{evil}", "task": evil, "metric": "accuracy", "best": evil, "value": 0.5, "n": 9}
    facts |= {"standing": "shown", "among": 1}
    facts |= {
        "difference_to_best": 0.0,
        "bound": 0.0,
        "margin": 0.01,
        "origin": evil,
        "method": "static_file",
        "languages": "en",
    }
    other = {
        "embedding": evil,
        "value": 0.9,
        "fits": False,
        "exceeds": "bytes",
        "bytes": 1e9,
        "units_needed": 9.0,
        "non_inferior": False,
    }
    card = write_embedding_card(facts, {"path": evil, "names": [evil]}, pd.DataFrame([other]))
    assert card.count("alert(1)") >= 6
    assert "<script>" not in MarkdownIt().render(card)
