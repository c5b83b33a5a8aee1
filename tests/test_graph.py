"""The graph of every use case: small enough to be taken in, and every dataset where it should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline

from emb_pipeline.config.active import build_active_experiment
from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.namespaces import find_group, find_namespace
from emb_pipeline.provenance.node_fingerprints import find_output

ENVIRONMENTS = sorted(
    folder.name for folder in (Path(__file__).parents[1] / "conf").iterdir() if (folder / "globals.yml").is_file()
)
LAYERS = ["intermediate", "primary", "models", "model_output", "reporting"]


@dataclass(frozen=True)
class Opened:
    """One use case: its pipelines, its catalog, and its graph as Kedro-Viz gives it to the browser."""

    pipelines: dict[str, Pipeline]
    catalog: DataCatalog
    graphs: dict[str, Any]
    experiment: Experiment

    @property
    def whole(self) -> Pipeline:
        return self.pipelines["__default__"]


@pytest.fixture(scope="module", params=[*ENVIRONMENTS, "tiny"])
def opened(request: pytest.FixtureRequest, project_template: Path) -> Opened:
    return open_use_case(project_template, request.param)


def open_use_case(project: Path, env: str) -> Opened:
    from kedro_viz.api.rest.responses.pipelines import get_pipeline_response
    from kedro_viz.data_access import data_access_manager
    from kedro_viz.integrations.kedro.data_loader import load_data
    from kedro_viz.server import populate_data

    catalog, registered, extras = load_data(project, env=env, package_name="emb_pipeline")
    data_access_manager.reset_fields()
    # Kedro-Viz makes a pipeline anew for each namespace; Kedro checked their names when the pipelines were registered.
    with mock.patch.object(Pipeline, "_validate_namespaces"):
        populate_data(data_access_manager, catalog, registered, extras)
    return Opened(registered, catalog, {name: get_pipeline_response(name) for name in registered}, build_active_experiment())


def data_names(pipeline: Pipeline) -> set[str]:
    return {name for name in pipeline.datasets() if name != "parameters" and not name.startswith("params:")}


def wrongly_placed(names: set[str], catalog: DataCatalog) -> dict[str, str]:
    """Names that no catalog entry, or an entry of another shape, answers to."""
    wrong = {}
    for name in names:
        resolver = catalog.config_resolver
        entry = name if name in resolver.config else resolver.match_dataset_pattern(name)
        if entry is None or isinstance(catalog.get(name, None), MemoryDataset | None):
            wrong[name] = "not persistent"
        elif not _same_shape(name, entry):
            wrong[name] = f"answered by {entry}"
    return wrong


def _same_shape(name: str, entry: str) -> bool:
    """``a.b.vectors`` goes with ``{origin}.{embedding}.vectors``: as many words, and the last one the same."""
    words, pattern = name.replace("@", ".@").split("."), entry.replace("@", ".@").split(".")
    if len(words) != len(pattern):
        return False
    return all(
        word == part
        or (part.lstrip("@").startswith("{") and (part.startswith("@") == word.startswith("@")))
        or (part.startswith("{") and part.endswith("_figure") and word.endswith("_figure"))
        for word, part in zip(words, pattern, strict=True)
    )


@pytest.mark.slow
def test_every_dataset_is_persistent_and_matches_its_own_pattern(opened: Opened) -> None:
    assert wrongly_placed(set().union(*map(data_names, opened.pipelines.values())), opened.catalog) == {}


@pytest.mark.parametrize(
    "bad", ["domain.word2vec_100.vektors", "domain.word2vec_100.extra.vectors", "scores", "domain.a.b.c.item_scores"]
)
def test_the_check_finds_a_bad_name(bad: str, project: Path) -> None:
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env="tiny") as session:
        assert bad in wrongly_placed({bad}, session.load_context().catalog)


@pytest.mark.slow
def test_no_two_datasets_share_a_file(opened: Opened) -> None:
    paths: dict[str, str] = {}
    for name in sorted(set().union(*map(data_names, opened.pipelines.values()))):
        if "@" in name and name not in ("examples@audit", "tokens@overlap") and not name.endswith("@all"):
            continue  # reads what <task>.examples, <corpus>.tokens or a training wrote
        path = str(opened.catalog.config_resolver.resolve_pattern(name)["filepath"])
        assert path not in paths, f"{name} and {paths[path]} both lie at {path}"
        paths[path] = name


@pytest.mark.slow
def test_the_graph_has_at_most_420_nodes(opened: Opened) -> None:
    assert len(opened.whole.nodes) <= 420


@pytest.mark.slow
def test_the_graph_opens_with_at_most_15_items(opened: Opened) -> None:
    """And with what one origin hands to another, encoders or word vectors; a third corpus is an origin with its tables."""
    items = visible_items(opened.graphs["__default__"])
    further = max(0, len(opened.experiment.corpora) - 2)
    assert len(items) <= 15 + 2 * further + len(handed_over(opened.whole)), sorted(items)


@pytest.mark.slow
def test_a_stage_that_is_opened_by_itself_has_at_most_20_items(opened: Opened) -> None:
    items = {name: visible_items(graph) for name, graph in opened.graphs.items() if name != "__default__"}
    extra = {name: handed_over(pipeline) for name, pipeline in opened.pipelines.items()}
    assert {name: found for name, found in items.items() if len(found) > 20 + len(extra[name])} == {}


@pytest.mark.slow
def test_a_stage_by_itself_does_what_it_does_in_the_whole_run(opened: Opened) -> None:
    """The same functions make the same files of the same files; a table of trainings is all that is added."""

    def describe(pipeline: Pipeline) -> dict[str, Any]:
        inputs = {
            node.name: [find_output(name, made) if "@" in name else name for name in node.inputs] for node in pipeline.nodes
        }
        return {node.name: (node.func, inputs[node.name], node.outputs, node.tags) for node in pipeline.nodes}

    made = opened.whole.all_outputs()
    whole, stages = describe(opened.whole), [name for name in opened.pipelines if name not in ("__default__", "deploy")]
    alone = {name: each for stage in stages for name, each in describe(opened.pipelines[stage]).items()}
    added = {name for name in alone if name.endswith((".collect_trainings", ".collect_tunings"))}
    assert {name: each for name, each in alone.items() if name not in added} == whole
    trained = {cell.origin for cell in opened.experiment.cells if cell.is_trained and not cell.tuned_on}
    tuned = {cell.origin for cell in opened.experiment.cells if cell.tuned_on}
    assert added == {f"{origin}.collect_trainings" for origin in trained} | {f"{origin}.collect_tunings" for origin in tuned}


@pytest.mark.slow
def test_a_part_of_what_was_trained_is_the_file_that_the_training_wrote(opened: Opened) -> None:
    parts = {name for name in data_names(opened.pipelines["evaluate"]) if "trainings@" in name or "tunings@" in name}
    resolve = opened.catalog.config_resolver.resolve_pattern
    assert parts or not any(cell.is_trained for cell in opened.experiment.cells)
    for name in parts:
        part, whole = resolve(name), resolve(find_output(name))
        assert {key: part[key] for key in part if key != "metadata"} == {
            key: whole[key] for key in whole if key != "metadata"
        }


@pytest.mark.slow
def test_in_the_whole_run_an_evaluation_waits_for_no_training_but_its_own_and_those_it_is_made_from(opened: Opened) -> None:
    before: dict[Any, set[str]] = {}
    dependencies = opened.whole.node_dependencies
    for node in opened.whole.nodes:  # what a node takes comes before it
        made = {name.removesuffix(".training") for name in node.outputs if name.endswith(".training")}
        before[node] = made.union(*(before[each] for each in dependencies[node]))
    waits_for = {node.name: trained for node, trained in before.items()}
    for cell in opened.experiment.cells:
        allowed = {cell.name, *(base.name for base in opened.experiment.sources_of(cell))}
        for task in opened.experiment.tasks_of(cell):
            step = f"{find_namespace(cell)}.{task}.evaluate_{opened.experiment.tasks[task]}"
            assert waits_for[step] <= allowed, step


def test_no_two_items_of_the_opened_graph_are_called_alike(opened: Opened) -> None:
    names = visible_items(opened.graphs["__default__"])
    assert len(set(names)) == len(names) and not {f"{name}s" for name in names} & set(names)


def test_every_dataset_has_a_layer_and_the_layers_follow_one_another(opened: Opened) -> None:
    graph = opened.graphs["__default__"]
    of_data = {node.name: node.layer for node in graph.nodes if node.type == "data"}
    assert {name for name, layer in of_data.items() if layer is None} == set()
    assert graph.layers == [layer for layer in LAYERS if layer in of_data.values()]


@pytest.mark.slow
def test_every_origin_shows_exactly_one_output(opened: Opened) -> None:
    for origin in {name.split(".")[0] for name in opened.whole.datasets() if name.endswith(".scores")}:
        inside = opened.whole.only_nodes_with_namespaces([origin])
        outside = opened.whole - inside
        outputs = inside.outputs() | (inside.all_outputs() & outside.inputs())
        assert outputs - handed_over(opened.whole) == {f"{origin}.scores"}


def test_an_expanded_origin_shows_variants_of_embeddings_as_groups(opened: Opened) -> None:
    tree = opened.graphs["__default__"].modular_pipelines
    shown = [cell for cell in opened.experiment.cells if opened.experiment.tasks_of(cell) or cell.is_trained]
    for origin in {cell.origin for cell in shown}:
        inside = {child.id for child in tree[origin].children if child.type == "modularPipeline"}
        assert inside == {f"{origin}.{find_group(cell) or cell.key}" for cell in shown if cell.origin == origin}


def handed_over(pipeline: Pipeline) -> set[str]:
    """Encoders and word vectors that an embedding of another origin is made from, and what their training cost."""
    return {
        name
        for node in pipeline.nodes
        for name in node.inputs
        if name.endswith((".encoder", ".vectors", ".training")) and not (node.namespace or "").startswith(name.split(".")[0])
    }


def visible_items(graph: Any, inside: str = "__root__") -> list[str]:
    """Names of what Kedro-Viz draws of an expanded namespace, with everything in it collapsed and parameters hidden."""
    named = {node.id: node for node in graph.nodes}
    children = [child.id for child in graph.modular_pipelines[inside].children]
    return [named[child].name if child in named else child for child in children if not is_parameter(named.get(child))]


def is_parameter(node: Any) -> bool:
    return node is not None and node.type == "parameters"


@pytest.mark.slow
def test_what_is_timed_is_timed_alone(opened: Opened) -> None:
    """Under any runner: every other step comes before it or after it, but for what is ready when a run begins."""
    timed = [node for node in opened.whole.nodes if node.name.rpartition(".")[2].startswith(("time_", "search_"))]
    assert any(node.name.endswith("time_requests") for node in timed)
    for node in timed:
        ordered = {*opened.whole.to_nodes(node.name).nodes, *opened.whole.from_nodes(node.name).nodes}
        at_any_time = {other.name for other in opened.whole.nodes} - {other.name for other in ordered}
        at_once = {"report.make_audit", "report.describe_embeddings"}
        if not opened.experiment.corpora:  # what texts share with a corpus leads to no training
            at_once.add("ingest.measure_overlap")
        assert at_any_time <= {*at_once, *(["report.collect_searches"] if len(timed) == 2 else [])}


def test_a_task_that_is_run_by_its_tag_is_read_before_it_is_evaluated(opened: Opened) -> None:
    for task in opened.experiment.tasks:
        names = [node.name for node in opened.whole.only_nodes_with_tags(task).nodes]
        read = next(place for place, name in enumerate(names) if name.startswith(f"ingest.{task}.read_"))
        assert all(read < place for place, name in enumerate(names) if f".{task}.evaluate_" in name)
