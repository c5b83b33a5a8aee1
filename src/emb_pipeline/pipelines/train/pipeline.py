"""Train every embedding of the grid on its corpus, make it from another one, or load it.

tokens@<corpus> ────┐
<base>.encoder ─────┴─► train_<method> ──► <corpus>.<method>_<dim>.vectors or .encoder
                                        └─► <corpus>.<method>_<dim>.training    (seconds, memory, loss; a run in MLflow)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.pipelines.namespaces import find_namespace
from emb_pipeline.pipelines.train import nodes

STAGE = "train"
STEPS: dict[tuple[str, str], tuple[str, Callable[..., Any], list[str]]] = {
    ("corpus", "vectors"): ("train", nodes.train_vectors, ["corpus", "cell", "training", "folders"]),
    ("corpus", "encoder"): ("train", nodes.train_encoder, ["corpus", "cell", "folders"]),
    ("pretrained", "vectors"): ("load", nodes.load_vectors, ["cell"]),
    ("pretrained", "encoder"): ("load", nodes.load_encoder, ["cell", "folders"]),
    ("encoder", "encoder"): ("make", nodes.derive_encoder, ["cell", "folders"]),
    ("embedding", "cross_encoder"): ("make", nodes.make_cross_encoder, ["cell", "folders"]),
    ("vectors", "vectors"): ("make", nodes.derive_vectors, ["cell"]),
}


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that trains, makes or loads every embedding but those that are fine-tuned."""
    trained = [cell for cell in experiment.cells if cell.is_trained and not cell.shares_training]
    return Pipeline([_train(cell) for cell in trained if not cell.tuned_on])


def _train(cell: EmbeddingSpec) -> Pipeline:
    method = METHODS[cell.method]
    verb, function, needs = STEPS[method.source, str(method.artifact)]
    sources = {"corpus": f"tokens@{cell.origin}"} if "corpus" in needs else {}
    if cell.starts_from:
        sources["base"] = f"{cell.starts_from}.{'vectors' if method.source == 'vectors' else 'encoder'}"
    places = {
        "cell": f"params:embeddings.{cell.name}",
        "training": "params:training",
        "folders": "params:folders",
    }
    parameters = {f"params:{name}": place for name, place in places.items() if name in needs}
    takes = {**{name: name for name in sources}, **{name.removeprefix("params:"): name for name in parameters}}
    made = [str(method.artifact), "training"]
    return pipeline(
        [node(function, takes, made, name=f"{verb}_{cell.method}")],
        namespace=find_namespace(cell),
        inputs=sources,
        outputs={name: f"{cell.name}.{name}" for name in made},
        parameters=parameters,
        tags=[STAGE, cell.method],
    )
