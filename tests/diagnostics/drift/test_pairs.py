"""Samples of texts, and two of them against each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emb_pipeline.diagnostics.drift.pairs import FEWEST_TEXTS, compare_samples
from emb_pipeline.diagnostics.drift.sample import Sample, draw_sample
from emb_pipeline.diagnostics.drift.shapes import describe_shape
from emb_pipeline.statistics.resampling import Resampling

COMMON = [f"word{number:03}" for number in range(200)]
RESAMPLING = Resampling(resamples=100)


def _write(n: int, words: Sequence[str], length: int = 12, seed: int = 0) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    return [(f"{seed}:{row}", " ".join(rng.choice(words, length))) for row in range(n)]


def _draw(name: str, texts: list[tuple[str, str]]) -> Sample:
    return draw_sample(name, texts)


def test_a_sample_is_the_same_in_any_order_and_without_copies() -> None:
    texts = _write(50, COMMON)
    near = [("near", " ".join(["other", *texts[0][1].split()[1:]]))]
    one, other = draw_sample("a", [*texts, *texts, *near], most=40), draw_sample("a", [*near, *texts[::-1]], most=40)
    assert one.texts == other.texts and len(one.texts) == 40 and (one.n_texts, one.n_distinct) == (101, 51)
    whole = draw_sample("a", [*texts, *near])
    assert len(whole.texts) == 50 and draw_sample("a", texts, dict.fromkeys(dict(texts), "one document")).texts[1:] == []


def test_words_tell_two_samples_apart_and_are_named() -> None:
    old, new = _draw("old", _write(150, COMMON)), _draw("new", _write(150, [*COMMON[:60], *["novelty"] * 9], seed=1))
    found = compare_samples(old, new, RESAMPLING, n_examples=2)
    assert found is not None and found.by_words.area.low > 0.6 > found.by_length.area.low
    assert {each.word for each in found.of_second} <= {*COMMON[:60], "novelty"} and "novelty" in [
        each.word for each in found.of_second
    ]
    assert not {each.word for each in found.of_first} & set(COMMON[:60]) and len(found.least_like) == 2


def test_length_alone_can_tell_them_apart() -> None:
    old, new = _draw("old", _write(60, COMMON)), _draw("new", _write(60, COMMON, length=24, seed=1))
    found = compare_samples(old, new, RESAMPLING)
    assert found is not None and found.by_length.area.low > 0.9


def test_texts_of_both_samples_do_not_help_to_tell_them_apart() -> None:
    old, new = _write(80, COMMON), _write(80, COMMON, seed=1)
    both = [(f"copy {name}", text) for name, text in old[:40]]
    found = compare_samples(_draw("old", old), _draw("new", [*new[:40], *both]), RESAMPLING)
    assert found is not None and found.n_common == 40 and found.by_words.area.low < 0.5 < found.by_words.area.high
    itself = compare_samples(_draw("old", old), _draw("old", old), RESAMPLING)
    assert itself is not None and itself.n_common == 80 and itself.by_words.area.value == 0.5


def test_further_texts_are_scored_by_a_classifier_that_did_not_learn_from_their_group() -> None:
    old, new = _draw("old", _write(60, COMMON)), _draw("new", _write(60, COMMON, seed=1))
    units = [*zip(old.ids, old.texts, strict=True), *_write(60, COMMON, seed=2)]
    groups = [str(row % 60) for row in range(120)]
    found = compare_samples(old, new, RESAMPLING, units=units, unit_groups=groups)
    assert found is not None and found.units is not None and found.units.n_units == 120
    assert np.array_equal(found.units.newness[:60], found.by_words.scores[:60])
    assert np.array_equal(found.units.newness[120:], found.by_words.scores[60:120])
    assert np.array_equal(found.units.folds[:60], found.units.folds[60:120])
    assert found.units.kernel.shape == (180, 60) and np.array_equal(found.units.drawn, np.arange(60))


def test_few_texts_are_not_compared_and_all_texts_without_words_are_one() -> None:
    old, few = _draw("old", _write(60, COMMON)), _draw("few", _write(FEWEST_TEXTS - 1, COMMON, seed=1))
    assert compare_samples(old, few, RESAMPLING) is None
    signs = _draw("signs", [(str(row), "!" * row + "?") for row in range(40)])
    assert len(signs.texts) == 1 and compare_samples(old, signs, RESAMPLING) is None


def test_lengths_and_languages_are_described() -> None:
    texts = [("a", "one two three"), ("b", "one two three four five"), ("c", "eins zwei drei vier")]
    guess = {"one": "English", "ein": "German"}
    shape = describe_shape(_draw("new", texts), lambda text: guess.get(text[:3]))
    assert shape.words == (3.5, 4.0, 4.5) and dict(shape.languages) == {"English": 2 / 3, "German": 1 / 3}
