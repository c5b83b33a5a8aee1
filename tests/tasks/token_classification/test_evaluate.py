"""Token classification: a tag for each word, found by a probe on token vectors."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score, f1_score

from emb_pipeline.embeddings.sparse.token_features import TokenFeatures
from emb_pipeline.embeddings.sparse.word_counts import OneHot
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.token_classification.evaluate import evaluate_token_classification, score_tags
from emb_pipeline.tasks.token_classification.task import TokenClassificationTask

COSTS: dict[str, Any] = {"dim": 1, "encode_seconds": 0.0, "fit_seconds": 0.0, "bytes_per_item": 1.0}
WORDS = {"DET": ["the", "a"], "NOUN": ["dog", "cat", "walk", "run"], "VERB": ["sees", "walk", "run"], "PRON": ["we", "you"]}
MAY_FOLLOW = {"": ["DET", "PRON"], "DET": ["NOUN"], "NOUN": ["VERB"], "PRON": ["VERB"], "VERB": ["DET", "PRON"]}
OPTIONS = SequenceLabelingOptions(log10_c_low=0, log10_c_high=3, training_draws=0)


def planted(n: int = 120, seed: int = 0, window: int = 6) -> TokenClassificationTask:
    """Sentences of a small grammar: "walk" and "run" are nouns after an article, and verbs after a noun or a pronoun."""
    rng = np.random.default_rng(seed)
    sentences, tags = [], []
    for _ in range(n):
        row = [str(rng.choice(MAY_FOLLOW[""]))]
        while len(row) < window:
            row.append(str(rng.choice(MAY_FOLLOW[row[-1]])))
        sentences.append([str(rng.choice(WORDS[tag])) for tag in row])
        tags.append(row)
    split = np.where(np.arange(n) % 3 == 0, "test", "train")
    return TokenClassificationTask("grammar", np.array([f"s{row}" for row in range(n)]), sentences, tags, split)


def test_a_tag_is_found_from_the_tags_around_it_where_the_word_does_not_tell() -> None:
    """The window of the probe is the word alone: the field's steps between tags know the rest."""
    task = planted()
    found = evaluate_token_classification(task, OneHot(), OPTIONS.model_copy(update={"window": 0}), seed=0)
    assert found.metrics["accuracy"] == 1.0 and found.metrics["macro_f1"] == 1.0
    assert found.details["probe"]["converged"]


def test_shuffled_tags_are_found_no_better_than_the_commonest() -> None:
    task = planted()
    found = evaluate_token_classification(task, OneHot(), OPTIONS, seed=0, shuffle_labels=True)
    assert found.metrics["accuracy"] < 0.5


def test_features_of_a_word_tell_the_tag_of_one_that_was_never_seen() -> None:
    task = planted(60)
    sentences = [
        [f"{word}ing{row}" if tag == "VERB" else word for word, tag in zip(words, tags, strict=True)]
        for row, (words, tags) in enumerate(zip(task.sentences, task.tags, strict=True))
    ]
    endings = TokenClassificationTask("endings", task.example_ids, sentences, task.tags, task.split)
    found = evaluate_token_classification(endings, TokenFeatures(), OPTIONS, seed=0)
    assert found.metrics["accuracy_unseen"] > 0.95


