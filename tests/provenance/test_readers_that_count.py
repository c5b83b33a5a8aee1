"""The code of a reader counts for what is read with it, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from emb_pipeline.pipelines.ingest import nodes
from emb_pipeline.provenance.package_code import build_code_graph, choose_entries

pytestmark = pytest.mark.slow

CSV, JSON, PARQUET = (
    "readers.formats.delimited:DelimitedRows",
    "readers.formats.json_lines:JsonRows",
    "readers.formats.parquet:ParquetRows",
)
SQL, MTEB = "readers.sql.rows:SqlRows", "readers.mteb.stored:store_task"
FORMATS = {
    CSV,
    JSON,
    PARQUET,
    SQL,
    MTEB,
    "readers.formats.iob:read_iob_sentences",
    "readers.formats.conllu:read_conllu_sentences",
    "readers.formats.medquad:read_medquad_pairs",
    "readers.formats.qmsum:read_meetings",
    "readers.formats.squad:read_squad_questions",
    "readers.formats.fasttext:read_labeled_texts",
    "readers.docstrings.packages:build_docstring_table",
}


def reached(node: Any, kind: str, reader: str) -> set[str]:
    """The formats whose code a node uses for a task of this kind, or a corpus, that is read with this reader."""
    named = {"method": set(), "kind": {kind} if kind else set(), "reader": {reader}}
    found = build_code_graph().reached(node, choose_entries(named))
    return FORMATS & {name.removeprefix("emb_pipeline.") for name in found}


@pytest.mark.parametrize(
    ("kind", "reader", "expected"),
    [
        ("", "csv", {CSV}),
        ("", "docstrings", {"readers.docstrings.packages:build_docstring_table"}),
        ("classification", "fasttext", {"readers.formats.fasttext:read_labeled_texts"}),
        ("classification", "docstring_subpackages", {"readers.docstrings.packages:build_docstring_table"}),
        ("retrieval", "pairs", {CSV, JSON, PARQUET, SQL}),
        ("classification", "sql", {SQL, PARQUET}),
        ("retrieval", "mteb", {MTEB, PARQUET}),
        ("retrieval", "beir", {CSV, JSON}),
        ("retrieval", "medquad", {"readers.formats.medquad:read_medquad_pairs"}),
        ("retrieval", "qmsum", {"readers.formats.qmsum:read_meetings"}),
        ("retrieval", "squad", {"readers.formats.squad:read_squad_questions"}),
        ("extractive_qa", "squad", {"readers.formats.squad:read_squad_questions"}),
        ("retrieval", "docstring_retrieval", {"readers.docstrings.packages:build_docstring_table"}),
        ("similarity", "csv", {CSV}),
        ("sequence_labeling", "iob", {"readers.formats.iob:read_iob_sentences"}),
        ("token_classification", "iob", {"readers.formats.iob:read_iob_sentences"}),
        ("token_classification", "conllu", {"readers.formats.conllu:read_conllu_sentences"}),
        ("sequence_labeling", "jsonl", {JSON}),
        ("multi_label", "csv", {CSV}),
        ("recommendation", "interactions", {CSV, JSON, PARQUET, SQL}),
    ],
)
def test_the_code_of_a_reader_counts_where_it_reads(kind: str, reader: str, expected: set[str]) -> None:
    assert reached(nodes.read_task if kind else nodes.read_corpus, kind, reader) == expected


def test_kinds_with_a_reader_of_the_same_name_do_not_share_code() -> None:
    for kind, own, other in (
        ("retrieval", "retrieval.formats.answers:read_squad", "extractive_qa.questions:read_squad"),
        ("extractive_qa", "extractive_qa.questions:read_squad", "retrieval.formats.answers:read_squad"),
    ):
        named = {"method": set(), "kind": {kind}, "reader": {"squad"}}
        found = build_code_graph().reached(nodes.read_task, choose_entries(named))
        assert f"emb_pipeline.tasks.{own}" in found and f"emb_pipeline.tasks.{other}" not in found


def test_a_reader_of_no_registry_may_read_with_any_format() -> None:
    assert {CSV, JSON, PARQUET} <= reached(nodes.read_task, "similarity", "workbook")
