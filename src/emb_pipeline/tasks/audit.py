"""What is wrong with a task's data before anything is trained on it.

Every audit is a long table: check, count, total, share (count / total; NaN where the total is 0), severity, note (how to
read the line), examples (up to five ids to look at). Texts are compared by their tokens, so case and punctuation do not
hide a copy.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.tasks.give_aways import GiveAways, give_aways
from emb_pipeline.tasks.retrieval.collection import RetrievalTables
from emb_pipeline.text.near_duplicates import equal_texts, near_pairs
from emb_pipeline.text.runs import runs_in_corpus
from emb_pipeline.text.seen import (
    COPY,
    NEAR_GROUP,
    largest_cluster,
    seen_classification,
    seen_questions,
    seen_sentences,
    with_near_groups,
)
from emb_pipeline.text.spans import PlacedWords
from emb_pipeline.text.tagging import entities, scheme_of, to_iob2
from emb_pipeline.text.texts import TokenIds
from emb_pipeline.text.tokens import TokenCorpus
from emb_pipeline.text.words import tokenize

SCHEMA = pa.schema(
    [
        ("check", pa.string()),
        ("count", pa.int64()),
        ("total", pa.int64()),
        ("share", pa.float64()),
        ("severity", pa.string()),
        ("note", pa.string()),
        ("examples", pa.list_(pa.string())),
    ]
)

Severity: TypeAlias = Literal["size", "warning", "fault", "ceiling"]
"""What a count above zero means: nothing bad; a reader must know it; the scores are wrong or too high; the best that can
be reached."""

OVERLAP_SCHEMA = pa.schema([("task", pa.string()), *SCHEMA])

FEWEST_UNITS = 2
"""Test units that differ, below which nothing can be resampled."""

WHOLE_RUN, RUN = 16, 8
"""Words in a row that are looked for in a corpus."""
MOST, HALF = 0.8, 0.5
"""Share of a held-out text's runs from which it stands in a corpus, or half of it does."""

FEW_UNITS = 50
"""Test units, or groups of them, below which a reader is told what so few can show."""

_LOOK_AT = 5
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10))))
"""Characters without a shape that Unicode does not count among formats or blanks."""


class AuditLines:
    """An audit that is being written: one line for each thing that was counted."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, int, int, float, str, str, list[str]]] = []

    def add(
        self,
        check: str,
        count: int,
        total: int,
        note: str,
        examples: Iterable[str] = (),
        *,
        severity: Severity = "fault",
    ) -> None:
        """Add a line: so many of a total. The note says of what, the examples (ids) where to look."""
        share = count / total if total else float("nan")
        self._rows.append((check, count, total, share, severity, note, list(islice(examples, _LOOK_AT))))

    def table(self) -> pa.Table:
        """The lines, of schema SCHEMA."""
        columns = list(zip(*self._rows, strict=True)) or [()] * len(SCHEMA)
        return pa.Table.from_arrays(
            [pa.array(column, kind.type) for column, kind in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )


def audit_classification(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit labelled texts.

    Parameters
    ----------
    examples : pa.Table
        example_id, text, label, split, and perhaps group and near_group (`emb_pipeline.text.seen`).
    seen : pa.Table, optional
        The test texts that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``examples.<split>``, ``classes``, ``largest_class``, ``smallest_class``, ``class.<label>``,
        ``classes_only_in_test``, ``label_variants``, ``validation_trains`` (where there is such a part), ``groups`` and
        ``group_leakage`` (where there are groups), ``empty_after_tokenising``,
        ``exact_duplicates``, ``token_duplicates``, ``near_duplicates``, ``near_duplicates_apart`` (where folds are drawn),
        ``leakage``, ``near_leakage``, ``label_in_text``, ``give_away_words``, ``label_conflicts`` and ``ceiling``.

    Notes
    -----
    The ceiling is the best accuracy that any classifier of texts can reach on the test part (on everything, where there is
    no split): each distinct text gets the label that it bears most often there. What near-duplicates are, and how they are
    found, stands in `emb_pipeline.text.near_duplicates`; the validation part counts as training, for it is trained on.
    """
    ids, texts, labels, splits = (examples[name].to_pylist() for name in ("example_id", "text", "label", "split"))
    tokens = [tokenize(text) for text in texts]
    keys = [" ".join(words) for words in tokens]
    n = len(ids)
    lines = AuditLines()
    _sizes(lines, labels, splits)
    of_groups = examples["group"].to_pylist() if "group" in examples.column_names else keys
    if "group" in examples.column_names:
        _groups(lines, ids, of_groups, splits)
    with_split = "test" in splits
    tested_groups = {group for group, split in zip(of_groups, splits, strict=True) if split == "test" or not with_split}
    _few_units(lines, len(tested_groups), "distinct texts or groups")

    empty = [ids[i] for i in range(n) if not tokens[i]]
    lines.add(
        "empty_after_tokenising",
        len(empty),
        n,
        "texts without a single word: every embedding sees nothing",
        empty,
        severity="warning",
    )
    exact, same = _earlier(texts), _earlier(keys)
    lines.add(
        "exact_duplicates",
        len(exact),
        n,
        "texts that repeat an earlier one exactly",
        (ids[i] for i in exact),
        severity="warning",
    )
    lines.add(
        "token_duplicates",
        len(same),
        n,
        "texts that repeat an earlier one but for case and punctuation",
        (ids[i] for i in same),
        severity="warning",
    )
    found = TokenIds.of(texts)
    _near_duplicates(lines, examples, found, split=any(splits))

    train = {keys[i] for i in range(n) if splits[i] not in (None, "test") and keys[i]}
    tested = [i for i in range(n) if splits[i] == "test"]
    leaked = [i for i in tested if keys[i] in train]
    lines.add(
        "leakage", len(leaked), len(tested), "test texts that stand in the training part too", (ids[i] for i in leaked)
    )
    _near_leakage(lines, seen_classification({"examples": examples}) if seen is None else seen, len(tested), "test texts")
    _give_aways(lines, give_aways(found, labels), ids)

    labels_of: dict[str, Counter[str]] = defaultdict(Counter)
    for key, label in zip(keys, labels, strict=True):
        labels_of[key][label] += 1
    conflicts = {key for key, counts in labels_of.items() if len(counts) > 1}
    lines.add(
        "label_conflicts",
        len(conflicts),
        len(labels_of),
        "distinct texts that bear more than one label",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )
    judged = tested or list(range(n))
    best: dict[str, Counter[str]] = defaultdict(Counter)
    for i in judged:
        best[keys[i]][labels[i]] += 1
    lines.add(
        "ceiling",
        sum(max(counts.values()) for counts in best.values()),
        len(judged),
        f"best accuracy possible on the {'test part' if tested else 'whole'}, given its label conflicts",
        severity="ceiling",
    )
    return lines.table()


