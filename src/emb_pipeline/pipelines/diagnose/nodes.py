"""Steps of the stage that looks at word vectors by themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.datasets.failures import Failed
from emb_pipeline.diagnostics.geometry import anisotropy, first_direction_share, hubness, pip_loss
from emb_pipeline.diagnostics.neighbors import COMMONEST, nearest, word_sample
from emb_pipeline.diagnostics.probe_words import typical_words
from emb_pipeline.diagnostics.tables import CHECKS, DIAGNOSIS, NEIGHBORS, PIP_LOSS, WORD_MAP
from emb_pipeline.diagnostics.word_map import word_map
from emb_pipeline.diagnostics.word_tests import (
    Measured,
    among_nearest,
    analogies,
    antonym_separation,
    weat,
    word_similarity,
)
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.model import EmbeddingSpec, Folders
from emb_pipeline.pipelines.facts import are_trained_on_a_corpus, is_first
from emb_pipeline.pipelines.failures import failures_table
from emb_pipeline.readers.word_sets import WordSetSource, analogy_questions, scored_pairs_of_words
from emb_pipeline.text.held_out import held_out_texts
from emb_pipeline.text.texts import Texts

LOGGER = logging.getLogger(__name__)
HUB_WORDS = 5_000
"""Commonest words whose neighbourhoods are searched for hubs."""


class BiasLists(BaseModel):
    """Target words x and y, and attribute words a and b."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: tuple[str, ...] = Field(min_length=2)
    y: tuple[str, ...] = Field(min_length=2)
    a: tuple[str, ...] = Field(min_length=2)
    b: tuple[str, ...] = Field(min_length=2)


class MapOptions(BaseModel):
    """Which words of which embeddings are drawn in two dimensions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embeddings: tuple[str, ...] = Field(
        default=(),
        description="<origin>.<embedding> of word vectors to draw; none: the first that is trained on each corpus",
    )
    words: int = Field(
        default=1000, ge=0, le=20_000, description="words to place: probe words, their neighbours, the commonest; 0: no map"
    )


class DiagnosisOptions(BaseModel):
    """What word vectors are asked. Everything may be your own words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    probe_words: tuple[str, ...] = Field(
        default=(), description="words whose neighbours the report shows; none: ten that your first corpus is about"
    )
    similarity: dict[str, WordSetSource] = Field(default_factory=dict, description="pairs of words that people scored")
    analogies: dict[str, WordSetSource] = Field(default_factory=dict, description="questions of four words")
    antonyms: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of opposites")
    synonyms: tuple[tuple[str, str], ...] = Field(default=(), description="pairs of like meaning, to tell them from")
    bias: dict[str, BiasLists] = Field(default_factory=dict, description="word lists of association tests (WEAT)")
    sample: int = Field(default=500, ge=0, le=100_000, description="words by which embeddings are compared with each other")
    map: MapOptions = Field(default_factory=MapOptions, description="words to draw in two dimensions")


def diagnose_vectors(options: DiagnosisOptions, folders: Folders, seed: int, **inputs: Any) -> dict[str, pa.Table]:
    """What the word vectors of one origin know by themselves, and what is wrong with them."""
    given = {name.removeprefix("vectors_"): each for name, each in inputs.items() if name.startswith("vectors_")}
    vectors_of = {key: vectors for key, vectors in given.items() if not isinstance(vectors, Failed)}
    specs = [EmbeddingSpec.model_validate(each) for name, each in inputs.items() if name.startswith("cell_")]
    cells = {cell.name: cell for cell in specs}
    largest = largest_sizes([cell for cell in specs if cell.name in vectors_of])
    texts_of = {
        name.removeprefix("task_"): Texts(held_out_texts(each)) for name, each in inputs.items() if name.startswith("task_")
    }
    if not options.probe_words:
        corpora = [each for name, each in inputs.items() if name.startswith("corpus_")]
        texts = (text for name, each in inputs.items() if name.startswith("task_") for text in held_out_texts(each))
        options = options.model_copy(update={"probe_words": tuple(typical_words(corpora, texts))})
    sets, drawn = _WordSets(options, folders), _drawn(vectors_of, options)
    failed = [each for each in given.values() if isinstance(each, Failed)]
    parts: list[dict[str, pa.Table]] = []
    for key, vectors in vectors_of.items():
        cell = cells[key]
        try:
            found = _diagnosis(cell, vectors, options, sets, texts_of, seed, drawn=key in drawn)
            if key in largest:
                row = _row(cell, PIP_LOSS, largest[key], _pip_loss(vectors, vectors_of[largest[key]]))
                found["checks"] = pa.concat_tables([found["checks"], pa.Table.from_pylist([row], schema=CHECKS)])
            parts.append(found)
        except Exception as error:
            failed.append(Failed.of_error(error, f"diagnosis of {key}", {"embedding": key, "origin": cell.origin}))
            LOGGER.error("%s", failed[-1])
    return {
        **{
            name: pa.concat_tables([schema.empty_table(), *(part[name] for part in parts)])
            for name, schema in DIAGNOSIS.items()
        },
        "failures": failures_table(failed),
    }


