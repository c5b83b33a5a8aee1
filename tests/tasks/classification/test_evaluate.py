from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import f1_score

from emb_pipeline.corrupt.typos import misspell_words
from emb_pipeline.embeddings.sparse.options import LsaOptions, TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Lsa, Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_example_groups
from emb_pipeline.tasks.splits.folds import draw_stratified_folds, find_duplicate_groups
from emb_pipeline.tasks.splits.label_draws import nested_order
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import EncoderPerFold, WordEncoder

OPTIONS = ClassificationOptions(label_draws=0, latency_requests=0)


def _with_split(task: ClassificationTask, split: list[str]) -> ClassificationTask:
    return ClassificationTask(task.name, task.example_ids, task.texts, task.labels, np.array(split))


def _values(evaluation: object, metric: str) -> np.ndarray:
    table = evaluation.item_scores.to_pandas()
    return table["value"][(table["metric"] == metric) & (table["label_fraction"] == 1)].to_numpy()


# folds


def test_texts_that_differ_in_case_and_punctuation_are_duplicates() -> None:
    assert find_duplicate_groups(["Wet sand!", "dry", "wet SAND", "Dry.", "wet"]).tolist() == [0, 1, 0, 1, 4]


def test_folds_spread_each_class_evenly_and_keep_groups_whole() -> None:
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(80), rng.integers(0, 80, 20)])
    codes = np.concatenate([rng.integers(0, 3, 80), np.zeros(20, dtype=int)])
    codes[80:] = codes[groups[80:]]
    folds = draw_stratified_folds(codes, groups, n_folds=5, seed=1)
    assert all(len(set(folds[groups == group])) == 1 for group in range(80))
    for code in range(3):
        sizes = np.bincount(folds[:80][codes[:80] == code], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(folds, draw_stratified_folds(codes, groups, n_folds=5, seed=1))
    assert not np.array_equal(folds, draw_stratified_folds(codes, groups, n_folds=5, seed=2))


def test_an_official_split_is_taken_and_validation_rows_train(topics: ClassificationTask) -> None:
    task = _with_split(topics, ["train", "validation", "test"] * 30)
    ((train, test),) = draw_folds(task, np.arange(90), n_folds=5, seed=0)
    assert test.tolist() == list(range(2, 90, 3))
    assert len(train) == 60


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (["train"] * 90, "test part is empty"),
        (["test"] * 90, "training part is empty"),
        (["train"] * 89 + ["hidden"], "'hidden' is unknown"),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(topics: ClassificationTask, split: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw_folds(_with_split(topics, split), np.arange(90), n_folds=5, seed=0)


def test_fewer_distinct_texts_than_folds_are_refused(topics: ClassificationTask) -> None:
    with pytest.raises(DataError, match="fewer distinct texts than the 5 folds"):
        draw_folds(topics, np.arange(90) % 3, n_folds=5, seed=0)


# the probe


def _noisy_classes(n: int, dim: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    features = rng.normal(size=(n, dim)) + 2 * np.eye(3, dim)[codes]
    return features.astype(np.float32), codes


def test_the_chosen_c_lies_inside_the_path() -> None:
    features, codes = _noisy_classes(150, 60)
    probe = fit_probe(features, codes, 3, np.arange(150), OPTIONS, seed=0)
    assert probe.edge == "none" and probe.converged
    tried = [step["c"] for step in probe.path]
    assert tried == sorted(tried) and min(tried) < probe.c < max(tried)


def test_a_path_that_is_too_short_is_widened_upwards() -> None:
    features, codes = _noisy_classes(150, 3)
    narrow = ClassificationOptions(log10_c_low=-3, log10_c_high=-2, widen_decades=4)
    probe = fit_probe(features, codes, 3, np.arange(150), narrow, seed=0)
    assert len(probe.path) > 3 and probe.edge == "none"
    fixed = narrow.model_copy(update={"widen_decades": 0})
    assert len(fit_probe(features, codes, 3, np.arange(150), fixed, seed=0).path) == 3


def test_a_path_that_starts_too_high_is_widened_downwards() -> None:
    features, codes = _noisy_classes(120, 100, seed=3)
    high = ClassificationOptions(log10_c_low=3, log10_c_high=4, select_by="log_loss")
    probe = fit_probe(features, codes, 3, np.arange(120), high, seed=0)
    unit = 1 / 100
    assert probe.c < 1000 * unit
    assert probe.edge in ("none", "low")
    assert fit_probe(features, codes, 3, np.arange(120), high.model_copy(update={"widen_decades": 0}), seed=0).edge == "low"


def test_dense_features_are_standardised_so_their_scale_does_not_matter() -> None:
    features, codes = _noisy_classes(90, 5)
    scaled = features * np.array([1, 100, 1e-3, 1, 1], dtype=np.float32) + np.array([0, 5, 0, 0, 1], dtype=np.float32)
    plain, other = (fit_probe(each, codes, 3, np.arange(90), OPTIONS, seed=0) for each in (features, scaled))
    np.testing.assert_allclose(np.exp(plain.answer(features)), np.exp(other.answer(scaled)), atol=5e-3)


def test_a_constant_feature_does_no_harm() -> None:
    features, codes = _noisy_classes(60, 4)
    features[:, 3] = 7.0
    logs = fit_probe(features, codes, 3, np.arange(60), OPTIONS, seed=0).answer(features)
    assert np.isfinite(logs).all()


def test_a_feature_of_rounding_alone_counts_as_constant() -> None:
    features, codes = _noisy_classes(60, 4)
    features[:, 3] = np.where(codes == 0, 2e-9, 1e-9)  # a giveaway, were it divided by its deviation
    weights = fit_probe(features, codes, 3, np.arange(60), OPTIONS, seed=0).head(4).weights
    assert np.abs(weights[3]).max() < 1e-6 < np.abs(weights[:3]).max()


def test_sparse_features_are_left_as_they_are() -> None:
    features, codes = _noisy_classes(60, 8)
    as_sparse = sp.csr_array(np.maximum(features, 0))
    as_they_are = ClassificationOptions(log10_c_low=0, log10_c_high=0, widen_decades=0)
    raw = as_they_are.model_copy(update={"standardize": False})
    logs = [
        fit_probe(each, codes, 3, np.arange(60), options, seed=0).answer(each)
        for each, options in ((as_sparse, as_they_are), (as_sparse.toarray(), raw))
    ]
    np.testing.assert_allclose(np.exp(logs[0]), np.exp(logs[1]), atol=1e-2)


# the evaluation


def test_a_frozen_encoder_encodes_each_text_once(topics: ClassificationTask, words: WordEncoder) -> None:
    evaluation = evaluate_classification(topics, words, OPTIONS, seed=0)
    assert words.n_encoded == 90
    assert evaluation.dim == 8
    assert evaluation.bytes_per_item == 32
    assert len(evaluation.details["folds"]) == 5


def test_a_task_encoder_sees_the_training_texts_of_each_fold_alone(
    topics: ClassificationTask, per_fold: EncoderPerFold
) -> None:
    evaluate_classification(topics, per_fold, OPTIONS, seed=0)
    assert [len(texts) for texts in per_fold.fitted_on] == [72] * 5
    held_out = [set(topics.texts) - set(texts) for texts in per_fold.fitted_on]
    assert set.union(*held_out) == set(topics.texts)
    assert sum(map(len, held_out)) == 90


def test_separable_topics_are_learned_and_item_scores_agree_with_the_summary(
    topics: ClassificationTask, words: WordEncoder
) -> None:
    evaluation = evaluate_classification(topics, words, OPTIONS, seed=0)
    assert evaluation.metrics["accuracy"] > 0.8
    label, prediction = _values(evaluation, "label"), _values(evaluation, "prediction")
    np.testing.assert_array_equal(_values(evaluation, "accuracy"), label == prediction)
    assert evaluation.metrics["accuracy"] == pytest.approx(_values(evaluation, "accuracy").mean())
    assert evaluation.metrics["log_loss"] == pytest.approx(_values(evaluation, "log_loss").mean())
    assert evaluation.metrics["macro_f1"] == pytest.approx(f1_score(label, prediction, average="macro"))
    np.testing.assert_array_equal(label, topics.codes)


def test_only_test_rows_of_an_official_split_are_scored(topics: ClassificationTask, words: WordEncoder) -> None:
    evaluation = evaluate_classification(_with_split(topics, ["train", "train", "test"] * 30), words, OPTIONS, seed=0)
    units = evaluation.item_scores["unit_id"].to_pylist()
    assert units[:3] == ["e2", "e5", "e8"] and len(units) == 5 * 30


def test_the_same_seed_gives_the_same_scores(topics: ClassificationTask) -> None:
    first, second = (evaluate_classification(topics, WordEncoder(), OPTIONS, seed=4) for _ in range(2))
    assert first.item_scores.equals(second.item_scores)


def test_shuffled_labels_score_like_guessing(topics: ClassificationTask, words: WordEncoder) -> None:
    evaluation = evaluate_classification(topics, words, OPTIONS, seed=0, shuffle_labels=True)
    assert evaluation.metrics["accuracy"] < 0.5
    assert evaluation.details["shuffled_labels"]
    np.testing.assert_array_equal(_values(evaluation, "label"), topics.codes)


def test_duplicates_share_a_group_and_a_fold(words: WordEncoder) -> None:
    texts = [f"wave tide {i % 10}" if i % 2 else f"cloud wind {i % 10}" for i in range(40)]
    task = ClassificationTask(
        "twins", np.array([f"e{i}" for i in range(40)]), Texts(texts), np.where(np.arange(40) % 2, "sea", "sky")
    )
    table = evaluate_classification(task, words, OPTIONS, seed=0).item_scores
    assert len(set(table["group_id"].to_pylist())) == 10


def test_groups_and_duplicates_are_joined_through_each_other() -> None:
    # e0 and e2 are one product; e2's title is e4's, which is another product's, like e5. e1 and e3 stand alone.
    texts = Texts(["red kettle", "hose", "blue kettle", "rake", "Blue Kettle!", "kettle 2"])
    ids, labels = np.array([f"e{i}" for i in range(6)]), np.array(["kitchen", "garden"] * 3)
    task = ClassificationTask("offers", ids, texts, labels, groups=np.array(["p", "q", "p", "r", "s", "s"]))
    assert find_example_groups(task).tolist() == [0, 1, 0, 3, 0, 0]
    alone = ClassificationTask("offers", ids, texts, labels)
    assert find_example_groups(alone).tolist() == [0, 1, 2, 3, 2, 5]


def test_a_group_stays_in_one_fold_and_is_resampled_as_one(topics: ClassificationTask, words: WordEncoder) -> None:
    products = np.array([f"p{i // 3}" for i in range(90)])
    task = ClassificationTask("offers", topics.example_ids, topics.texts, topics.labels, groups=products)
    for train, test in draw_folds(task, find_example_groups(task), n_folds=5, seed=0):
        assert not set(products[train]) & set(products[test])
    table = evaluate_classification(task, words, OPTIONS, seed=0).item_scores.to_pandas()
    group_of = table.drop_duplicates("unit_id").set_index("unit_id")["group_id"]
    assert group_of["e0"] == group_of["e1"] == group_of["e2"] == "e0"
    assert group_of.nunique() == 30


# misspelt test texts


class TextsSeen(WordEncoder):
    """Remembers the texts of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[str]] = []

    def encode(self, texts: Texts) -> np.ndarray:
        self.seen.append(list(texts))
        return super().encode(texts)


def test_test_texts_are_misspelt_and_training_texts_are_not(topics: ClassificationTask) -> None:
    encoder = TextsSeen()
    clean = evaluate_classification(topics, encoder, OPTIONS, seed=0)
    misspelt_scores = evaluate_classification(topics, encoder, OPTIONS.model_copy(update={"typos": 1.0}), seed=0)
    assert encoder.seen == [list(topics.texts), list(topics.texts), [misspell_words(text, 1.0) for text in topics.texts]]
    assert misspelt_scores.metrics["accuracy"] < clean.metrics["accuracy"] - 0.1
    assert misspelt_scores.item_scores["group_id"].equals(clean.item_scores["group_id"])


def test_an_embedding_that_is_fitted_on_a_fold_is_fitted_on_clean_texts(
    topics: ClassificationTask, per_fold: EncoderPerFold
) -> None:
    evaluate_classification(topics, per_fold, OPTIONS.model_copy(update={"typos": 1.0}), seed=0)
    assert all(set(texts) <= set(topics.texts) for texts in per_fold.fitted_on)


def test_one_class_in_the_training_part_is_refused(topics: ClassificationTask, words: WordEncoder) -> None:
    with pytest.raises(DataError, match="one class alone"):
        evaluate_classification(_with_split(topics, ["train"] * 30 + ["test"] * 60), words, OPTIONS, seed=0)


def test_vectors_that_are_not_finite_are_refused(topics: ClassificationTask) -> None:
    class Broken(WordEncoder):
        def encode(self, texts: Texts) -> np.ndarray:
            return np.full((len(texts), 2), np.nan, dtype=np.float32)

    with pytest.raises(ValueError, match="not finite"):
        evaluate_classification(topics, Broken(), OPTIONS, seed=0)


# fewer labels


@pytest.fixture
def shades() -> ClassificationTask:
    """400 texts of three noisy words, those of two classes in different shares; copies of one text have one group."""
    rng = np.random.default_rng(3)
    labels = np.array(["warm", "cold"])[rng.integers(0, 2, 400)]
    words = {"warm": "red orange brown grey".split(), "cold": "blue green violet grey".split()}
    texts = [
        " ".join([*(words["warm" if rng.random() < 0.3 else label][rng.integers(0, 4)] for _ in range(3)), f"n{row}"])
        for row, label in enumerate(labels)
    ]
    return ClassificationTask("shades", np.array([f"t{row}" for row in range(400)]), Texts(texts), labels, None)


@pytest.mark.slow
def test_parts_of_the_labels_score_every_unit_and_each_draw_is_kept(shades: ClassificationTask) -> None:
    options = ClassificationOptions(folds=4, label_draws=2)
    evaluation = evaluate_classification(shades, WordEncoder(), options, seed=0)
    table = evaluation.item_scores.to_pandas()
    parts = table[table["label_fraction"] < 1]
    assert parts["metric"].unique().tolist() == ["accuracy"]
    assert parts.groupby("label_fraction")["unit_id"].nunique().to_dict() == {0.1: 400, 1 / 3: 400}
    assert [(row["n_labels"], row["draw"]) for row in evaluation.label_draws] == [(30, 0), (30, 1), (100, 0), (100, 1)]
    for fraction, of_part in parts.groupby("label_fraction"):
        draws = [row["value"] for row in evaluation.label_draws if row["label_fraction"] == fraction]
        assert of_part["value"].mean() == pytest.approx(np.mean(draws))


@pytest.mark.slow
def test_a_share_of_the_labels_is_the_same_number_for_every_seed_and_its_folds(topics: ClassificationTask) -> None:
    texts = [str(text) for text in topics.texts]
    for first, size in ((0, 7), (12, 5), (35, 8), (61, 3), (70, 11)):  # what repeats stays together: uneven folds
        texts[first : first + size] = [texts[first]] * size
    task = ClassificationTask("uneven", topics.example_ids, Texts(texts), topics.labels, None)
    options = ClassificationOptions(folds=4, label_draws=1, label_counts=(20, 40), latency_requests=0)
    found = [evaluate_classification(task, WordEncoder(), options, seed=seed) for seed in range(4)]
    assert len({min(each.details["n_train"]) for each in found}) > 1
    assert {(row["n_labels"], row["label_fraction"]) for each in found for row in each.label_draws} == {
        (20, 20 / 67),
        (40, 40 / 67),
    }


@pytest.mark.parametrize(("encoder", "unlabeled_texts"), [(WordEncoder(), True), (WordEncoder(), False), (Tfidf(), False)])
def test_a_part_of_the_labels_gives_what_a_task_with_these_labels_alone_gives(
    topics: ClassificationTask, encoder: object, unlabeled_texts: bool
) -> None:
    task = _with_split(topics, (["train"] * 2 + ["test"]) * 30)
    options = ClassificationOptions(label_draws=1, label_counts=(30,), unlabeled_texts=unlabeled_texts)
    evaluation = evaluate_classification(task, encoder, options, seed=5)
    train = np.flatnonzero(task.split != "test")
    part = train[nested_order(task.codes[train], np.random.default_rng([0, 0, 0]))[:30]]
    kept = np.sort(np.concatenate([part, np.flatnonzero(task.split == "test")]))
    alone = ClassificationTask("alone", task.example_ids[kept], task.texts.take(kept), task.labels[kept], task.split[kept])
    expected = evaluate_classification(alone, encoder, ClassificationOptions(label_draws=0), seed=5)
    assert evaluation.label_draws[0]["value"] == expected.metrics["accuracy"]
    table = evaluation.item_scores.to_pandas()
    assert table["value"][table["label_fraction"] < 1].tolist() == _values(expected, "accuracy").tolist()
    assert not expected.label_draws


@pytest.mark.slow
def test_an_embedding_fitted_on_the_task_has_all_texts_whatever_the_labels(topics: ClassificationTask) -> None:
    encoder = EncoderPerFold()
    evaluate_classification(topics, encoder, ClassificationOptions(folds=3, label_draws=2, label_counts=(30,)), seed=0)
    assert [len(texts) for texts in encoder.fitted_on] == [60] * 3


@pytest.mark.slow
def test_or_the_labelled_texts_alone_each_draw_within_the_next_larger_one(topics: ClassificationTask) -> None:
    encoder = EncoderPerFold()
    options = ClassificationOptions(folds=3, label_draws=2, label_counts=(10, 30), unlabeled_texts=False)
    evaluate_classification(topics, encoder, options, seed=0)
    assert [len(texts) for texts in encoder.fitted_on] == [60, 10, 30, 10, 30] * 3
    for fold in range(0, 15, 5):
        whole, *parts = (set(texts) for texts in encoder.fitted_on[fold : fold + 5])
        assert parts[0] < parts[1] < whole and parts[2] < parts[3] < whole


@pytest.mark.slow
def test_with_all_labels_it_does_not_matter_whether_texts_without_one_are_at_hand(shades: ClassificationTask) -> None:
    with_texts, without = (
        evaluate_classification(
            shades, Tfidf(), ClassificationOptions(folds=2, label_draws=1, unlabeled_texts=unlabeled_texts), seed=0
        )
        for unlabeled_texts in (True, False)
    )
    for metric in ("accuracy", "log_loss", "prediction"):
        assert _values(with_texts, metric).tolist() == _values(without, metric).tolist()
    assert (with_texts.dim, with_texts.bytes_per_item) == (without.dim, without.bytes_per_item)


def test_too_few_labelled_texts_for_an_embedding_are_named(shades: ClassificationTask) -> None:
    options = ClassificationOptions(folds=2, label_draws=1, label_counts=(30,), unlabeled_texts=False)
    with pytest.raises(
        DataError, match=r"shades, 30 labels: .* of 30 training texts stands in min_df = 31 .*; give larger label_counts"
    ):
        evaluate_classification(shades, Tfidf(TfidfOptions(min_df=31)), options, seed=0)


def test_shuffled_labels_have_no_learning_curve(topics: ClassificationTask) -> None:
    shuffled = evaluate_classification(topics, WordEncoder(), ClassificationOptions(), seed=0, shuffle_labels=True)
    assert not shuffled.label_draws and set(shuffled.item_scores["label_fraction"].to_pylist()) == {1.0}


def test_an_embedding_of_more_numbers_than_labels_has_a_curve(shades: ClassificationTask) -> None:
    options = ClassificationOptions(folds=2, label_draws=1, label_counts=(30,), latency_requests=0)
    evaluation = evaluate_classification(shades, Lsa(LsaOptions(min_df=1), dim=60), options, seed=0)
    assert evaluation.dim == 60 and [row["n_labels"] for row in evaluation.label_draws] == [30]
