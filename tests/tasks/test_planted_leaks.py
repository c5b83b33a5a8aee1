"""Audits find planted leaks of every kind, and leave clean data alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.audit import audit_classification, require_evaluable
from emb_pipeline.tasks.sequence_labeling.audit import audit_sequence_labeling
from emb_pipeline.text.near_duplicates import cluster_pairs, find_near_pairs, find_near_pairs_between, group_equal_texts
from emb_pipeline.text.seen import (
    NEAR_GROUP,
    add_near_groups,
    find_seen_classification,
    find_seen_queries,
    find_seen_questions,
    find_seen_sentences,
)
from emb_pipeline.text.texts import TokenIds
from tests.tasks.planted import LEAKS, as_examples, changed, leaking_examples, random_texts

N = 100


def line(lines: pa.Table, check: str) -> dict[str, Any]:
    return next(row for row in lines.to_pylist() if row["check"] == check)


@pytest.mark.parametrize("trains", ["train", "validation"])
@pytest.mark.parametrize("kind", list(LEAKS))
def test_a_leak_is_found_and_a_clean_text_is_not(kind: str, trains: str) -> None:
    examples = leaking_examples(kind, N, np.random.default_rng(0), trains=trains)
    seen = find_seen_classification({"examples": examples}).to_pylist()
    found = {row["unit_id"] for row in seen}
    assert len({unit for unit in found if unit.startswith("leak")}) >= 0.95 * N
    assert not {unit for unit in found if unit.startswith("clean")}
    assert all(row["training_id"] == row["unit_id"].replace("leak", "train") for row in seen)
    lines = audit_classification(examples)
    assert line(lines, "leakage")["count"] + line(lines, "near_leakage")["count"] == len(found)
    assert line(lines, "near_leakage")["severity"] == "fault"


def test_questions_of_one_pattern_are_not_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    names = [f"land{number}" for number in range(200)]
    rest = [" ".join(words) for words in random_texts(200, 8, rng)]
    for pattern in ("What is the capital of {}?", "Who was the first president of {}?", "How many people live in {}?"):
        texts = [pattern.format(name) for name in names]
        found = find_near_pairs(TokenIds.of(rest + texts))
        assert not len(found.first)


def test_a_validation_part_that_holds_all_test_texts_is_refused() -> None:
    words = [" ".join(text) for text in random_texts(400, 12, np.random.default_rng(0))]
    rows = [(f"a{i}", words[i], "ab"[i % 2], "train") for i in range(100)]
    rows += [(f"v{i}", words[i], "ab"[i % 2], "validation") for i in range(100, 400)]
    rows += [(f"t{i}", words[i], "ab"[i % 2], "test") for i in range(100, 400)]
    examples = as_examples(rows)
    assert line(audit_classification(examples), "leakage")["count"] == 300
    with pytest.raises(DataError, match="every test text stands in the training part"):
        require_evaluable(examples, "copied")
    grouped = as_examples(rows[:101] + [(name, text + " more", *rest) for name, text, *rest in rows[-2:]])
    groups = pa.array([*(f"g{i}" for i in range(100)), "shared", "shared", "own"])
    assert line(audit_classification(grouped.append_column("group", groups)), "group_leakage")["count"] == 1


@pytest.mark.parametrize("label", ["named", "coded"])
def test_a_label_that_is_written_into_the_text_is_found(label: str) -> None:
    rng = np.random.default_rng(0)
    texts = random_texts(N, 12, rng)
    labels = [("heart attack", "skin rash")[code] for code in rng.integers(2, size=N)]
    codes = {"heart attack": "c1", "skin rash": "c2"}
    written = [
        f"{' '.join(text)} label {of if label == 'named' else codes[of]}" for text, of in zip(texts, labels, strict=True)
    ]
    lines = audit_classification(
        as_examples([(str(i), text, of, None) for i, (text, of) in enumerate(zip(written, labels, strict=True))])
    )
    assert line(lines, "label_in_text")["count"] == (N if label == "named" else 0)
    assert line(lines, "label_in_text")["severity"] == "fault"
    assert line(lines, "give_away_words")["count"] == N
    clean = as_examples([(str(i), " ".join(text), of, None) for i, (text, of) in enumerate(zip(texts, labels, strict=True))])
    lines = audit_classification(clean)
    assert (line(lines, "label_in_text")["count"], line(lines, "give_away_words")["count"]) == (0, 0)


def test_a_class_name_that_other_classes_use_as_well_is_no_give_away() -> None:
    texts = [
        f"{' '.join(text)} {'heart' if i % 3 else 'lung'}"
        for i, text in enumerate(random_texts(N, 8, np.random.default_rng(0)))
    ]
    lines = audit_classification(
        as_examples([(str(i), text, ("heart", "lung")[i % 2], None) for i, text in enumerate(texts)])
    )
    assert line(lines, "label_in_text")["count"] == 0


def test_sentences_queries_and_questions_are_compared_with_what_is_trained_on() -> None:
    rng = np.random.default_rng(0)
    base = random_texts(40, 12, rng)
    ids = [str(number) for number in range(80)]
    splits = ["train"] * 20 + ["validation"] * 20 + ["test"] * 40
    words = base + [changed(text, 1, rng) for text in base]
    texts = [" ".join(text) for text in words]
    tags = [["O"] * 12] * 80
    sentences = pa.table({"example_id": ids, "tokens": words, "tags": tags, "split": splits})
    assert find_seen_sentences({"sentences": sentences}).num_rows == 40
    assert line(audit_sequence_labeling(sentences), "near_leakage")["count"] == 40
    queries = pa.table({"query_id": ids, "text": texts, "split": splits})
    assert find_seen_queries({"queries": queries}).num_rows == 40
    assert find_seen_queries({"queries": queries.drop_columns("split")}).num_rows == 0
    # Half of the test questions have a context that is nearly trained on, the others a question that is.
    fresh = [" ".join(text) for text in random_texts(120, 12, rng)]
    questions = pa.table(
        {
            "example_id": ids,
            "text": [*fresh[:20], *texts[20:40], *fresh[20:40], *texts[60:]],
            "context": [*texts[:20], *fresh[40:60], *texts[40:60], *fresh[60:80]],
            "answers": [["w"]] * 80,
            "answer_starts": [[0]] * 80,
            "split": splits,
        }
    )
    assert sorted(find_seen_questions({"questions": questions})["unit_id"].to_pylist(), key=int) == ids[40:]


def test_pairs_are_found_in_the_same_texts_in_either_order() -> None:
    rng = np.random.default_rng(1)
    base = random_texts(50, 12, rng)
    texts = [" ".join(text) for text in [*base, *(changed(text, 2, rng) for text in base)]]
    there, back = find_near_pairs(TokenIds.of(texts)), find_near_pairs(TokenIds.of(texts[::-1]))
    assert {frozenset(pair) for pair in zip(there.first.tolist(), there.second.tolist(), strict=True)} == {
        frozenset((99 - a, 99 - b)) for a, b in zip(back.first.tolist(), back.second.tolist(), strict=True)
    }


def test_a_thousand_copies_of_a_template_do_not_hide_a_near_duplicate() -> None:
    rng = np.random.default_rng(0)
    head, tail = random_texts(2, 6, rng)
    fillings = random_texts(3000, 8, rng)
    texts = [" ".join([*head, *filling, *tail]) for filling in fillings]
    twins = [" ".join([*head, *changed(filling, 1, rng), *tail]) for filling in fillings[:100]]
    found = find_near_pairs_between(TokenIds.of(twins + texts), np.arange(100), np.arange(100, 3100))
    hits = {
        first for first, second in zip(found.first.tolist(), found.second.tolist(), strict=True) if second == first + 100
    }
    assert len(hits) >= 95


def test_clusters_stay_below_their_bound_and_equal_texts_together() -> None:
    words = random_texts(1, 60, np.random.default_rng(0))[0]
    chain = [" ".join(words[start : start + 20]) for start in range(0, 40, 2)]  # each resembles the next
    tokens = TokenIds.of([*chain, chain[3], chain[3]])
    groups = cluster_pairs(find_near_pairs(tokens), group_equal_texts(tokens), 4)
    sizes = np.bincount(groups)
    assert sizes.max() <= 4
    assert groups[3] == groups[20] == groups[21]
    whole = cluster_pairs(find_near_pairs(tokens), group_equal_texts(tokens), 100)
    assert len(set(whole.tolist())) == 1
    assert add_near_groups({"examples": as_examples([("a", "x y", "l", None), ("b", "z y", "m", None)])})["examples"][
        NEAR_GROUP
    ].to_pylist() == ["a", "b"]
