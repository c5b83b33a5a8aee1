"""Queries that a chat model makes of passages: each answer is kept and paid once, and what cannot be a query is left out."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from emb_pipeline.embeddings.remote.chat import ChatClient
from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.tables.rows import rows, table_of
from emb_pipeline.readers.tables.values import identifier
from emb_pipeline.storage.atomic import hold_lock
from emb_pipeline.tasks.audit.lines import AuditLines
from emb_pipeline.tasks.retrieval.audit import MADE_CHECKS
from emb_pipeline.tasks.retrieval.formats.collection import (
    RetrievalTables,
    build_passages_table,
    build_qrels_table,
    build_queries_table,
    words_of,
)
from emb_pipeline.tasks.retrieval.formats.passages import name_passages, read_passages
from emb_pipeline.tasks.retrieval.sources import MadeQueriesSource
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.words import tokenize, unmark_words

FOLDER = "made_queries"
"""Folder, inside the raw data, where answers are kept: a file of JSON Lines for each prompt and model."""
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):]|[Qq](?:uery|uestion)?\s*\d*\s*[:.])\s*")
_NAMES_PASSAGE = re.compile(
    r"(?i)\b(?:this|the|above|given|provided|following) (?:passage|text|document|article|section|excerpt|paragraph|page)\b|"
    r"\b(?:passage|text|document|article|excerpt) above\b"
)
_log = logging.getLogger(__name__)


def read_made_queries(source: MadeQueriesSource, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """Read passages, and the queries that a chat model made of some of them; what is missing is asked for.

    Raises
    ------
    DataError
        The endpoint does not answer (what it answered before is kept), or no query is left.
    """
    passages = read_passages(source, raw, project, bad)
    bad.raise_all()
    chosen = _choose_passages(source, passages, raw, project)
    answers = _ask(source, {passage_id: passages[passage_id] for passage_id in chosen}, raw / FOLDER)
    kept, left_out = _filter({passage_id: _split(answers[passage_id], source) for passage_id in chosen}, passages, source)
    if not kept:
        counts = ", ".join(f"{name} {len(places)}" for name, places in left_out.items() if places)
        raise DataError(
            source.endpoint.place, f"made no query that can be used ({counts or 'it made none'})", "correct the prompt"
        )
    queries = {query_id: query for query_id, (_, query) in kept.items()}
    groups = {query_id: passage_id for query_id, (passage_id, _) in kept.items()}
    grades = dict.fromkeys(groups.items(), 1.0)
    tables = RetrievalTables(
        build_queries_table(queries, (), groups), build_passages_table(passages), build_qrels_table(grades)
    )
    return RetrievalTables(tables.queries, tables.passages, tables.qrels, left_out=_count(left_out, len(kept)))


def check_made_queries(source: MadeQueriesSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first passages; nothing is asked for."""
    read_passages(source, raw, project, bad)


def _choose_passages(source: MadeQueriesSource, passages: Mapping[str, str], raw: Path, project: Path) -> list[str]:
    """Draw passages by a hash of the seed and their words, and add those that real queries are about."""
    by_hash = sorted(passages, key=lambda passage_id: (hash_text(f"{source.seed} {passages[passage_id]}"), passage_id))
    chosen = dict.fromkeys(by_hash[: source.max_passages])
    if source.also_for is not None:
        for file in named_files(PlacedSource(path=source.also_for), raw, project):
            for number, (value,) in rows(file, table_of(file, source), (source.passage_id,)):
                if identifier(value) not in passages:
                    place = f"{file.name}, row {number}"
                    raise DataError(
                        place, f"passage '{value}' is not in {name_passages(source)}", "add it there, or drop the row"
                    )
                chosen[identifier(value)] = None
    return list(chosen)


