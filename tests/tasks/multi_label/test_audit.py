from __future__ import annotations

import pyarrow as pa
import pytest

from emb_pipeline.tasks.multi_label.audit import audit_multi_label


def audit(*rows: tuple[str, list[str], str | None]) -> dict[str, dict[str, object]]:
    texts, labels, splits = zip(*rows, strict=True)
    ids = [f"e{row}" for row in range(len(rows))]
    table = pa.table(
        {"example_id": ids, "text": list(texts), "labels": list(labels), "split": pa.array(splits, pa.string())}
    )
    return {line["check"]: line for line in audit_multi_label(table).to_pylist()}


def test_labels_are_counted_by_text_by_label_and_by_part() -> None:
    found = audit(
        ("red dawn", ["a", "b"], "train"),
        ("grey noon", [], "train"),
        ("blue dusk", ["a", "c"], "test"),
        ("dark night", [], "test"),
    )
    assert found["labels"]["count"] == 3 and found["labels_given"]["count"] == 4
    assert "1.00 a text (0 labels: 2, 2 labels: 2)" in str(found["labels_given"]["note"])
    assert found["without_label"]["count"] == 2
    assert found["label.a"]["note"] == "test 1, train 1"
    assert found["labels_only_in_test"]["examples"] == ["c"] and found["labels_only_in_test"]["severity"] == "fault"
    assert found["labels_only_in_training"]["examples"] == ["b"]
    assert found["rare_labels"]["examples"] == ["a", "b"]


def test_equal_texts_with_other_labels_cap_micro_f1() -> None:
    """Of two equal texts one has a, one has b: to give both labels to both has two hits of four, and two right ones."""
    found = audit(("red dawn", ["a"], None), ("Red dawn!", ["b"], None), ("blue dusk", ["c"], None))
    assert found["label_conflicts"]["count"] == 1 and found["label_conflicts"]["examples"] == ["e0", "e1"]
    assert found["ceiling"]["share"] == pytest.approx(2 * 3 / (3 + 5))


def test_without_conflicts_everything_can_be_right() -> None:
    assert audit(("red dawn", ["a", "b"], None), ("grey noon", [], None))["ceiling"]["share"] == 1
