"""Use cases that are changed at random, as typing errors and misunderstandings change them: what comes out?

What comes out must be pipelines, or an error that says what is wrong. The tests try a few, a benchmark thousands.
"""

from __future__ import annotations

import copy
import random
import tempfile
import traceback
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from emb_pipeline.config.errors import ConfigurationError
from emb_pipeline.pipeline_registry import register_pipelines

TEXTS = [
    "",
    " ",
    "NaN",
    "null",
    "-1",
    "1e400",
    "é",
    "a" * 5000,
    "'",
    "<b>",
    "../x",
    "*",
    "日本語",
    "a.b",
    "train",
    "${x}",
    "{x}",
]
VALUES: list[Any] = [None, "", "x", -1, 0, 1, 3.5, 1e9, True, [], ["x"], ["x", "x"], {}, {"x": 1}, "a.b", float("nan")]


def mutate_value(value: Any, rng: random.Random) -> Any:
    """Change something inside nested lists and dictionaries: drop, misspell, replace, repeat or add."""
    value = copy.deepcopy(value)
    inner = [value]
    for each in inner:
        parts = each.values() if isinstance(each, dict) else each
        inner += [part for part in parts if isinstance(part, dict | list) and part]
    place: Any = rng.choice(inner)
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = rng.choice(keys)
    match rng.randrange(6):
        case 0:
            del place[key]
        case 1 if isinstance(place, dict):
            place[_misspelt(str(key), rng)] = place.pop(key)
        case 2 if isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        case 3 if isinstance(place, dict):
            place[rng.choice(["x", "path", "label", "1", "a.b"])] = rng.choice(VALUES)
        case 4 if isinstance(place[key], str):
            place[key] = rng.choice([_misspelt(place[key], rng), place[key].upper(), place[key] + " ", rng.choice(TEXTS)])
        case _:
            place[key] = copy.deepcopy(rng.choice(VALUES))
    return value


def _misspelt(word: str, rng: random.Random) -> str:
    if len(word) < 2:
        return word + "x"
    at = rng.randrange(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


PROJECT = Path(__file__).parents[1]
USE_CASE = {
    "grid": {
        "corpora": ["domain", "generic"],
        "methods": {"word2vec": [8, 16], "glove": [8], "bert": [16]},
        "seeds": {"word2vec_8": [1]},
        "baselines": ["one_hot", "tfidf", "lsa_4", "bm25"],
        "controls": ["random_8", "shuffled_tfidf"],
        "pretrained": {
            "small": {"method": "static_file", "options": {"path": "v.txt", "format": "glove_text"}, "axes": {"dims": [2]}}
        },
        "axes": {"word2vec": {"window": [3, 4]}, "bm25": {"stop_words": ["english"]}},
        "variants": {"domain.glove_8_wide": {"of": "domain.glove_8", "options": {"window": 9}}},
        "derived": {"domain.word2vec_8_half": {"method": "reduced", "of": "domain.word2vec_8", "options": {"dims": 4}}},
        "corrupted": [{"of": "domain.word2vec_8", "less_text": [0.5], "evaluate_on": ["topic"]}],
        "resampled": [{"of": "domain.word2vec_8", "bootstraps": 2, "evaluate_on": []}],
        "fine_tune": [{"base": "domain.word2vec_8", "tasks": ["topic"]}],
        "tasks": ["topic", "search"],
    },
    "corpora": {name: {"sources": [{"reader": "csv", "path": f"{name}.csv"}]} for name in ("domain", "generic")},
    "task_definitions": {
        "topic": {
            "kind": "classification",
            "source": {"reader": "csv", "path": "labels.csv", "label": "label"},
            "evaluation": {"folds": 3},
        },
        "search": {
            "kind": "retrieval",
            "source": {"reader": "tables", "queries": "q.csv", "passages": "p.csv", "qrels": "r.csv"},
        },
    },
    "evaluation": {"classification": {"folds": 4}, "retrieval": {}},
    "methods": {"word2vec": {"window": 3}, "glove": {}, "bert": {"layers": 1}, "lsa": {"min_df": 1}},
    "decision": {"budgets": {"bytes_per_item": 100.0}, "margins": {"topic": 0.1}, "weights": {"topic": 1.0, "search": 2.0}},
    "report": {"resamples": 200, "permutations": 199, "level": 0.05},
    "vector_search": {"indexes": [{"index": "HAMMING", "candidates": [10, 60]}]},
}


def outcome(rng: random.Random) -> str:
    """Build every pipeline of a use case of which one to three things were changed.

    Returns
    -------
    str
        ``built``, ``refused``, or the place and the name of an error that is none of ours.
    """
    changed: Any = USE_CASE
    for _ in range(rng.randint(1, 3)):
        changed = mutate_value(changed, rng) or {"report": {}}
    try:
        build(changed)
    except ConfigurationError as error:
        return "refused" if error.message.strip() else "refused without a word"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:120]}"
    return "built"


def build(written: dict[str, Any]) -> None:
    """Build every pipeline of a use case; its files are written first."""
    configure_project("emb_pipeline")
    with tempfile.TemporaryDirectory() as scratch:
        conf = Path(scratch) / "conf"
        grid = {"grid": written["grid"]} if "grid" in written else {}
        files = {
            "base/globals.yml": {"use_case": "shop"},
            "base/parameters.yml": BASE,
            "shop/globals.yml": {"use_case": "shop", **grid},
            "shop/parameters.yml": {str(name): value for name, value in written.items()},
            "local/parameters.yml": {},
        }
        for name, content in files.items():
            (conf / name).parent.mkdir(parents=True, exist_ok=True)
            (conf / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        with KedroSession.create(PROJECT, env="shop", conf_source=str(conf)) as session:
            session.load_context()
            register_pipelines()


def _base_parameters() -> dict[str, Any]:
    """Sections of the shipped defaults that a use case seldom writes."""
    whole: dict[str, Any] = {}
    for file in sorted((PROJECT / "conf" / "base").rglob("parameters*.yml")):
        whole |= yaml.safe_load(file.read_text(encoding="utf-8"))
    own = {"grid", "corpora", "task_definitions", "docstring_packages", "diagnosis"}
    kept = {name: value for name, value in whole.items() if name not in own}
    folders = dict.fromkeys(kept["folders"], ".")
    return {**kept, "use_case": "shop", "folders": folders, "diagnosis": {}}


BASE = _base_parameters()