def _sizes(lines: AuditLines, labels: Sequence[str], splits: Sequence[str | None]) -> None:
    n = len(labels)
    for split, size in sorted(Counter(split or "unsplit" for split in splits).items()):
        lines.add(f"examples.{split}", size, n, "examples in this part", severity="size")
    sizes = Counter(labels).most_common()
    lines.add("classes", len(sizes), len(sizes), "labels", severity="size")
    (largest, most), (smallest, least) = sizes[0], sizes[-1]
    lines.add("largest_class", most, n, f"'{largest}': what always guessing it scores", severity="size")
    lines.add(
        "smallest_class", least, n, f"'{smallest}': the largest class is {most / least:.1f} times its size", severity="size"
    )
    in_split = Counter(zip(labels, splits, strict=True))
    for label, size in sorted(sizes):
        parts = ", ".join(
            f"{split or 'unsplit'} {count:,}" for (name, split), count in sorted(in_split.items(), key=str) if name == label
        )
        lines.add(f"class.{label}", size, n, parts, severity="size")
    tested = {label for label, split in in_split if split == "test"}
    untrained = sorted(tested - {label for label, split in in_split if split != "test"})
    lines.add("classes_only_in_test", len(untrained), len(tested), "labels that no training example bears", untrained)
    _variants(lines, dict(sizes), "labels")
    n_validation = sum(split == "validation" for split in splits)
    if n_validation:
        lines.add(
            "validation_trains",
            n_validation,
            sum(split != "test" for split in splits),
            "of the examples that probes learn from are the validation part: C is chosen by folds of both parts together",
            severity="size",
        )


