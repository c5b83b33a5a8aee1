"""What the server of forks imports (`tests.forked`): what most runs of tiny use cases would import, each by itself."""

# ruff: noqa: F401, I001
import emb_pipeline.settings  # first, as in a run: it tells other libraries how to behave

import contextlib
import gc

import kedro.framework.cli.project
import kedro.runner
import kedro_datasets.plotly
import mlflow.store.tracking.sqlalchemy_store
import mlflow.store.db.utils
import numba
import plotly.graph_objects
import pytest
import sklearn.manifold

import emb_pipeline.pipeline_registry
import emb_pipeline.cli
import emb_pipeline.datasets
import emb_pipeline.embeddings.remote.api_encoder
import emb_pipeline.embeddings.remote.rerank
import emb_pipeline.provenance.manifest
import emb_pipeline.provenance.node_fingerprints
import emb_pipeline.provenance.package_code
import emb_pipeline.provenance.raw_files
import emb_pipeline.provenance.reuse

with contextlib.suppress(ImportError):
    import kedro_viz.integrations.kedro.hooks
    import milvus_lite.server
    import pymilvus
with contextlib.suppress(ImportError):  # seconds, of which a run without encoders needs none
    import sentence_transformers
    import emb_pipeline.embeddings.contextual.contextual_encoder
    import emb_pipeline.embeddings.contextual.sentence_transformer

from tests.unflushed import skip_flushes, skip_flushes_of_sqlite

skip_flushes()
skip_flushes_of_sqlite()
gc.freeze()  # what was imported is never collected: forks share its memory