def random_case(seed: int, n: int = 200) -> tuple[TokenClassificationTask, np.ndarray, np.ndarray]:
    """A task, its test sentences, and tags that are right more often in some sentences than in others."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 15, size=n)
    tags = [rng.choice(["A", "B", "C", "D"], p=[0.6, 0.25, 0.1, 0.05], size=length).tolist() for length in lengths]
    words = [[f"w{number}" for number in rng.integers(40, size=length)] for length in lengths]
    split = np.where(np.arange(n) < 5, "train", "test")
    task = TokenClassificationTask("t", np.array([f"s{row}" for row in range(n)]), words, tags, split)
    test = np.arange(5, n)
    gold = task.codes[task.starts[5] :]
    easy = np.repeat(rng.random(n - 5), lengths[5:])
    predicted = np.where(rng.random(len(gold)) < easy, gold, rng.integers(4, size=len(gold)))
    return task, test, predicted


def test_metrics_are_those_of_scikit_learn() -> None:
    task, test, predicted = random_case(0)
    gold, seen = task.codes[task.starts[5] :], task.is_seen[task.starts[5] :]
    found = score_tags(task, test, predicted, **COSTS)
    assert found.metrics == pytest.approx(
        {
            "accuracy": accuracy_score(gold, predicted),
            "accuracy_seen": accuracy_score(gold[seen], predicted[seen]),
            "accuracy_unseen": accuracy_score(gold[~seen], predicted[~seen]),
            "macro_f1": f1_score(gold, predicted, average="macro"),
        }
    )


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "accuracy_unseen"])
def test_the_spread_of_item_scores_is_that_of_resampled_sentences(metric: str) -> None:
    """The standard error by pseudo-values is that of 400 bootstrap samples in which the metric is computed again."""
    task, test, predicted = random_case(1, 600)
    scores = score_tags(task, test, predicted, **COSTS).item_scores.to_pandas().query("metric == @metric")["value"]
    rng = np.random.default_rng(2)
    bounds = (task.starts[5:] - task.starts[5]).tolist()
    parts = [predicted[low:high] for low, high in pairwise(bounds)]
    again = []
    for _ in range(400):
        rows = rng.integers(len(test), size=len(test))
        again.append(score_tags(task, test[rows], np.concatenate([parts[row] for row in rows]), **COSTS).metrics[metric])
    assert scores.std() / np.sqrt(len(scores)) == pytest.approx(np.std(again), rel=0.15)


def test_scores_by_hand() -> None:
    """Test words: "He" (seen, in another case), "ran", "far"; "ran" is taken for a noun."""
    task = TokenClassificationTask(
        "by_hand",
        np.array(["a", "b", "c"]),
        [["he", "far"], ["He", "ran"], ["far"]],
        [["PRON", "ADV"], ["PRON", "VERB"], ["ADV"]],
        np.array(["train", "test", "test"]),
    )
    assert task.labels == ["ADV", "PRON", "VERB"]
    found = score_tags(task, np.array([1, 2]), np.array([1, 0, 0]), **COSTS)
    # ADV: 2 TP = 2, labeled 1, found 2: 2/3; PRON 1; VERB 0
    wanted = {"accuracy": 2 / 3, "accuracy_seen": 1.0, "accuracy_unseen": 0.0, "macro_f1": (2 / 3 + 1 + 0) / 3}
    assert found.metrics == pytest.approx(wanted)
    assert found.predictions is not None
    rows = [
        tuple(row[name] for name in ("unit_id", "begin", "end", "label", "predicted"))
        for row in found.predictions.to_pylist()
    ]
    assert rows == [("b", 0, 1, "PRON", "PRON"), ("b", 1, 2, "VERB", "ADV"), ("c", 0, 1, "ADV", "ADV")]


def test_any_tag_may_follow_any_other() -> None:
    task = TokenClassificationTask(
        "words", np.array(["a", "b"]), [["x", "y"], ["x"]], [["I-A", "O"], ["B-B"]], np.array(["train", "test"])
    )
    assert task.tags[0] == ["I-A", "O"] and task.allowed.all() and task.allowed.shape == (4, 3)


def test_a_training_part_with_one_tag_teaches_nothing() -> None:
    split = np.array(["train", "test"])
    task = TokenClassificationTask("flat", np.array(["a", "b"]), [["x", "y"], ["x"]], [["A", "A"], ["B"]], split)
    with pytest.raises(DataError, match="has the tag 'A' alone"):
        evaluate_token_classification(task, OneHot(), OPTIONS, seed=0)


def test_parts_and_resamples_of_the_sentences_are_scored_by_accuracy() -> None:
    options = OPTIONS.model_copy(update={"label_draws": 2, "label_counts": (20, 40), "training_draws": 2})
    found = evaluate_token_classification(planted(), OneHot(), options, seed=0)
    fewer = found.item_scores.to_pandas().query("label_fraction < 1")
    assert set(fewer["metric"]) == {"accuracy"} and fewer["label_fraction"].nunique() == 2
    assert found.training_draws is not None and set(found.training_draws["metric"].to_pylist()) == {"accuracy"}


def test_the_audit_counts_tags_new_words_and_tags_that_cannot_be_learned() -> None:
    table = {
        "example_id": ["a", "b"],
        "tokens": [["we", "ran"], ["We", "oh"]],
        "tags": [["PRON", "VERB"], ["PRON", "INTJ"]],
        "split": ["train", "test"],
    }
    tables = {"sentences": pa.table(table)}
    kind = KINDS["token_classification"]
    from emb_pipeline.text.seen import SEEN, find_seen_sentences

    lines = {row["check"]: row for row in kind.audit({**tables, SEEN: find_seen_sentences(tables)}).to_pylist()}
    assert (lines["tag.PRON"]["count"], lines["tag.PRON"]["note"]) == (2, "train 1, test 1")
    assert (lines["seen_words"]["count"], lines["seen_words"]["total"]) == (1, 2)
    assert lines["tags_not_trained"]["examples"] == ["b: oh (INTJ)"] and lines["tags_not_trained"]["severity"] == "ceiling"
