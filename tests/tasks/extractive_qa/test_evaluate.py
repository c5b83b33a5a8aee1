"""Extractive answering: the task, the probe on frozen vectors, the baseline without vectors, the tuned head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.span_reading import best_span, read_spans
from emb_pipeline.embeddings.contextual.training.encoder_tuning import _find_in_window
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.retrieval.options import SlidingWindowOptions
from emb_pipeline.embeddings.retrieval.sliding_window import SlidingWindow
from emb_pipeline.embeddings.sparse.options import OneHotOptions
from emb_pipeline.embeddings.sparse.word_counts import OneHot
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.extractive_qa import evaluate as extractive_qa
from emb_pipeline.tasks.extractive_qa.evaluate import (
    _move_spans,
    evaluate_extractive_qa,
    find_held_out,
    score_answers,
    score_predictions,
)
from emb_pipeline.tasks.extractive_qa.options import ExtractiveOptions
from emb_pipeline.tasks.extractive_qa.task import ExtractiveTask
from emb_pipeline.tasks.extractive_qa.tune import fine_tune_extractive_qa
from emb_pipeline.tasks.fine_tuning import Tunable
from emb_pipeline.tasks.probes.span_probe import N_MATCHES, WIDTHS, SpanExamples, _average_windows
from tests.conftest import WORDS

torch = pytest.importorskip("torch")
SMALL = ExtractiveOptions(projection=16, window=1, learning_rates=(3e-2,), epochs=12, dropout=0.0, batch_size=16)
COSTS = {"dim": 0, "encode_seconds": 0.0, "fit_seconds": 0.0, "bytes_per_item": 0.0}


class Axes:
    """A word encoder: an axis for each word it knows."""

    def __init__(self, words: list[str]) -> None:
        self.place, self.dim = {word: place for place, word in enumerate(words)}, len(words)

    def encode_words(self, words: list[str]) -> np.ndarray:
        return np.array([np.eye(self.dim)[self.place[word]] for word in words], dtype=np.float32)


class InContext(Axes):
    """A token encoder: a word's axis, and those of its neighbours at half of it."""

    def encode_tokens(self, sentences: list[list[str]]) -> list[np.ndarray]:
        found = [super(InContext, self).encode_words(words) for words in sentences]
        return [rows + 0.5 * (np.pad(rows, ((1, 1), (0, 0)))[:-2] + np.pad(rows, ((1, 1), (0, 0)))[2:]) for rows in found]

    encode_words = None  # type: ignore[assignment]


KEYS, VALUES, FILLER = ["k0", "k1", "k2", "k3"], ["v0", "v1", "v2", "v3", "v4"], ["x", "y", "z"]


def behind_the_key(n: int, *, repeat: int = 1) -> ExtractiveTask:
    """Contexts of keys, each followed by a value; a question names a key, and the value behind it is the answer."""
    rng = np.random.default_rng(3)
    questions, contexts, answers, starts, splits, context_of = [], [], [], [], [], []
    for number in range(n):
        keys = rng.permutation(KEYS)[:3]
        parts = [f"{key} {rng.choice(VALUES)} {' '.join(rng.choice(FILLER, 2))}" for key in keys]
        context = f"{' '.join(parts)} c{number}"
        contexts.append(context)
        for key in rng.permutation(keys)[:repeat]:
            at = context.index(key) + 3
            questions.append(f"what {key}")
            answers.append([context[at : at + 2]])
            starts.append([at])
            context_of.append(number)
            splits.append("test" if number % 4 == 0 else "validation" if number % 4 == 1 else "train")
    ids = np.array([f"q{number}" for number in range(len(questions))])
    return ExtractiveTask("keys", ids, questions, contexts, np.array(context_of), answers, starts, np.array(splits))


def vocabulary(task: ExtractiveTask) -> list[str]:
    words = [word for placed in task.words for word in placed.words]
    return sorted({*words, *(word for question in task.question_words for word in question)})


@pytest.mark.parametrize("make", [Axes, InContext, lambda _: OneHot(OneHotOptions())])
def test_a_pattern_is_learnt_from_frozen_vectors_of_every_kind(make) -> None:
    task = behind_the_key(120)
    evaluation = evaluate_extractive_qa(task, make(vocabulary(task)), SMALL, seed=0)
    assert evaluation.metrics["exact_match"] > 0.9
    assert evaluation.metrics["answer_f1"] >= evaluation.metrics["exact_match"]
    assert evaluation.details["n_train"] == 60 and evaluation.details["n_test"] == 30
    assert evaluation.item_scores.num_rows == 2 * 30