def _ask(source: MadeQueriesSource, passages: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Give the model's answer for each passage, by its id: from the file where it is kept, or asked for and added to it."""
    folder.mkdir(parents=True, exist_ok=True)
    endpoint = source.endpoint
    prompts = {passage_id: _write_prompt(source, text) for passage_id, text in passages.items()}
    asked = {"base_url": endpoint.base_url, "model": endpoint.model, "prompt": source.prompt, "n": source.n_per_passage}
    settings = {name: getattr(endpoint, name) for name in ("temperature", "max_tokens", "max_characters", "extra")}
    prompt_hash = _hash(json.dumps({**asked, **settings, "as_of": str(endpoint.as_of)}, sort_keys=True))
    path = folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', endpoint.model)[:60]}-{prompt_hash[:12]}.jsonl"
    with hold_lock(path.with_suffix(".lock"), what=f"asking {endpoint.place} for queries"):
        known = dict(_read_answers(path))
        missing = [passage_id for passage_id, prompt in prompts.items() if _hash(prompt) not in known]
        if missing:
            client = ChatClient(endpoint, folder)
            _log_estimate(client, [prompts[passage_id] for passage_id in missing])
            with path.open("a", encoding="utf-8") as file:
                for number, answer in client.complete([prompts[passage_id] for passage_id in missing]):
                    passage_id = missing[number]
                    key = _hash(prompts[passage_id])
                    line = {"passage_id": passage_id, "key": key, "prompt_hash": prompt_hash, **asked, "answer": answer}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                    file.flush()
                    known[key] = answer
    return {passage_id: known[_hash(prompt)] for passage_id, prompt in prompts.items()}


def _read_answers(path: Path) -> Iterator[tuple[str, str]]:
    """Stream key and answer of each line; a line that a killed run left unfinished is passed over, and ended."""
    if not path.exists():
        return
    content = path.read_text(encoding="utf-8", errors="replace")
    if content and not content.endswith("\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
    for line in content.splitlines():
        try:
            row = json.loads(line)
            yield str(row["key"]), str(row["answer"])
        except (ValueError, KeyError, TypeError):
            continue


def _log_estimate(client: ChatClient, prompts: Sequence[str]) -> None:
    options = client.options
    n_bytes = sum(len(prompt.encode()) for prompt in prompts)
    tokens = n_bytes * client.account.read().tokens_per_byte + len(prompts) * options.max_tokens
    cost = f"${options.price(tokens, len(prompts)):.4f}" if options.has_price else "an unknown price"
    _log.info("%s: %d passages, about %d tokens at most, %s", options.place, len(prompts), round(tokens), cost)


def _write_prompt(source: MadeQueriesSource, passage: str) -> str:
    shown = unmark_words(passage)[: source.endpoint.max_characters]
    return source.prompt.replace("{n}", str(source.n_per_passage)).replace("{passage}", shown)


def _split(answer: str, source: MadeQueriesSource) -> list[str]:
    """Read the queries of an answer, one on each line, without numbers, bullets and quotation marks."""
    lines = [_LIST_MARK.sub("", line).strip().strip("\"'“”«»").strip() for line in answer.splitlines()]
    return [line for line in lines if line][: source.n_per_passage]


def _filter(
    made: Mapping[str, Sequence[str]], passages: Mapping[str, str], source: MadeQueriesSource
) -> tuple[dict[str, tuple[str, str]], dict[str, list[str]]]:
    """Keep what can be a query: passage and words by its id; and list the others by reason."""
    n_passages_of = Counter(words for queries in made.values() for words in set(map(words_of, queries)))
    left_out: dict[str, list[str]] = {check.name: [] for check in MADE_CHECKS}
    kept: dict[str, tuple[str, str]] = {}
    for passage_id, queries in made.items():
        seen: set[str] = set()
        if not queries:
            left_out["passages_without_made_query"].append(passage_id)
        for number, query in enumerate(queries, 1):
            query_id, words = f"{passage_id}~{number}", words_of(query)
            if len(tokenize(query)) < source.min_words:
                reason = "made_short"
            elif _NAMES_PASSAGE.search(query):
                reason = "made_naming_the_passage"
            elif _count_copied(tokenize(query), tokenize(passages[passage_id])) >= source.copied_words:
                reason = "made_copied"
            elif words in seen or n_passages_of[words] > 1:
                reason = "made_duplicates"
            else:
                kept[query_id] = (passage_id, query)
                seen.add(words)
                continue
            left_out[reason].append(query_id)
    return kept, left_out


def _count_copied(query: Sequence[str], passage: Sequence[str]) -> int:
    """Count the words of the longest run of a query that is in the passage as it is."""
    line = f" {' '.join(passage)} "
    longest = 0
    for start in range(len(query)):
        while start + longest < len(query) and f" {' '.join(query[start : start + longest + 1])} " in line:
            longest += 1
    return longest


def _count(left_out: Mapping[str, Sequence[str]], n_kept: int) -> pa.Table:
    """Write the audit lines of what was left out."""
    n_made = n_kept + sum(len(places) for name, places in left_out.items() if name != "passages_without_made_query")
    notes = {
        "passages_without_made_query": "passages that the model made no query of",
        "made_short": "made queries of too few words",
        "made_naming_the_passage": "made queries that speak of 'the passage', which nobody who searches has seen",
        "made_copied": "made queries that copy a run of words of their passage",
        "made_duplicates": "made queries that repeat another one, of the same passage or of others",
    }
    lines = AuditLines(MADE_CHECKS)
    for name, places in left_out.items():
        if places:
            lines.add(name, len(places), n_made, notes[name], places)
    return lines.table()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