def _variants(lines: AuditLines, sizes: Mapping[str, int], what: str) -> None:
    """Count labels that a reader takes for another one."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sorted(sizes):
        alike[_visible(label)].append(label)
    groups = sorted(
        (group for group in alike.values() if len(group) > 1), key=lambda group: -sum(map(sizes.__getitem__, group))
    )
    # ascii() shows what is invisible; other letters stay as they are.
    shown = (" / ".join(f"{_shown(label)} ({sizes[label]:,})" for label in group) for group in groups)
    lines.add(
        "label_variants",
        sum(map(len, groups)),
        len(sizes),
        f"{what} that differ from another one only in case, white space or invisible characters: each counts as its own",
        shown,
        severity="warning",
    )


def _visible(label: str) -> str:
    """A label without case, white space and characters that show nothing."""
    folded = unicodedata.normalize("NFKC", label).casefold()
    return "".join(character for character in folded if not (character.isspace() or _shows_nothing(character)))


def _shows_nothing(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Zs", "Zl", "Zp") or character in _FILLERS


def _shown(label: str) -> str:
    marked = (ascii(character)[1:-1] if _shows_nothing(character) and character != " " else character for character in label)
    return f"'{''.join(marked)}'"


def _groups(lines: AuditLines, ids: Sequence[str], groups: Sequence[str], splits: Sequence[str | None]) -> None:
    lines.add(
        "groups",
        len(set(groups)),
        len(groups),
        "groups of examples that stay together in folds, intervals and tests",
        severity="size",
    )
    trained_on = {group for group, split in zip(groups, splits, strict=True) if split != "test"}
    tested = [i for i, split in enumerate(splits) if split == "test"]
    leaked = [ids[i] for i in tested if groups[i] in trained_on]
    lines.add("group_leakage", len(leaked), len(tested), "test examples whose group stands in the training part too", leaked)


def _near_duplicates(lines: AuditLines, examples: pa.Table, tokens: TokenIds, *, split: bool) -> None:
    """Count texts that are nearly equal to another one, and where folds are drawn those that may be divided by them."""
    if NEAR_GROUP not in examples.column_names:
        examples = with_near_groups({"examples": examples})["examples"]
    ids, groups = examples["example_id"].to_pylist(), examples[NEAR_GROUP].to_pylist()
    equal = equal_texts(tokens).tolist()
    near = [each for each, group, first in zip(ids, groups, equal, strict=True) if group != ids[first]]
    note = "texts that differ from another one by a few words, or stand in it"
    lines.add("near_duplicates", len(near), len(ids), note, near, severity="warning")
    if split:
        return
    apart: dict[str, None] = {}
    if max(Counter(groups).values(), default=0) > largest_cluster(len(ids)) / 2:  # else no two clusters were kept apart
        pairs = near_pairs(tokens)
        places = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        apart = dict.fromkeys(ids[first] for first, second in places if groups[first] != groups[second])
    note = "of these are links of chains that are too long for one fold: they may be on both sides of it"
    lines.add("near_duplicates_apart", len(apart), len(ids), note, apart, severity="warning")


def _near_leakage(lines: AuditLines, seen: pa.Table, n_tested: int, what: str) -> None:
    """Count test units whose text is, nearly, one that was trained on; copies are counted apart."""
    units = seen.filter(pc.not_equal(seen["how"], COPY))["unit_id"].to_pylist()
    note = f"{what} that differ from a trained one by a few words, or stand in it, or hold it"
    lines.add("near_leakage", len(units), n_tested, note, units)


def _give_aways(lines: AuditLines, found: GiveAways, ids: Sequence[str]) -> None:
    note = (
        "texts with the name of their class in them, which hardly any other class has: is the label written into the text?"
    )
    lines.add("label_in_text", len(found.by_name), len(ids), note, (ids[i] for i in found.by_name.tolist()))
    shown = ", ".join(f"'{word}' ({label})" for label, word in islice(found.words.items(), _LOOK_AT))
    note = "texts with a word that half of their class and hardly any other has" + (f": {shown}" if shown else "")
    lines.add(
        "give_away_words", len(found.by_word), len(ids), note, (ids[i] for i in found.by_word.tolist()), severity="warning"
    )


def _few_units(lines: AuditLines, n_units: int, what: str) -> None:
    """Say what a test set of few units cannot show; nothing where there are enough."""
    if n_units < FEW_UNITS:
        least = 2.8 * math.sqrt(0.1 / max(n_units, 1))  # one in ten units differs; 80 % power at 5 %
        note = (
            f"{what} are tested on, fewer than {FEW_UNITS}: two embeddings that differ on a tenth of them must differ by "
            f"about {least:.0%} to be told apart in four of five cases; that none differs shows little"
        )
        lines.add("few_test_units", n_units, n_units, note, severity="warning")


def audit_left_out(bad: BadRows, n_kept: int) -> pa.Table:
    """Count the rows that a reader left out, as its options say."""
    lines, n = AuditLines(), n_kept + bad.n_skipped + bad.n_empty
    if bad.n_skipped:
        note = "rows that could not be used, left out by 'on_error: skip'"
        lines.add("left_out_errors", bad.n_skipped, n, note, bad.skipped, severity="warning")
    if bad.n_empty:
        note = "rows without a text, label, score or tags, left out as asked for"
        lines.add("left_out_empty", bad.n_empty, n, note, bad.empty_places, severity="warning")
    return lines.table()


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
    query_ids, queries = tables.queries["query_id"].to_pylist(), _keys(tables.queries)
    passage_ids, passages = tables.passages["passage_id"].to_pylist(), _keys(tables.passages)
    query_of, passage_of = dict(zip(query_ids, queries, strict=True)), dict(zip(passage_ids, passages, strict=True))
    relevant = relevant_passages(tables)
    answers = {passage_id for found in relevant.values() for passage_id in found}
    lines = AuditLines()
    lines.add("queries", len(queries), len(queries), "queries", severity="size")
    lines.add("passages", len(passages), len(passages), "passages that are searched", severity="size")
    lines.add(
        "judgments",
        sum(map(len, relevant.values())),
        tables.qrels.num_rows,
        "judgments that call a passage relevant",
        severity="size",
    )
    if "group" in tables.queries.column_names:
        groups = tables.queries["group"].to_pylist()
        lines.add("groups", len(set(groups)), len(groups), "groups of queries that count together", severity="size")
    of_groups = tables.queries["group"].to_pylist() if "group" in tables.queries.column_names else queries
    _few_units(lines, len(set(of_groups)), "distinct queries or groups")
    alone = [query_id for query_id in query_ids if query_id not in relevant]
    lines.add(
        "queries_without_relevant",
        len(alone),
        len(queries),
        "queries that nothing answers: they are not scored",
        alone,
        severity="warning",
    )
    several = [query_id for query_id, found in relevant.items() if len(found) > 1]
    lines.add(
        "queries_with_several_relevant",
        len(several),
        len(queries),
        "queries with more than one relevant passage",
        several,
        severity="size",
    )
    never = [passage_id for passage_id in passage_ids if passage_id not in answers]
    lines.add("passages_never_relevant", len(never), len(passages), "passages that answer no query", never, severity="size")
    for name, ids, keys in (("queries", query_ids, queries), ("passages", passage_ids, passages)):
        empty = [identifier for identifier, key in zip(ids, keys, strict=True) if not key]
        lines.add(f"empty_{name}", len(empty), len(ids), f"{name} without a single word", empty, severity="warning")
        repeated = _earlier(keys)
        lines.add(
            f"duplicate_{name}",
            len(repeated),
            len(ids),
            f"{name} that repeat an earlier one but for case and punctuation",
            (ids[i] for i in repeated),
            severity="warning",
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
        severity="warning",
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
        severity="warning",
    )
    if seen is not None:
        copies = seen.filter(pc.equal(seen["how"], COPY))["unit_id"].to_pylist()
        lines.add("leakage", len(copies), len(queries), "queries that are among the training queries too", copies)
        _near_leakage(lines, seen, len(queries), "queries")
    _own_passages(lines, tables, query_of, passage_of, relevant)
    below = [row["query_id"] for row in tables.qrels.to_pylist() if row["relevance"] < 0]
    if below:
        note = "judgments below 0: irrelevant, as 0 is"
        lines.add("negative_grades", len(below), tables.qrels.num_rows, note, below, severity="size")
    return lines.table()


def _own_passages(
    lines: AuditLines,
    tables: RetrievalTables,
    query_of: Mapping[str, str],
    passage_of: Mapping[str, str],
    relevant: Mapping[str, set[str]],
) -> None:
    """Queries that are passages themselves: each finds itself first, and what it should find second."""
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
    lines.add("queries_among_passages", len(among), len(query_of), note, among, severity="warning")
    if tables.excluded is None:
        return
    ids = [query_id for query_id, _ in excluded]
    note = "queries whose own passage is left out of their ranking and judgments"
    lines.add("own_passages", len(set(ids)), len(query_of), note, dict.fromkeys(ids), severity="size")
    other = [query_id for query_id, passage_id in excluded if query_of[query_id] != passage_of[passage_id]]
    if other:
        note = "queries whose left-out passage has their id, but other words: do the ids mean the same?"
        lines.add("own_passages_of_other_words", len(other), len(query_of), note, other, severity="warning")


def audit_similarity(pairs: pa.Table) -> pa.Table:
    """Audit scored pairs.

    Parameters
    ----------
    pairs : pa.Table
        pair_id, text_a, text_b, score.

    Returns
    -------
    pa.Table
        Lines ``pairs``, ``distinct_texts``, ``groups`` (where there are groups) or ``shared_texts``, ``few_test_units``
        (where there are), ``equal_texts``, ``duplicate_pairs``, ``near_duplicate_pairs``, ``score_conflicts`` and
        ``empty_texts``.
    """
    ids, scores = pairs["pair_id"].to_pylist(), pairs["score"].to_pylist()
    sides = [[" ".join(tokenize(text)) for text in pairs[column].to_pylist()] for column in ("text_a", "text_b")]
    keys = [" | ".join(sorted(pair)) for pair in zip(*sides, strict=True)]
    n = len(ids)
    lines = AuditLines()
    lines.add("pairs", n, n, f"scored from {min(scores):g} to {max(scores):g}", severity="size")
    lines.add("distinct_texts", len({*sides[0], *sides[1]}), 2 * n, "texts but for case and punctuation", severity="size")
    if "group" in pairs.column_names:
        of_groups = pairs["group"].to_pylist()
        lines.add("groups", len(set(of_groups)), n, "groups of pairs that count together", severity="size")
    else:
        of_groups = keys
        uses = Counter(key for pair in {tuple(sorted(pair)) for pair in zip(*sides, strict=True)} for key in set(pair))
        shared = [i for i in range(n) if max(uses[sides[0][i]], uses[sides[1][i]]) > 1]
        note = "pairs that share a text with another one: intervals and tests take that into account"
        lines.add("shared_texts", len(shared), n, note, (ids[i] for i in shared), severity="size")
    _few_units(lines, len(set(of_groups)), "distinct pairs or groups")
    equal = [i for i in range(n) if sides[0][i] == sides[1][i]]
    lines.add("equal_texts", len(equal), n, "pairs of one text with itself", (ids[i] for i in equal), severity="warning")
    repeated = _earlier(keys)
    lines.add(
        "duplicate_pairs",
        len(repeated),
        n,
        "pairs that repeat an earlier one",
        (ids[i] for i in repeated),
        severity="warning",
    )
    near = np.unique(near_pairs(TokenIds.of(keys)).first).tolist()
    note = "pairs that differ from an earlier one by a few words"
    lines.add("near_duplicate_pairs", len(near), n, note, (ids[i] for i in near), severity="warning")
    scores_of: dict[str, set[float]] = defaultdict(set)
    for key, score in zip(keys, scores, strict=True):
        scores_of[key].add(score)
    conflicts = {key for key, found in scores_of.items() if len(found) > 1}
    lines.add(
        "score_conflicts",
        len(conflicts),
        len(scores_of),
        "distinct pairs that bear more than one score",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )
    empty = [i for i in range(n) if not (sides[0][i] and sides[1][i])]
    lines.add(
        "empty_texts", len(empty), n, "pairs with a text without a single word", (ids[i] for i in empty), severity="warning"
    )
    return lines.table()


def relevant_passages(tables: RetrievalTables) -> dict[str, set[str]]:
    """Relevant passage ids of each query that has any."""
    relevant: dict[str, set[str]] = {}
    for query_id, passage_id, grade in zip(
        *(tables.qrels[name].to_pylist() for name in ("query_id", "passage_id", "relevance")), strict=True
    ):
        if grade > 0:
            relevant.setdefault(query_id, set()).add(passage_id)
    return relevant


def corpus_overlap(texts: Mapping[str, Sequence[str]], corpus: TokenCorpus) -> pa.Table:
    """How much of what tasks are tested on stands in a corpus.

    Parameters
    ----------
    texts : mapping of str to sequence of str
        Held-out texts of each task.
    corpus : TokenCorpus
        Read once, a batch of token ids at a time.

    Returns
    -------
    pa.Table
        task, and the columns of an audit: for each task the lines ``in_corpus`` and ``half_in_corpus``; the examples are
        the positions of texts in their sequence. Texts of fewer than five tokens do not count: they stand everywhere.

    Notes
    -----
    Sentences are taken out of corpora by what they are whole. So that this is not 0 by construction, it looks at runs of
    16 and of 8 words instead (of all words, where a text has fewer), across the ends of sentences, within a document.
    """
    found = runs_in_corpus([text for held_out in texts.values() for text in held_out], corpus, (WHOLE_RUN, RUN))
    tables, start = [], 0
    for task, held_out in texts.items():
        share = found[start : start + len(held_out)]
        start += len(held_out)
        lines, n = AuditLines(), int((~np.isnan(share[:, 0])).sum())
        whole, half = (np.flatnonzero(share[:, kind] >= least).tolist() for kind, least in enumerate((MOST, HALF)))
        note = f"held-out texts that stand in the corpus: {MOST:.0%} of their runs of {WHOLE_RUN} words, or all their words"
        lines.add("in_corpus", len(whole), n, note, map(str, whole))
        note = f"held-out texts with half or more of their runs of {RUN} words in the corpus: part of it, or reworded"
        lines.add("half_in_corpus", len(half), n, note, map(str, half), severity="warning")
        table = lines.table()
        tables.append(table.add_column(0, "task", pa.array([task] * table.num_rows, pa.string())))
    return pa.concat_tables(tables) if tables else OVERLAP_SCHEMA.empty_table()


def audit_sequence_labelling(examples: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit tagged sentences.

    Parameters
    ----------
    examples : pa.Table
        example_id, tokens, tags, split.
    seen : pa.Table, optional
        The test sentences that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``sentences.<split>``, ``tokens``, ``entities.<type>``, ``label_variants``, ``tag_scheme``,
        ``repaired_tags``, ``validation_trains`` (where there is such a part), ``groups`` and ``group_leakage`` (where
        there are groups), ``documents_not_groups`` (where documents are marked and are no groups), ``duplicates``,
        ``leakage``, ``near_leakage``, ``tag_conflicts`` and ``seen_entities``.
    """
    ids, tokens, raw, splits = (examples[name].to_pylist() for name in ("example_id", "tokens", "tags", "split"))
    tags = [to_iob2(row) for row in raw]
    n, lines = len(ids), AuditLines()
    for split, size in sorted(Counter(splits).items()):
        lines.add(f"sentences.{split}", size, n, "sentences in this part", severity="size")
    n_tokens = sum(map(len, tokens))
    lines.add("tokens", n_tokens, n_tokens, f"{n_tokens / n:.1f} per sentence", severity="size")
    found = [
        [(entity.type, " ".join(words[entity.start : entity.end]).casefold()) for entity in entities(row)]
        for words, row in zip(tokens, tags, strict=True)
    ]
    n_entities = sum(map(len, found))
    in_split = Counter((kind, split) for row, split in zip(found, splits, strict=True) for kind, _ in row)
    for kind in sorted({kind for kind, _ in in_split}):
        parts = {split: in_split[kind, split] for split in ("train", "validation", "test") if in_split[kind, split]}
        counted = ", ".join(f"{split} {count:,}" for split, count in parts.items())
        lines.add(f"entities.{kind}", sum(parts.values()), n_entities, counted, severity="size")
    kinds = Counter(kind for row in found for kind, _ in row)
    _variants(lines, kinds, "types of entity")
    if "group" in examples.column_names:
        _groups(lines, ids, examples["group"].to_pylist(), splits)
    of_groups = examples["group"].to_pylist() if "group" in examples.column_names else list(map(tuple, tokens))
    tested_groups = {group for group, split in zip(of_groups, splits, strict=True) if split == "test"}
    _few_units(lines, len(tested_groups), "distinct sentences or groups")
    if "document" in examples.column_names:
        documents = [name for name in examples["document"].to_pylist() if name is not None]
        note = (
            "documents are marked in the files, and their sentences count as independent units: say 'group: document', or "
            "intervals and tests are too sure"
        )
        lines.add("documents_not_groups", len(set(documents)), n, note, dict.fromkeys(documents), severity="warning")
    scheme, repaired = scheme_of(raw)
    note = "the tags follow it, and are brought to IOB2" if scheme != "IOB2" else "the tags follow it"
    lines.add("tag_scheme", n - len(repaired), n, f"{scheme}: {note}", severity="size")
    lines.add(
        "repaired_tags",
        len(repaired),
        n,
        f"sentences whose tags break the rules of {scheme}, and were repaired",
        (ids[i] for i in repaired),
        severity="warning",
    )
    n_validation = splits.count("validation")
    if n_validation:
        lines.add(
            "validation_trains",
            n_validation,
            sum(split != "test" for split in splits),
            "of the sentences that probes learn from are the validation part: it chooses the penalty, then joins the rest",
            severity="size",
        )
    keys = [" ".join(words) for words in tokens]
    same = _earlier(keys)
    lines.add("duplicates", len(same), n, "sentences that repeat an earlier one", (ids[i] for i in same), severity="warning")
    train = {key for key, split in zip(keys, splits, strict=True) if split != "test"}
    tested = [i for i in range(n) if splits[i] == "test"]
    leaked = [i for i in tested if keys[i] in train]
    lines.add("leakage", len(leaked), len(tested), "test sentences that are trained on too", (ids[i] for i in leaked))
    found_seen = seen_sentences({"sentences": examples}) if seen is None else seen
    _near_leakage(lines, found_seen, len(tested), "test sentences")
    tags_of: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for key, row in zip(keys, tags, strict=True):
        tags_of[key].add(tuple(row))
    conflicts = {key for key, kinds in tags_of.items() if len(kinds) > 1}
    lines.add(
        "tag_conflicts",
        len(conflicts),
        len(tags_of),
        "distinct sentences that are tagged in more than one way",
        (ids[i] for i in range(n) if keys[i] in conflicts),
    )
    known = {entity for row, split in zip(found, splits, strict=True) if split != "test" for entity in row}
    to_find = [entity for i in tested for entity in found[i]]
    lines.add(
        "seen_entities",
        sum(entity in known for entity in to_find),
        len(to_find),
        "test entities that the training part has, too, with their type",
        severity="size",
    )
    return lines.table()


