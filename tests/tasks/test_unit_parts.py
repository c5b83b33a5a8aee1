"""Parts of test units."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.unit_parts import find_unit_parts

TABLES = {
    "examples": pa.table(
        {
            "example_id": ["1", "2", "3", "4"],
            "text": ["red", "red fish", "one red fish", "blue fish two two"],
            "label": ["x", "y", "x", "x"],
        }
    )
}


def test_parts_of_a_classification() -> None:
    parts = find_unit_parts(KINDS["classification"], TABLES, ["1", "2", "3", "4"])
    assert parts["class"] == {"x": ["1", "3", "4"], "y": ["2"]}
    assert parts["length"] == {"1 to 2 words": ["1", "2"], "3 words": ["3"], "4 words": ["4"]}
    assert parts["rarest word"] == {"in 1 text": ["3", "4"], "in 3 texts": ["1", "2"]}


def test_a_language_of_few_units_is_no_part() -> None:
    units = [str(number) for number in range(42)]
    texts = ["der Fisch"] * 20 + ["the fish"] * 20 + ["le poisson", "?"]
    tables = {"examples": pa.table({"example_id": units, "text": texts, "label": ["x", "y"] * 21})}
    names = {"der": "German", "the": "English", "le": "French"}
    parts = find_unit_parts(KINDS["classification"], tables, units, lambda text: names.get(text.split()[0]))
    assert {name: len(each) for name, each in parts["language"].items()} == {"English": 20, "German": 20}