def test_shuffling_moves_the_answers_that_are_trained_and_tuned_on_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    task, seen = behind_the_key(40), {}

    class Gold:
        details, tune_seconds = None, 0.0

        def spans(self, examples: SpanExamples, questions: np.ndarray) -> np.ndarray:
            return examples.spans[questions]

    def fit(examples: SpanExamples, train: np.ndarray, validation: np.ndarray, quality, options, *, seed: int) -> Gold:
        seen.update(spans=examples.spans, quality=quality(validation, examples.spans[validation]))
        return Gold()

    monkeypatch.setattr(extractive_qa, "fit_span_probe", fit)
    evaluation = evaluate_extractive_qa(task, Axes(vocabulary(task)), SMALL, seed=1, shuffle_labels=True)
    is_test = task.split == "test"
    moved = (seen["spans"] != task.spans).any(axis=1)
    assert not moved[is_test].any() and moved[~is_test].mean() > 0.3
    assert seen["quality"] == 1.0 and evaluation.metrics == {"exact_match": 1.0, "answer_f1": 1.0}


def test_the_same_seed_gives_the_same_answers() -> None:
    task, short = behind_the_key(24), SMALL.model_copy(update={"epochs": 2, "dropout": 0.5})
    scores = [evaluate_extractive_qa(task, Axes(vocabulary(task)), short, seed=1).item_scores for _ in range(2)]
    assert scores[0].equals(scores[1])


def test_questions_on_one_context_are_one_group() -> None:
    task = behind_the_key(8, repeat=2)
    test = np.flatnonzero(task.split == "test")
    scores = score_answers(task, test, ["v0"] * len(test), **COSTS).item_scores.to_pydict()
    assert len(set(scores["group_id"])) == 2 and len(set(scores["unit_id"])) == 4


def test_without_a_validation_part_contexts_are_held_out_whole() -> None:
    task = behind_the_key(20, repeat=2)
    task.split[task.split == "validation"] = "train"
    train = np.flatnonzero(task.split == "train")
    held_out = find_held_out(task, train, 0.2, np.random.default_rng(0))
    assert held_out.sum() == 2 * 3
    assert not set(task.context_of[train[held_out]]) & set(task.context_of[train[~held_out]])


def test_moved_spans_stay_inside_shorter_contexts() -> None:
    task = behind_the_key(4)
    n_words = len(task.words[0].words)
    moved = _move_spans(task, np.array([0, 0]), np.array([[n_words + 5, n_words + 6], [0, 3 * n_words]]))
    assert moved.tolist() == [[n_words - 2, n_words - 1], [0, n_words - 1]]


def test_the_best_span_is_not_longer_than_allowed_and_does_not_end_before_it_starts() -> None:
    start, end = np.array([0.0, 1.0, 5.0, 0.0]), np.array([9.0, 1.0, 0.0, 2.0])
    assert best_span(start, end, 4) == (0, 0)  # 0 + 9; 5 + 9 would run backwards
    assert best_span(start, np.array([0.0, 1.0, 0.0, 2.0]), 1) == (2, 2)
    assert best_span(start, np.array([0.0, 1.0, 0.0, 2.0]), 2) == (2, 3)


def test_windows_of_likeness_are_means_of_what_is_there() -> None:
    assert _average_windows(np.array([[1.0], [2.0], [6.0]], np.float32), 3).ravel().tolist() == [1.5, 3.0, 4.0]
    assert 3 * len(WIDTHS) == N_MATCHES


def test_lexical_overlap_takes_the_uncommon_run_nearest_to_the_questions_words() -> None:
    context = "The prize was won by Marie Curie in Paris . Albert Einstein worked in Bern .".split()
    other = "The cat sat in the sun .".split()
    finder = SlidingWindow(SlidingWindowOptions(common_share=0.6))
    found = finder.answer(
        [["who", "won", "the", "prize", "?"], ["where", "worked", "Einstein"], ["?"]], [context, context, other]
    )
    spans = [
        " ".join(words[first : last + 1]) for (first, last), words in zip(found, [context, context, other], strict=True)
    ]
    assert spans == ["was", "Albert", "cat sat"]
    short = SlidingWindow(SlidingWindowOptions(common_share=1.0, max_words=2))
    assert short.answer([["sun"]] * 2, [other, ["dog"]]).tolist() == [[4, 4], [0, 0]]  # of The cat | sat in | the


def test_an_answerer_is_scored_and_has_no_labels_to_shuffle() -> None:
    task = behind_the_key(40)
    evaluation = evaluate_extractive_qa(task, SlidingWindow(SlidingWindowOptions(common_share=1.0)), SMALL, seed=0)
    assert 0 < evaluation.metrics["answer_f1"] < 1 and evaluation.dim == 0
    with pytest.raises(ValueError, match="no labels"):
        evaluate_extractive_qa(task, SlidingWindow(), SMALL, seed=0, shuffle_labels=True)


def test_a_task_without_a_test_part_or_with_a_lost_answer_is_refused() -> None:
    task = behind_the_key(4)
    fields = {name: getattr(task, name) for name in ("questions", "contexts", "context_of", "starts")}
    with pytest.raises(DataError, match="no question is in 'test'"):
        ExtractiveTask("t", task.example_ids, answers=task.answers, split=np.array(["train"] * 4), **fields)
    with pytest.raises(DataError, match="q2: has 0 answers and 1 places"):
        ExtractiveTask("t", task.example_ids, answers=[*task.answers[:2], [], task.answers[3]], split=task.split, **fields)