def audit_interactions(interactions: pa.Table, items: pa.Table, left_out: pa.Table) -> pa.Table:
    """Audit interactions of users with items.

    Parameters
    ----------
    interactions, items, left_out : pa.Table
        As `emb_pipeline.tasks.recommendation.reader.read_interactions` gives them.

    Returns
    -------
    pa.Table
        Lines ``users``, ``items``, ``interactions.<split>``, ``users_tested``, ``cold_items``, ``cold_tests``, ``weighted``,
        ``ties_in_time``, ``learnt_from_the_future`` (or ``without_times``), ``token_duplicates`` of the items' texts, and
        what was left out.

    Notes
    -----
    ``learnt_from_the_future`` looks at all pairs of a test interaction and one before it in its split: the share of them in
    which the latter is later. Leaving each user's last interaction out makes it large, since other users go on; a cut in
    time makes it 0.
    """
    users, item_ids, splits = (interactions[name].to_pylist() for name in ("user_id", "item_id", "split"))
    times = interactions["timestamp"].to_numpy()
    is_test = np.array([split == "test" for split in splits])
    counts = dict(zip(items["item_id"].to_pylist(), items["n_train"].to_pylist(), strict=True))
    lines, n = AuditLines(), len(users)
    lines.add(
        "users", len(set(users)), len(set(users)), "users with a core of interactions before the test", severity="size"
    )
    lines.add("items", items.num_rows, items.num_rows, "all of them are ranked", severity="size")
    for split in ("train", "validation", "test"):
        lines.add(f"interactions.{split}", splits.count(split), n, "interactions", severity="size")
    tested = {user for user, test in zip(users, is_test, strict=True) if test}
    lines.add("users_tested", len(tested), len(set(users)), "users with an interaction in the test part", severity="size")
    _few_units(lines, len(tested), "users")
    cold = sum(count == 0 for count in counts.values())
    lines.add("cold_items", cold, len(counts), "items that nothing is learnt from but their text", severity="size")
    cold_tests = [f"{users[i]} {item_ids[i]}" for i in range(n) if is_test[i] and counts[item_ids[i]] == 0]
    lines.add(
        "cold_tests", len(cold_tests), int(is_test.sum()), "test interactions with a cold item", cold_tests, severity="size"
    )
    if "weight" in interactions.column_names:
        weights = interactions["weight"].to_numpy()
        note = f"interactions with a weight from {weights.min():g} to {weights.max():g}"
        lines.add("weighted", n, n, note, severity="size")
    if np.isnan(times).all():
        note = "test interactions that a hash drew, for there are no times: what is learnt from may be later"
        lines.add("without_times", int(is_test.sum()), int(is_test.sum()), note, severity="warning")
    else:
        _times(lines, users, times, is_test)
    if items["text"].null_count < items.num_rows:
        ids = items["item_id"].to_pylist()
        keys = [" ".join(tokenize(text)) for text in items["text"].to_pylist()]
        repeated = _earlier(keys)
        note = "items whose text is that of another one but for case and punctuation: no text tells them apart"
        lines.add("token_duplicates", len(repeated), len(keys), note, (ids[i] for i in repeated), severity="warning")
    return pa.concat_tables([lines.table(), left_out])


