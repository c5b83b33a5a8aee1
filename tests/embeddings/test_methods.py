"""The contract of every line of METHODS; a line that is added is covered without a change here.

What a method is given follows from its line: its source says what it is made from, its artifact what it leaves, and options
that many methods have are small here, by their names.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.columns.joined import Joined
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.method import Method, Support, import_place
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.protocols import (
    Answerer,
    AttributeRecommender,
    ExportableEncoder,
    ExportableIndex,
    LabeledTaskEncoder,
    Recommender,
    Searcher,
    TaskEncoder,
    TaskRecommender,
    TaskWordEncoder,
    TextEncoder,
    TokenEncoder,
    VectorRecommender,
    WordEncoder,
    fit_encode,
    learns_from_labels,
)
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.text.columns import Columns
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

from .learned.tiny_models import save_masked_model
from .remote.server import Service, serve

DIM = 8
SENTENCES = ["the cat sat on the mat", "a dog sat on a mat", "unlikely dog the cat", "on the mat a dog sat unlikely"]
ROWS = Columns.of(
    {"animal": ["cat", "dog", "dog", ""] * 3, "place": ["mat", "mat", "none", "mat"] * 3},
    {"age": [1.0, 5.0, float("nan"), 2.0] * 3},
    12,
)
TEXTS = Texts(SENTENCES * 3, columns=ROWS)
LABELS = np.array([0, 1, 1, 0] * 3)
NEW_ROWS = Columns.of({"animal": ["dog", "emu", ""], "place": ["none", "mat", "sea"]}, {"age": [3.0, 4.0, float("nan")]}, 3)
NEW = ["a cat on the dog", "unheard words", "the mat unlikely sat"]
LOG = Interactions(np.repeat(np.arange(12), 3), np.concatenate([np.arange(3) + 3 * (n % 2) for n in range(12)]), 12, 6)
SMALL: dict[str, Any] = {
    "epochs": 2,
    "iterations": 2,
    "min_count": 1,
    "buckets": 1000,
    "layers": 1,
    "vocabulary": 100,
    "max_tokens": 500,
    "max_steps": 3,
    "dims": 4,
    "depth": 1,
    "synonyms": [["cat", "dog"]],
    "antonyms": [["sat", "mat"]],
}
"""Values of options, by name, for whatever method has them: a list of one where it tries several."""


class Workbench:
    """What the lines are tried with: a corpus, files, and other embeddings, made by the first line that can."""

    def __init__(self, root: Path, models: dict[str, Path], service: Service) -> None:
        self.root, self.service = root, service
        self.files = {"vectors": root / "glove.txt", **models}
        rng = np.random.default_rng(0)
        words = sorted({word for sentence in SENTENCES for word in sentence.split()})
        rows = "".join(f"{word} {' '.join(f'{value:.4f}' for value in rng.normal(size=DIM))}\n" for word in words)
        self.files["vectors"].write_text(rows, encoding="utf-8")
        self.files["None"] = root / "encoder.py"
        self.files["None"].write_text(
            "def encode(texts):\n    return [[len(text), text.count('a'), 1.0] for text in texts]\n"
        )
        self._artifacts: dict[str, Any] = {}

    @cached_property
    def corpus(self) -> TokenCorpus:
        return write_tokens(((str(number), text) for number, text in enumerate(SENTENCES * 25)), self.root / "corpus")

    def options(self, method: Method) -> Options:
        fields = method.options.model_fields
        given: dict[str, Any] = {"path": self.files.get(_name_model(method))} if "path" in fields else {}
        if "base_url" in fields:
            given |= {"base_url": self.service.url, "model": self.service.model}
        for name in fields.keys() & SMALL.keys():
            several = isinstance(fields[name].default, tuple) and fields[name].default
            given[name] = [SMALL[name]] if several else SMALL[name]
        return method.options(**given)

    def artifact(self, method: Method) -> Any:
        """What the line's training leaves; trained once."""
        if method.artifact is None:
            return None
        if method.name not in self._artifacts:
            self._artifacts[method.name] = self._make(method)
        return self._artifacts[method.name]

    def _make(self, method: Method) -> Any:
        folder, options = self.root / f"{method.name} encoder", self.options(method)
        is_encoder = method.artifact == "encoder"
        match method.source:
            case "corpus":
                request = TrainingRequest(
                    self.corpus, options, dim=DIM, folder=folder, checkpoints=self.root / f"{method.name} checkpoints"
                )
                return (factory.train_encoder if is_encoder else factory.train)(method.name, request)
            case "pretrained" if is_encoder:
                return factory.load_encoder(method.name, options, folder)
            case "pretrained":
                return factory.load(method.name, options)
            case "encoder":
                return factory.derive_encoder(method.name, self.artifact(first("encoder")), options, folder)
            case "embedding":
                return factory.make_cross_encoder(method.name, options, folder)
            case "vectors":
                return factory.derive_vectors(method.name, self.artifact(first("vectors")), options)

    def encoder(self, method: Method) -> Any:
        return factory.build_encoder(
            method.name,
            self.options(method),
            dim=DIM if method.has_dim else None,
            artifact=self.artifact(method),
            bases={line.name: self.encoder(line) for line in self.bases(method)},
        )

    def bases(self, method: Method) -> list[Method]:
        """As many lines as the method builds on: the one that loads word vectors, and others that are fitted."""
        if method.bases is None:
            return []
        if method.bases.artifact is not None:
            return [first(method.bases.artifact)]
        able = [line for line in METHODS.values() if line.supports & method.bases.supports and line.source == "task"]
        return [first("vectors"), *able][: method.bases.fewest]


