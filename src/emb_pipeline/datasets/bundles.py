"""Exports of a chosen embedding: a folder, and a model in MLflow's registry that takes text and answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.datasets.mlflow.runs import register_model
from emb_pipeline.datasets.placed import Placed, take_filepath
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.places import Place, find_place
from emb_pipeline.storage.sealed_files import read_json, write_json

if TYPE_CHECKING:
    from emb_pipeline.deployment.bundle import Bundle

SERVING = Path(__file__).with_name("serving.py")
PACKAGE = Path(__file__).parents[1]
_LIBRARIES = (
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "scikit-learn",
    "numba",
    "threadpoolctl",
    "filelock",
    "psutil",
    "rich",
    "bm25s",
    "snowballstemmer",
    "requests",
)
_OF_ENCODERS = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "sentence-transformers",
    "onnx",
    "onnxruntime",
    "model2vec",
)


def list_requirements(folder: Path) -> list[str]:
    """List what a bundle needs to answer, each pinned to the version that is installed here.

    Parameters
    ----------
    folder : Path
        The bundle; one with a transformer, or vectors distilled from one, needs their libraries, too.
    """
    has_encoder = any((folder / "embedding").rglob("encoder"))
    found = []
    for name in (*_LIBRARIES, *(_OF_ENCODERS if has_encoder else ())):
        with suppress(PackageNotFoundError):
            found.append(f"{name}=={version(name).partition('+')[0]}")  # an index has no local versions such as +cpu
    return found


class BundlesDataset(Placed, AbstractDataset["Mapping[str, Bundle]", "dict[str, Bundle]"]):
    """Bundles by task: a folder with one folder for each, and a version of a registered MLflow model each.

    Parameters
    ----------
    filepath : str
        The folder, a path or a URL.
    registered_name : str
        What the models are called in MLflow's registry: ``<registered_name>.<task>``.
    experiment : str
        MLflow experiment of the runs that the models belong to.
    tracking_uri : str
        MLflow store.
    artifact_location : str
        Where MLflow's artifacts go, a URI; empty: where the store decides (`find_experiment`).
    metadata : dict, optional
        Anything for other tools.
    """

    MANIFEST = "manifest.json"

    def __init__(
        self,
        *,
        filepath: str,
        registered_name: str,
        experiment: str,
        tracking_uri: str,
        artifact_location: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = take_filepath(filepath)
        self._registered_name, self._experiment, self._tracking_uri = registered_name, experiment, tracking_uri
        self._artifact_location = artifact_location
        self.metadata = metadata

    def load(self) -> dict[str, Bundle]:
        from emb_pipeline.deployment.bundle import Bundle

        with self.place.use() as folder:
            bundles = {task: Bundle.read(folder / task) for task in read_json(folder / self.MANIFEST)["tasks"]}
            for bundle in bundles.values():
                self.place.keep_for(bundle)
        return bundles

    def save(self, data: Mapping[str, Bundle]) -> None:
        with self.place.write() as path, write_atomically(path) as folder:
            folder.mkdir()
            for task, bundle in data.items():
                bundle.write(folder / task)
            write_json({"tasks": list(data)}, folder / self.MANIFEST)
        self._register(data)

    def flush(self) -> bool:
        """Register the models that MLflow could not take when the bundles were saved; True if none is left."""
        if not (self._unsent.exists() and self._exists()):
            return True
        with self._unsent.use() as path:
            kept = read_json(path)["tasks"]
        return self._register({task: bundle for task, bundle in self.load().items() if task in kept})

    def _register(self, bundles: Mapping[str, Bundle]) -> bool:
        """Register models; those that MLflow does not take are noted."""
        with self.place.use() as folder:
            left = [task for task, bundle in bundles.items() if self._register_one(folder / task, task, bundle) is None]
        if left:
            with self._unsent.write() as target, write_atomically(target) as path:
                write_json({"tasks": left}, path)
        else:
            self._unsent.remove()
        return not left

    def _register_one(self, folder: Path, task: str, bundle: Bundle) -> str | None:
        return register_model(
            self._tracking_uri,
            self._experiment,
            f"{self._registered_name}.{task}",
            script=SERVING,
            code=PACKAGE,
            requirements=list_requirements(folder),
            inputs=bundle.inputs,
            artifacts={"bundle": str(folder)},
            tags={name: str(value) for name, value in bundle.facts.items() if isinstance(value, str | int | float)},
            artifact_location=self._artifact_location,
        )

    @property
    def _unsent(self) -> Place:
        return find_place(self._filepath.with_name(f"{self._filepath.name}.unsent.json"))

    def _exists(self) -> bool:
        return self.place.exists(self.MANIFEST)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "registered_name": self._registered_name}
