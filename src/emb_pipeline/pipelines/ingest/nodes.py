"""Steps of the ingest stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import CorpusDefinition, CorpusOptions, Folders, TaskDefinition
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.storage.atomic import build_temporary_path
from emb_pipeline.tasks.audit.corpus_overlap import measure_corpus_overlap
from emb_pipeline.tasks.audit.cutting import audit_cutting
from emb_pipeline.tasks.audit.lines import OVERLAP_SCHEMA
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.text.held_out import HELD_OUT, HeldOut, list_held_out_texts
from emb_pipeline.text.tokens import EmptyCorpusError, TokenCorpus, cut, write_tokens

Tables = Mapping[str, pa.Table]


def read_task(definition: TaskDefinition, folders: Folders) -> dict[str, pa.Table]:
    """Read a task's examples; stop if they cannot be evaluated."""
    reader = KINDS[definition.kind].create_reader()
    tables = reader.read(definition.source, folders.raw, folders.project, definition.name, definition.sample)
    return {**tables, HELD_OUT: pa.table({"text": pa.array(reader.list_held_out(tables), pa.string())})}


def audit_task(examples: Tables, definition: TaskDefinition) -> pa.Table:
    """Look for duplicates, leakage, contradictions, and text that cannot be cut into words."""
    tables = {name: table for name, table in examples.items() if name != HELD_OUT}
    return pa.concat_tables([KINDS[definition.kind].audit(examples), audit_cutting(tables)])


def read_corpus(definition: CorpusDefinition, folders: Folders) -> Iterator[tuple[str, str]]:
    """Stream the documents of a corpus."""
    return read_documents(definition.sources, folders.raw, folders.project)


def tokenize_corpus(
    documents: Iterable[tuple[str, str]], options: CorpusOptions, folders: Folders, workers: int, *tasks: Tables
) -> TokenCorpus:
    """Split documents into sentences of tokens, without those that are, or have inside, a sentence of held-out text."""
    held_out = (
        HeldOut(text for task in tasks for text in list_held_out_texts(task)) if options.held_out == "remove" else None
    )
    try:
        keep_out = held_out.is_held_out if held_out else None
        return write_tokens(documents, _name_scratch(folders), held_out=keep_out, workers=workers)
    except EmptyCorpusError as error:
        path: Path | None = getattr(documents, "path", None)
        raise DataError(f"corpus {path.parent.name}" if path else "a corpus", error.reason, error.remedy) from error


def cut_corpus(own: TokenCorpus, options: CorpusOptions, folders: Folders, *corpora: TokenCorpus) -> TokenCorpus:
    """Bring a corpus to the size of the smallest one."""
    sizes = [corpus.n_tokens for corpus in corpora] if options.equal_size else [own.n_tokens]
    return cut(own, _name_scratch(folders), min([*sizes, options.max_tokens or own.n_tokens]))


def collect_audits(**audits: pa.Table) -> pa.Table:
    """Put the audits of all tasks into one table."""
    return pa.concat_tables(
        [table.add_column(0, "scope", pa.array([task] * table.num_rows, pa.string())) for task, table in audits.items()]
    )


def measure_overlap(**inputs: Tables | TokenCorpus) -> pa.Table:
    """Count held-out texts that a corpus holds all the same."""
    texts = {
        name.removeprefix("examples_"): list_held_out_texts(tables)
        for name, tables in inputs.items()
        if not isinstance(tables, TokenCorpus)
    }
    corpora = {name.removeprefix("tokens_"): corpus for name, corpus in inputs.items() if isinstance(corpus, TokenCorpus)}
    overlaps = ((name, measure_corpus_overlap(texts, corpus)) for name, corpus in corpora.items())
    return pa.concat_tables(
        [
            pa.schema([("corpus", pa.string()), *OVERLAP_SCHEMA]).empty_table(),
            *(table.add_column(0, "corpus", pa.array([name] * table.num_rows, pa.string())) for name, table in overlaps),
        ]
    )


def _name_scratch(folders: Folders) -> Path:
    """Name a folder for a corpus that is being written; saving it gives it its final name."""
    return build_temporary_path(folders.scratch / "corpus")
