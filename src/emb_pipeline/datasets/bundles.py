"""What a chosen embedding is handed over as: a folder, and a model in MLflow's registry that takes text and answers."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from emb_pipeline.atomic import atomic_path
from emb_pipeline.datasets.tracking import register_model

if TYPE_CHECKING:
    from emb_pipeline.deployment.bundle import Bundle

SERVING = Path(__file__).with_name("serving.py")


class BundleDataset(AbstractDataset["Bundle", "Bundle"]):
    """One bundle as a folder, and as a version of a registered MLflow model.

    Parameters
    ----------
    filepath : str
        The folder.
    registered_name : str
        Name of the model in MLflow's registry.
    experiment : str
        MLflow experiment of the run that the model belongs to.
    tracking_uri : str
        MLflow store.
    metadata : dict, optional
        Anything for other tools.
    """

    MANIFEST = "bundle.json"

    def __init__(
        self,
        *,
        filepath: str,
        registered_name: str,
        experiment: str,
        tracking_uri: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = PurePosixPath(filepath)
        self._registered_name, self._experiment, self._tracking_uri = registered_name, experiment, tracking_uri
        self.metadata = metadata

    def load(self) -> Bundle:
        from emb_pipeline.deployment.bundle import Bundle

        return Bundle.read(Path(self._filepath))

    def save(self, data: Bundle) -> None:
        with atomic_path(Path(self._filepath)) as folder:
            data.write(folder)
        register_model(
            self._tracking_uri,
            self._experiment,
            self._registered_name,
            script=SERVING,
            artifacts={"bundle": str(Path(self._filepath))},
            tags={name: str(value) for name, value in data.facts.items() if isinstance(value, str | int | float)},
        )

    def _exists(self) -> bool:
        return (Path(self._filepath) / self.MANIFEST).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "registered_name": self._registered_name}