def _diagnosis(
    cell: EmbeddingSpec,
    vectors: WordVectors,
    options: DiagnosisOptions,
    sets: _WordSets,
    texts_of: Mapping[str, Texts],
    seed: int,
    *,
    drawn: bool,
) -> dict[str, pa.Table]:
    """The tables of one embedding."""
    found = _checks(vectors, options, sets, texts_of, np.random.default_rng(seed))
    checks = [_row(cell, check, item, measured) for check, item, measured in found]
    return {
        "checks": pa.Table.from_pylist(checks, schema=CHECKS),
        "neighbours": _neighbours(cell, vectors, options),
        "word_map": _word_map(cell, vectors, options, seed) if drawn else WORD_MAP.empty_table(),
    }


def largest_sizes(cells: Sequence[EmbeddingSpec]) -> dict[str, str]:
    """For each embedding that a corpus alone determines, the one of its method and corpus with most dimensions.

    Those with most dimensions are left out, and repetitions with other seeds.
    """
    sizes: dict[tuple[str, str], dict[int, str]] = {}
    for cell in are_trained_on_a_corpus(cells):
        if cell.dim is not None and is_first(cell):
            sizes.setdefault((cell.origin, cell.method), {})[cell.dim] = cell.name
    return {name: names[max(names)] for names in sizes.values() for dim, name in names.items() if dim != max(names)}


def _drawn(vectors_of: Mapping[str, WordVectors], options: DiagnosisOptions) -> list[str]:
    """The embeddings whose words are placed: those that are named, else the first that is trained on a corpus."""
    if not options.map.words:
        return []
    if options.map.embeddings:
        return [key for key in vectors_of if key in options.map.embeddings]
    return [key for key, vectors in vectors_of.items() if "corpus_fingerprint" in vectors.provenance][:1]


class _WordSets:
    """The word sets that files hold, read once."""

    def __init__(self, options: DiagnosisOptions, folders: Folders) -> None:
        places = folders.raw, folders.project
        self.similarity = {name: scored_pairs_of_words(source, *places) for name, source in options.similarity.items()}
        self.analogies = {name: analogy_questions(source, *places) for name, source in options.analogies.items()}


def _checks(
    vectors: WordVectors,
    options: DiagnosisOptions,
    sets: _WordSets,
    texts_of: Mapping[str, Texts],
    rng: np.random.Generator,
) -> Iterator[tuple[str, str, Measured]]:
    for name, (pairs, scores) in sets.similarity.items():
        yield "similarity", name, word_similarity(vectors, pairs, scores, rng=rng)
    for name, questions in sets.analogies.items():
        yield "analogies", name, analogies(vectors, questions, rng=rng)
    if options.antonyms and options.synonyms:
        yield "antonyms", "told from synonyms", antonym_separation(vectors, options.antonyms, options.synonyms, rng=rng)
        yield "antonyms", "among the nearest ten", among_nearest(vectors, options.antonyms)
        yield "synonyms", "among the nearest ten", among_nearest(vectors, options.synonyms)
    for name, lists in options.bias.items():
        yield "bias", name, weat(vectors, lists.model_dump(), rng=rng)
    common = vectors.vectors[:COMMONEST]
    skewness, largest = hubness(vectors.vectors[:HUB_WORDS])
    for item, value in (
        ("mean cosine of two words", anisotropy(common)),
        ("variance along one direction", first_direction_share(common)),
        ("skewness of neighbourhoods", skewness),
        ("words near the largest hub", largest),
    ):
        yield "shape", item, Measured(value, float("nan"), float("nan"), len(common), len(vectors))
    for task, texts in texts_of.items():
        yield "known words", task, _known_share(vectors, texts)


def _row(cell: EmbeddingSpec, check: str, item: str, found: Measured) -> dict[str, Any]:
    values = {"value": found.value, "ci_low": found.low, "ci_high": found.high, "p": found.p}
    asked = {"embedding": cell.name, "origin": cell.origin, "check": check, "item": item}
    return {**asked, **values, "known": found.known, "total": found.total}


def _pip_loss(vectors: WordVectors, largest: WordVectors) -> Measured:
    common = sum(token in largest.index for token in vectors.tokens)
    return Measured(pip_loss(vectors, largest), float("nan"), float("nan"), common, len(vectors))


def _known_share(vectors: WordVectors, texts: Texts) -> Measured:
    """Share of the running words of some texts that have a vector."""
    counts = np.asarray(texts.terms.counts.sum(axis=0)).ravel()
    _, known = vectors.lookup(texts.terms.vocabulary)
    total = int(counts.sum())
    covered = int(counts[known > 0].sum())
    return Measured(covered / max(total, 1), float("nan"), float("nan"), covered, total)


def _neighbours(cell: EmbeddingSpec, vectors: WordVectors, options: DiagnosisOptions) -> pa.Table:
    found = nearest(vectors, [*options.probe_words, *word_sample(vectors, options.sample)])
    probes = found["word"].isin(set(options.probe_words))
    names = {"embedding": cell.name, "origin": cell.origin, "key": cell.key}
    table = found.assign(**names, probe=probes)[NEIGHBORS.names]
    return pa.Table.from_pandas(table, schema=NEIGHBORS, preserve_index=False)


def _word_map(cell: EmbeddingSpec, vectors: WordVectors, options: DiagnosisOptions, seed: int) -> pa.Table:
    table = word_map(vectors, options.probe_words, words=options.map.words, seed=seed)
    table = table.assign(embedding=cell.name, origin=cell.origin)
    return pa.Table.from_pandas(table[WORD_MAP.names], schema=WORD_MAP, preserve_index=False)
