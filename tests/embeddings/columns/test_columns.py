"""Encoders of columns against scikit-learn, by hand, and on labels that say nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from emb_pipeline.embeddings.columns.cooccurrence import CooccurrenceColumns, compute_ppmi
from emb_pipeline.embeddings.columns.entity import EntityColumns, count_dimensions, rotate_onto
from emb_pipeline.embeddings.columns.joined import Joined
from emb_pipeline.embeddings.columns.options import (
    ColumnOptions,
    CooccurrenceOptions,
    EntityOptions,
    GloveColumnsOptions,
    JoinedOptions,
    OneHotColumnsOptions,
    SkipGramColumnsOptions,
    TargetOptions,
    ValueTextsOptions,
)
from emb_pipeline.embeddings.columns.sparse import HashedColumns, OneHotColumns, OneHotValues
from emb_pipeline.embeddings.columns.target import OrdinalColumns, TargetColumns
from emb_pipeline.embeddings.columns.value_texts import ValueTexts
from emb_pipeline.embeddings.columns.values import KnownValues
from emb_pipeline.embeddings.columns.word_vectors import GloveColumns, SkipGramColumns
from emb_pipeline.embeddings.protocols import fit_encode
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.text.columns import Columns
from emb_pipeline.text.texts import Texts


def rows(n: int, *, seed: int = 0, **n_values: int) -> Texts:
    """Random rows: columns of so many values each, and the number 'age'."""
    rng = np.random.default_rng(seed)
    categorical = {name: [f"{name} {code}" for code in rng.integers(0, size, n)] for name, size in n_values.items()}
    return Texts([""] * n, columns=Columns.of(categorical, {"age": rng.normal(40, 10, n)}, n))


def dense(vectors: object) -> np.ndarray:
    return vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)


def test_one_hot_is_that_of_scikit_learn_and_knows_no_new_value() -> None:
    train, new = rows(200, colour=5, shape=30), rows(80, seed=1, colour=7, shape=40)
    vectors = OneHotColumns(OneHotColumnsOptions()).fit(train).encode(new)
    reference = OneHotEncoder(handle_unknown="ignore").fit(train.columns.strings())
    scaled = StandardScaler().fit(train.columns.numbers).transform(new.columns.numbers)
    np.testing.assert_allclose(
        dense(vectors), np.hstack([dense(reference.transform(new.columns.strings())), scaled]), atol=1e-5
    )


def test_a_value_of_few_rows_can_be_left_out() -> None:
    columns = Columns.of({"colour": ["red", "red", "blue"]}, {}, 3)
    encoder = OneHotColumns(OneHotColumnsOptions(min_rows=2)).fit(Texts(["", "", ""], columns=columns))
    assert dense(encoder.encode(Texts(["", "", ""], columns=columns))).tolist() == [[1], [1], [0]]


def test_a_missing_value_is_a_value_and_a_missing_number_the_mean_with_a_mark() -> None:
    columns = Columns.of({"colour": ["red", "", "red", ""]}, {"age": [1.0, 3.0, float("nan"), 2.0]}, 4)
    vectors = dense(
        OneHotColumns(OneHotColumnsOptions()).fit(Texts([""] * 4, columns=columns)).encode(Texts([""] * 4, columns=columns))
    )
    np.testing.assert_array_equal(vectors[:, :2], [[0, 1], [1, 0], [0, 1], [1, 0]])
    np.testing.assert_allclose(vectors[:, 2], [-1.2247, 1.2247, 0, 0], atol=1e-4)
    np.testing.assert_array_equal(vectors[:, 3], [0, 0, 1, 0])


def test_bins_hold_a_tenth_of_the_different_numbers_each() -> None:
    columns = Columns.of({}, {"age": [*range(100), float("nan")]}, 101)
    texts = Texts([""] * 101, columns=columns)
    vectors = dense(OneHotColumns(OneHotColumnsOptions(numeric="binned")).fit(texts).encode(texts))
    assert vectors.sum(axis=0).tolist() == [10] * 10 + [1] and (vectors.sum(axis=1) == 1).all()


def test_a_number_that_most_rows_have_hides_no_other_in_its_bin() -> None:
    texts = Texts([""] * 100, columns=Columns.of({}, {"gain": [0.0] * 80 + list(range(1, 21))}, 100))
    vectors = dense(OneHotColumns(OneHotColumnsOptions(numeric="binned")).fit(texts).encode(texts))
    assert vectors[:, 0].sum() <= 83 and len(np.unique(vectors[80:], axis=0)) == 10


def test_ordinal_counts_values_in_the_order_of_their_names() -> None:
    encoder = OrdinalColumns(ColumnOptions()).fit(Texts(["", ""], columns=Columns.of({"size": ["small", "large"]}, {}, 2)))
    new = Texts(["", "", ""], columns=Columns.of({"size": ["small", "large", "huge"]}, {}, 3))
    assert encoder.encode(new).tolist() == [[1], [0], [-1]]


def test_hashing_folds_any_value_into_its_columns_and_equal_values_of_two_columns_apart() -> None:
    encoder = HashedColumns(ColumnOptions(), 512).fit(rows(5, home=2, work=2))
    vectors = dense(encoder.encode(Texts([""], columns=Columns.of({"home": ["SE"], "work": ["SE"]}, {"age": [40.0]}, 1))))
    assert vectors.shape == (1, 513) and np.abs(vectors[:, :-1]).sum() == 2 == np.count_nonzero(vectors[:, :-1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_target_encoding_of_new_rows_is_that_of_scikit_learn(n_classes: int) -> None:
    train, new = rows(300, colour=5, shape=30), rows(80, seed=1, colour=7, shape=40)
    labels = np.random.default_rng(2).integers(0, n_classes, 300)
    encoder, _ = TargetColumns(TargetOptions(numeric="left_out")).fit_encode(train, labels)
    reference = TargetEncoder(target_type="binary" if n_classes == 2 else "multiclass").fit(train.columns.strings(), labels)
    np.testing.assert_allclose(encoder.encode(new), reference.transform(new.columns.strings()), atol=1e-6)


def test_target_encoding_of_numbers_is_that_of_scikit_learn() -> None:
    train = rows(300, colour=5, shape=30)
    labels = np.random.default_rng(2).normal(size=300)
    encoder, _ = TargetColumns(TargetOptions(numeric="left_out", smooth=10.0)).fit_encode(train, labels)
    reference = TargetEncoder(target_type="continuous", smooth=10.0).fit(train.columns.strings(), labels)
    np.testing.assert_allclose(encoder.encode(train), reference.transform(train.columns.strings()), atol=1e-6)


def test_no_training_vector_of_target_encoding_holds_its_own_label() -> None:
    train = rows(200, shape=60)
    labels = np.random.default_rng(3).normal(size=200)
    target = TargetColumns(TargetOptions(numeric="left_out"))
    encoder, of_training = target.fit_encode(train, labels)
    for row in range(0, 200, 20):
        others = labels.copy()
        others[row] += 5
        changed_encoder, changed = target.fit_encode(train, others)
        np.testing.assert_array_equal(changed[row], of_training[row])
        assert changed_encoder.encode(train)[row, 0] > encoder.encode(train)[row, 0] + 0.1


def test_labels_that_say_nothing_leave_target_encoding_at_chance() -> None:
    """Means over simulations: the correlation of training vectors with their labels, and of new rows' with theirs."""
    found = []
    for seed in range(40):
        labels = np.random.default_rng(100 + seed).integers(0, 2, 400)
        texts = rows(400, seed=seed, shape=150)
        encoder, of_training = TargetColumns(TargetOptions(numeric="left_out"), seed=seed).fit_encode(
            texts.take(np.arange(200)), labels[:200]
        )
        new = encoder.encode(texts.take(np.arange(200, 400)))
        found.append((np.corrcoef(of_training[:, 0], labels[:200])[0, 1], np.corrcoef(new[:, 0], labels[200:])[0, 1]))
    means, errors = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(means) < 4 * errors + 0.02).all()