def _times(lines: AuditLines, users: Sequence[str], times: np.ndarray, is_test: np.ndarray) -> None:
    same = np.array([i > 0 and users[i] == users[i - 1] and times[i] == times[i - 1] for i in range(len(users))]) & is_test
    note = "test interactions at the very time of the user's one before: a hash decided which is tested"
    lines.add(
        "ties_in_time",
        int(same.sum()),
        int(is_test.sum()),
        note,
        (users[i] for i in np.flatnonzero(same).tolist()),
        severity="warning",
    )
    visible = np.sort(times[~is_test])
    later = len(visible) - np.searchsorted(visible, times[is_test], side="right")
    note = "pairs of a test interaction and one that is learnt from, or tuned on, of which the latter is later"
    lines.add("learnt_from_the_future", int(later.sum()), len(visible) * len(later), note, severity="warning")


def audit_extractive(questions: pa.Table, seen: pa.Table | None = None) -> pa.Table:
    """Audit questions with contexts and the spans that answer them.

    Parameters
    ----------
    questions : pa.Table
        Of schema `emb_pipeline.tasks.extractive_qa.questions.QUESTIONS_SCHEMA`.
    seen : pa.Table, optional
        The test questions that were seen in training, where they were looked for already.

    Returns
    -------
    pa.Table
        Lines ``questions.<split>``, ``contexts``, ``shared_contexts``, ``near_leakage``, ``duplicate_questions``,
        ``disputed_answers`` and
        ``answers_inside_words``.
    """
    columns = ("example_id", "text", "context", "answers", "answer_starts", "split")
    ids, texts, contexts, answers, starts, splits = (questions[column].to_pylist() for column in columns)
    lines = AuditLines()
    for split in dict.fromkeys(splits):
        lines.add(
            f"questions.{split}", splits.count(split), len(splits), f"questions of the split '{split}'", severity="size"
        )
    lines.add("contexts", len(set(contexts)), len(contexts), "distinct contexts, over the questions", severity="size")
    trained = {context for context, split in zip(contexts, splits, strict=True) if split != "test"}
    tested = [row for row, split in enumerate(splits) if split == "test"]
    _few_units(lines, len({contexts[row] for row in tested}), "contexts")
    shared = [ids[row] for row in tested if contexts[row] in trained]
    lines.add(
        "shared_contexts",
        len(shared),
        len(tested),
        "test questions whose context is trained on, too",
        shared,
        severity="warning",
    )
    found = seen_questions({"questions": questions}) if seen is None else seen
    _near_leakage(lines, found, len(tested), "test questions that, or whose contexts,")
    keys = [" ".join(tokenize(text)) for text in texts]
    repeated = [ids[row] for row in _earlier(keys)]
    lines.add(
        "duplicate_questions",
        len(repeated),
        len(ids),
        "questions that repeat an earlier one but for case",
        repeated,
        severity="warning",
    )
    disputed = [ids[row] for row in tested if len({" ".join(tokenize(answer)) for answer in answers[row]}) > 1]
    lines.add(
        "disputed_answers",
        len(disputed),
        len(tested),
        "test questions that people answered with different spans",
        disputed,
        severity="warning",
    )
    cut = [row for row in tested if not _on_words(contexts[row], answers[row], starts[row])]
    lines.add(
        "answers_inside_words",
        len(cut),
        len(tested),
        "test questions all of whose answers start or end inside a word: no span of words is an exact match",
        (ids[row] for row in cut),
        severity="warning",
    )
    return lines.table()


