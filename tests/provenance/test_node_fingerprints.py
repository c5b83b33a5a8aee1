"""Fingerprints of results: which parameters and files count."""

from __future__ import annotations

import os
from pathlib import Path

from kedro.pipeline import Pipeline, node, pipeline
from pydantic import BaseModel

from emb_pipeline.provenance.node_fingerprints import fingerprint_results


def double(number: int, factor: int) -> int:
    return number * factor


def total(first: int, second: int) -> int:
    return first + second


def two_step_pipeline() -> Pipeline:
    return pipeline(
        [
            node(double, ["params:number", "params:factor"], "doubled", name="double"),
            node(total, ["doubled", "params:number"], "sum", name="total"),
        ]
    )


PARAMETERS = {"number": 2, "factor": 3}


def test_a_fingerprint_changes_with_a_parameter_and_so_do_those_that_follow_from_it() -> None:
    before = fingerprint_results(two_step_pipeline(), PARAMETERS)
    after = fingerprint_results(two_step_pipeline(), {**PARAMETERS, "factor": 4})
    assert before["doubled"] != after["doubled"] and before["sum"] != after["sum"]


def test_a_fingerprint_does_not_change_with_a_parameter_that_is_not_used() -> None:
    more = {**PARAMETERS, "other": 1}
    assert fingerprint_results(two_step_pipeline(), PARAMETERS) == fingerprint_results(two_step_pipeline(), more)


def test_a_fingerprint_does_not_depend_on_folders_of_this_machine() -> None:
    step = pipeline([node(total, ["params:folders", "parameters"], "sum", name="s")])
    here, there = ({"folders": folder, "number": 1} for folder in ("/a", "/b"))
    assert fingerprint_results(step, here) == fingerprint_results(step, there)


def test_the_number_of_processes_is_no_part_of_what_they_make_and_of_a_training_it_is() -> None:
    one, two = ({"training": {"workers": workers}} for workers in (1, 2))
    tokens = pipeline([node(total, ["params:training.workers", "text"], "sum", name="s")])
    training = pipeline([node(total, ["params:training", "text"], "sum", name="s")])
    assert fingerprint_results(tokens, one) == fingerprint_results(tokens, two)
    assert fingerprint_results(training, one) != fingerprint_results(training, two)


class Choice(BaseModel):
    which: str = "a"
    how_often: int = 1


class Source(BaseModel):
    path: Path

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        return [self.path]


def read_which(choice: Choice) -> str:
    return choice.which


def read_source(source: Source) -> str:
    return source.path.read_text()


def test_fields_of_a_parameter_that_a_node_does_not_read_are_no_ingredient() -> None:
    step = pipeline([node(read_which, "params:choice", "read", name="r")])
    choices = ({"which": "a"}, {"which": "a", "how_often": 2}, {"which": "b"})
    first, unread, read = [fingerprint_results(step, {"choice": choice}) for choice in choices]
    assert first == unread != read


def test_the_content_of_a_file_that_a_parameter_names_is_an_ingredient_and_its_time_is_not(tmp_path: Path) -> None:
    step = pipeline([node(read_source, "params:source", "read", name="r")])
    file = tmp_path / "raw.txt"
    file.write_text("one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    parameters = {"source": {"path": str(file)}}
    first = fingerprint_results(step, parameters)
    file.touch()
    assert fingerprint_results(step, parameters) == first
    file.write_text("two")
    os.utime(file, (1_000_000_000, 1_000_000_000))  # size and time of modification are as before
    assert fingerprint_results(step, parameters) != first
