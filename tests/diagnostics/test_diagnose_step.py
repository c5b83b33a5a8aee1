"""The step that diagnoses writes what the page reads, and asks about words of the use case's own text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.diagnostics.diagnosis import find_largest_sizes
from emb_pipeline.diagnostics.geometry import compute_pip_loss
from emb_pipeline.diagnostics.options import DiagnosisOptions, MapOptions
from emb_pipeline.diagnostics.probe_words import find_typical_words
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.experiment.expand import expand_grid
from emb_pipeline.experiment.facts import build_embedding_facts, list_embeddings
from emb_pipeline.experiment.model import Folders
from emb_pipeline.pipelines.diagnose.nodes import diagnose_vectors
from emb_pipeline.reporting.tables import empty_table
from emb_pipeline.statistics.decision.sizes import SIZES
from emb_pipeline.text.tokens import TokenCorpus, write_tokens
from tests.reporting.conftest import leaderboard, report_page

GRID: dict[str, Any] = {
    "corpora": ["domain"],
    "methods": {"word2vec": [4, 8], "glove": [4]},
    "seeds": {"word2vec_8": [1]},
    "corrupted": [{"of": "domain.word2vec_8", "typos": [0.5]}],
    "tasks": ["topic"],
}
CELLS = expand_grid(GRID, {"word2vec": {}, "glove": {}})
FOLDERS = Folders(**dict.fromkeys(Folders.model_fields, Path()))


def vectors_of(name: str, dim: int) -> WordVectors:
    words = ["renal", "insulin", "dose", *(f"w{row}" for row in range(30))]
    rng = np.random.default_rng(sum(map(ord, name)))
    return WordVectors(words, np.arange(90, 57, -1), rng.normal(size=(33, dim)).astype(np.float32))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[TokenCorpus]:
    folder = tmp_path_factory.mktemp("corpora")
    domain = [(str(row), f"The renal dose of insulin in case {row}. The patient was seen by me.") for row in range(40)]
    generic = [(str(row), f"The match of the day in town {row}. The patient crowd was seen by me.") for row in range(40)]
    return [write_tokens(texts, folder / name) for name, texts in (("domain", domain), ("generic", generic))]


def diagnose(options: DiagnosisOptions, **inputs: Any) -> dict[str, pa.Table]:
    cells = {f"cell_{cell.name}": CELLS[cell.origin][cell.key] for cell in list_embeddings(CELLS)}
    vectors = {f"vectors_{cell.name}": vectors_of(cell.name, cell.dim or 0) for cell in list_embeddings(CELLS)}
    return diagnose_vectors(options, FOLDERS, 0, **cells, **vectors, **inputs)


@pytest.mark.slow
def test_the_pip_loss_of_a_smaller_size_stands_beside_its_score_on_the_page() -> None:
    tables = diagnose(DiagnosisOptions(sample=0, map=MapOptions(words=0)))
    checks = tables["checks"].to_pandas()
    expected = compute_pip_loss(vectors_of("domain.word2vec_4", 4), vectors_of("domain.word2vec_8", 8))
    size = {"task": "topic", "metric": "accuracy", "family": "domain.word2vec", "best": "domain.word2vec_8", "n": 300}
    numbers = {
        "difference_to_best": 0.0,
        "bound": -0.01,
        "margin": 0.01,
        "p": 0.01,
        "non_inferior": True,
        "standing": "shown",
        "units_needed": float("nan"),
    }
    sizes = pd.DataFrame(
        [
            {**size, **numbers, "embedding": f"domain.word2vec_{dim}", "dim": dim, "bytes_per_item": 4.0 * dim, "value": 0.7}
            | {"chosen": dim == 4}
            for dim in (4, 8)
        ]
    ).astype(SIZES)
    none = pd.DataFrame()
    page = report_page(
        run={"use_case": "tiny"},
        leaderboard=leaderboard({"domain.word2vec_4": 0.7, "domain.word2vec_8": 0.7}),
        comparisons=none,
        origins=none,
        audit=none,
        embeddings=none,
        corpora=none,
        checks=checks,
        neighbors=tables["neighbors"].to_pandas(),
        overlaps=empty_table("overlaps"),
        sizes=sizes,
    )
    assert f"<td>{expected:.4g}</td>" in page
    assert page.count("PIP loss") == 2  # the caption and the column's head, no question of its own


def test_only_sizes_of_one_method_and_corpus_are_held_against_the_largest() -> None:
    """Neither repetitions with other seeds nor copies from corrupted text."""
    assert find_largest_sizes(build_embedding_facts(list_embeddings(CELLS))) == {"domain.word2vec_4": "domain.word2vec_8"}


def test_probe_words_are_the_users_or_those_that_the_use_cases_corpus_is_about(corpora: list[TokenCorpus]) -> None:
    given = dict(zip(("corpus_domain", "corpus_generic"), corpora, strict=True))

    def probed(**options: Any) -> set[str]:
        table = diagnose(DiagnosisOptions(sample=0, map=MapOptions(words=0), **options), **given)["neighbors"].to_pandas()
        return set(table.loc[table["probe"], "word"])

    assert probed() == {"renal", "insulin", "dose"}
    assert probed(probe_words=("w3",)) == {"w3"}


def test_words_of_the_first_corpus_are_those_that_it_has_more_often_than_the_others(corpora: list[TokenCorpus]) -> None:
    assert set(find_typical_words(corpora, n=4)) == {"renal", "dose", "insulin", "case"}
    assert set(find_typical_words(corpora[::-1], n=4)) == {"match", "day", "town", "crowd"}


def test_words_of_one_corpus_are_frequent_and_not_everywhere(tmp_path: Path) -> None:
    topics = ["kidney stones", "kidney pain", "heart valve", "heart beat"]
    texts = [
        (str(row), f"this is a text about {topics[row % 4] if row % 8 < 4 and row < 40 else row}") for row in range(800)
    ]
    assert find_typical_words([write_tokens(texts, tmp_path / "one")], n=2) == ["heart", "kidney"]


def test_without_a_corpus_words_come_from_the_texts_of_the_tasks() -> None:
    texts = [f"und das ist {'Niere' if row % 40 == 0 else row}" for row in range(400)]
    assert find_typical_words([], texts) == ["niere"]
    assert find_typical_words([], []) == [] == find_typical_words([], ["1 2 3"])
    assert find_typical_words([], ["eins zwei drei"]) == ["drei", "eins", "zwei"]  # all stand in every sentence
