from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.training.masking import Vocabulary, batch_rows, is_held_out, mask, pack

SPECIAL = np.arange(100) < 5
CONTINUES = np.arange(100) >= 50
VOCABULARY = Vocabulary(cls=2, sep=3, pad=0, mask=4, special=SPECIAL, continues_word=CONTINUES)


def masked(ids: np.ndarray, *, share: float = 0.15, whole_words: bool = False, seed: int = 0):
    rng = np.random.default_rng(seed)
    return mask(ids, vocabulary=VOCABULARY, share=share, whole_words=whole_words, rng=rng)


def blocks_of(n: int) -> np.ndarray:
    """Blocks of 20 sub-tokens as `pack` makes them."""
    content = np.random.default_rng(1).integers(5, 100, (n, 20))
    content[:, 0], content[:, -1] = 2, 3
    return content.astype(np.int32)


def test_consecutive_sentences_fill_blocks_and_the_last_one_is_padded() -> None:
    blocks = list(pack([[10, 11], [12, 13, 14], [15, 16, 17, 18]], 6, VOCABULARY))
    assert [block.tolist() for block in blocks] == [[2, 10, 11, 12, 13, 3], [2, 14, 15, 16, 17, 3], [2, 18, 3, 0, 0, 0]]


def test_content_that_fills_its_blocks_leaves_no_empty_one() -> None:
    assert [block.tolist() for block in pack([[10, 11], [], [12, 13]], 4, VOCABULARY)] == [[2, 10, 11, 3], [2, 12, 13, 3]]


def test_fifteen_percent_are_chosen_and_split_eighty_ten_ten() -> None:
    ids = blocks_of(5_000)
    batch = masked(ids)
    ordinary = ~SPECIAL[ids].reshape(-1)
    assert len(batch.positions) / ordinary.sum() == pytest.approx(0.15, abs=0.005)
    shown = batch.ids.reshape(-1)[batch.positions]
    assert (shown == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (shown == batch.targets).mean() == pytest.approx(0.1 + 0.1 / 95, abs=0.01)  # a random one may be the same


def test_special_sub_tokens_are_never_masked_and_never_put_in() -> None:
    ids = blocks_of(500)
    batch = masked(ids, share=0.99)
    assert not SPECIAL[batch.targets].any()
    shown = batch.ids.reshape(-1)[batch.positions]
    assert set(shown[SPECIAL[shown]]) == {4}


def test_what_is_not_chosen_stays_and_the_targets_are_what_stood_there() -> None:
    ids = blocks_of(50)
    batch = masked(ids)
    restored = batch.ids.reshape(-1).copy()
    restored[batch.positions] = batch.targets
    np.testing.assert_array_equal(restored.reshape(ids.shape), ids)


def test_the_seed_decides_the_masks() -> None:
    first, again, other = (masked(blocks_of(50), seed=seed).ids for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_whole_words_are_masked_together() -> None:
    ids = np.tile(np.array([2, 10, 60, 61, 20, 70, 3], np.int32), (300, 1))
    chosen = np.zeros(ids.size, bool)
    chosen[masked(ids, share=0.5, whole_words=True).positions] = True
    chosen = chosen.reshape(ids.shape)
    assert (chosen[:, 1] == chosen[:, 2]).all() and (chosen[:, 2] == chosen[:, 3]).all()
    assert (chosen[:, 4] == chosen[:, 5]).all()
    assert chosen[:, 1].mean() == pytest.approx(0.5, abs=0.1)
    assert not np.array_equal(chosen[:, 1], chosen[:, 4])


def test_every_pass_sees_each_block_once_in_another_order() -> None:
    rows = np.concatenate([batch_rows(step, n_blocks=7, batch_size=4, seed=3) for step in range(7)])
    passes = rows.reshape(4, 7)
    assert all(sorted(one) == list(range(7)) for one in passes.tolist())
    assert len({tuple(one) for one in passes.tolist()}) == 4


def test_about_one_sentence_in_a_hundred_is_held_out_and_its_copies_with_it() -> None:
    held = [is_held_out(["sentence", str(number)]) for number in range(20_000)]
    assert np.mean(held) == pytest.approx(0.01, abs=0.003)
    assert held == [is_held_out(["sentence", str(number)]) for number in range(20_000)]
