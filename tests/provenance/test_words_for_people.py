"""Labels and titles: a new one makes stale what shows it; what a line builds and its options make stale what is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.sparse.options import LsaOptions
from emb_pipeline.pipelines.deploy.nodes import export_chosen
from emb_pipeline.pipelines.evaluate.nodes import collect_tasks, evaluate_untrained
from emb_pipeline.pipelines.report.page import write_page
from emb_pipeline.pipelines.train.nodes import derive_vectors, train_vectors
from emb_pipeline.provenance.code_fingerprint import CodeGraph
from emb_pipeline.provenance.package_code import _FOLDER, REGISTRIES, choose_entries
from emb_pipeline.tasks.registry import KINDS

pytestmark = pytest.mark.slow

NAMES = {"method": {"glove", "retrofitted", "tfidf"}, "kind": {"classification"}, "reader": {"csv"}}
COMPUTING = (train_vectors, derive_vectors, evaluate_untrained, collect_tasks)
SHOWING = (write_page, export_chosen)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the summaries of all modules."""
    return tmp_path_factory.mktemp("code") / "summaries.json"


def fingerprints(store: Path, **entries: Any) -> dict[str, str]:
    """Fingerprint some steps, with some entries of the registries in place of those there are."""
    registries = {
        target: {name: entries.get(name, entry) if target.name != "READERS" else entry for name, entry in registry.items()}
        for target, registry in REGISTRIES.items()
    }
    graph = CodeGraph(_FOLDER, "emb_pipeline", registries, store=store)
    made = {step.__name__: graph.fingerprint(step, choose_entries(NAMES)).code for step in (*COMPUTING, *SHOWING)}
    graph.keep()
    return made


class Stale:
    """The steps whose fingerprints change with entries of the registries."""

    def __init__(self, store: Path) -> None:
        self._store, self._before = store, fingerprints(store)

    def with_entries(self, **entries: Any) -> set[str]:
        after = fingerprints(self._store, **entries)
        return {name for name, each in self._before.items() if after[name] != each}


@pytest.fixture(scope="module")
def stale(store: Path) -> Stale:
    return Stale(store)


def test_a_changed_label_of_a_method_makes_stale_what_shows_it_alone(stale: Stale) -> None:
    found = stale.with_entries(glove=replace(METHODS["glove"], label="Global Vectors"))
    assert "export_chosen" in found and not found & {step.__name__ for step in COMPUTING}


def test_a_changed_title_of_a_derivation_makes_the_page_stale_alone(stale: Stale) -> None:
    derivation = METHODS["retrofitted"].derivation
    assert derivation is not None
    repaired = replace(METHODS["retrofitted"], derivation=replace(derivation, title="Mended"))
    assert stale.with_entries(retrofitted=repaired) == {"write_page"}


@pytest.mark.parametrize("word", ["metric", "unit", "labels"])
def test_changed_words_of_a_kind_make_the_page_stale_and_no_score(word: str, stale: Stale) -> None:
    kind = KINDS["classification"]
    if word == "metric":
        changed = replace(kind, metrics=(replace(kind.metrics[0], label="share of hits"), *kind.metrics[1:]))
    else:
        words: dict[str, Any] = {word: "things"}
        changed = replace(kind, **words)
    found = stale.with_entries(classification=changed)
    assert "write_page" in found and not found & {step.__name__ for step in COMPUTING}


def test_what_a_line_builds_and_its_options_make_results_stale(stale: Stale) -> None:
    line = METHODS["tfidf"]
    assert "evaluate_untrained" in stale.with_entries(tfidf=replace(line, build="sparse.word_counts:OneHot"))
    assert "evaluate_untrained" in stale.with_entries(tfidf=replace(line, options=LsaOptions))
    train = stale.with_entries(glove=replace(METHODS["glove"], train="static.word2vec:train"))
    assert "train_vectors" in train


def test_a_changed_direction_of_a_metric_makes_results_stale(stale: Stale) -> None:
    kind = KINDS["classification"]
    turned = replace(kind, metrics=(replace(kind.metrics[0], higher_is_better=False), *kind.metrics[1:]))
    assert "evaluate_untrained" in stale.with_entries(classification=turned)
