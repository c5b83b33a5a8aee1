"""The diagnosis of several word vectors: what each knows by itself, and what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.diagnostics.geometry import (
    compute_pip_loss,
    measure_anisotropy,
    measure_first_direction_share,
    measure_hubness,
)
from emb_pipeline.diagnostics.neighbors import COMMONEST, draw_word_sample, find_nearest_words
from emb_pipeline.diagnostics.options import DiagnosisOptions
from emb_pipeline.diagnostics.tables import CHECKS, DIAGNOSIS, NEIGHBORS, PIP_LOSS, WORD_MAP
from emb_pipeline.diagnostics.word_map import build_word_map
from emb_pipeline.diagnostics.word_tests import (
    Measured,
    measure_analogies,
    measure_antonym_separation,
    measure_share_among_nearest,
    measure_word_similarity,
    run_weat,
)
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.readers.word_sets import read_analogy_questions, read_scored_pairs
from emb_pipeline.statistics.embedding_facts import select_first_seeds, select_trained_on_corpus
from emb_pipeline.storage.failures import Failed, build_failures_table
from emb_pipeline.text.texts import Texts

LOGGER = logging.getLogger(__name__)
HUB_WORDS = 5_000
"""Commonest words whose neighbourhoods are searched for hubs."""


class WordSets:
    """Word sets of files, read once."""

    def __init__(self, options: DiagnosisOptions, raw: Path, project: Path) -> None:
        places = raw, project
        self.similarity = {name: read_scored_pairs(source, *places) for name, source in options.similarity.items()}
        self.analogies = {name: read_analogy_questions(source, *places) for name, source in options.analogies.items()}


def diagnose_embeddings(
    given: Mapping[str, WordVectors | Failed],
    facts: pd.DataFrame,
    texts_of: Mapping[str, Texts],
    options: DiagnosisOptions,
    sets: WordSets,
    *,
    seed: int,
) -> dict[str, pa.Table]:
    """Diagnose the word vectors of several embeddings.

    Parameters
    ----------
    given : mapping of str to WordVectors or Failed
        By embedding.
    facts : DataFrame
        What each embedding is.
    texts_of : mapping of str to Texts
        Held-out texts of each task.
    options : DiagnosisOptions
        Checks, and words to ask for.
    sets : WordSets
        Those that the options name.
    seed : int
        Of what is drawn.

    Returns
    -------
    dict of str to Table
        Those of `DIAGNOSIS`, and ``failures``: embeddings that could not be made or diagnosed.
    """
    vectors_of = {key: vectors for key, vectors in given.items() if not isinstance(vectors, Failed)}
    names = {row["embedding"]: row for row in facts[["embedding", "origin", "key"]].to_dict("records")}
    largest = find_largest_sizes(facts[facts["embedding"].isin(vectors_of)])
    drawn = _select_drawn(vectors_of, options)
    failed = [each for each in given.values() if isinstance(each, Failed)]
    parts: list[dict[str, pa.Table]] = []
    for key, vectors in vectors_of.items():
        try:
            found = _diagnose(names[key], vectors, options, sets, texts_of, seed, drawn=key in drawn)
            if key in largest:
                row = _build_row(
                    names[key], PIP_LOSS, largest[key], _compare_with_largest(vectors, vectors_of[largest[key]])
                )
                found["checks"] = pa.concat_tables([found["checks"], pa.Table.from_pylist([row], schema=CHECKS)])
            parts.append(found)
        except Exception as error:
            failed.append(Failed.of_error(error, f"diagnosis of {key}", {"embedding": key, "origin": names[key]["origin"]}))
            LOGGER.error("%s", failed[-1])
    return {
        **{
            name: pa.concat_tables([schema.empty_table(), *(part[name] for part in parts)])
            for name, schema in DIAGNOSIS.items()
        },
        "failures": build_failures_table(failed),
    }


def _diagnose(
    names: Mapping[Any, Any],
    vectors: WordVectors,
    options: DiagnosisOptions,
    sets: WordSets,
    texts_of: Mapping[str, Texts],
    seed: int,
    *,
    drawn: bool,
) -> dict[str, pa.Table]:
    """Make the tables of one embedding."""
    found = _run_checks(vectors, options, sets, texts_of, np.random.default_rng(seed))
    checks = [_build_row(names, check, item, measured) for check, item, measured in found]
    return {
        "checks": pa.Table.from_pylist(checks, schema=CHECKS),
        "neighbors": _find_neighbors(names, vectors, options),
        "word_map": _place_words(names, vectors, options, seed) if drawn else WORD_MAP.empty_table(),
    }


def find_largest_sizes(facts: pd.DataFrame) -> dict[str, str]:
    """Find the one with most dimensions of each method and corpus, for each embedding that a corpus alone determines.

    Those with most dimensions are left out, and repetitions with other seeds.
    """
    sizes: dict[tuple[str, str], dict[int, str]] = {}
    trained = select_first_seeds(select_trained_on_corpus(facts)).dropna(subset="dim")
    for row in trained.to_dict("records"):
        sizes.setdefault((row["origin"], row["method"]), {})[int(row["dim"])] = row["embedding"]
    return {name: names[max(names)] for names in sizes.values() for dim, name in names.items() if dim != max(names)}


def _select_drawn(vectors_of: Mapping[str, WordVectors], options: DiagnosisOptions) -> list[str]:
    """Select the embeddings whose words are placed: those that are named, else the first that is trained on a corpus."""
    if not options.map.words:
        return []
    if options.map.embeddings:
        return [key for key in vectors_of if key in options.map.embeddings]
    return [key for key, vectors in vectors_of.items() if "corpus_fingerprint" in vectors.provenance][:1]


def _run_checks(
    vectors: WordVectors,
    options: DiagnosisOptions,
    sets: WordSets,
    texts_of: Mapping[str, Texts],
    rng: np.random.Generator,
) -> Iterator[tuple[str, str, Measured]]:
    for name, (pairs, scores) in sets.similarity.items():
        yield "similarity", name, measure_word_similarity(vectors, pairs, scores, rng=rng)
    for name, questions in sets.analogies.items():
        yield "analogies", name, measure_analogies(vectors, questions, rng=rng)
    if options.antonyms and options.synonyms:
        yield (
            "antonyms",
            "told from synonyms",
            measure_antonym_separation(vectors, options.antonyms, options.synonyms, rng=rng),
        )
        yield "antonyms", "among the nearest ten", measure_share_among_nearest(vectors, options.antonyms)
        yield "synonyms", "among the nearest ten", measure_share_among_nearest(vectors, options.synonyms)
    for name, lists in options.bias.items():
        yield "bias", name, run_weat(vectors, lists.model_dump(), rng=rng)
    common = vectors.vectors[:COMMONEST]
    skewness, largest = measure_hubness(vectors.vectors[:HUB_WORDS])
    for item, value in (
        ("mean cosine of two words", measure_anisotropy(common)),
        ("variance along one direction", measure_first_direction_share(common)),
        ("skewness of neighbourhoods", skewness),
        ("words near the largest hub", largest),
    ):
        yield "shape", item, Measured(value, float("nan"), float("nan"), len(common), len(vectors))
    for task, texts in texts_of.items():
        yield "known words", task, _measure_known_share(vectors, texts)


def _build_row(names: Mapping[Any, Any], check: str, item: str, found: Measured) -> dict[str, Any]:
    values = {"value": found.value, "ci_low": found.low, "ci_high": found.high, "p": found.p}
    asked = {"embedding": names["embedding"], "origin": names["origin"], "check": check, "item": item}
    return {**asked, **values, "known": found.known, "total": found.total}


def _compare_with_largest(vectors: WordVectors, largest: WordVectors) -> Measured:
    common = sum(token in largest.index for token in vectors.tokens)
    return Measured(compute_pip_loss(vectors, largest), float("nan"), float("nan"), common, len(vectors))


def _measure_known_share(vectors: WordVectors, texts: Texts) -> Measured:
    """Measure the share of the running words of some texts that have a vector."""
    counts = np.asarray(texts.terms.counts.sum(axis=0)).ravel()
    _, known = vectors.lookup(texts.terms.vocabulary)
    total = int(counts.sum())
    covered = int(counts[known > 0].sum())
    return Measured(covered / max(total, 1), float("nan"), float("nan"), covered, total)


def _find_neighbors(names: Mapping[Any, Any], vectors: WordVectors, options: DiagnosisOptions) -> pa.Table:
    found = find_nearest_words(vectors, [*options.probe_words, *draw_word_sample(vectors, options.sample)])
    probes = found["word"].isin(set(options.probe_words))
    table = found.assign(**names, probe=probes)[NEIGHBORS.names]
    return pa.Table.from_pandas(table, schema=NEIGHBORS, preserve_index=False)


def _place_words(names: Mapping[Any, Any], vectors: WordVectors, options: DiagnosisOptions, seed: int) -> pa.Table:
    table = build_word_map(vectors, options.probe_words, words=options.map.words, seed=seed)
    table = table.assign(embedding=names["embedding"], origin=names["origin"])
    return pa.Table.from_pandas(table[WORD_MAP.names], schema=WORD_MAP, preserve_index=False)
