"""The look at files for queries and the passages that answer them, or documents that could be searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal, group_files, is_named, place_files

_QUERIES = ("query", "question", "qtext", "search", "q")
_PASSAGES = ("passage", "answer", "document", "doc", "context", "paragraph", "atext", "body")
_GRADES = ("relevance", "relevant", "label", "score", "grade")
_MOST_QUERIES = 1000
_FEW_WORDS = 4


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a retrieval: of judged queries, of pairs, of questions with their paragraphs, or of titles of documents.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    for file in files:
        if file.shape == "benchmark":
            return _propose_benchmark(file)
        if file.shape == "questions":
            source: dict[str, Any] = {"reader": "squad", "path": file.path, "max_queries": _MOST_QUERIES}
            what = "find the paragraph that answers a question"
            return Proposal("retrieval", "my_search", source, what, 0.8, file.n_items, file.words)
        if file.shape == "documents":
            source = {"reader": "titled_documents", "path": file.path, **file.options, "max_queries": _MOST_QUERIES}
            what = "find a document, or its section, by its title: no labels are needed"
            corpus = {"reader": "documents", "path": file.path, **file.options}
            notes = ("titles stand for queries; with some real ones, see docs/retrieval-from-documents.md",)
            source |= {"queries": "headings", "searched": "sections"}
            return Proposal("retrieval", "my_search", source, what, 0.9, file.n_items, 300.0, corpus, notes=notes)
    return _propose_tables([file for file in files if file.shape == "rows"]) or _propose_pairs(files, named)


def _propose_benchmark(file: Described) -> Proposal:
    splits = {name.rpartition("/")[2].split(".")[0] for name in file.members if name.startswith("qrels/")}
    source: dict[str, Any] = {"reader": "beir", "path": file.path}
    if "test" not in splits:
        source["test"] = sorted(splits)[0]
    if "train" in splits and source.get("test") != "train":
        source["training"] = "train"
    return Proposal("retrieval", "my_search", source, "find the passages that answer a query", 1.0, 5000, 150.0)


def _propose_tables(tables: Sequence[Described]) -> Proposal | None:
    """Find three files: judgments that join the ids of two others."""
    for judged in tables:
        if _mean_words(judged) >= _FEW_WORDS:
            continue
        others = [table for table in tables if table is not judged]
        joined = [(table, pair) for table in others if (pair := _find_join(judged, table))]
        if len(joined) < 2:
            continue
        (first, one), (second, other) = sorted(joined[:2], key=lambda each: _mean_words(each[0]))
        queries, passages = (second, first) if "quer" in second.name and "quer" not in first.name else (first, second)
        columns = {first.path: one, second.path: other}
        source: dict[str, Any] = {
            "reader": "tables",
            "queries": queries.path,
            "passages": passages.path,
            "qrels": judged.path,
        }
        for role, table in (("query_id", queries), ("passage_id", passages)):
            in_judgments, own = columns[table.path]
            if in_judgments.name != own.name:
                return None
            source[role] = own.name
        text = [_find_text(queries), _find_text(passages)]
        if None in text or text[0] != text[1]:
            return None
        source["text"] = text[0]
        grade = next((column for column in judged.columns if column.is_score and is_named(column, _GRADES)), None)
        if grade is not None:
            source["relevance"] = grade.name
        n_items, words = queries.n_items + passages.n_items, _mean_words(passages)
        return Proposal("retrieval", "my_search", source, "find the passages that answer a query", 0.95, n_items, words)
    return None


def _find_join(judged: Described, table: Described) -> tuple[Column, Column] | None:
    """Find the column of the judgments whose values are the ids of another file."""
    for mine in judged.columns:
        for ids in table.columns:
            is_key = ids.distinct > 0.99 and ids.words < _FEW_WORDS
            if is_key and mine.words < _FEW_WORDS and mine.name == ids.name:
                return mine, ids
    return None


def _mean_words(table: Described) -> float:
    return max((column.words for column in table.columns), default=0.0)


def _find_text(table: Described) -> str | None:
    texts = [column for column in table.columns if column.words >= 2]
    return max(texts, key=lambda column: (column.name == "text", column.words)).name if texts else None


def _propose_pairs(files: Sequence[Described], named: Named) -> Proposal | None:
    tables = group_files(files, "rows")
    if not tables:
        return None
    table = tables[0]
    if named.text:
        pair = [table.find_column(name) for name in named.text]
    else:
        queries = [column for column in table.columns if column.words >= 2 and is_named(column, _QUERIES)]
        answers = [column for column in table.columns if column.words >= 2 and is_named(column, _PASSAGES)]
        pair = [*queries[:1], *[column for column in answers if column not in queries[:1]][:1]]
    if len(pair) != 2:
        return None
    query, passage = pair
    source: dict[str, Any] = {**_place_pairs(tables), "reader": "pairs", "query": query.name, "passage": passage.name}
    grade = next((column for column in table.columns if column.is_score and is_named(column, _GRADES)), None)
    if named.label:
        grade = table.find_column(named.label)
    if grade is not None:
        source["relevance"] = grade.name
    return Proposal(
        "retrieval",
        "my_search",
        source,
        f"find the {passage.name} of a {query.name}",
        0.85 if not named.text and passage.words > query.words else 0.6,
        sum(each.n_items for each in tables),
        passage.words,
        text_choices=(query.name, passage.name),
    )


def _place_pairs(tables: Sequence[Described]) -> dict[str, Any]:
    source = place_files(tables)
    fields = ("path", "splits", "delimiter", "encoding", "columns", "on_error")
    return {name: source[name] for name in fields if name in source}
