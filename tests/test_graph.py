"""The graph of every use case: small enough to be taken in, and every dataset where it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline

ENVIRONMENTS = sorted(
    folder.name for folder in (Path(__file__).parents[1] / "conf").iterdir() if (folder / "globals.yml").is_file()
)


@pytest.fixture(params=[*ENVIRONMENTS, "tiny"])
def opened(request: pytest.FixtureRequest, project: Path) -> tuple[Pipeline, DataCatalog]:
    """Pipeline and catalog of one use case."""
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env=request.param) as session:
        catalog = session.load_context().catalog
        return pipelines["__default__"], catalog


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


def test_every_dataset_is_persistent_and_matches_its_own_pattern(opened: tuple[Pipeline, DataCatalog]) -> None:
    pipeline, catalog = opened
    assert wrongly_placed(data_names(pipeline), catalog) == {}


@pytest.mark.parametrize(
    "bad", ["domain.word2vec_100.vektors", "domain.word2vec_100.extra.vectors", "scores", "domain.a.b.c.item_scores"]
)
def test_the_check_finds_a_bad_name(bad: str, project: Path) -> None:
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env="tiny") as session:
        assert bad in wrongly_placed({bad}, session.load_context().catalog)


def test_no_two_datasets_share_a_file(opened: tuple[Pipeline, DataCatalog]) -> None:
    pipeline, catalog = opened
    paths: dict[str, str] = {}
    for name in sorted(data_names(pipeline)):
        if "@" in name and name not in ("examples@audit", "tokens@overlap"):
            continue  # reads what <task>.examples or <corpus>.tokens wrote
        path = str(catalog.get(name)._filepath)
        assert path not in paths, f"{name} and {paths[path]} both lie at {path}"
        paths[path] = name


def test_the_graph_has_at_most_400_nodes(opened: tuple[Pipeline, DataCatalog]) -> None:
    assert len(opened[0].nodes) <= 400


def test_the_graph_opens_with_at_most_15_items(opened: tuple[Pipeline, DataCatalog]) -> None:
    """And with each encoder, or word vectors, that one origin hands to another, to be trained further or mixed."""
    items = visible_items(opened[0])
    assert len(items) <= 15 + len(handed_over(opened[0])), sorted(items)


def test_every_origin_shows_exactly_one_output(opened: tuple[Pipeline, DataCatalog]) -> None:
    pipeline, _ = opened
    for origin in {name.split(".")[0] for name in pipeline.datasets() if name.endswith(".scores")}:
        inside = pipeline.only_nodes_with_namespaces([origin])
        outside = pipeline - inside
        outputs = inside.outputs() | (inside.all_outputs() & outside.inputs())
        assert outputs - handed_over(pipeline) == {f"{origin}.scores"}


def handed_over(pipeline: Pipeline) -> set[str]:
    """Encoders and word vectors that an embedding of another origin is made from, and what their training cost."""
    return {
        name
        for node in pipeline.nodes
        for name in node.inputs
        if name.endswith((".encoder", ".vectors", ".training")) and not (node.namespace or "").startswith(name.split(".")[0])
    }


def visible_items(pipeline: Pipeline) -> set[str]:
    """Ids of what Kedro-Viz shows at first, with everything collapsed and parameters hidden."""
    from kedro_viz.data_access.repositories.modular_pipelines import ModularPipelinesRepository

    repository = ModularPipelinesRepository()
    repository.populate_tree(pipeline)
    children = {child.id for child in repository.as_dict()["__root__"].children}
    loose = {node.name for node in pipeline.nodes if not node.namespace}
    return (children - repository.parameters) | loose


def test_what_is_timed_is_timed_alone(opened: tuple[Pipeline, DataCatalog]) -> None:
    """Under any runner: every other step comes before it or after it, but for what is ready when a run begins."""
    pipeline, _ = opened
    timed = [node for node in pipeline.nodes if node.name.rpartition(".")[2].startswith(("time_requests", "search_"))]
    assert any(node.name.endswith("time_requests") for node in timed)
    for node in timed:
        ordered = {*pipeline.to_nodes(node.name).nodes, *pipeline.from_nodes(node.name).nodes}
        at_any_time = {other.name for other in pipeline.nodes} - {other.name for other in ordered}
        assert at_any_time <= {"report.make_audit", *(["report.collect_searches"] if len(timed) == 1 else [])}
