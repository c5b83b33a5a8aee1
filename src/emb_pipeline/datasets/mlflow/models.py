"""Versions of registered models in MLflow: what is said of them after they were made."""

from __future__ import annotations

from collections.abc import Mapping

from emb_pipeline.datasets.mlflow.names import clean_mlflow_name
from emb_pipeline.datasets.mlflow.store import clean_tags, try_store

_EMBEDDING = "embedding"
"""Tag of a model's run that names the embedding of its bundle."""


def tag_newest_version(tracking_uri: str, name: str, embedding: str, tags: Mapping[str, str]) -> str | None:
    """Tag the newest version of a registered model that was made with an embedding.

    Parameters
    ----------
    tracking_uri : str
        MLflow store.
    name : str
        Of the registered model.
    embedding : str
        Name of the embedding.
    tags : mapping of str to str
        The tags.

    Returns
    -------
    str or None
        The version; None where there is none, or, after a warning, where MLflow cannot be reached.
    """

    def find_and_tag() -> str | None:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri)
        versions = client.search_model_versions(f"name = '{clean_mlflow_name(name)}'")
        for found in sorted(versions, key=lambda each: -int(each.version)):
            if client.get_run(str(found.run_id)).data.tags.get(_EMBEDDING) == embedding:
                for tag, value in clean_tags(tags).items():
                    client.set_model_version_tag(found.name, found.version, tag, value)
                return str(found.version)
        return None

    return try_store(tracking_uri, f"the tags of {name}", find_and_tag)
