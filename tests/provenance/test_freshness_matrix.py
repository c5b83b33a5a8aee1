"""Each kind of change, and what it makes stale: corpora, vectors of each method, cells, tables, the page."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from kedro.pipeline import Pipeline

import emb_pipeline
from emb_pipeline import settings
from emb_pipeline.corrupt import resamples, typos
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.embeddings.static.kernels import negative_sampling, prefetch
from emb_pipeline.experiment.build import build_experiment
from emb_pipeline.pipelines import decide, diagnose, evaluate, fine_tune, ingest, measure, report, train
from emb_pipeline.provenance import code_fingerprint
from emb_pipeline.provenance.node_fingerprints import fingerprint_results
from emb_pipeline.provenance.package_code import build_code_graph
from emb_pipeline.provenance.raw_files import FileHashes
from emb_pipeline.tasks.probes import softmax_kernels
from emb_pipeline.text import near_duplicate_kernels

FOLDERS = {"scratch": "scratch", "encodings": "encodings", "models": "models"}


@dataclass
class State:
    """A use case with its code: what a fingerprint follows from."""

    root: Path
    code: Path
    parameters: dict[str, Any]

    def fingerprints(self) -> dict[str, str]:
        graph = build_code_graph(self.code, self.root / "summaries.json")
        made = fingerprint_results(
            pipeline_of(json.dumps(self.parameters)), self.parameters, code=graph, hashes=FileHashes()
        )
        graph.keep()
        return dict(made)


@cache
def pipeline_of(parameters: str) -> Pipeline:
    experiment = build_experiment(json.loads(parameters))
    stages = (ingest, train, fine_tune, evaluate, diagnose, measure, decide, report)
    return Pipeline([stage.create_pipeline(experiment=experiment) for stage in stages])


@pytest.fixture(scope="module")
def pristine(project_template: Path, tmp_path_factory: pytest.TempPathFactory) -> State:
    root = tmp_path_factory.mktemp("matrix")
    for name in ("conf", "data"):
        shutil.copytree(project_template / name, root / name)
    code = root / "code" / "emb_pipeline"
    shutil.copytree(Path(emb_pipeline.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
    return State(root, code, parameters_in(root))


def parameters_in(root: Path) -> dict[str, Any]:
    """Parameters of the tiny use case of a project."""
    loader = settings.CONFIG_LOADER_CLASS(str(root / "conf"), env="tiny", **settings.CONFIG_LOADER_ARGS)
    # Resolvers are the whole process's, and may name the project of another test.
    return {**loader["parameters"], "folders": {**FOLDERS, "raw": str(root / "data/01_raw"), "project": str(root)}}


@pytest.fixture(scope="module")
def before(pristine: State) -> dict[str, str]:
    return pristine.fingerprints()


@pytest.fixture
def state(pristine: State) -> Iterator[State]:
    """A state to change; code and raw files are put back afterwards."""
    kept = {
        path: path.read_bytes()
        for folder in (pristine.code, pristine.root / "data")
        for path in folder.rglob("*")
        if path.is_file()
    }
    yield replace(pristine)
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


def group_of(dataset: str) -> str | None:
    """What a dataset is in the words of this test; None for what only gathers."""
    parts = dataset.split(".")
    if dataset in ("leaderboard", "report_page"):
        return dataset
    if parts[-1] == "examples":
        return f"examples {parts[0]}"
    if parts[-1] == "tokens":
        return "corpora"
    if parts[-1] == "vectors":
        return f"vectors {parts[1]}"
    if parts[-1] == "item_scores":
        return f"cells {parts[1]} {parts[2]}"
    return None


def stale_groups(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Groups of which a dataset that is still made has another fingerprint; a group is stale as a whole or not at all."""
    verdicts: dict[str, set[bool]] = {}
    for name in before.keys() & after.keys():
        if group := group_of(name):
            verdicts.setdefault(group, set()).add(before[name] != after[name])
    assert all(len(verdict) == 1 for verdict in verdicts.values()), verdicts
    return {group for group, verdict in verdicts.items() if True in verdict}


# ---- changes of code


def file_of(state: State, function: str, module: str | None = None) -> Path:
    """The file that defines a function at its top level."""
    files = [state.code.joinpath(*module.split(".")[1:]).with_suffix(".py")] if module else state.code.rglob("*.py")
    (found,) = (path for path in files if f"\ndef {function}(" in path.read_text(encoding="utf-8"))
    return found


def statement(function: str, line: str = "changed = 1", module: str | None = None) -> Callable[[State], None]:
    """Put a line at the start of a function."""

    def change(state: State) -> None:
        path = file_of(state, function, module)
        source = path.read_text(encoding="utf-8")
        (found,) = (each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == function)
        last = found.body[-1]
        lines = source.splitlines(keepends=True)
        lines.insert(last.lineno - 1, " " * last.col_offset + line + "\n")
        path.write_text("".join(lines), encoding="utf-8")

    return change


