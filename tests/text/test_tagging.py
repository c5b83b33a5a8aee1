"""Tags of tokens, against conlleval's conventions."""

from __future__ import annotations

import random

from seqeval.metrics.sequence_labeling import get_entities

from emb_pipeline.text.tagging import SCHEMES, Entity, convert_from_iob2, convert_to_iob2, find_scheme, is_tag, list_entities


def test_every_scheme_is_brought_to_iob2_by_hand() -> None:
    assert convert_to_iob2(["I-X", "I-X", "O", "S-X", "B-Y", "E-Y", "I-Y"]) == [
        "B-X",
        "I-X",
        "O",
        "B-X",
        "B-Y",
        "I-Y",
        "B-Y",
    ]
    assert convert_to_iob2(["O", "I-A", "I-B", "B-B", "U-A", "I-A"]) == ["O", "B-A", "B-B", "B-B", "B-A", "B-A"]


def test_entities_by_hand() -> None:
    assert list_entities(["B-X", "I-X", "B-X", "O", "B-Y"]) == [Entity("X", 0, 2), Entity("X", 2, 3), Entity("Y", 4, 5)]


def test_repaired_tags_hold_the_entities_that_seqeval_finds_in_broken_ones() -> None:
    draw = random.Random(0)
    for _ in range(500):
        broken = [draw.choice(["O", "B-A", "I-A", "B-B", "I-B"]) for _ in range(draw.randint(1, 9))]
        expected = [(kind, start, end + 1) for kind, start, end in get_entities(broken)]
        assert [tuple(entity) for entity in list_entities(convert_to_iob2(broken))] == expected


def test_what_is_no_tag() -> None:
    assert all(map(is_tag, ["O", "B-x", "U-creative-work"]))
    assert not any(map(is_tag, ["B", "I-", "X-y", "", "Disease"]))


def test_a_scheme_that_is_followed_is_told_from_broken_tags_by_hand() -> None:
    assert find_scheme([["I-X", "I-X", "O"], ["O", "I-X", "B-X"]]) == ("IOB1", [])
    assert find_scheme([["B-X", "I-X", "O"], ["O", "I-X"], ["B-Y", "O"]]) == ("IOB2", [1])
    assert find_scheme([["B-X", "E-X", "S-Y"], ["O", "S-X"]]) == ("BIOES", [])
    assert find_scheme([["B-X", "I-X", "L-X", "U-Y"]]) == ("BILOU", [])
    assert find_scheme([["I-X", "E-X", "E-X"]]) == ("IOE2", [])
    assert find_scheme([["O", "O"], ["B-X", "O"]]) == ("IOB2", [])
    assert find_scheme([["B-X", "I-Y"], ["I-X", "B-X"], ["I-X", "O"]])[1] == [0]


def test_every_scheme_holds_the_same_entities_and_is_recognized() -> None:
    draw = random.Random(0)
    sentences = []
    for _ in range(200):
        tags: list[str] = []
        while len(tags) < 8:
            kind, length = draw.choice("AB"), draw.randint(1, 3)
            tags += ["O"] if draw.random() < 0.4 else [f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
        sentences.append(tags)
    for scheme in SCHEMES:
        written = [convert_from_iob2(tags, scheme) for tags in sentences]
        if scheme != "IOE1":  # an E is followed by a new entity there, which convert_to_iob2 knows
            assert [convert_to_iob2(tags) for tags in written] == sentences
        assert find_scheme(written) == (scheme, [])
