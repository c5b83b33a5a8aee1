"""Steps of the ingest stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from emb_pipeline.atomic import temporary_path
from emb_pipeline.experiment import CorpusDefinition, CorpusOptions, Folders, TaskDefinition
from emb_pipeline.text import audit, readers, sequences
from emb_pipeline.text.held_out import held_out_keys, held_out_texts
from emb_pipeline.text.texts import tokenised
from emb_pipeline.text.tokens import TokenCorpus, cut, write_tokens

Tables = Mapping[str, pa.Table]


def read_classification(definition: TaskDefinition, folders: Folders) -> dict[str, pa.Table]:
    """Read labelled texts; stop if they cannot be evaluated."""
    examples = readers.read_classification(definition.reading, folders.raw, folders.project)
    audit.require_evaluable(examples, definition.name)
    return tokenised({"examples": examples})


def read_retrieval(definition: TaskDefinition, folders: Folders) -> dict[str, pa.Table]:
    """Read queries, passages and relevance judgments; stop if they cannot be evaluated."""
    tables = readers.read_retrieval(definition.reading, folders.raw, folders.project)
    audit.require_evaluable(tables.evaluated(), definition.name)
    return tokenised({"queries": tables.queries, "passages": tables.passages, "qrels": tables.qrels})


def read_similarity(definition: TaskDefinition, folders: Folders) -> dict[str, pa.Table]:
    """Read pairs of texts with a score."""
    return tokenised({"pairs": readers.read_similarity(definition.reading, folders.raw, folders.project)})


def read_sequence_labelling(definition: TaskDefinition, folders: Folders) -> dict[str, pa.Table]:
    """Read sentences with a tag for each token."""
    return {"sentences": sequences.read_sequence_labelling(definition.reading, folders.raw, folders.project)}


def audit_classification(examples: Tables) -> pa.Table:
    """Look for duplicates, leakage and label conflicts."""
    return audit.audit_classification(examples["examples"])


def audit_retrieval(examples: Tables) -> pa.Table:
    """Look for duplicates and missing judgments."""
    return audit.audit_retrieval(_retrieval(examples))


def audit_similarity(examples: Tables) -> pa.Table:
    """Look for duplicates and contradicting scores."""
    return audit.audit_similarity(examples["pairs"])


def audit_sequence_labelling(examples: Tables) -> pa.Table:
    """Look for duplicates, leakage, contradictions, and how many entities are new in the test part."""
    return audit.audit_sequence_labelling(examples["sentences"])


def read_corpus(definition: CorpusDefinition, folders: Folders) -> Iterator[tuple[str, str]]:
    """Stream the documents of a corpus."""
    return readers.read_documents(definition.readings, folders.raw, folders.project)


def tokenise_corpus(
    documents: Iterable[tuple[str, str]], options: CorpusOptions, folders: Folders, *tasks: Tables
) -> TokenCorpus:
    """Split documents into sentences of tokens, without the sentences of any task's held-out text."""
    held_out = held_out_keys(text for task in tasks for text in _held_out(task)) if options.held_out == "remove" else ()
    return write_tokens(documents, _scratch(folders), held_out=held_out)


def cut_corpus(own: TokenCorpus, options: CorpusOptions, folders: Folders, *corpora: TokenCorpus) -> TokenCorpus:
    """Bring a corpus to the size of the smallest one."""
    sizes = [corpus.n_tokens for corpus in corpora] if options.equal_size else [own.n_tokens]
    return cut(own, _scratch(folders), min([*sizes, options.max_tokens or own.n_tokens]))


def collect_audits(**audits: pa.Table) -> pa.Table:
    """Put the audits of all tasks into one table."""
    return pa.concat_tables(
        [table.add_column(0, "scope", pa.array([task] * table.num_rows, pa.string())) for task, table in audits.items()]
    )


def measure_overlap(**inputs: Tables | TokenCorpus) -> pa.Table:
    """Count held-out texts that stand in a corpus all the same."""
    texts = {
        name.removeprefix("examples_"): _held_out(tables)
        for name, tables in inputs.items()
        if not isinstance(tables, TokenCorpus)
    }
    corpora = {name.removeprefix("tokens_"): corpus for name, corpus in inputs.items() if isinstance(corpus, TokenCorpus)}
    return pa.concat_tables(
        [
            table.add_column(0, "corpus", pa.array([name] * table.num_rows, pa.string()))
            for name, table in ((name, audit.corpus_overlap(texts, corpus)) for name, corpus in corpora.items())
        ]
    )


def _held_out(task: Tables) -> list[str]:
    if "qrels" in task:
        return held_out_texts(_retrieval(task))
    return held_out_texts(next(task[name] for name in ("pairs", "sentences", "examples") if name in task))


def _retrieval(tables: Tables) -> readers.RetrievalTables:
    return readers.RetrievalTables(tables["queries"], tables["passages"], tables["qrels"]).evaluated()


def _scratch(folders: Folders) -> Path:
    """A name for a corpus that is being written; saving it gives it its final one."""
    return temporary_path(folders.scratch / "corpus")


READERS = {
    "classification": read_classification,
    "sequence_labelling": read_sequence_labelling,
    "retrieval": read_retrieval,
    "similarity": read_similarity,
}
AUDITS = {
    "classification": audit_classification,
    "sequence_labelling": audit_sequence_labelling,
    "retrieval": audit_retrieval,
    "similarity": audit_similarity,
}
