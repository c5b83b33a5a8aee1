"""Recipes and the ledger: what counts as stale."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node, pipeline
from kedro_datasets.json import JSONDataset
from pydantic import BaseModel

from emb_pipeline.provenance import freshness
from emb_pipeline.provenance.freshness import (
    Ledger,
    MissingInputsError,
    StaleResultsError,
    prepare,
    recipes,
    refuse_missing_inputs,
)


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


def catalog_in(folder: Path) -> DataCatalog:
    return DataCatalog({name: JSONDataset(filepath=str(folder / f"{name}.json")) for name in ("doubled", "sum")})


PARAMETERS = {"number": 2, "factor": 3}


def test_a_recipe_changes_with_a_parameter_and_so_do_those_that_follow_from_it() -> None:
    before, after = recipes(two_step_pipeline(), PARAMETERS), recipes(two_step_pipeline(), {**PARAMETERS, "factor": 4})
    assert before["doubled"] != after["doubled"] and before["sum"] != after["sum"]


def test_a_recipe_does_not_change_with_a_parameter_that_is_not_used() -> None:
    assert recipes(two_step_pipeline(), PARAMETERS) == recipes(two_step_pipeline(), {**PARAMETERS, "other": 1})


def test_a_recipe_does_not_depend_on_folders_of_this_machine() -> None:
    step = pipeline([node(total, ["params:folders", "parameters"], "sum", name="s")])
    assert recipes(step, {"folders": "/a", "number": 1}) == recipes(step, {"folders": "/b", "number": 1})


def test_the_ledger_vouches_for_what_was_written_after_the_announcement(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.announce("sum", "recipe")
    assert ledger.vouches("sum", "recipe", time.time())
    assert not ledger.vouches("sum", "another", time.time())
    assert not ledger.vouches("never announced", "recipe", time.time())


def test_a_killed_run_does_not_vouch_for_what_it_never_wrote(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.announce("sum", "old")
    written_at = time.time()
    time.sleep(0.2)
    ledger.announce("sum", "new")  # and then the run was killed
    assert not ledger.vouches("sum", "new", written_at)
    assert ledger.vouches("sum", "old", written_at)


@pytest.fixture
def finished(tmp_path: Path) -> tuple[DataCatalog, Ledger]:
    """Both results made with PARAMETERS."""
    catalog, ledger = catalog_in(tmp_path), Ledger(tmp_path / "recipes")
    prepare(
        two_step_pipeline(),
        catalog,
        recipes(two_step_pipeline(), PARAMETERS),
        ledger,
        only_missing=False,
        command="kedro run",
    )
    catalog.save("doubled", 6)
    catalog.save("sum", 8)
    return catalog, ledger


def test_fresh_results_are_reused(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    prepare(
        two_step_pipeline(),
        catalog,
        recipes(two_step_pipeline(), PARAMETERS),
        ledger,
        only_missing=True,
        command="kedro run",
    )


def test_stale_results_are_listed_with_the_command_that_makes_them_again(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    changed = recipes(two_step_pipeline(), {**PARAMETERS, "factor": 4})
    with pytest.raises(StaleResultsError, match=r"(?s)2 results .*: doubled, sum\. .*: factor\. .*again: kedro run\n"):
        prepare(two_step_pipeline(), catalog, changed, ledger, only_missing=True, command="kedro run")


def test_a_part_of_the_pipeline_does_not_build_on_a_stale_input(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    changed = recipes(two_step_pipeline(), {**PARAMETERS, "factor": 4})
    last = two_step_pipeline().only_nodes("total")
    with pytest.raises(StaleResultsError, match=r"1 results .*: doubled"):
        prepare(last, catalog, changed, ledger, only_missing=False, command="kedro run")


def test_a_stale_aggregate_counts_as_missing(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    gathered = Pipeline(
        [step.tag(freshness.AGGREGATE) if step.name == "total" else step for step in two_step_pipeline().nodes]
    )
    ledger.announce("sum", "made by another recipe")
    os.utime(catalog.get("sum")._filepath)
    prepare(gathered, catalog, recipes(gathered, PARAMETERS), ledger, only_missing=True, command="kedro run")
    assert not catalog.get("sum").exists()
    assert catalog.get("doubled").exists()


def test_a_part_whose_inputs_were_never_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputsError, match=r"doubled is not there yet.*--only-missing-outputs"):
        refuse_missing_inputs(two_step_pipeline().only_nodes("total"), catalog_in(tmp_path))


def test_the_command_in_the_message_starts_at_the_first_stale_or_missing_result_of_the_use_case(
    finished: tuple[DataCatalog, Ledger],
) -> None:
    """Of a part of the pipeline, too, and whatever else has never been made."""
    catalog, ledger = finished
    whole = two_step_pipeline() + pipeline([node(double, ["sum", "params:more"], "last", name="last")])
    catalog["last"] = JSONDataset(filepath=str(Path(catalog.get("sum")._filepath).with_name("last.json")))
    changed = recipes(whole, {**PARAMETERS, "more": 1})
    ledger.announce("sum", "made by another recipe")
    os.utime(catalog.get("sum")._filepath)
    with pytest.raises(StaleResultsError, match=r"1 results .*: sum\. .*again: kedro run --env tiny --from-nodes total\n"):
        prepare(
            whole.only_nodes("last"),
            catalog,
            changed,
            ledger,
            only_missing=False,
            command="kedro run --env tiny",
            whole=whole,
        )


def test_accepted_results_are_used_and_the_reason_stays(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    changed = recipes(two_step_pipeline(), {**PARAMETERS, "factor": 4})
    for accept in ("the factor was renamed", ""):
        prepare(two_step_pipeline(), catalog, changed, ledger, only_missing=True, command="kedro run", accept=accept)
    assert ledger.accepted() == {"doubled": "the factor was renamed", "sum": "the factor was renamed"}
    with pytest.raises(StaleResultsError):  # what it was accepted for, and nothing else
        prepare(
            two_step_pipeline(),
            catalog,
            recipes(two_step_pipeline(), {**PARAMETERS, "factor": 5}),
            ledger,
            only_missing=True,
            command="kedro run",
        )


def test_results_of_the_former_rule_are_stale_once_with_a_word_about_it(finished: tuple[DataCatalog, Ledger]) -> None:
    catalog, ledger = finished
    for name in ("doubled", "sum"):
        (ledger.folder / f"{name}.json").write_text(json.dumps({"recipe": "0" * 64, "at": time.time(), "before": None}))
    made = recipes(two_step_pipeline(), PARAMETERS)
    with pytest.raises(StaleResultsError, match="noted by an earlier version"):
        prepare(two_step_pipeline(), catalog, made, ledger, only_missing=True, command="kedro run")


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
    of = [recipes(step, {"choice": value}) for value in ({"which": "a"}, {"which": "a", "how_often": 2}, {"which": "b"})]
    assert of[0] == of[1] != of[2]


def test_the_content_of_a_file_that_a_parameter_names_is_an_ingredient_and_its_time_is_not(tmp_path: Path) -> None:
    step = pipeline([node(read_source, "params:source", "read", name="r")])
    file = tmp_path / "raw.txt"
    file.write_text("one")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    parameters = {"source": {"path": str(file)}}
    first = recipes(step, parameters)
    file.touch()
    assert recipes(step, parameters) == first
    file.write_text("two")
    os.utime(file, (1_000_000_000, 1_000_000_000))  # neither size nor time of modification tell
    assert recipes(step, parameters) != first