def _on_words(context: str, answers: Sequence[str], starts: Sequence[int]) -> bool:
    """Whether some answer is a span of whole words."""
    placed = PlacedWords.of(context)
    return any(
        placed.between(*placed.covering(start, start + len(answer))) == answer.strip()
        for answer, start in zip(answers, starts, strict=True)
    )


def require_evaluable(task: pa.Table | RetrievalTables, place: str) -> None:
    """Refuse a task that cannot be evaluated, before anything is trained.

    Parameters
    ----------
    task : pa.Table or RetrievalTables
        Examples of a classification task, or a retrieval task.
    place : str
        What the error calls the task.

    Raises
    ------
    DataError
        Classification: fewer than two classes (in the training part, where there is one), an empty training or test part,
        no test text that is not also trained on, no text with a word. Retrieval: no query, no passage, no relevant judgment.
        Both: too few units to resample (`require_units`).
    """
    if isinstance(task, RetrievalTables):
        if not task.queries.num_rows or not task.passages.num_rows:
            raise DataError(place, "there is no query or no passage", "check the files and columns of the task's reading")
        if not relevant_passages(task):
            raise DataError(place, "no judgment calls a passage relevant", "qrels need a row with a relevance above 0")
        relevant, words = relevant_passages(task), _keys(task.queries)
        queries = zip(task.queries["query_id"].to_pylist(), words, strict=True)
        require_units([key for query_id, key in queries if query_id in relevant], place, "queries with a relevant passage")
        return
    labels, splits, keys = task["label"].to_pylist(), task["split"].to_pylist(), _keys(task)
    split = any(part is not None for part in splits)
    train = [i for i in range(len(labels)) if splits[i] != "test"]
    if split:
        tested = [i for i in range(len(labels)) if splits[i] == "test"]
        for name, part in (("train", train), ("test", tested)):
            if not part:
                raise DataError(
                    place,
                    f"the split '{name}' is empty",
                    "correct 'splits' or the split column, or leave them out to be evaluated by folds",
                )
        trained_on = {keys[i] for i in train}
        if all(keys[i] in trained_on for i in tested):
            raise DataError(
                place, "every test text stands in the training part too", "the scores would measure memory; make a new split"
            )
    classes = {labels[i] for i in train}
    if len(classes) < 2:
        raise DataError(
            place, f"the classes to learn are {sorted(classes)}", "a classification task needs two; check the label column"
        )
    if not any(keys):
        raise DataError(place, "no text has a single word", "check the text column and the encoding")
    groups = task["group"].to_pylist() if "group" in task.column_names else None
    judged = tested if split else list(range(len(labels)))
    units = keys if groups is None else _joined_groups(keys, groups)
    require_units([units[i] for i in judged], place, "test texts" if split else "texts")


