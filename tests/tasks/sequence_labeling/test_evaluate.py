"""Sequence labeling: entities found by a probe on token vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score

from emb_pipeline.embeddings.sparse.token_features import TokenFeatures
from emb_pipeline.embeddings.sparse.word_counts import OneHot
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.sequence_labeling.entities import Entities, score_entities
from emb_pipeline.tasks.sequence_labeling.evaluate import _find_held_out, evaluate_sequence_labeling
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.text.tagging import convert_to_iob2

DRUGS, PAINS = ["aspirin", "ibuprofen", "codeine"], ["headache", "back pain", "fever"]


def _task(n: int = 80, seed: int = 0) -> SequenceLabelingTask:
    """'the patient took <drug> against <pain>' with fillers; one drug and one pain stand in test sentences alone."""
    rng = np.random.default_rng(seed)
    sentences, tags, split = [], [], []
    for row in range(n):
        is_test = row % 4 == 0
        drugs, pains = (DRUGS, PAINS) if is_test else (DRUGS[:2], PAINS[:2])
        words, marks = ["The", "patient"], ["O", "O"]
        words.append(str(rng.choice(["often", "never", "still"])))
        marks.append("O")
        for verb, kind, names in (("took", "Drug", drugs), ("against", "Pain", pains)):
            entity = str(rng.choice(names)).split()
            words += [verb, *entity]
            marks += ["O", f"B-{kind}", *[f"I-{kind}"] * (len(entity) - 1)]
        sentences.append([*words, f"({row})", "."])
        tags.append([*marks, "O", "O"])
        split.append("test" if is_test else "train")
    ids = np.array([f"s{row}" for row in range(n)])
    return SequenceLabelingTask("pains", ids, sentences, tags, np.array(split))


class Contextual:
    """Each token's vector is its word's, beside that of the word before it."""

    dim = 16

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        made = []
        for sentence in sentences:
            words = np.array([np.random.default_rng(sum(map(ord, word))).normal(size=8) for word in sentence])
            made.append(np.hstack([words, np.vstack([np.zeros(8), words[:-1]])]).astype(np.float32))
        return made


class WordVectorsByHash:
    """A random vector for each word."""

    dim = 64

    def encode_words(self, words: Sequence[str]) -> np.ndarray:
        return np.stack([np.random.default_rng(list(word.encode())).normal(size=64) for word in words]).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [OneHot(), TokenFeatures(), Contextual()])
def test_entities_are_found_from_words_and_their_neighbors(encoder: object) -> None:
    found = evaluate_sequence_labeling(_task(), encoder, SequenceLabelingOptions(), seed=0)
    assert found.metrics["recall_seen"] > 0.95
    assert found.metrics["f1"] > 0.8
    assert found.details["probe"]["converged"]
    assert found.item_scores.num_rows == 20 * 7  # sentences × metrics


def test_metrics_are_seqevals() -> None:
    task = _task()
    test = np.flatnonzero(task.split == "test")
    rng = np.random.default_rng(1)
    wanted = [task.tags[row] for row in test]
    predicted = [
        convert_to_iob2([str(rng.choice(task.labels)) if rng.random() < 0.2 else tag for tag in tags]) for tags in wanted
    ]
    codes = np.array([task.labels.index(tag) for tags in predicted for tag in tags])
    scores = score_entities(task, test, codes, dim=1, encode_seconds=0.0, fit_seconds=0.0, bytes_per_item=1.0).metrics
    assert scores["f1"] == pytest.approx(f1_score(wanted, predicted))
    assert scores["precision"] == pytest.approx(precision_score(wanted, predicted))
    assert scores["recall"] == pytest.approx(recall_score(wanted, predicted))
    for kind in ("Drug", "Pain"):
        of_kind = [[[tag if tag[2:] == kind else "O" for tag in tags] for tags in part] for part in (wanted, predicted)]
        assert scores[f"f1_{kind}"] == pytest.approx(f1_score(*of_kind))


def test_seen_and_unseen_entities_by_hand() -> None:
    """Test entities: aspirin (seen, in another case), codeine (unseen), found: both, and fever (not there)."""
    task = SequenceLabelingTask(
        "by_hand",
        np.array(["a", "b", "c"]),
        [["aspirin"], ["Aspirin", "and", "codeine"], ["fever"]],
        [["B-X"], ["B-X", "O", "B-X"], ["O"]],
        np.array(["train", "test", "test"]),
    )
    test = np.array([1, 2])
    scores = score_entities(
        task, test, np.array([1, 0, 0, 1]), dim=1, encode_seconds=0.0, fit_seconds=0.0, bytes_per_item=1.0
    )
    assert scores.metrics == pytest.approx(
        {"f1": 0.5, "precision": 0.5, "recall": 0.5, "recall_seen": 1.0, "recall_unseen": 0.0}
    )


def test_spans_by_hand() -> None:
    labels = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    found = Entities.of(np.array([1, 2, 1, 0, 3, 4, 4, 1]), np.array([0, 3, 7, 8]), labels)
    spans = list(zip(found.begins.tolist(), found.ends.tolist(), found.kinds.tolist(), strict=True))
    assert spans == [(0, 2, 0), (2, 3, 0), (4, 7, 1), (7, 8, 0)]
    assert found.per_sentence().tolist() == [2, 1, 1]


def test_equal_sentences_are_one_group() -> None:
    task = SequenceLabelingTask(
        "twice",
        np.array(["a", "b", "c", "d"]),
        [["x", "y"], ["z", "y"], ["x", "y"], ["x", "y"]],
        [["B-T", "O"], ["B-T", "O"], ["B-T", "O"], ["B-T", "O"]],
        np.array(["train", "train", "test", "test"]),
    )
    found = evaluate_sequence_labeling(task, OneHot(), SequenceLabelingOptions(), seed=0)
    assert set(found.item_scores["group_id"].to_pylist()) == {"a"}
    assert "recall_seen" in found.metrics and "recall_unseen" not in found.metrics  # there is no unseen entity to find


@pytest.mark.slow
def test_the_validation_split_chooses_the_penalty_and_trains_the_final_probe() -> None:
    task = _task()
    split = task.split.copy()
    split[1:16:4] = "validation"
    with_dev = SequenceLabelingTask(task.name, task.example_ids, task.sentences, task.tags, split)
    found = evaluate_sequence_labeling(with_dev, OneHot(), SequenceLabelingOptions(), seed=0)
    other_seed = evaluate_sequence_labeling(with_dev, OneHot(), SequenceLabelingOptions(), seed=9)
    assert found.details["n_train"] == 60
    assert found.item_scores.equals(other_seed.item_scores)  # nothing is drawn


def test_permuted_tags_teach_nothing() -> None:
    shuffled = evaluate_sequence_labeling(_task(), OneHot(), SequenceLabelingOptions(), seed=0, shuffle_labels=True)
    assert shuffled.metrics["f1"] < 0.3


def test_tags_of_another_length_are_refused() -> None:
    table = pa.table(
        {"example_id": ["a", "b"], "tokens": [["x", "y"], ["z"]], "tags": [["O"], ["O"]], "split": ["train", "test"]}
    )
    with pytest.raises(DataError, match="has 2 tokens and 1 tags"):
        KINDS["sequence_labeling"].create_task({"sentences": table}, "broken")


def test_a_training_part_without_entities_is_refused() -> None:
    task = SequenceLabelingTask("empty", np.array(["a", "b"]), [["x"], ["x"]], [["O"], ["B-T"]], np.array(["train", "test"]))
    with pytest.raises(DataError, match="no entity"):
        evaluate_sequence_labeling(task, OneHot(), SequenceLabelingOptions(), seed=0)


@pytest.mark.parametrize(
    ("n_train", "n_validation", "n_drawn", "sizes"),
    [
        (600, 0, 600, [120]),  # a fifth
        (60, 0, 60, [12] * 5),  # a fifth would be too few: all in turn
        (40, 20, 60, [20]),  # a split that is there as a whole, however small
        (40, 20, 30, [6] * 5),  # a part of it is not
        (400, 200, 330, [110]),  # unless it is large enough
    ],
)
def test_what_chooses_the_penalty(n_train: int, n_validation: int, n_drawn: int, sizes: list[int]) -> None:
    split = np.array(["train"] * n_train + ["validation"] * n_validation + ["test"])
    n = len(split)
    task = SequenceLabelingTask("x", np.arange(n).astype(str), [[f"w{row}"] for row in range(n)], [["B-X"]] * n, split)
    drawn = np.arange(n - 1) if n_drawn == n - 1 else _in_both_splits(n_train, n_validation, n_drawn)
    rounds = _find_held_out(task, drawn, SequenceLabelingOptions(), np.random.default_rng(0))
    assert [int(held_out.sum()) for held_out in rounds] == sizes
    assert sum(held_out.astype(int) for held_out in rounds).max() == 1
    if len(sizes) == 1 and n_validation:
        assert set(task.split[drawn[rounds[0]]]) == {"validation"}


def _in_both_splits(n_train: int, n_validation: int, n_drawn: int) -> np.ndarray:
    of_validation = n_drawn * n_validation // (n_train + n_validation)
    return np.concatenate([np.arange(n_drawn - of_validation), n_train + np.arange(of_validation)])


# fewer labels


class OneHotPerPart:
    """Words that it was fitted on are known; what it was fitted on is kept."""

    def __init__(self) -> None:
        self.fitted_on: list[list[str]] = []

    def fit_words(self, words: Sequence[str]) -> object:
        self.fitted_on.append(list(words))
        return OneHot().fit_words(words)

    def sentences(self) -> list[set[int]]:
        """Numbers of the sentences that each fit had: ``(7)`` stands in sentence 7 of `_task`."""
        return [{int(word[1:-1]) for word in words if word.startswith("(")} for words in self.fitted_on]


CURVE = SequenceLabelingOptions(label_draws=2, label_counts=(20, 40), unlabeled_texts=False)


@pytest.mark.slow
def test_draws_of_sentences_are_nested_and_hold_each_split_and_type_in_its_share() -> None:
    task = _task(160)
    split, tags = task.split.copy(), list(task.tags)
    split[1::4] = "validation"  # a third of the training sentences
    for row in range(2, 160, 4):  # another third has no entity
        tags[row] = ["O"] * len(tags[row])
    encoder = OneHotPerPart()
    evaluate_sequence_labeling(replace(task, tags=tags, split=split), encoder, CURVE, seed=0)
    whole, *parts = encoder.sentences()
    assert [len(part) for part in (whole, *parts)] == [120, 20, 40, 20, 40]
    assert parts[0] < parts[1] < whole and parts[2] < parts[3] < whole and parts[1] != parts[3]
    for part in parts:
        for rest in (1, 2, 3):
            assert sum(row % 4 == rest for row in part) == pytest.approx(len(part) / 3, abs=1)


@pytest.mark.slow
def test_a_part_scores_each_sentence_by_the_mean_over_draws_of_a_task_with_these_sentences_alone() -> None:
    task, encoder = _task(), OneHotPerPart()
    found = evaluate_sequence_labeling(task, encoder, CURVE, seed=3)
    test = set(np.flatnonzero(task.split == "test").tolist())
    f1_of = {}
    for (draw, count), drawn in zip([(0, 20), (0, 40), (1, 20), (1, 40)], encoder.sentences()[1:], strict=True):
        rows = sorted(drawn | test)
        alone = SequenceLabelingTask(
            "alone",
            task.example_ids[rows],
            [task.sentences[row] for row in rows],
            [task.tags[row] for row in rows],
            task.split[rows],
        )
        table = evaluate_sequence_labeling(alone, OneHot(), SequenceLabelingOptions(), seed=3).item_scores.to_pandas()
        f1_of[draw, count] = table["value"][table["metric"] == "f1"].to_numpy()
    table = found.item_scores.to_pandas()
    parts = table[table["label_fraction"] < 1]
    assert set(parts["metric"]) == {"f1"} and set(parts["label_fraction"]) == {20 / 60, 40 / 60}
    for count in (20, 40):
        of_part = parts["value"][parts["label_fraction"] == count / 60].to_numpy()
        np.testing.assert_allclose(of_part, (f1_of[0, count] + f1_of[1, count]) / 2)
    assert found.label_draws == [
        {
            "n_labels": count,
            "label_fraction": count / 60,
            "class_share": count / 60,
            "folds": 1,
            "draw": draw,
            "value": pytest.approx(f1_of[draw, count].mean()),
        }
        for count in (20, 40)
        for draw in (0, 1)
    ]


@pytest.mark.slow
def test_a_curve_changes_nothing_about_the_score_with_all_labels() -> None:
    options = [SequenceLabelingOptions(), CURVE, CURVE.model_copy(update={"unlabeled_texts": True})]
    bare, without, with_texts = (evaluate_sequence_labeling(_task(), OneHot(), each, seed=0) for each in options)
    for found in (without, with_texts):
        whole = found.item_scores.filter(pc.equal(found.item_scores["label_fraction"], 1.0))
        assert whole.equals(bare.item_scores.combine_chunks()) and found.metrics == bare.metrics
        assert len(found.label_draws) == 4 and not bare.label_draws


@pytest.mark.slow
def test_f1_rises_with_the_number_of_tagged_sentences() -> None:
    """Names are known by heart or not at all: 40 of them, the window closed, and no word before them that tells."""
    rng = np.random.default_rng(0)
    names = [f"Name{number}" for number in range(40)]
    sentences = [["said", str(rng.choice(names)), f"w{rng.integers(200)}"] for _ in range(400)]
    tags = [["O", "B-X", "O"]] * 400
    split = np.where(np.arange(400) % 4 == 0, "test", "train")
    task = SequenceLabelingTask("names", np.arange(400).astype(str), sentences, tags, split)
    options = SequenceLabelingOptions(window=0, label_draws=3, label_counts=(10, 30, 100))
    found = evaluate_sequence_labeling(task, WordVectorsByHash(), options, seed=0)
    draws = pd.DataFrame(found.label_draws).groupby("n_labels")["value"].mean()
    curve = [*draws.tolist(), found.metrics["f1"]]
    assert curve == sorted(curve) and curve[0] < 0.75 and curve[-1] > 0.95


@pytest.mark.slow
def test_a_part_without_an_entity_finds_none() -> None:
    sentences = [["he", "said", f"w{row}"] for row in range(40)]
    tags = [["O", "O", "B-X" if row in (0, 1, 30) else "O"] for row in range(40)]
    split = np.where(np.arange(40) < 30, "train", "test")
    task = SequenceLabelingTask("rare", np.arange(40).astype(str), sentences, tags, split)
    options = SequenceLabelingOptions(label_draws=1, label_counts=(4,))
    found = [evaluate_sequence_labeling(task, OneHot(), options, seed=seed) for seed in range(8)]
    assert 0.0 in {each.label_draws[0]["value"] for each in found}


def test_permuted_tags_have_no_learning_curve() -> None:
    shuffled = evaluate_sequence_labeling(_task(), OneHot(), CURVE, seed=0, shuffle_labels=True)
    assert not shuffled.label_draws and set(shuffled.item_scores["label_fraction"].to_pylist()) == {1.0}


@pytest.mark.slow
def test_fewer_and_other_labels_are_scored_by_the_metric_of_the_task() -> None:
    wanted = {"label_draws": 1, "label_counts": (30,), "training_draws": 2}
    options = KINDS["sequence_labeling"].read_options(wanted, "recall")
    assert isinstance(options, SequenceLabelingOptions)
    found = evaluate_sequence_labeling(_task(), OneHot(), options, seed=0)
    scores = found.item_scores.to_pandas()
    assert set(scores["metric"][scores["label_fraction"] < 1]) == {"recall"}
    assert 0 < found.label_draws[0]["value"] <= 1
    assert found.training_draws is not None and set(found.training_draws["metric"].to_pylist()) == {"recall"}
    absent = options.model_copy(update={"primary_metric": "f1_Drog"})
    with pytest.raises(DataError, match="'f1_Drog' is no metric that this task's examples have; did you mean 'f1_Drug'"):
        evaluate_sequence_labeling(_task(), OneHot(), absent, seed=0)
