"""Each stage takes what earlier stages make, and makes what later stages or people take."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from emb_pipeline.pipelines.stage_alone import collect_trainings

STAGES = ("ingest", "train", "fine_tune", "evaluate", "diagnose", "measure", "decide", "report", "deploy")
MADE_ELSEWHERE = ("collection",)
"""Last words of names of what no step makes: vector stores."""
RESULTS = {
    "leaderboard",
    "comparisons",
    "variance_shares",
    "report_page",
    "deployment",
}
"""What people take, and no step."""
TABLES_OF_TRAININGS = (".trainings@all", ".tunings@all")
"""Last words of what a stage by itself shows people of its trainings; all else that it gathers is taken by other steps."""


@pytest.fixture(scope="module")
def stages(project_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pipeline]:
    import shutil

    root = tmp_path_factory.mktemp("stages") / "project"
    shutil.copytree(project_template, root, symlinks=True)
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=root, env="tiny") as session:
        session.load_context()
        return {name: pipelines[name] for name in STAGES}


def list_data(names: set[str]) -> set[str]:
    return {name for name in names if name != "parameters" and not name.startswith("params:")}


def name_output(name: str) -> str:
    """Name the output that is read: ``topic.examples`` of ``examples@topic``, ``domain.a.vectors`` of its part."""
    group, _, part = name.partition("@")
    if not part or part in ("audit", "overlap", "all") or part.endswith("collection"):
        return name
    origin, dot, _ = group.partition(".")
    return f"{origin}.{part}" if dot else f"{part}.{group}"


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_takes_is_made_by_itself_or_by_another(stage: str, stages: dict[str, Pipeline]) -> None:
    made = {name for pipeline in stages.values() for name in pipeline.all_outputs()}
    taken = {name_output(name) for name in list_data(stages[stage].inputs())}
    assert {name for name in taken - made if not name.endswith(MADE_ELSEWHERE)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_makes_is_taken_by_a_step_or_by_people(stage: str, stages: dict[str, Pipeline]) -> None:
    steps = [node for pipeline in stages.values() for node in pipeline.nodes if node.func is not collect_trainings]
    taken = {name_output(name) for node in steps for name in list_data(set(node.inputs))}
    left = {name for name in stages[stage].all_outputs() - taken if not name.endswith(("_figure", *TABLES_OF_TRAININGS))}
    assert left <= RESULTS


def test_a_step_takes_no_parameters_of_the_whole_grid_but_the_one_that_describes_it(stages: dict[str, Pipeline]) -> None:
    whole = {"parameters", "params:embeddings", "params:tasks", "params:grid", "params:task_definitions"}
    steps = [node for pipeline in stages.values() for node in pipeline.nodes if whole & set(node.inputs)]
    assert [node.func.__name__ for node in steps] == ["describe_embeddings"]
