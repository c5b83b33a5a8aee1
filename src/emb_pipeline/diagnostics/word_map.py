"""Words in two dimensions: which of them an embedding holds together, to be looked at and not to be measured by."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import KDTree

from emb_pipeline.diagnostics.neighbors import find_nearest_words, normalize_rows
from emb_pipeline.embeddings.static.word_vectors import WordVectors

PERPLEXITY = 30.0
_ITERATIONS = 500
"""Half of scikit-learn's: of a thousand words' ten nearest, no more stay together after twice as many."""
_FEWEST = 4
"""Words from which on t-SNE has neighbourhoods to keep."""


def build_word_map(
    vectors: WordVectors, probe_words: Sequence[str], *, words: int, k: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Probe words, what is nearest to them, and the commonest words, each with its place in two dimensions.

    Parameters
    ----------
    vectors : WordVectors
        The embedding.
    probe_words : sequence of str
        Words of interest; unknown ones are left out.
    words : int
        Words to place: after probe words and their neighbours, which all are, the commonest.
    k : int
        Neighbours of each word.
    seed : int
        Of the placement.

    Returns
    -------
    DataFrame of word, x, y, kept, probe, near, rank, nearest, distances
        ``kept`` is the share of a word's ``k`` nearest that are among its ``k`` nearest on the map, too. ``near`` is the
        probe word that a word is among the ``k`` nearest of (the nearest such), ``rank`` its place among the words by
        frequency, from 1. ``nearest`` are the ``k`` nearest words of those on the map, and ``distances`` theirs: 1 minus
        cosine, as the embedding has it and not the map.
    """
    probes = [word for word in dict.fromkeys(probe_words) if word in vectors.index and _has_direction(vectors, word)]
    found = find_nearest_words(vectors, probes, k).sort_values("cosine", kind="stable")
    near = dict(zip(found["neighbor"], found["word"], strict=True))  # of several, the nearest is written last
    named = [word for word in dict.fromkeys([*probes, *near]) if _has_direction(vectors, word)]
    commonest = islice((word for word in vectors.tokens if _has_direction(vectors, word)), words)
    chosen = dict.fromkeys([*named, *commonest])
    shown = _select_words(vectors, list(chosen)[: max(words, len(named))])
    beside = find_nearest_words(shown, shown.tokens, k, commonest=len(shown)).groupby("word")
    names, cosines = (beside[column].agg(list) for column in ("neighbor", "cosine"))
    places = compute_coordinates(shown, seed=seed)
    return pd.DataFrame(
        {
            "word": list(shown.tokens),
            **dict(zip("xy", places.T, strict=True)),
            "kept": _share_kept_neighbors(
                [[shown.index[each] for each in names.get(word, [])] for word in shown.tokens], places
            ),
            "probe": [word in probes for word in shown.tokens],
            "near": [near.get(word) for word in shown.tokens],
            "rank": [vectors.index[word] + 1 for word in shown.tokens],
            "nearest": [names.get(word, []) for word in shown.tokens],
            "distances": [[1 - cosine for cosine in cosines.get(word, [])] for word in shown.tokens],
        }
    )


def compute_coordinates(vectors: WordVectors, *, seed: int = 0, perplexity: float = PERPLEXITY) -> np.ndarray:
    """Places in two dimensions, near each other for words whose vectors point the same way (t-SNE [1]_).

    Parameters
    ----------
    vectors : WordVectors
        The words to place.
    seed : int
        Of the search for places.
    perplexity : float
        About how many neighbours of a word are kept near it; at most a third of the words.

    Returns
    -------
    ndarray of shape (n_words, 2), float64
        In no unit. The principal directions, where there are fewer than four words.

    Notes
    -----
    The squared distance of two unit vectors is ``2 - 2 cosine``, so Euclidean neighbourhoods are those by cosine. The search
    starts at the principal directions, which keeps more of the whole's shape than a random start [2]_, and by one thread,
    whose sums are the same every time.

    References
    ----------
    .. [1] van der Maaten & Hinton (2008), Visualizing data using t-SNE, JMLR 9.
    .. [2] Kobak & Linderman (2021), Initialization is critical for preserving global data structure in both t-SNE and UMAP,
       Nature Biotechnology 39.
    """
    from sklearn.manifold import TSNE  # half a second of imports that other stages can do without
    from threadpoolctl import threadpool_limits

    unit = normalize_rows(np.asarray(vectors.vectors, dtype=np.float64))
    with threadpool_limits(1):
        start = _project_on_principal_directions(unit)
        if len(unit) < _FEWEST or not start.any():
            return start
        search = TSNE(
            perplexity=min(perplexity, (len(unit) - 1) / 3),
            init=(1e-4 * start / start[:, 0].std()).astype(np.float32),
            max_iter=_ITERATIONS,
            random_state=seed,
        )
        found: np.ndarray = search.fit_transform(unit).astype(np.float64)
    return found


