"""Classification of rows with columns: read, audited, evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from emb_pipeline.embeddings.columns.options import OneHotColumnsOptions, TargetOptions
from emb_pipeline.embeddings.columns.sparse import OneHotColumns
from emb_pipeline.embeddings.columns.target import TargetColumns
from emb_pipeline.errors import DataError
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.readers.registry import CorpusSource
from emb_pipeline.tasks.classification.columns_audit import score_alone
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_fold_groups

KIND = KINDS["classification"]
FEATURES = {"categorical": ["colour"], "numeric": ["price"]}
TABLE = "colour,price,note,label\nred,1.5,fine,x\nblue,,well made,y\n,3,good,x\nred,2e1,bad,y\n"


def read(folder: Path, content: str = TABLE, **options: Any) -> dict[str, Any]:
    (folder / "a.csv").write_text(content)
    source = {"reader": "csv", "path": "a.csv", "label": "label", "features": FEATURES, **options}
    reader = KIND.create_reader()
    return reader.read(TypeAdapter(reader.source_type).validate_python(source), folder, folder, "shop")


def audit(tables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["check"]: line for line in KIND.audit(tables).to_pylist()}


def make_table(n: int, seed: int = 0) -> str:
    """Rows whose label follows from two columns, with some noise, and a third column of many values that says nothing."""
    rng = np.random.default_rng(seed)
    colour, size, shop = rng.integers(0, 6, n), rng.integers(0, 4, n), rng.integers(0, n // 3, n)
    score = np.array([2, -1, 0.5, -2, 1, 0])[colour] + np.array([1, 0, -1, 0.5])[size]
    label = (score + rng.logistic(size=n) > 0).astype(int)
    lines = [f"c{a},s{b},shop {c},l{d}" for a, b, c, d in zip(colour, size, shop, label, strict=True)]
    return "colour,size,shop,label\n" + "\n".join(lines) + "\n"


def test_a_row_without_text_is_its_own_text_and_its_columns_are_next_to_it(tmp_path: Path) -> None:
    texts = KIND.create_task(read(tmp_path), "shop").texts
    assert list(texts) == ["colour: red\nprice: 1.5", "colour: blue", "price: 3", "colour: red\nprice: 2e1"]
    columns = texts.columns
    assert columns.strings().tolist() == [["red"], ["blue"], [""], ["red"]]
    np.testing.assert_array_equal(columns.numbers[:, 0], [1.5, np.nan, 3, 20])
    assert texts.take(np.array([2, 0])).columns.strings().tolist() == [[""], ["red"]]


def test_columns_next_to_a_text_leave_the_text_as_it_is(tmp_path: Path) -> None:
    texts = KIND.create_task(read(tmp_path, text="note"), "shop").texts
    assert list(texts) == ["fine", "well made", "good", "bad"] and not texts.columns.replace_text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            TABLE.replace("1.5", "cheap"),
            r"a\.csv, row 2: column 'price' holds 'cheap', which is no number; correct it, add it",
        ),
        (TABLE.replace("1.5", "inf"), r"a\.csv, row 2: column 'price' holds 'inf', which is no number"),
        (TABLE.replace("blue", " "), r"a\.csv, row 3: all of its columns are empty; fill one in or drop the row"),
        (TABLE.replace("colour", "color"), r"a\.csv, row 1: there is no column 'colour'; name one of .*; perhaps 'color'"),
    ],
)
def test_rows_whose_columns_cannot_be_used_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_the_ways_out_of_a_number_that_is_none_work(tmp_path: Path) -> None:
    content = TABLE.replace("1.5", "cheap")
    assert np.isnan(KIND.create_task(read(tmp_path, content, missing=["cheap"]), "shop").texts.columns.numbers[0, 0])
    named = KIND.create_task(read(tmp_path, content, features={"categorical": ["colour", "price"]}), "shop")
    assert named.texts.columns.strings()[0].tolist() == ["red", "cheap"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": {"categorical": ["label"]}}, "'label' is the label column: it would give the answer away"),
        ({"features": {"categorical": ["note"]}, "text": "note"}, "'note' is the text already"),
        ({"features": {"categorical": ["a"], "numeric": ["a"]}}, "'a' is named twice: a column is categorical or numeric"),
        ({"features": {}}, "name at least one column, under 'categorical' or 'numeric'"),
        ({"tokenizer": "whitespace"}, "there is no text to cut into words"),
        ({"features": {"categorial": ["colour"]}}, "categorial"),
    ],
)
def test_features_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(tmp_path, **options)


def test_a_corpus_has_no_features(tmp_path: Path) -> None:
    source = TypeAdapter[Any](CorpusSource).validate_python(
        {"reader": "csv", "path": "a.csv", "text": "note", "features": FEATURES}
    )
    (tmp_path / "a.csv").write_text(TABLE)
    with pytest.raises(DataError, match="a corpus is text: it has no 'features'; leave 'features' out"):
        list(read_documents([source], tmp_path, tmp_path))


def test_labels_that_are_written_in_two_ways_are_merged(tmp_path: Path) -> None:
    tables = read(tmp_path, TABLE.replace("fine,x", "fine,x."), merge_labels={"x.": "x"})
    assert tables["examples"]["label"].to_pylist() == ["x", "y", "x", "y"]


def test_the_audit_counts_values_missing_ones_and_those_that_only_test_rows_have(tmp_path: Path) -> None:
    content = "colour,price,part,label\n" + "".join(
        f"{colour},{price},{part},{label}\n"
        for colour, price, part, label in [
            ("red", "1", "train", "x"),
            ("red", "", "train", "y"),
            ("", "2", "train", "x"),
            ("blue", "2", "train", "y"),
            ("green", "3", "test", "x"),
            ("red", "3", "test", "y"),
            ("", "3", "test", "y"),
        ]
    )
    lines = audit(read(tmp_path, content, split="part"))
    counted = {name: (line["count"], line["total"]) for name, line in lines.items()}
    assert counted["values.colour"] == (3, 7) and counted["values.price"] == (3, 7)
    assert counted["missing_values.colour"] == (2, 7) and counted["missing_values.price"] == (1, 7)
    assert counted["unseen_values.colour"] == (1, 3) and lines["unseen_values.colour"]["examples"] == ["a.csv:6"]
    assert counted["low_cardinality_columns"] == (1, 1) and counted["high_cardinality_columns"] == (0, 1)
    assert "leakage" not in lines and "near_duplicates" not in lines, "rows with equal values are no copies"


def test_the_audit_names_a_column_that_gives_the_label_away_and_not_one_of_ids(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 200)
    rating = np.where(rng.random(200) < 0.95, label * 4 + 1, 3)
    content = "id,rating,label\n" + "".join(f"n{n},{r},l{y}\n" for n, (r, y) in enumerate(zip(rating, label, strict=True)))
    lines = audit(read(tmp_path, content, features={"categorical": ["id"], "numeric": ["rating"]}))
    (named,) = lines["give_away_columns"]["examples"]
    assert named.startswith("rating (") and lines["give_away_columns"]["count"] == 1


def test_a_value_is_guessed_from_the_other_rows_that_have_it() -> None:
    assert score_alone(np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 0])) == pytest.approx(3 / 5)


def test_equal_rows_are_units_of_their_own(tmp_path: Path) -> None:
    content = "colour,price,label\n" + "red,1,x\nblue,2,y\n" * 30
    evaluation = KIND.evaluate_embedding(
        KIND.create_task(read(tmp_path, content), "shop"),
        OneHotColumns(OneHotColumnsOptions()),
        KIND.options(label_draws=0, training_draws=0),
        seed=0,
    )
    assert evaluation.metrics["accuracy"] == 1
    assert len(set(evaluation.item_scores["group_id"].to_pylist())) == 60


def test_one_hot_with_the_probe_is_as_accurate_as_scikit_learns_pipeline(tmp_path: Path) -> None:
    content = make_table(1_200)
    tables = read(tmp_path, content, features={"categorical": ["colour", "size", "shop"]})
    task = KIND.create_task(tables, "shop")
    options = KIND.options(label_draws=0, training_draws=0)
    ours = KIND.evaluate_embedding(task, OneHotColumns(OneHotColumnsOptions()), options, seed=0).metrics["accuracy"]
    theirs = []
    for train, test in draw_folds(task, find_fold_groups(task, options), n_folds=5, seed=0):
        search = GridSearchCV(
            make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=1_000)),
            {"logisticregression__C": [0.01, 0.1, 1, 10]},
            cv=3,
        ).fit(task.texts.columns.strings()[train], task.codes[train])
        theirs.append(search.score(task.texts.columns.strings()[test], task.codes[test]))
    assert ours == pytest.approx(np.mean(theirs), abs=0.02)


def test_target_encoding_of_labels_that_say_nothing_scores_at_chance_inside_and_outside(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content = "shop,label\n" + "".join(
        f"shop {s},l{y}\n" for s, y in zip(rng.integers(0, 300, 900), rng.integers(0, 2, 900), strict=True)
    )
    task = KIND.create_task(read(tmp_path, content, features={"categorical": ["shop"]}), "shop")
    evaluation = KIND.evaluate_embedding(
        task, TargetColumns(TargetOptions()), KIND.options(label_draws=0, training_draws=0), seed=0
    )
    assert evaluation.metrics["accuracy"] == pytest.approx(0.5, abs=0.06)
    inner = [max(step["accuracy"] for step in fold["path"]) for fold in evaluation.details["folds"]]
    assert np.mean(inner) == pytest.approx(0.5, abs=0.06), "what C is chosen by knows no label of its own rows"


class CountingTarget(TargetColumns):
    """Target encoding that keeps the number of labels that it was fitted on."""

    def fit_encode(self, texts: Any, labels: np.ndarray) -> Any:
        SEEN.append(len(labels))
        return super().fit_encode(texts, labels)


SEEN: list[int] = []


def test_an_embedding_that_learns_from_labels_has_those_of_the_part_alone_on_the_learning_curve(tmp_path: Path) -> None:
    tables = read(tmp_path, make_table(300), features={"categorical": ["colour", "size"]})
    SEEN.clear()
    KIND.evaluate_embedding(
        KIND.create_task(tables, "shop"),
        CountingTarget(TargetOptions()),
        KIND.options(folds=2, label_draws=1, label_counts=[30, 60], training_draws=0),
        seed=0,
    )
    assert SEEN == [150, 30, 60, 150, 30, 60]


def test_columns_are_needed_where_a_method_is_fitted_on_them_and_texts_may_do_without() -> None:
    reader = KIND.create_reader()
    adapter = TypeAdapter(reader.source_type)
    plain = adapter.validate_python({"reader": "csv", "path": "a.csv", "label": "label"})
    with_columns = adapter.validate_python({"reader": "csv", "path": "a.csv", "label": "label", "features": FEATURES})
    assert reader.requires(plain) == {"texts", "labeled_texts"}
    assert reader.requires(with_columns) == {"texts", "labeled_texts", "columns"}
