"""The share of a task's texts that a model does not read to their end is measured and said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.contextual.sentence_transformer import load
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.experiment.model import EmbeddingSpec, TaskDefinition
from emb_pipeline.pipelines.evaluate.nodes import evaluate_encoder
from emb_pipeline.reporting.sections.summary.coverage import describe_cut_texts, describe_drifting_services
from emb_pipeline.statistics.leaderboard import OF_CELL
from emb_pipeline.tasks.cell_tables import build_cells_table
from emb_pipeline.tasks.examples.cut_texts import measure_cut_texts
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.texts import tokenize_tables

SHORT, LONG = "the cat", " ".join(["cat"] * 11)  # the model reads 12 sub-words, two of them ends


@pytest.fixture
def folder(tiny_transformer: Path, tmp_path: Path) -> EncoderFolder:
    return load(SentenceTransformerOptions(path=tiny_transformer), tmp_path / "encoder")


def test_the_column_that_is_cut_most_is_measured(folder: EncoderFolder, tmp_path: Path) -> None:
    encoder = StoredEncoder(ContextualEncoder(folder, EncoderOptions()), tmp_path / "store")
    tables = {
        "queries": pa.table({"query_id": ["a", "b"], "text": [SHORT, SHORT]}),
        "passages": pa.table({"text": [SHORT, LONG, LONG, " ".join(["cat"] * 10)]}),
        "held_out": pa.table({"text": [LONG]}),
    }
    assert measure_cut_texts(encoder, tables) == {"cut_share": 0.5, "cut_column": "passages", "max_length": 12}


def test_what_reads_whole_texts_cuts_none(folder: EncoderFolder) -> None:
    sentences = {"sentences": pa.table({"tokens": [["cat"] * 30]})}
    assert measure_cut_texts(ContextualEncoder(folder, EncoderOptions()), sentences) == {}
    examples = {"examples": pa.table({"text": [LONG]})}
    assert measure_cut_texts(ContextualEncoder(folder, EncoderOptions(long_texts="chunk_mean")), examples) == {}
    assert measure_cut_texts(object(), examples) == {}


def test_a_prompt_takes_room(folder: EncoderFolder) -> None:
    passages = {"passages": pa.table({"text": [" ".join(["cat"] * 10)]})}
    assert measure_cut_texts(ContextualEncoder(folder, EncoderOptions()), passages) == {}
    prompted = ContextualEncoder(folder, EncoderOptions(passage_prompt="the "))
    assert measure_cut_texts(prompted, passages)["cut_share"] == 1


def test_what_is_measured_reaches_the_table_of_cells(folder: EncoderFolder, tiny_transformer: Path) -> None:
    texts = [LONG if number % 4 == 0 else f"{SHORT} {number}" for number in range(24)]
    rows = {"example_id": [str(n) for n in range(24)], "text": texts, "label": list("ab") * 12, "split": [None] * 24}
    tables = tokenize_tables({"examples": pa.table(rows, schema=pa.schema([(name, pa.string()) for name in rows]))})
    cell = EmbeddingSpec.model_validate(
        {
            "origin": "pretrained",
            "key": "small",
            "method": "sentence_transformer",
            "dim": None,
            "seed": 0,
            "options": {"path": str(tiny_transformer)},
        }
    )
    options = KINDS["classification"].options(folds=2)
    definition = TaskDefinition.model_construct(
        name="topic",
        kind="classification",
        source={"reader": "table"},
        evaluation=options,
        primary_metric="accuracy",
    )
    _, record, *_ = evaluate_encoder(tables, folder, cell, definition, None)
    assert record["details"]["cut_column"] == "examples"
    made = build_cells_table([record], None).to_pandas()
    assert set(made["cut_share"]) == {0.25}
    assert set(made["max_length"]) == {12}
    assert {"cut_share", "max_length"} <= {*OF_CELL}


def test_a_cut_is_said_once_for_all_that_share_it() -> None:
    rows = pd.DataFrame(
        {
            "embedding": [
                "pretrained.minilm",
                "pretrained.minilm_pca",
                "pretrained.minilm_cut_64",
                "domain.bert",
                "task.tfidf",
            ],
            "cut_share": [0.43, 0.43, 0.94, 0.01, None],
            "max_length": [256, 256, 64, 128, None],
        }
    )
    found = describe_cut_texts(rows)
    assert found is not None
    assert found.text.striptags().replace("\u202f", " ") == (
        "Not every text is read to its end. pretrained.minilm_cut_64 reads 64 sub-words of a text; 94.0 % are longer. "
        "pretrained.minilm reads 256 sub-words of a text; 43.0 % are longer."
    )
    assert describe_cut_texts(rows[3:]) is None
    assert describe_cut_texts(rows.drop(columns="cut_share")) is None


def test_a_service_whose_vectors_change_is_named() -> None:
    rows = pd.DataFrame({"embedding": ["pretrained.a", "pretrained.b", "task.tfidf"], "drift_distance": [1e-6, 0.02, None]})
    found = describe_drifting_services(rows)
    assert found is not None and found.tone == "warning"
    assert found.text.striptags() == (
        "Encoded again, the same texts got other vectors from pretrained.b (cosine distance 0.02). "
        "Scores of such a service can change."
    )
    assert describe_drifting_services(rows[::2]) is None
