"""The index of stored keys, held against a dict."""

from __future__ import annotations

import numpy as np

from emb_pipeline.storage.key_index import KEY, KeyIndex


def test_index_finds_the_last_place_of_each_key_whatever_sizes_it_was_added_in() -> None:
    rng = np.random.default_rng(0)
    index = KeyIndex()
    expected: dict[bytes, int] = {}
    for n in (1, 1, 7, 0, 3, 64, 1, 30, 200, 5):
        keys = rng.integers(1, 150, n).astype("S").astype(KEY)
        places = rng.integers(0, 1 << 40, n)
        index.add(keys, places)
        expected |= dict(reversed(list(zip(keys.tolist(), places.tolist(), strict=True))))
        asked = np.arange(160).astype("S").astype(KEY)
        assert index.find(asked).tolist() == [expected.get(key, -1) for key in asked.tolist()]


def test_an_index_without_keys_finds_none() -> None:
    assert KeyIndex().find(np.array([b"a", b"b"], KEY)).tolist() == [-1, -1]


def test_small_additions_are_merged_to_a_few_runs_and_to_one_by_a_search_for_many_keys() -> None:
    index = KeyIndex()
    for number in range(200):
        index.add(np.array([str(number)], KEY), np.array([number]))
    assert len(index._runs) == 3  # 200 = 128 + 64 + 8
    assert index.find(np.array([b"7", b"199", b"200"], KEY)).tolist() == [7, 199, -1] and len(index._runs) == 3
    asked = np.arange(100, 200).astype("S").astype(KEY)
    assert index.find(asked).tolist() == list(range(100, 200)) and len(index._runs) == 1