@pytest.fixture(scope="module")
def base(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> EncoderFolder:
    folder = tmp_path_factory.mktemp("base")
    return EncoderFolder.write(folder, format="transformers", dim=16, vocabulary=len(WORDS), model=tiny_transformer)


def test_a_long_context_is_read_in_windows_that_overlap_and_keep_words_whole(base: EncoderFolder) -> None:
    encoder = ContextualEncoder(base, EncoderOptions())  # 12 sub-words: 3 ends, 1 of the question, 8 of the context
    context = ["cat", "unlikely", "dog", "mat", "a", "unlikely", "sat", "on", "the"]  # 13 sub-words
    windows = list(encoder.windows(["query"], context))
    assert [window.word_of.tolist() for window in windows] == [[0, 1, 1, 1, 2, 3, 4], [3, 4, 5, 5, 5, 6, 7, 8]]
    for window in windows:
        assert len(window.ids) <= 12 and window.begin == 3
        assert window.ids[:3] == [WORDS.index(word) for word in ("[CLS]", "query", "[SEP]")]
        assert window.ids[-1] == WORDS.index("[SEP]")
    assert _find_in_window(windows[0], 1, 2) == (3 + 1, 3 + 4)
    assert _find_in_window(windows[1], 1, 2) == (0, 0)  # not there
    assert _find_in_window(windows[0], 4, 5) == (0, 0)  # cut off
    assert _find_in_window(windows[1], 4, 5) == (3 + 1, 3 + 4)


def test_windows_end_where_one_word_fills_many_and_where_a_question_is_too_long(base: EncoderFolder) -> None:
    encoder = ContextualEncoder(base, EncoderOptions())
    pieces = list(encoder.windows(["cat"] * 30, ["un" + "like" * 40, "dog"]))
    assert all(len(window.ids) <= 12 for window in pieces) and pieces[-1].word_of[-1] == 1
    assert next(encoder.windows([], ["dog"])).word_of.tolist() == [0]


def test_the_best_of_all_windows_is_read(base: EncoderFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that scores 'dog', wherever it stands, as start and end."""
    encoder = ContextualEncoder(base, EncoderOptions())
    dog = WORDS.index("dog")
    monkeypatch.setattr(encoder, "_hidden", lambda ids, mask: np.repeat((ids == dog)[:, :, None], 16, 2).astype(np.float32))
    head = LinearHead(np.ones((16, 2), dtype=np.float32), np.zeros(2, dtype=np.float32))
    contexts = [["cat"] * 20 + ["dog"] + ["mat"] * 9, ["dog", "cat"]]
    spans = read_spans(encoder, head, [["query"], ["query"]], contexts, longest=3)
    assert spans.tolist() == [[20, 20], [0, 0]]


def mat_for_the_cat(n: int) -> ExtractiveTask:
    """A question about a cat is answered by 'mat', one about a dog by 'on'; both stand in every context, in any order."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(n):
        words = rng.permutation(["mat", "on", "sat", "the", "a"])[: 5 - number % 2].tolist()
        context = " ".join(dict.fromkeys([*words, "mat", "on"]))
        animal, answer = [("cat", "mat"), ("dog", "on")][int(rng.integers(2))]
        rows.append((f"query {animal}", context, [answer], [context.index(answer)]))
    questions, contexts, answers, starts = zip(*rows, strict=True)
    split = np.array(["test" if number % 5 == 0 else "validation" if number % 5 == 1 else "train" for number in range(n)])
    ids = np.array([f"q{number}" for number in range(n)])
    distinct = list(dict.fromkeys(contexts))
    context_of = np.array([distinct.index(context) for context in contexts])
    return ExtractiveTask("animals", ids, list(questions), distinct, context_of, list(answers), list(starts), split)


@pytest.mark.slow
def test_a_tuned_head_learns_what_the_question_asks_for(base: EncoderFolder, tmp_path: Path) -> None:
    task = mat_for_the_cat(200)
    tuning = EncoderTuningOptions(epochs=25, learning_rate=5e-3, head_learning_rate=2e-2, batch_size=16, patience=25)
    tunable = Tunable(base, "bert", EncoderOptions(), tuning, seed=0, folder=tmp_path / "tuned")
    tuned = fine_tune_extractive_qa(task, tunable, ExtractiveOptions(max_answer_tokens=2))
    evaluation = score_predictions(task, tuned.predictions, ExtractiveOptions())
    assert min(tuned.losses) < tuned.losses[0] / 2
    assert evaluation.metrics["exact_match"] > 0.8  # one of the two, whatever is asked for, would be 0.5
    assert evaluation.item_scores.num_rows == 2 * 40 and evaluation.dim == 16
    assert EncoderFolder.read(tmp_path / "tuned").fingerprint != base.fingerprint