def test_labels_are_asked_for() -> None:
    with pytest.raises(ValueError, match="learns from labels: give those"):
        fit_encode(TargetColumns(TargetOptions()), rows(10, colour=2), None)


def test_texts_without_columns_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match="no columns are next to them; name 'features' in the task's source"):
        OneHotColumns(OneHotColumnsOptions()).fit(Texts(["a", "b"]))


def test_joined_blocks_have_a_mean_squared_length_of_one_each() -> None:
    columns = rows(50, colour=4).columns
    texts = Texts([f"word{row % 7} of row {row}" for row in range(50)], columns=columns)
    parts = {
        "text": Tfidf(),
        "columns": OneHotColumns(OneHotColumnsOptions()),
        "ordinal": OrdinalColumns(ColumnOptions()),
    }
    encoder, vectors = Joined(JoinedOptions(), parts).fit_encode(texts, None)
    borders = np.cumsum([0, *(part.dim for part in encoder.parts.values())])
    blocks = [dense(vectors)[:, start:end] for start, end in pairwise(borders)]
    assert [pytest.approx(1, abs=1e-4)] * 3 == [float(np.square(block).sum(axis=1).mean()) for block in blocks]
    np.testing.assert_allclose(blocks[2].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(dense(encoder.encode(texts)), dense(vectors))


def test_joined_learns_from_labels_where_a_part_does() -> None:
    parts = {"a": OneHotColumns(OneHotColumnsOptions()), "b": TargetColumns(TargetOptions())}
    joined = Joined(JoinedOptions(), parts)
    assert joined.learns_from_labels and not Joined(JoinedOptions(), {"a": parts["a"]}).learns_from_labels
    texts, labels = rows(60, colour=4), np.arange(60) % 2
    encoder, vectors = joined.fit_encode(texts, labels)
    assert not np.array_equal(dense(encoder.encode(texts)), dense(vectors)), "cross-fitted, as the part's own are"


def test_the_information_of_two_values_is_what_a_hand_computes() -> None:
    columns = Columns.of({"a": ["x", "x", "y", "y"], "b": ["p", "p", "p", "q"]}, {}, 4)
    known = KnownValues.of(columns)
    found = compute_ppmi(OneHotValues(known).encode(columns), np.array([0, 0, 1, 1])).toarray()
    expected = np.zeros((4, 4))  # x, y, p, q
    expected[0, 2] = expected[2, 0] = np.log(2 * 4 / (2 * 3))
    expected[1, 3] = expected[3, 1] = np.log(1 * 4 / (2 * 1))
    np.testing.assert_allclose(found, expected)


COMPANY = {
    "SVD": CooccurrenceColumns(CooccurrenceOptions(dims=4)),
    "Word2Vec": SkipGramColumns(SkipGramColumnsOptions(dims=4)),
    "GloVe": GloveColumns(GloveColumnsOptions(dims=4)),
}


@pytest.mark.parametrize("name", COMPANY)
def test_values_that_keep_the_same_company_are_close_without_a_label(name: str) -> None:
    """Planted: cities of two countries, whose rows mostly have the country's dishes; no row names the country."""
    rng = np.random.default_rng(0)
    country = rng.integers(0, 2, 2_000)
    eaten = np.where(rng.random(2_000) < 0.9, country, 1 - country)
    city, dish = country * 5 + rng.integers(0, 5, 2_000), eaten * 4 + rng.integers(0, 4, 2_000)
    columns = Columns.of({"city": [f"city {c}" for c in city], "dish": [f"dish {d}" for d in dish]}, {}, 2_000)
    texts = Texts([""] * 2_000, columns=columns)
    encoder = COMPANY[name].fit(texts)
    table = encoder.categories.vectors[0][:-1]
    cosines = table @ table.T / np.outer(*[np.linalg.norm(table, axis=1)] * 2)
    same = np.arange(10)[:, None] // 5 == np.arange(10) // 5
    assert cosines[same].min() > 0.8 and cosines[same].min() > cosines[~same].max() + 0.15
    unknown = Texts([""], columns=Columns.of({"city": ["elsewhere"], "dish": ["dish 0"]}, {}, 1))
    vector = encoder.encode(unknown)[0]
    assert not vector[:4].any() and vector[4:].any()
    np.testing.assert_array_equal(encoder.encode(unknown), COMPANY[name].fit(texts).encode(unknown))


def test_columns_of_low_or_high_cardinality_alone_can_be_encoded() -> None:
    train, part = rows(400, colour=5, shape=90), rows(3, seed=1, colour=5, shape=2)
    low, high = (OneHotColumns(OneHotColumnsOptions(cardinality=each)).fit(train) for each in ("low", "high"))
    assert low.columns.categorical == ("colour",) and high.columns.categorical == ("shape",)
    assert low.encode(part).shape == (3, 6) and high.encode(part).nnz == 6, "one value and the number of each row"
    few = OneHotColumns(OneHotColumnsOptions(cardinality="high"))
    assert few.fit(train.take(np.arange(10))).columns == high.columns, "a part of the rows has the columns of the table"
    with pytest.raises(DataError, match="no categorical column has more than 40; keep it from this task with 'evaluate_on'"):
        few.fit(part)


def plant_entities(n: int, seed: int) -> tuple[Texts, np.ndarray]:
    """Rows of 60 shops, of which every third has mostly label 1, and a column that says nothing."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, 60, n)
    label = np.where(rng.random(n) < 0.9, shop % 3 == 0, shop % 3 != 0).astype(np.int64)
    values = {"shop": [f"shop {s}" for s in shop], "day": [f"day {d}" for d in rng.integers(0, 7, n)]}
    return Texts([""] * n, columns=Columns.of(values, {}, n)), label


def test_entity_embeddings_place_values_with_the_same_labels_together() -> None:
    texts, labels = plant_entities(2_000, 0)
    encoder, _ = EntityColumns(EntityOptions(dims=3)).fit_encode(texts, labels)
    table = encoder.categories.vectors[0][:-1]
    is_first = np.array([int(value.split()[1]) % 3 == 0 for value in encoder.categories.known.values[0]])
    axis = table[is_first].mean(axis=0) - table[~is_first].mean(axis=0)
    along = table @ axis
    assert along[is_first].min() > along[~is_first].max()
    np.testing.assert_allclose(encoder.categories.vectors[0][-1], table.mean(axis=0), rtol=1e-5)


def test_entity_embeddings_of_labels_that_say_nothing_say_nothing_of_new_rows() -> None:
    texts, _ = plant_entities(800, 0)
    labels = np.random.default_rng(1).integers(0, 2, 800)
    found = []
    for seed in range(5):
        encoder, of_training = EntityColumns(EntityOptions(), seed=seed).fit_encode(texts.take(np.arange(400)), labels[:400])
        probe = LogisticRegression(max_iter=500).fit(of_training, labels[:400])
        found.append(probe.score(encoder.encode(texts.take(np.arange(400, 800))), labels[400:]))
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_training_vectors_of_entity_embeddings_know_no_label_of_their_own() -> None:
    """Of values with few rows and labels that say nothing, a probe's inner folds score what its test part does."""
    inner, memory = [], []
    for seed in range(5):
        texts, labels = rows(300, seed=seed, shape=120), np.random.default_rng(10 + seed).integers(0, 2, 300)
        encoder, of_training = EntityColumns(EntityOptions(numeric="left_out"), seed=seed).fit_encode(texts, labels)
        probe = LogisticRegression(max_iter=500)
        inner.append(cross_val_score(probe, of_training, labels, cv=3).mean())
        memory.append(cross_val_score(probe, encoder.encode(texts), labels, cv=3).mean())
    assert np.mean(inner) == pytest.approx(0.5, abs=0.06)
    assert np.mean(memory) > 0.6, "what the vectors for new rows would say of the training rows"


def test_vectors_are_rotated_onto_those_of_another_network_by_the_values_that_were_seen() -> None:
    rng = np.random.default_rng(0)
    reference, rotation = rng.normal(size=(6, 2)), np.array([[0.6, -0.8], [0.8, 0.6]])
    found = rotate_onto(reference @ rotation, reference, np.arange(5))
    np.testing.assert_allclose(found[:5], reference[:5], atol=1e-5)
    np.testing.assert_allclose(found[5:], [reference[:5].mean(axis=0)] * 2, atol=1e-5)


def test_entity_embeddings_are_the_same_again_and_learn_values_too() -> None:
    texts, labels = plant_entities(300, 0)
    (_, one), (_, again) = (EntityColumns(EntityOptions(epochs=2)).fit_encode(texts, labels) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    encoder, _ = EntityColumns(EntityOptions(dims=1)).fit_encode(texts, labels * 100.0)
    places = [int(value.split()[1]) % 3 == 0 for value in encoder.categories.known.values[0]]
    assert abs(np.corrcoef(encoder.categories.vectors[0][:-1, 0], places)[0, 1]) > 0.5


@pytest.mark.parametrize(("n_values", "dims"), [(1, 1), (2, 1), (7, 4), (99, 50), (1_000, 50)])
def test_a_column_has_half_as_many_dimensions_as_values(n_values: int, dims: int) -> None:
    assert count_dimensions(n_values) == dims


class LengthEncoder:
    """The number of characters and of spaces of a text."""

    dim = 2

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.array([[len(text), text.count(" ")] for text in texts], dtype=np.float32)


def test_names_of_values_are_texts_one_after_the_other_or_their_mean() -> None:
    columns = Columns.of({"sex": ["F", ""], "work": ["at home", "none"]}, {}, 2)
    texts = Texts(["", ""], columns=columns)
    joined = ValueTexts(ValueTextsOptions(), LengthEncoder()).fit(texts)
    expected = [[len("sex: F"), 1, len("work: at home"), 2], [len("sex: unknown"), 1, len("work: none"), 1]]
    assert joined.encode(texts).tolist() == expected and joined.dim == 4
    averaged = ValueTexts(ValueTextsOptions(combine="average"), LengthEncoder()).fit(texts)
    np.testing.assert_allclose(averaged.encode(texts), np.reshape(expected, (2, 2, 2)).mean(axis=1))
    new = Texts([""], columns=Columns.of({"sex": ["X"], "work": ["abroad"]}, {}, 1))
    assert joined.encode(new).tolist() == [[6, 1, 12, 1]], "a new value has a name"