def _name_model(method: Method) -> str:
    """Name what its files hold: an encoder of sparse vectors is another model than one of dense ones."""
    return f"{'sparse ' if method.sparse else ''}{method.artifact}"


def first(artifact: str) -> Method:
    """The first line that loads such an artifact."""
    return next(line for line in METHODS.values() if (line.source, line.artifact) == ("pretrained", artifact))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tiny_transformer: Path, tiny_cross_encoder: Path) -> Iterator[Workbench]:
    root = tmp_path_factory.mktemp("methods")
    masked = save_masked_model(root / "masked")
    models = {"encoder": tiny_transformer, "cross_encoder": tiny_cross_encoder, "sparse encoder": masked}
    with serve(Service()) as service:
        yield Workbench(root, models, service)


@pytest.fixture(params=METHODS.values(), ids=list(METHODS))
def method(request: pytest.FixtureRequest, bench: Workbench) -> Method:
    """Each line whose libraries are installed."""
    line: Method = request.param
    try:
        factory.require(line.name, bench.options(line))
    except DataError as error:
        pytest.skip(str(error))
    return line


def of_those_that_support(*supports: Support) -> pytest.MarkDecorator:
    """Run a test for the lines that say so."""
    able = [line for line in METHODS.values() if line.supports & set(supports)]
    return pytest.mark.parametrize("method", able, ids=[line.name for line in able], indirect=True)


def fitted(encoder: Any) -> Any:
    return fit_encode(encoder, TEXTS, LABELS)[0]


def is_sparse(method: Method, bench: Workbench) -> bool:
    """Whether its vectors are: its own, or some of those that it joins."""
    return method.sparse or any(base.sparse for base in bench.bases(method))


def as_matrix(vectors: Any) -> np.ndarray:
    return vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)


def abilities(encoder: Any) -> set[str]:
    """The uses that an encoder, searcher or recommender has the methods for."""
    recommends = isinstance(encoder, TaskRecommender) or isinstance(getattr(encoder, "recommender", None), TaskRecommender)
    embeds = isinstance(encoder, TextEncoder | TaskEncoder | LabeledTaskEncoder) and not recommends
    uses: dict[Support, bool] = {
        "texts": embeds and not learns_from_labels(encoder) and can_encode(encoder, Texts(SENTENCES * 3)),
        "labeled_texts": embeds and learns_from_labels(encoder) and can_encode(encoder, Texts(SENTENCES * 3)),
        "columns": embeds and depends_on_columns(encoder),
        "tokens": isinstance(encoder, WordEncoder | TokenEncoder | TaskWordEncoder),
        "search": isinstance(encoder, Searcher),
        "answers": isinstance(encoder, Answerer),
        "interactions": recommends,
        "user_attributes": isinstance(encoder, AttributeRecommender) and encoder.attributes_of == "user",
        "item_attributes": isinstance(encoder, AttributeRecommender) and encoder.attributes_of == "item",
    }
    assert set(uses) == set(get_args(Support)), "a new use needs a check here"
    return {use for use, can in uses.items() if can}


