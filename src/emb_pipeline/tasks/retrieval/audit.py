"""The audit of queries, passages and judgments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.audit.checks import NEAR_LEAKAGE_CHECKS, add_near_leakage, build_keys, find_repeated
from emb_pipeline.tasks.audit.lines import AuditLines, Check
from emb_pipeline.tasks.audit.units import UNIT_CHECKS, add_few_units, require_units
from emb_pipeline.tasks.retrieval.formats.collection import RetrievalTables
from emb_pipeline.text.seen import COPY

TITLE_CHECKS = (
    Check("documents_without_title", "size"),
    Check("titles_without_text", "size"),
    Check("short_titles", "size"),
    Check("repeated_titles", "size"),
    Check("titles_in_their_passage", "size"),
)
"""Of titles that are no queries, where a folder of documents makes a task without judgments."""
MADE_CHECKS = (
    Check("passages_without_made_query", "warning"),
    Check("made_short", "size"),
    Check("made_naming_the_passage", "size"),
    Check("made_copied", "size"),
    Check("made_duplicates", "size"),
)
"""Of queries that a model made, and that are left out."""
CHECKS = (
    Check("queries", "size"),
    Check("passages", "size"),
    Check("judgments", "size"),
    Check("groups", "size"),
    Check("queries_without_relevant", "warning"),
    Check("queries_with_several_relevant", "size"),
    Check("passages_never_relevant", "size"),
    Check("empty_queries", "warning"),
    Check("empty_passages", "warning"),
    Check("duplicate_queries", "warning"),
    Check("duplicate_passages", "warning"),
    Check("unjudged_twins", "warning"),
    Check("query_in_passage", "warning"),
    Check("leakage", "fault"),
    Check("queries_among_passages", "warning"),
    Check("own_passages", "size"),
    Check("own_passages_of_other_words", "warning"),
    Check("negative_grades", "size"),
    *NEAR_LEAKAGE_CHECKS,
    *UNIT_CHECKS,
    *TITLE_CHECKS,
    *MADE_CHECKS,
)


def audit_retrieval(tables: RetrievalTables, seen: pa.Table | None = None) -> pa.Table:
    """Audit queries, passages and judgments.

    Parameters
    ----------
    tables : RetrievalTables
        Those that are evaluated.
    seen : pa.Table, optional
        The queries that were seen in training, where there are training queries.

    Returns
    -------
    pa.Table
        Lines ``queries``, ``passages``, ``judgments``, ``queries_without_relevant``, ``queries_with_several_relevant``,
        ``passages_never_relevant``, ``empty_queries``, ``empty_passages``, ``duplicate_queries``, ``duplicate_passages``,
        ``unjudged_twins``, ``query_in_passage``, ``queries_among_passages``, ``leakage`` and
        ``near_leakage`` (where there are training queries), and where there are any ``negative_grades``,
        ``own_passages`` and ``own_passages_of_other_words``.
    """
    query_ids, queries = tables.queries["query_id"].to_pylist(), build_keys(tables.queries)
    passage_ids, passages = tables.passages["passage_id"].to_pylist(), build_keys(tables.passages)
    query_of, passage_of = dict(zip(query_ids, queries, strict=True)), dict(zip(passage_ids, passages, strict=True))
    relevant = relevant_passages(tables)
    answers = {passage_id for found in relevant.values() for passage_id in found}
    lines = AuditLines(CHECKS)
    lines.add("queries", len(queries), len(queries), "queries")
    lines.add("passages", len(passages), len(passages), "passages that are searched")
    lines.add(
        "judgments",
        sum(map(len, relevant.values())),
        tables.qrels.num_rows,
        "judgments that call a passage relevant",
    )
    if "group" in tables.queries.column_names:
        groups = tables.queries["group"].to_pylist()
        lines.add("groups", len(set(groups)), len(groups), "groups of queries that count together")
    of_groups = tables.queries["group"].to_pylist() if "group" in tables.queries.column_names else queries
    add_few_units(lines, len(set(of_groups)), "distinct queries or groups")
    alone = [query_id for query_id in query_ids if query_id not in relevant]
    lines.add(
        "queries_without_relevant",
        len(alone),
        len(queries),
        "queries that nothing answers: they are not scored",
        alone,
    )
    several = [query_id for query_id, found in relevant.items() if len(found) > 1]
    lines.add(
        "queries_with_several_relevant",
        len(several),
        len(queries),
        "queries with more than one relevant passage",
        several,
    )
    never = [passage_id for passage_id in passage_ids if passage_id not in answers]
    lines.add("passages_never_relevant", len(never), len(passages), "passages that answer no query", never)
    for name, ids, keys in (("queries", query_ids, queries), ("passages", passage_ids, passages)):
        empty = [identifier for identifier, key in zip(ids, keys, strict=True) if not key]
        lines.add(f"empty_{name}", len(empty), len(ids), f"{name} without a single word", empty)
        repeated = find_repeated(keys)
        lines.add(
            f"duplicate_{name}",
            len(repeated),
            len(ids),
            f"{name} that repeat an earlier one but for case and punctuation",
            (ids[i] for i in repeated),
        )
    with_text: dict[str, set[str]] = defaultdict(set)
    for passage_id, key in passage_of.items():
        with_text[key].add(passage_id)
    twins = [query_id for query_id, found in relevant.items() if any(with_text[passage_of[each]] - found for each in found)]
    lines.add(
        "unjudged_twins",
        len(twins),
        len(relevant),
        "queries with a passage that equals a relevant one, but is not judged relevant",
        twins,
    )
    given_away = [
        query_id
        for query_id, found in relevant.items()
        if query_of[query_id] and any(f" {query_of[query_id]} " in f" {passage_of[each]} " for each in found)
    ]
    lines.add(
        "query_in_passage",
        len(given_away),
        len(relevant),
        "queries that stand word for word in a relevant passage",
        given_away,
    )
    if seen is not None:
        copies = seen.filter(pc.equal(seen["how"], COPY))["unit_id"].to_pylist()
        lines.add("leakage", len(copies), len(queries), "queries that are among the training queries too", copies)
        add_near_leakage(lines, seen, len(queries), "queries")
    _add_own_passages(lines, tables, query_of, passage_of, relevant)
    below = [row["query_id"] for row in tables.qrels.to_pylist() if row["relevance"] < 0]
    if below:
        note = "judgments below 0: irrelevant, as 0 is"
        lines.add("negative_grades", len(below), tables.qrels.num_rows, note, below)
    return lines.table()


def _add_own_passages(
    lines: AuditLines,
    tables: RetrievalTables,
    query_of: Mapping[str, str],
    passage_of: Mapping[str, str],
    relevant: Mapping[str, set[str]],
) -> None:
    """Count the queries that are passages themselves: each finds itself first, and what it should find second."""
    excluded = [] if tables.excluded is None else [tuple(row.values()) for row in tables.excluded.to_pylist()]
    of_words: dict[str, set[str]] = defaultdict(set)
    for passage_id, key in passage_of.items():
        of_words[key].add(passage_id)
    left = set(excluded)
    among = [
        query_id
        for query_id, key in query_of.items()
        if key and any((query_id, each) not in left for each in of_words.get(key, set()) - relevant.get(query_id, set()))
    ]
    note = "queries with a passage of their words that is not judged relevant, and ranks first: 'exclude_self' leaves it out"
    lines.add("queries_among_passages", len(among), len(query_of), note, among)
    if tables.excluded is None:
        return
    ids = [query_id for query_id, _ in excluded]
    note = "queries whose own passage is left out of their ranking and judgments"
    lines.add("own_passages", len(set(ids)), len(query_of), note, dict.fromkeys(ids))
    other = [query_id for query_id, passage_id in excluded if query_of[query_id] != passage_of[passage_id]]
    if other:
        note = "queries whose left-out passage has their id, but other words: do the ids mean the same?"
        lines.add("own_passages_of_other_words", len(other), len(query_of), note, other)


def relevant_passages(tables: RetrievalTables) -> dict[str, set[str]]:
    """List relevant passage ids of each query that has any."""
    relevant: dict[str, set[str]] = {}
    for query_id, passage_id, grade in zip(
        *(tables.qrels[name].to_pylist() for name in ("query_id", "passage_id", "relevance")), strict=True
    ):
        if grade > 0:
            relevant.setdefault(query_id, set()).add(passage_id)
    return relevant


def require_evaluable(tables: RetrievalTables, place: str) -> None:
    """Refuse a retrieval task that cannot be evaluated, before anything is trained.

    Raises
    ------
    DataError
        No query, no passage, no relevant judgment, or too few queries to resample (`require_units`).
    """
    if not tables.queries.num_rows or not tables.passages.num_rows:
        raise DataError(place, "there is no query or no passage", "check the files and columns of the task's source")
    relevant = relevant_passages(tables)
    if not relevant:
        raise DataError(place, "no judgment calls a passage relevant", "qrels need a row with a relevance above 0")
    queries = zip(tables.queries["query_id"].to_pylist(), build_keys(tables.queries), strict=True)
    require_units([key for query_id, key in queries if query_id in relevant], place, "queries with a relevant passage")
