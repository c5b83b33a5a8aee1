"""Tags of tokens, against conlleval's conventions."""

from __future__ import annotations

import random

from seqeval.metrics.sequence_labeling import get_entities

from emb_pipeline.text.tagging import Entity, entities, is_tag, to_iob2


def test_every_scheme_is_brought_to_iob2_by_hand() -> None:
    assert to_iob2(["I-X", "I-X", "O", "S-X", "B-Y", "E-Y", "I-Y"]) == ["B-X", "I-X", "O", "B-X", "B-Y", "I-Y", "B-Y"]
    assert to_iob2(["O", "I-A", "I-B", "B-B", "U-A", "I-A"]) == ["O", "B-A", "B-B", "B-B", "B-A", "B-A"]


def test_entities_by_hand() -> None:
    assert entities(["B-X", "I-X", "B-X", "O", "B-Y"]) == [Entity("X", 0, 2), Entity("X", 2, 3), Entity("Y", 4, 5)]


def test_repaired_tags_hold_the_entities_that_seqeval_finds_in_broken_ones() -> None:
    draw = random.Random(0)
    for _ in range(500):
        broken = [draw.choice(["O", "B-A", "I-A", "B-B", "I-B"]) for _ in range(draw.randint(1, 9))]
        expected = [(kind, start, end + 1) for kind, start, end in get_entities(broken)]
        assert [tuple(entity) for entity in entities(to_iob2(broken))] == expected


def test_what_is_no_tag() -> None:
    assert all(map(is_tag, ["O", "B-x", "U-creative-work"]))
    assert not any(map(is_tag, ["B", "I-", "X-y", "", "Disease"]))