def every_function(module: ModuleType) -> Callable[[State], None]:
    """Put a line into every function of a module."""

    def change(state: State) -> None:
        path = state.code.joinpath(*module.__name__.split(".")[1:]).with_suffix(".py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                statement(node.name, module=module.__name__)(state)

    return change


def default(family: str, field: str, old: str, new: str) -> Callable[[State], None]:
    """Give an option of a family's methods another default."""

    def change(state: State) -> None:
        path = state.code / "embeddings" / family / "options.py"
        before, _, after = path.read_text(encoding="utf-8").partition(f"    {field}: ")
        assert f" = {old}\n" in after
        path.write_text(f"{before}    {field}: {after.replace(f' = {old}', f' = {new}', 1)}", encoding="utf-8")

    return change


def comments_and_docstrings(state: State) -> None:
    """Every docstring says something else, and every module has a comment more."""
    for path in state.code.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
                node.body[0] = ast.Expr(ast.Constant("Something else."))
        path.write_text(ast.unparse(tree) + "\n# a remark\n", encoding="utf-8")


def annotation(state: State) -> None:
    path = file_of(state, "tokenize")
    source = path.read_text(encoding="utf-8")
    assert "def tokenize(text: str) -> list[str]:" in source
    path.write_text(source.replace("def tokenize(text: str) -> list[str]:", "def tokenize(text):"), encoding="utf-8")


def moved_module(state: State) -> None:
    """A helper of a method moves to another package."""
    old = state.code / "embeddings" / "static" / "cooccurrence.py"
    new = state.code / "statistics" / "cooccurrence.py"
    new.write_bytes(old.read_bytes())
    for path in state.code.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        path.write_text(
            source.replace("emb_pipeline.embeddings.static.cooccurrence", "emb_pipeline.statistics.cooccurrence"), "utf-8"
        )


def template(pattern: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        paths = list((state.code / "reporting").rglob(pattern))
        assert paths
        for path in paths:
            path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    return change


# ---- changes of parameters and files


def parameter(*keys: str, value: Any) -> Callable[[State], None]:
    def change(state: State) -> None:
        state.parameters = changed(state.parameters, keys, value)

    return change


def changed(value: Any, keys: tuple[str, ...], new: Any) -> Any:
    return {**value, keys[0]: changed(value.get(keys[0], {}), keys[1:], new)} if keys else new


def byte(name: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        path = state.root / "data/01_raw/tiny" / name
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(bytes(content))

    return change


def touch(state: State) -> None:
    for path in (state.root / "data/01_raw").rglob("*.csv"):
        os.utime(path, (1, 1))


def new_task(state: State) -> None:
    tasks = state.parameters["tasks"]
    state.parameters = {
        **state.parameters,
        "tasks": {**tasks, "second": {**tasks["topic"], "name": "second"}},
        "grid": {**state.parameters["grid"], "tasks": ["topic", "search", "second"]},
    }


def removed_task(state: State) -> None:
    tasks = {"topic": state.parameters["tasks"]["topic"]}
    state.parameters = {**state.parameters, "tasks": tasks, "grid": {**state.parameters["grid"], "tasks": ["topic"]}}


def new_method(state: State) -> None:
    cell = {**state.parameters["embeddings"]["task"]["tfidf"], "method": "char_tfidf", "key": "char_tfidf", "options": {}}
    state.parameters = changed(state.parameters, ("embeddings", "task", "char_tfidf"), cell)


FASTTEXT, GLOVE = (METHODS[name].load_trainer().__module__ for name in ("fasttext", "glove"))
TRAINED = ("vectors *", "cells word2vec* *", "cells glove_8 *")
FOLLOWS = ("leaderboard", "report_page")
EVERYTHING = ("examples *", "corpora", "vectors *", "cells * *", *FOLLOWS)

MATRIX: dict[str, tuple[Callable[[State], None], tuple[str, ...]]] = {
    "every comment and docstring": (comments_and_docstrings, ()),
    "an annotation": (annotation, ()),
    "a module that moves": (moved_module, ()),
    "a reader that no task names": (statement("read_liveqa_judgments"), ()),
    "code of a method that is not in the grid": (
        statement("train", module=FASTTEXT),
        (),
    ),
    "the probe": (statement("evaluate_classification"), ("cells * topic", *FOLLOWS)),
    "a kernel of the probe": (every_function(softmax_kernels), ("cells * topic", *FOLLOWS)),
    "a kernel of word2vec": (every_function(negative_sampling), ("vectors word2vec*", "cells word2vec* *", *FOLLOWS)),
    "a kernel that word2vec and GloVe share": (every_function(prefetch), (*TRAINED, *FOLLOWS)),
    "a kernel of near-duplicates": (every_function(near_duplicate_kernels), EVERYTHING),
    "typos, in training texts and in tests": (every_function(typos), ("cells * topic", *TRAINED, *FOLLOWS)),
    # Training decides by its parameters whether it resamples, and its code is followed to both ends.
    "resamples of a corpus": (every_function(resamples), (*TRAINED, *FOLLOWS)),
    "what scores a ranking": (statement("evaluate_retrieval"), ("cells * search", *FOLLOWS)),
    "GloVe": (statement("train", module=GLOVE), ("vectors glove_8", "cells glove_8 *", *FOLLOWS)),
    "a default of GloVe": (
        default("static", "x_max", "10.0", "11.0"),
        ("vectors glove_8", "cells glove_8 *", *FOLLOWS),
    ),
    "a default of the same family that no method of the grid has": (default("static", "buckets", "50_000", "60_000"), ()),
    "a default of another family": (default("contextual", "sif_a", "1e-4", "1e-3"), ()),
    "the tokenizer": (statement("tokenize"), EVERYTHING),
    "the reader of one task": (
        statement("read_retrieval"),
        ("examples search", "corpora", *TRAINED, "cells * search", *FOLLOWS),
    ),
    "a format that no corpus and no task names": (statement("read_iob_sentences"), ()),
    "a format of files that one task may have": (
        statement("_json_rows"),
        ("examples search", "corpora", *TRAINED, "cells * search", *FOLLOWS),
    ),
    "the format of all files": (statement("_delimited_rows"), EVERYTHING),
    "the reader of corpora": (
        statement("read_documents", module="emb_pipeline.readers.documents"),
        ("corpora", *TRAINED, *FOLLOWS),
    ),
    "a table of the report": (statement("make_leaderboard"), FOLLOWS),
    "the template": (template("*.j2"), ("report_page",)),
    "the partial of one section": (template("leaderboards.html.j2"), ("report_page",)),
    "its style": (template("*.css"), ("report_page",)),
    "its script": (template("*.js"), ("report_page",)),
    "a parameter of a method": (
        parameter("embeddings", "domain", "glove_8", "options", "epochs", value=3),
        ("vectors glove_8", "cells glove_8 *", *FOLLOWS),
    ),
    "an option of evaluation": (
        parameter("tasks", "topic", "evaluation", value={"folds": 3}),
        ("cells * topic", *FOLLOWS),
    ),
    "which tasks an embedding is evaluated on": (
        parameter("embeddings", "domain", "word2vec_8", "evaluate_on", value=["topic"]),
        FOLLOWS,
    ),
    "a budget": (parameter("decision", "margin", value=0.02), ("report_page",)),
    "an option of the export": (parameter("deploy", "force", value=True), ()),
    "the folders of this machine": (parameter("folders", "scratch", value="/elsewhere"), ()),
    "a byte of labels": (byte("labels.csv"), ("examples topic", "corpora", *TRAINED, "cells * topic", *FOLLOWS)),
    "a byte of judgments": (byte("qrels.csv"), ("examples search", "corpora", *TRAINED, "cells * search", *FOLLOWS)),
    "a byte of a corpus": (byte("domain.csv"), ("corpora", *TRAINED, *FOLLOWS)),
    "times of raw files": (touch, ()),
    "a new task": (new_task, ("corpora", *TRAINED, *FOLLOWS)),
    "a task that is gone": (removed_task, ("corpora", *TRAINED, *FOLLOWS)),
    "a new embedding": (new_method, FOLLOWS),
}
# The embeddings of one origin are one group here: a parameter of the domain's GloVe leaves that of the other corpus alone.
OF_ONE_CORPUS = {"a parameter of a method", "which tasks an embedding is evaluated on"}


@pytest.mark.slow
@pytest.mark.parametrize("change", MATRIX)
def test_a_change_makes_stale_what_follows_from_it_and_nothing_else(
    change: str, state: State, before: dict[str, str]
) -> None:
    apply, expected = MATRIX[change]
    apply(state)
    after = state.fingerprints()
    if change in OF_ONE_CORPUS:
        before, after = ({name: each for name, each in made.items() if "generic" not in name} for made in (before, after))
    groups = {group for name in before.keys() & after.keys() if (group := group_of(name))}
    wanted = {group for group in groups if any(fnmatch(group, pattern) for pattern in expected)}
    assert stale_groups(before, after) == wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "expected"),
    [("bm25s", ("cells bm25 search", *FOLLOWS)), ("jinja2", ("report_page",)), ("gensim", None), ("sympy", ())],
)
def test_another_version_of_a_library_makes_stale_what_it_computes(
    library: str, expected: tuple[str, ...] | None, state: State, before: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = code_fingerprint.find_version
    monkeypatch.setattr(code_fingerprint, "find_version", lambda name: "0" if name == library else installed(name))
    found = stale_groups(before, state.fingerprints())
    if expected is None:  # gensim trains word2vec where the options ask for it; GloVe and the corpora never need it
        assert "vectors word2vec_8" in found and not found & {"corpora", "vectors glove_8", "examples topic"}
    else:
        assert found == set(expected)


def test_fingerprints_are_the_same_in_another_folder_and_from_summaries_on_disk(
    pristine: State, before: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(pristine.root / "data", tmp_path / "data")
    shutil.copytree(pristine.root / "conf", tmp_path / "conf")
    elsewhere = State(tmp_path, pristine.code, parameters_in(tmp_path))
    assert elsewhere.fingerprints() == before
    assert elsewhere.fingerprints() == before  # from summaries
    (tmp_path / "summaries.json").write_text('{"of": 1}')
    assert elsewhere.fingerprints() == before