def require_units(units: Sequence[object], place: str, what: str) -> None:
    """Refuse a task with fewer than two test units that differ: nothing can be resampled, so there is no interval.

    Parameters
    ----------
    units : sequence
        What each unit of the test part is resampled with: equal ones stay together.
    place : str
        What the error calls the task.
    what : str
        What the units are, for the message.

    Raises
    ------
    DataError
        There are too few.
    """
    n_distinct = len(set(units))
    if n_distinct < FEWEST_UNITS:
        raise DataError(
            place,
            f"it has {len(units)} {what}, {n_distinct} of them distinct, and an interval needs {FEWEST_UNITS} or more",
            "add some; a few hundred are worth a comparison",
        )


def _joined_groups(keys: Sequence[str], groups: Sequence[str]) -> list[int]:
    """The number of what each example must stay with: those of equal words or of one group, and what these stay with."""
    _, words = np.unique(np.array(keys, dtype=object), return_inverse=True)
    _, own = np.unique(np.array(groups, dtype=object), return_inverse=True)
    n_words, n = int(words.max()) + 1, int(words.max()) + int(own.max()) + 2
    links = sp.coo_array((np.ones(len(keys), dtype=bool), (words, n_words + own)), shape=(n, n))
    return list(connected_components(links, directed=False)[1][words].tolist())


def _keys(table: pa.Table) -> list[str]:
    return [" ".join(tokenize(text)) for text in table["text"].to_pylist()]


def _earlier(items: Sequence[str]) -> list[int]:
    """Positions of items that stand earlier too."""
    seen: set[str] = set()
    repeated = []
    for position, item in enumerate(items):
        if item in seen:
            repeated.append(position)
        seen.add(item)
    return repeated