def can_encode(encoder: Any, texts: Texts) -> bool:
    try:
        return fit_encode(encoder, texts, LABELS)[1].shape[0] == len(texts)
    except DataError:
        return False


def depends_on_columns(encoder: Any) -> bool:
    """Whether other values next to the same texts give other vectors; what joins others does where they do."""
    if isinstance(encoder, Joined):
        return True
    others = Texts(SENTENCES * 3, columns=ROWS.take(np.arange(12)[::-1]))
    one, other = (as_matrix(fit_encode(encoder, texts, LABELS)[1]) for texts in (TEXTS, others))
    return one.shape != other.shape or bool((one != other).any())


def test_it_supports_what_its_encoder_can_do(method: Method, bench: Workbench) -> None:
    assert abilities(bench.encoder(method)) == set(method.supports)


@of_those_that_support("texts", "labeled_texts")
def test_texts_become_finite_vectors(method: Method, bench: Workbench) -> None:
    encoder = fitted(bench.encoder(method))
    vectors = encoder.encode(NEW)
    assert sp.issparse(vectors) == is_sparse(method, bench)
    assert vectors.shape == (len(NEW), encoder.dim) and vectors.dtype == np.float32
    assert np.isfinite(as_matrix(vectors)).all() and as_matrix(vectors).any()
    assert not method.has_dim or encoder.dim == DIM


@of_those_that_support("columns")
def test_rows_become_finite_vectors(method: Method, bench: Workbench) -> None:
    encoder, of_training = fit_encode(bench.encoder(method), TEXTS, LABELS)
    vectors = encoder.encode(Texts(NEW, columns=NEW_ROWS))
    assert sp.issparse(vectors) == is_sparse(method, bench) == sp.issparse(of_training)
    assert vectors.shape == (len(NEW), encoder.dim)
    assert of_training.shape == (len(TEXTS), encoder.dim)
    assert np.isfinite(as_matrix(vectors)).all() and as_matrix(vectors).any(axis=1).all()


@of_those_that_support("tokens")
def test_tokens_become_finite_vectors(method: Method, bench: Workbench) -> None:
    encoder, words = bench.encoder(method), NEW[0].split()
    if isinstance(encoder, TaskWordEncoder):
        encoder = encoder.fit_words(sorted({word for text in SENTENCES for word in text.split()}))
    if isinstance(encoder, WordEncoder):
        vectors = encoder.encode_words(words)
    else:
        (vectors,) = encoder.encode_tokens([words])
    assert vectors.shape == (len(words), encoder.dim) and vectors.dtype == np.float32
    assert np.isfinite(as_matrix(vectors)).all() and as_matrix(vectors).any()


@of_those_that_support("search")
def test_a_searcher_finds_the_passage_that_was_asked_for(method: Method, bench: Workbench) -> None:
    found = bench.encoder(method).index(SENTENCES).search([SENTENCES[2]], k=2)
    assert found.shape == (1, 2) and found[0, 0] == 2


@of_those_that_support("answers")
def test_an_answer_is_a_span_of_its_context(method: Method, bench: Workbench) -> None:
    contexts = [sentence.split() for sentence in SENTENCES]
    spans = bench.encoder(method).answer([["cat"]] * len(contexts), contexts)
    assert all(0 <= first <= last < len(words) for (first, last), words in zip(spans.tolist(), contexts, strict=True))


