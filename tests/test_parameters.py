"""What a person writes is read, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emb_pipeline.experiment.checks import check_parameters
from emb_pipeline.experiment.parameters import SECTIONS
from emb_pipeline.experiment.problems import ParametersError, check_options
from emb_pipeline.statistics.options import ReportOptions

BASE = Path(__file__).parents[1] / "conf" / "base"


def parameters(**changes: Any) -> dict[str, Any]:
    """A small use case, with changes of whole sections."""
    grid = {
        "corpora": ["domain"],
        "methods": {"word2vec": [50, 100]},
        "baselines": ["tfidf"],
        "pretrained": {"glove_50": {"options": {"path": "glove.txt", "format": "glove_text"}}},
        "tasks": ["topic"],
    }
    topic = {"kind": "classification", "source": {"reader": "csv", "path": "x.csv", "label": "label"}}
    return {
        "use_case": "x",
        "seed": 0,
        "grid": {**grid, **changes.pop("grid", {})},
        "corpora": {"domain": {"sources": [{"reader": "csv", "path": "corpus.csv"}]}},
        "task_definitions": {"topic": topic},
        "evaluation": {"classification": {}},
        "methods": {"word2vec": {"window": 3}, "static_file": {"pooling": "mean"}},
        **changes,
    }


def problems(**changes: Any) -> str:
    with pytest.raises(ParametersError) as caught:
        check_parameters(parameters(**changes))
    return str(caught.value)


def topic(**changes: Any) -> dict[str, Any]:
    definition = parameters()["task_definitions"]["topic"]
    return {"topic": {**definition, **changes}}


def test_what_base_says_is_known_and_every_section_has_a_default() -> None:
    written = {
        name: value
        for file in BASE.rglob("parameters*.yml")
        for name, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }
    assert set(written) - {"docstring_packages"} == set(SECTIONS)


def test_a_sound_use_case_passes() -> None:
    check_parameters(parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decisions": {"margin": 0.1}}, "unknown section 'decisions'; did you mean 'decision'?"),
        ({"tasks": {"topic": {}}}, "define tasks under task_definitions"),
        ({"embeddings": {}}, "choose embeddings under grid"),
        ({"methods": {"word2vce": {"window": 9}}}, "methods: unknown method 'word2vce'; did you mean 'word2vec'?"),
        ({"methods": {"word2vec": {"windw": 9}}}, "methods.word2vec: unknown option 'windw'; did you mean 'window'?"),
        ({"methods": {"fine_tuned_vector": {}}}, "did you mean 'fine_tuned_vectors'?"),
        ({"methods": {"word2vec": 9}}, "methods.word2vec: must hold options, not 9"),
        ({"evaluation": {"classificaton": {}}}, "evaluation: unknown kind 'classificaton'; did you mean 'classification'?"),
        ({"evaluation": {"classification": {"fold": 3}}}, "unknown option 'fold'; did you mean 'folds'?"),
        ({"task_definitions": topic(kind="clasification")}, "unknown kind 'clasification'; did you mean 'classification'?"),
        ({"task_definitions": topic(sorce={})}, "task_definitions.topic: unknown option 'sorce'; did you mean 'source'?"),
        ({"task_definitions": topic(evaluation={"folds": 1})}, "task_definitions.topic.folds: Input should be greater than"),
        (
            {"task_definitions": topic(source={"reader": "csv", "path": "x.csv", "lable": "label"})},
            "unknown option 'lable'; did you mean 'label'?",
        ),
        (
            {"task_definitions": topic(source={"reader": "transfer", "train": {"reader": "csv", "pth": "x"}, "test": {}})},
            "unknown option 'pth'; did you mean 'path'?",
        ),
        ({"corpora": {"domain": {"source": []}}}, "corpora.domain: unknown option 'source'; did you mean 'sources'?"),
        (
            {"corpora": {"domain": {"sources": [{"reader": "csv", "pth": "x"}]}}},
            "unknown option 'pth'; did you mean 'path'?",
        ),
        ({"corpus_options": {"held_uot": "keep"}}, "corpus_options: unknown option 'held_uot'; did you mean 'held_out'?"),
        ({"grid": {"basline": []}}, "grid: unknown option 'basline'; did you mean 'baselines'?"),
        ({"grid": {"baselines": ["tfdif"]}}, "unknown method 'tfdif'; did you mean 'tfidf'?"),
        ({"grid": {"seeds": {"word2vec_10": [1]}}}, "seeds.word2vec_10 is no embedding that the grid trains; did you mean"),
        ({"grid": {"methods": {"word2vec": [50, 50]}}}, "two embeddings are called domain.word2vec_50"),
        ({"grid": {"tasks": ["topic", "topic"]}}, "a name stands twice"),
        ({"grid": {"corpora": ["pretrained"]}}, "'pretrained' is the name of something else"),
        ({"grid": {"pretrained": {"glove_50": {"optins": {}}}}}, "unknown option 'optins'; did you mean 'options'?"),
        (
            {"grid": {"pretrained": {"glove_50": {"options": {"pth": "x", "format": "glove_text"}}}}},
            "pretrained.glove_50: unknown option 'pth'; did you mean 'path'?",
        ),
        ({"cutoffs": {"unanswerable": {"topics": {"task": "search"}}}}, "'topics' is no task of the grid; did you mean"),
        (
            {"cutoffs": {"unanswerable": {"topic": {"leave_out": "passages"}}}},
            "topic has no passages to leave out; write class",
        ),
        ({"cutoffs": {"unanswerable": {"topic": {"task": "topic"}}}}, "'topic' is the task itself"),
        (
            {"report": {"agreement": [{"made": "topic", "real": "searches"}]}},
            "report.agreement[0].made: 'topic' is no task of the grid in which passages are searched",
        ),
        (
            {"report": {"transfers": [{"within": "topic", "across": "topics"}]}},
            "report.transfers[0].across: 'topics' is no task of the grid; did you mean 'topic'?",
        ),
        ({"report": {"label_errors": "consensu"}}, "'consensu' is no embedding of the grid; did you mean 'consensus'?"),
        ({"report": {"transfers": [{"within": "topic", "across": "topic"}]}}, "topic and topic are one task"),
        (
            {"decision": {"margins": {"topics": 0.1}}},
            "decision.margins: 'topics' is no task of the grid; did you mean 'topic'?",
        ),
        ({"decision": {"refuse": {"topics": {"recall": 0.5}}}}, "decision.refuse: 'topics' is no task of the grid; did you"),
        (
            {"decision": {"refuse": {"topic": {"recall": 0.5}}}},
            "topic has no requests that cannot be answered; name them under cutoffs.unanswerable.topic",
        ),
        ({"vector_search": {"embeddings": ["domain.word2vec_5"]}}, "is no embedding of the grid; did you mean"),
        (
            {"vector_search": {"beside": ["task.tfdf"]}},
            "'task.tfdf' is no embedding of the grid; did you mean 'task.tfidf'?",
        ),
    ],
)
def test_what_nothing_would_read_is_refused_with_the_nearest_name(changes: dict[str, Any], message: str) -> None:
    assert message in problems(**changes)


def test_all_problems_are_listed_each_once() -> None:
    said = problems(decisions={}, evaluation={"classificaton": {}}, methods={"word2vce": {}}).splitlines()
    assert len(said) == len(set(said)) == 3


@pytest.mark.parametrize("name", ["bge-small-en-v1.5", "glove.6B.50d", "a b", "größe", ""])
def test_a_name_that_cannot_name_a_node_is_refused_with_one_that_can(name: str) -> None:
    said = problems(grid={"pretrained": {name: {"options": {"path": "x", "format": "glove_text"}}}})
    suggested = said.rpartition("write ")[2].strip()
    check_parameters(parameters(grid={"pretrained": {suggested: {"options": {"path": "x", "format": "glove_text"}}}}))


def test_a_top_level_name_that_is_referred_to_is_no_section() -> None:
    check_parameters(parameters(packages=["numpy"]), referenced=lambda name: name == "packages")


def test_an_option_that_embeddings_share_is_one_problem_of_its_method() -> None:
    assert problems(methods={"word2vec": {"window": 0}, "static_file": {}}).splitlines() == [
        "parameters: methods.word2vec.window: Input should be greater than or equal to 1"
    ]


def test_a_misspelt_name_is_one_problem_though_the_right_one_is_missing() -> None:
    assert len(problems(corpora={"domain": {"source": []}}).splitlines()) == 1


def test_options_of_a_section_are_checked_by_its_own_model() -> None:
    options = {"resamples": 10, "permutations": 999, "level": 0.05, "sed": 1}
    with pytest.raises(ParametersError) as caught:
        check_options({"report": options}, {"report": ReportOptions}, place=lambda name: "conf/x/parameters.yml")
    assert str(caught.value).splitlines() == [
        "conf/x/parameters.yml: report: unknown option 'sed'; did you mean 'seed'?",
        "conf/x/parameters.yml: report.resamples: Input should be greater than or equal to 100",
    ]