def turn_onto(fixed: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    """A map, turned and mirrored so that its words come as near as they can to the same words of another map.

    Neither axis of a map means anything, so that two of them can only be compared by eye after this. Nothing is stretched:
    all distances within the map stay what they were.

    Parameters
    ----------
    fixed, moved : DataFrame of word, x, y
        Maps without repeated words. With fewer than two words in common, ``moved`` comes back as it is.

    References
    ----------
    .. [1] Schönemann (1966), A generalized solution of the orthogonal Procrustes problem, Psychometrika 31.
    """
    common = fixed.merge(moved, on="word", suffixes=("_fixed", "_moved"))
    if len(common) < 2:
        return moved
    target, source = (common[[f"x_{of}", f"y_{of}"]].to_numpy(dtype=np.float64) for of in ("fixed", "moved"))
    turn, _ = orthogonal_procrustes(source - source.mean(axis=0), target - target.mean(axis=0))
    places = (moved[["x", "y"]].to_numpy(dtype=np.float64) - source.mean(axis=0)) @ turn + target.mean(axis=0)
    return moved.assign(x=places[:, 0], y=places[:, 1])


def join_maps(maps: pd.DataFrame) -> pd.DataFrame:
    """The maps of several embeddings as one table, all turned onto the first, in columns that other tools read.

    Parameters
    ----------
    maps : DataFrame
        Of `build_word_map`, for several embeddings, with their name in ``embedding``.

    Returns
    -------
    DataFrame of embedding, word, x, y, kept, probe, near, rank, nearest, neighbors
        ``nearest`` as text; ``neighbors`` the same as ``{ids, distances}``, ids being row numbers of this table, from 0.
    """
    parts = [part for _, part in maps.groupby("embedding", sort=False)]
    turned = [*parts[:1], *(turn_onto(parts[0], part) for part in parts[1:])]
    whole = pd.concat(turned or [maps], ignore_index=True)
    row = {key: number for number, key in enumerate(zip(whole["embedding"], whole["word"], strict=True))}
    neighbors = [
        {"ids": [row[name, word] for word in words], "distances": list(distances)}
        for name, words, distances in zip(whole["embedding"], whole["nearest"], whole["distances"], strict=True)
    ]
    columns = {"nearest": whole["nearest"].map(", ".join), "neighbors": pd.Series(neighbors, dtype=object)}
    return whole.assign(**columns).drop(columns="distances")


def _share_kept_neighbors(nearest_rows: Sequence[Sequence[int]], places: np.ndarray) -> list[float]:
    """Of each word's nearest, the share that are as near on the map; NaN for a word without any."""
    most = max(map(len, nearest_rows), default=0)
    _, found = KDTree(places).query(places, k=most + 1) if most else (None, np.zeros((len(places), 1), dtype=int))
    beside = ([other for other in row if other != own][:most] for own, row in enumerate(found.tolist()))
    return [
        len(set(rows) & set(others)) / len(rows) if rows else float("nan")
        for rows, others in zip(nearest_rows, beside, strict=True)
    ]


def _has_direction(vectors: WordVectors, word: str) -> bool:
    """Tell if a word's vector is more than zeros: others are near to nothing."""
    return bool(vectors.vectors[vectors.index[word]].any())


def _select_words(vectors: WordVectors, words: Sequence[str]) -> WordVectors:
    """The vectors of some words."""
    rows = np.array([vectors.index[word] for word in words], dtype=np.int64)
    return WordVectors(list(words), vectors.counts[rows], vectors.vectors[rows])


def _project_on_principal_directions(unit: np.ndarray) -> np.ndarray:
    """Places along the two directions of the largest variance, the larger first; zeros along what is not there."""
    places = np.zeros((len(unit), 2))
    if len(unit):
        left, lengths, right = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
        ends = np.where(right.sum(axis=1) < 0, -1, 1)  # which end is up would be the library's choice
        found = (left * lengths * ends)[:, :2]
        places[:, : found.shape[1]] = found
    return places