@of_those_that_support("interactions")
def test_a_recommender_scores_every_item_for_every_user(method: Method, bench: Workbench) -> None:
    encoder = bench.encoder(method)
    recommender = encoder if isinstance(encoder, TaskRecommender) else encoder.recommender
    setting, candidate = next(recommender.candidates(LOG))
    again = recommender.fit(LOG, setting)
    assert isinstance(candidate, Recommender)
    assert candidate.scores(np.arange(LOG.n_users)).shape == (LOG.n_users, LOG.n_items)
    np.testing.assert_array_equal(again.scores(np.arange(2)), candidate.scores(np.arange(2)))


@of_those_that_support("user_attributes", "item_attributes")
def test_a_recommender_by_attributes_scores_every_item_for_every_user(method: Method, bench: Workbench) -> None:
    encoder = bench.encoder(method)
    n = LOG.n_items if encoder.attributes_of == "item" else LOG.n_users
    recommender = encoder.with_attributes(sp.csr_array(np.eye(n, 2, dtype=np.float32)))
    setting, candidate = next(recommender.candidates(LOG))
    again = recommender.fit(LOG, setting)
    assert candidate.scores(np.arange(LOG.n_users)).shape == (LOG.n_users, LOG.n_items)
    np.testing.assert_array_equal(again.scores(np.arange(2)), candidate.scores(np.arange(2)))


def test_what_is_exported_gives_equal_answers(method: Method, bench: Workbench, tmp_path: Path) -> None:
    if not method.supports & {"texts", "labeled_texts", "search", "columns"}:
        assert bool(method.export) == recommends_by_vectors(method, bench), "or it answers with vectors of users and items"
        return
    if "search" in method.supports:
        index = bench.encoder(method).index(SENTENCES)
        write_embedding(index, tmp_path / "bundle")
        searches = read_embedding(tmp_path / "bundle")
        assert type(searches) is import_place(method.export) and isinstance(searches, ExportableIndex)
        found, expected = (each.search_scored([*NEW, SENTENCES[2]], 4) for each in (searches, index))
        np.testing.assert_array_equal(found.passages, expected.passages)
        np.testing.assert_array_equal(found.scores, expected.scores)
        return
    encoder = fitted(bench.encoder(method))
    if not method.export:
        with pytest.raises(ValueError, match=r"not exported|no format"):
            write_embedding(encoder, tmp_path / "bundle")
        return
    write_embedding(encoder, tmp_path / "bundle")
    read = read_embedding(tmp_path / "bundle")
    assert type(read) is import_place(method.export) and isinstance(read, ExportableEncoder)
    assert read.dim == encoder.dim
    new = Texts(NEW, columns=NEW_ROWS)
    np.testing.assert_array_equal(as_matrix(read.encode(new)), as_matrix(encoder.encode(new)))


def recommends_by_vectors(method: Method, bench: Workbench) -> bool:
    """Whether what is fitted on interactions alone is dense vectors of users and items."""
    recommender = bench.encoder(method)
    if not isinstance(recommender, TaskRecommender):
        return False
    fitted = next(recommender.candidates(LOG))[1]
    return isinstance(fitted, VectorRecommender) and not sp.issparse(fitted.items)


def test_defaults_of_its_options_are_valid(method: Method, bench: Workbench) -> None:
    fields, given = method.options.model_fields, bench.options(method).model_dump()
    needed = {name: given[name] for name in given if fields[name].is_required() or name == "path"}
    defaults = method.options(**needed)
    assert method.options.model_validate(defaults.model_dump()) == defaults
    assert method.options.model_validate_json(defaults.model_dump_json()) == defaults


def test_its_line_says_what_its_code_takes(method: Method) -> None:
    taken = inspect.signature(import_place(method.build)).parameters
    assert ("artifact" in taken) == (method.artifact is not None) == bool(method.train)
    assert ("text" in taken or "bases" in taken) == (method.bases is not None) == (method.source == "embedding")
    assert method.artifact is not None or ("dim" in taken) == method.has_dim
    assert (method.source in ("encoder", "vectors", "embedding")) <= (method.derivation is not None)


def test_every_line_has_a_label_of_its_own() -> None:
    labels = [method.label for method in METHODS.values()]
    assert len(set(labels)) == len(labels)
    assert all(label.strip() == label and label and "_" not in label for label in labels)
