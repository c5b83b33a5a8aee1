"""What a run reuses, refuses as stale, or makes again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node, pipeline
from kedro_datasets.json import JSONDataset

from emb_pipeline.provenance import reuse
from emb_pipeline.provenance.fingerprint import Fingerprint
from emb_pipeline.provenance.manifest import Manifest
from emb_pipeline.provenance.node_fingerprints import fingerprint_results
from emb_pipeline.provenance.reuse import (
    MissingInputsError,
    RunRequest,
    StaleResultsError,
    prepare_run,
    refuse_missing_inputs,
)
from emb_pipeline.provenance.stored_results import find_stored
from tests.provenance.test_node_fingerprints import PARAMETERS, double, two_step_pipeline

OTHERS = Fingerprint.of({"code": "that of somebody else"})


def catalog_in(folder: Path) -> DataCatalog:
    return DataCatalog({name: JSONDataset(filepath=str(folder / f"{name}.json")) for name in ("doubled", "sum")})


@pytest.fixture
def finished(tmp_path: Path) -> tuple[DataCatalog, Manifest]:
    """Both results made with PARAMETERS."""
    catalog, manifest = catalog_in(tmp_path), Manifest.open(tmp_path)
    prepare((catalog, manifest))
    catalog.save("doubled", 6)
    catalog.save("sum", 8)
    return catalog, manifest


def prepare(
    stored: tuple[DataCatalog, Manifest],
    parameters: Mapping[str, Any] = PARAMETERS,
    steps: Pipeline | None = None,
    **options: Any,
) -> None:
    """Prepare a run of the two steps, or of others."""
    steps = steps or two_step_pipeline()
    run = RunRequest(steps, **options)
    prepare_run(run, stored[0], fingerprint_results(run.whole or steps, parameters), stored[1])


def test_fresh_results_are_reused(finished: tuple[DataCatalog, Manifest]) -> None:
    prepare(finished, only_missing=True)


def test_stale_results_are_listed_with_the_command_that_makes_them_again(finished: tuple[DataCatalog, Manifest]) -> None:
    with pytest.raises(StaleResultsError, match=r"(?s)2 results .*: doubled, sum\. .*: factor; .*again: kedro run\n"):
        prepare(finished, {**PARAMETERS, "factor": 4}, only_missing=True)


def test_a_part_of_the_pipeline_does_not_build_on_a_stale_input(finished: tuple[DataCatalog, Manifest]) -> None:
    last = two_step_pipeline().only_nodes("total")
    with pytest.raises(StaleResultsError, match=r"1 results .*: doubled"):
        prepare(finished, {**PARAMETERS, "factor": 4}, last, whole=two_step_pipeline())


def test_a_stale_aggregate_counts_as_missing(finished: tuple[DataCatalog, Manifest]) -> None:
    catalog, manifest = finished
    gathered = Pipeline([step.tag(reuse.AGGREGATE) if step.name == "total" else step for step in two_step_pipeline().nodes])
    manifest.announce({"sum": OTHERS})
    os.utime(find_stored(catalog, "sum").path)
    prepare(finished, steps=gathered, only_missing=True)
    assert not catalog.get("sum").exists()
    assert catalog.get("doubled").exists()


def test_a_part_whose_inputs_were_never_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInputsError, match=r"doubled: not there yet.*--only-missing-outputs"):
        refuse_missing_inputs(RunRequest(two_step_pipeline().only_nodes("total")), catalog_in(tmp_path))


def test_a_part_that_would_take_what_it_makes_in_no_certain_order_is_refused(tmp_path: Path) -> None:
    """``--pipelines train,evaluate --namespaces domain.glove_8``: the step that gathers trainings is left out."""
    steps = pipeline(
        [
            node(double, ["params:number", "params:factor"], "domain.glove_8.vectors", name="train"),
            node(double, ["domain.trainings@glove_8.vectors", "params:number"], "sum", name="evaluate"),
        ]
    )
    catalog = catalog_in(tmp_path)
    with pytest.raises(MissingInputsError, match=r"domain.trainings@glove_8.vectors.*--pipelines one after the other"):
        refuse_missing_inputs(RunRequest(steps), catalog)
    catalog["domain.trainings@glove_8.vectors"] = catalog["doubled"]
    catalog.save("doubled", 6)
    refuse_missing_inputs(RunRequest(steps.only_nodes("evaluate")), catalog)


def test_the_command_in_the_message_starts_at_the_first_stale_or_missing_result_of_the_use_case(
    finished: tuple[DataCatalog, Manifest],
) -> None:
    """Of a part of the pipeline, too, and whatever else has never been made."""
    catalog, manifest = finished
    whole = two_step_pipeline() + pipeline([node(double, ["sum", "params:more"], "last", name="last")])
    catalog["last"] = JSONDataset(filepath=str(find_stored(catalog, "sum").path.with_name("last.json")))
    manifest.announce({"sum": OTHERS})
    os.utime(find_stored(catalog, "sum").path)
    with pytest.raises(StaleResultsError, match=r"1 results .*: sum\. .*again: kedro run --env tiny --from-nodes total\n"):
        prepare(finished, {**PARAMETERS, "more": 1}, whole.only_nodes("last"), whole=whole, command="kedro run --env tiny")


def test_accepted_results_are_used_and_the_reason_stays(finished: tuple[DataCatalog, Manifest]) -> None:
    for accept in ("the factor was renamed", ""):
        prepare(finished, {**PARAMETERS, "factor": 4}, only_missing=True, accept=accept)
    entries = {name: finished[1].read(name) for name in ("doubled", "sum")}
    assert {name: entry["accepted"]["reason"] for name, entry in entries.items() if entry.get("accepted")} == {
        "doubled": "the factor was renamed", "sum": "the factor was renamed",
    }  # fmt: skip
    with pytest.raises(StaleResultsError):  # what it was accepted for, and nothing else
        prepare(finished, {**PARAMETERS, "factor": 5}, only_missing=True)


def test_results_of_an_earlier_version_are_stale_once_with_a_word_about_it(
    finished: tuple[DataCatalog, Manifest], tmp_path: Path
) -> None:
    """They are in the folder of that version, and may be made again or accepted."""
    catalog = finished[0]
    former = tmp_path / "recipes"
    former.mkdir()
    for name, fingerprint in fingerprint_results(two_step_pipeline(), PARAMETERS).items():
        entry = {
            "rule": 2,
            "recipe": str(fingerprint),
            "ingredients": fingerprint.ingredients,
            "at": time.time(),
            "before": None,
        }
        (former / f"{name}.json").write_text(json.dumps(entry))
    stored = catalog, Manifest.open(tmp_path)
    with pytest.raises(
        StaleResultsError, match=r"^2 results on disk: they were noted by an earlier version.*: doubled, sum;"
    ):
        prepare(stored, only_missing=True)
    assert not former.exists()
    prepare(stored, only_missing=True, accept="nothing has changed")
    prepare((catalog, Manifest.open(tmp_path)), only_missing=True)
