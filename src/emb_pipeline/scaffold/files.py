"""The YAML files of a new use case, with comments that a person can edit by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emb_pipeline.scaffold.candidates import Candidate, build_grid
from emb_pipeline.scaffold.language import Language
from emb_pipeline.tasks.proposal import Proposal

_WIDTH = 110
_COMMENTS = {
    "corpora": "text that vectors are trained on: parameters_corpora.yml",
    "methods": "trained on it; method: dimensions",
    "baselines": "fitted on the task's own training texts",
    "controls": "random vectors, shuffled labels: what a score is worth that needs no knowledge",
    "pretrained": "trained elsewhere; of the hub: {method: sentence_transformer, options: {hub: org/name, revision: …}}",
    "derived": "made from the others",
    "tasks": "parameters_tasks.yml",
}


@dataclass(frozen=True)
class NewUseCase:
    """A use case that is about to be written.

    Attributes
    ----------
    name : str
        Its name: that of its folder below ``conf/``.
    proposal : Proposal
        Its task.
    candidates : sequence of Candidate
        What is compared.
    sample : int
        Examples of the task that a fast run takes, at most.
    missing : mapping of str to str
        What this installation cannot make, and why.
    language : Language, optional
        The language of the texts, where it was found.
    """

    name: str
    proposal: Proposal
    candidates: Sequence[Candidate]
    sample: int
    missing: Mapping[str, str] = field(default_factory=dict)
    language: Language | None = None

    @property
    def first(self) -> list[Candidate]:
        """The embeddings of a fast run."""
        return [candidate for candidate in self.candidates if candidate.is_first]

    @property
    def foreign(self) -> list[Candidate]:
        """The embeddings that were trained on another language than that of the texts."""
        if self.language is None or not self.language.is_clear:
            return []
        return [each for each in self.candidates if each.language not in ("", self.language.name)]

    def write_files(self) -> dict[str, str]:
        """Write the text of each file, by its name."""
        files = {
            "globals.yml": self._write_globals(),
            "parameters_tasks.yml": self._write_tasks(),
            "parameters_fast.yml": self._write_fast(),
        }
        if any(candidate.name.startswith("domain.") for candidate in self.candidates):
            files["parameters_corpora.yml"] = self._write_corpora()
        return files

    def _write_globals(self) -> str:
        grid = build_grid(list(self.candidates), self.proposal.name)
        lines = [
            f"# {self.proposal.what[0].upper()}{self.proposal.what[1:]}.",
            *([f"# Language: {self.language}."] if self.language else []),
            *(f"# {note[0].upper()}{note[1:]}." for note in self.describe_language()),
            f"#   emb-pipeline run {self.name} --fast        a first answer in minutes",
            f"#   emb-pipeline run {self.name} --thorough    all of it",
            f"use_case: {self.name}",
            "",
            "grid:",
        ]
        for name, value in grid.items():
            lines += _write_entry(name, value, "  ", _COMMENTS[name])
        return "\n".join(lines) + "\n"

    def describe_language(self) -> list[str]:
        """Say what follows from the language of the texts."""
        return [
            f"{each.name} was trained on {each.language}: expect little of it and of what is made from it; "
            "a multilingual model suits these texts better (docs/choose-a-model.md)"
            for each in self.foreign
        ]

    def _write_fast(self) -> str:
        return "\n".join(
            [
                "# What a fast run (--fast) compares, and on how many examples of a task at most.",
                "fast:",
                "  embeddings:",
                *(f"    - {candidate.name}" for candidate in self.first),
                f"  sample: {self.sample}",
                "",
            ]
        )

    def _write_tasks(self) -> str:
        return "\n".join(
            [
                "# Labelled tasks. Paths are relative to the project. Readers and their options: docs/readers.md",
                "task_definitions:",
                f"  {self.proposal.name}:        # {self.proposal.what}",
                f"    kind: {self.proposal.kind}",
                *_write_entry("source", dict(self.proposal.source), "    ", ""),
                *(f"    # {note}" for note in self.proposal.notes),
                "",
            ]
        )

    def _write_corpora(self) -> str:
        assert self.proposal.texts is not None
        lines = [
            "# Text that vectors are trained on: the task's own texts, without their labels. More text of your domain is",
            "# better: add sources, or a corpus `generic` to compare with.",
            "corpora:",
            "  domain:",
            "    sources:",
            f"      - {_write_inline(dict(self.proposal.texts))}",
        ]
        if "splits" not in self.proposal.source and "split" not in self.proposal.source:
            lines += [
                "corpus_options:",
                "  held_out: keep      # every text is tested in some fold: none would be left. Vectors see no label",
            ]
        return "\n".join(lines) + "\n"


def _write_entry(name: str, value: Any, indent: str, comment: str) -> list[str]:
    """Write a key with its value on one line, or its items on one line each."""
    behind = f"    # {comment}" if comment else ""
    line = f"{indent}{name}: {_write_inline(value)}"
    if not isinstance(value, Mapping) or not value or (len(line) <= _WIDTH and name not in ("pretrained", "derived")):
        return [line + behind]
    items = [f"{indent}  {_write_scalar(key)}: {_write_inline(item)}" for key, item in value.items()]
    return [f"{indent}{name}:{behind}", *items]


def _write_inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_write_scalar(key)}: {_write_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_write_inline(item) for item in value) + "]"
    return _write_scalar(value)


def _write_scalar(value: Any) -> str:
    """Write a value so that YAML reads the same one: plain where it is a simple word, else quoted as JSON is."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(value)
    is_plain = value and all(letter.isalnum() or letter in "_./-" for letter in value) and value[0].isalpha()
    return value if is_plain and value.casefold() not in _WORDS_OF_YAML else json.dumps(value, ensure_ascii=False)


_WORDS_OF_YAML = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
