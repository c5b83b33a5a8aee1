"""From files to queries, passages and the judgments between them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.formats import markup, question_answering
from emb_pipeline.readers.readings import (
    BeirReading,
    DocstringRetrievalReading,
    JsonlReading,
    LiveqaReading,
    OwnPassage,
    PairsReading,
    PlacedReading,
    RetrievalReading,
    SquadReading,
    TablesReading,
    TabularReading,
    TsvReading,
    origin_of,
)
from emb_pipeline.readers.splits import split_name
from emb_pipeline.readers.tables import column_names, identified_texts, identifier, require_group, rows, table_of
from emb_pipeline.tasks.retrieval.judgments import Judgment, grade_column, grade_of, table_judgments, trec_judgments
from emb_pipeline.text.hashing import text_hash
from emb_pipeline.text.words import tokenize

BEIR_JUDGMENTS = ("query-id", "corpus-id", "score")
"""Columns of BEIR's judgments."""


_Judged: TypeAlias = tuple[str, str, str, str, float, str, str | None]
"""Place, id, query, passage, grade, split and group of a pair."""


@dataclass(frozen=True)
class RetrievalTables:
    """A retrieval task.

    Attributes
    ----------
    queries : pa.Table
        query_id, text, split: ``test`` for those that are evaluated, ``train`` for those that may be learnt from; and
        group, where the reading names a column for it.
    passages : pa.Table
        passage_id, text.
    qrels : pa.Table
        query_id, passage_id, relevance: float32 (0 and below is irrelevant).
    excluded : pa.Table, optional
        query_id, passage_id: pairs that no ranking shows, for the passage is the query.
    """

    queries: pa.Table
    passages: pa.Table
    qrels: pa.Table
    excluded: pa.Table | None = None

    def evaluated(self) -> RetrievalTables:
        """The same without training queries."""
        if "split" not in self.queries.column_names:
            return self
        queries = self.queries.filter(pc.equal(self.queries["split"], "test"))
        qrels, excluded = (
            None if pairs is None else pairs.filter(pc.is_in(pairs["query_id"], queries["query_id"]))
            for pairs in (self.qrels, self.excluded)
        )
        return RetrievalTables(queries, self.passages, qrels, excluded)


def read_retrieval(reading: RetrievalReading, raw: Path, project: Path, bad: BadRows | None = None) -> RetrievalTables:
    """Read queries, passages and the judgments between them.

    Parameters
    ----------
    reading : RetrievalReading
        Where they are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the reading says.

    Returns
    -------
    RetrievalTables

    Raises
    ------
    DataError
        A text is empty, an id repeats, a judgment names an unknown query or passage, there is nothing to retrieve, or a
        file is missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringRetrievalReading):
        table = docstrings.docstring_table(reading.packages, raw / docstrings.CACHE)
        return RetrievalTables(
            *docstrings.summary_retrieval(
                table,
                max_queries=reading.max_queries,
                training_queries=reading.training_queries,
                max_passages=reading.max_passages,
                min_tokens=reading.min_tokens,
                min_body_tokens=reading.min_body_tokens,
                test_share=reading.test_share,
            )
        )
    if isinstance(reading, TablesReading | BeirReading):
        with bad or BadRows.of(reading) as bad:
            if isinstance(reading, TablesReading):
                return _judged_tables(reading, project, bad)
            return _beir(reading, raw, project, bad)
    if isinstance(reading, LiveqaReading):
        found = question_answering.liveqa_judgments(reading, raw, project)
        return _judged_answers(found.questions, found.answers, found.grades)
    if isinstance(reading, PairsReading):
        with bad or BadRows.of(reading) as bad:
            judged = list(_pairs(reading, raw, project, bad))
        if reading.relevance or reading.splits is not None:
            return _judged_queries(reading, judged)
        pairs: Iterable[tuple[Any, ...]] = judged
    elif isinstance(reading, SquadReading):
        pairs = question_answering.squad_pairs(reading, raw, project)
    else:
        pairs = chain.from_iterable(map(markup.medquad_pairs, named_files(reading, raw, project)))
    own = getattr(reading, "exclude_self", None)
    return _answered_queries(pairs, origin_of(reading), reading.max_queries, reading.training_queries, own)


def check_first_rows(reading: RetrievalReading, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `read_retrieval`, except for what only the whole can tell.
    """
    with BadRows.of(reading) as bad:
        for _ in _first_rows(reading, raw, project, bad):
            pass


def _first_rows(reading: RetrievalReading, raw: Path, project: Path, bad: BadRows) -> Iterator[object]:
    if isinstance(reading, TablesReading):
        read_as = partial(table_of, reading=reading)
        for path, id_column in ((reading.queries, reading.query_id), (reading.passages, reading.passage_id)):
            identified_texts(_own_files(path, project), id_column, reading.text, read_as, bad)
        for file in _own_files(reading.qrels, project):
            yield from _judgments_of(file, reading, bad)
    elif isinstance(reading, BeirReading) and named_files(reading, raw, project):
        _beir_texts(reading, raw, project, bad)
        for split in filter(None, (reading.test, reading.training)):
            yield from _beir_judgments(reading, split, raw, project, bad)
    elif isinstance(reading, PairsReading):
        yield from _pairs(reading, raw, project, bad)
    elif isinstance(reading, SquadReading):
        yield from question_answering.squad_pairs(reading, raw, project)


def _judged_tables(reading: TablesReading, project: Path, bad: BadRows) -> RetrievalTables:
    read_as = partial(table_of, reading=reading)
    queries = identified_texts(_own_files(reading.queries, project), reading.query_id, reading.text, read_as, bad)
    training = _training_queries(reading, project) if reading.split else set()
    passages = identified_texts(_own_files(reading.passages, project), reading.passage_id, reading.text, read_as, bad)
    collection = _Collection(queries, passages, reading.queries, reading.passages)
    if reading.group is not None:
        files = _own_files(reading.queries, project)
        collection.groups = _groups_of_queries(files, reading.query_id, reading.group, read_as, bad)
    for file in _own_files(reading.qrels, project):
        collection.judge(_judgments_of(file, reading, bad), bad)
    bad.raise_all()
    if not collection.grades:
        raise DataError(
            reading.qrels, "there is no judgment", "add a row of query_id, passage_id and relevance per relevant passage"
        )
    return collection.tables(training, reading.exclude_self)


def _judgments_of(file: NamedFile, reading: TablesReading, bad: BadRows) -> Iterator[Judgment]:
    suffixes = {suffix.casefold() for suffix in file.path.suffixes}
    if reading.qrels_format == "trec" or suffixes & {".qrels", ".trec"}:
        return trec_judgments(file, reading.encoding, bad)
    table = table_of(file, reading)
    ids = (reading.query_id, reading.passage_id)
    if set(BEIR_JUDGMENTS) <= set(column_names(file, table, 1)) - set(ids):
        raise DataError(
            file.name,
            f"its columns are {', '.join(BEIR_JUDGMENTS)}, those of BEIR",
            "say 'reader: beir, path: …' with the folder that holds corpus.jsonl, queries.jsonl and qrels",
        )
    return table_judgments(file, table, *ids, grade_column(file, table, reading.relevance, ids, any_other=True), bad)


def _groups_of_queries(
    files: Iterable[NamedFile], id_column: str, group: str, read_as: Callable[[NamedFile], TabularReading], bad: BadRows
) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        for number, (query_id, value) in rows(file, read_as(file), (id_column, group), bad):
            try:
                found[identifier(query_id)] = require_group(value, f"{file.name}, row {number}")
            except DataError as error:
                bad.take(error)
    return found


def _training_queries(reading: TablesReading, project: Path) -> set[str]:
    found: set[str] = set()
    for file in _own_files(reading.queries, project):
        table = table_of(file, reading)
        for number, (query_id, split) in rows(file, table, (reading.query_id, str(reading.split))):
            if split_name(split, f"{file.name}, row {number}") != "test":
                found.add(identifier(query_id))
    return found


def _beir(reading: BeirReading, raw: Path, project: Path, bad: BadRows) -> RetrievalTables:
    """The folder of a BEIR data set [Thakur et al. 2021]; queries that are not judged in the named splits are left out."""
    collection = _beir_texts(reading, raw, project, bad)
    tested = collection.judge(_beir_judgments(reading, reading.test, raw, project, bad), bad)
    training: set[str] = set()
    if reading.training is not None:
        judgments = _beir_judgments(reading, reading.training, raw, project, bad)
        # What training judgments say of a query that is tested is left out.
        training = collection.judge((judged for judged in judgments if judged.query_id not in tested), bad)
    bad.raise_all()
    if not tested:
        raise DataError(f"qrels/{reading.test}.tsv", "there is no judgment", "name another split: 'test: dev', say")
    collection.keep_queries(training | tested)
    return collection.tables(training, reading.exclude_self)


def _beir_texts(reading: BeirReading, raw: Path, project: Path, bad: BadRows) -> _Collection:
    as_json = partial(_json_lines, encoding=reading.encoding)
    queries, corpus = (_only_file(reading, raw, project, f"**/{name}.jsonl*") for name in ("queries", "corpus"))
    passage = ("title", "text") if reading.title else ("text",)
    if reading.title and "title" not in column_names(corpus, as_json(corpus), 1):
        raise DataError(f"{corpus.name}, row 1", "there is no 'title'", "say 'title: false'")
    collection = _Collection(
        identified_texts([queries], "_id", "text", as_json, bad),
        identified_texts([corpus], "_id", passage, as_json, bad),
        queries.name,
        corpus.name,
    )
    if reading.group is not None:
        collection.groups = _groups_of_queries([queries], "_id", reading.group, as_json, bad)
    return collection


def _beir_judgments(reading: BeirReading, split: str, raw: Path, project: Path, bad: BadRows) -> Iterator[Judgment]:
    file = _only_file(reading, raw, project, f"**/qrels/{split}.tsv*")
    table = TsvReading(path=str(file.path), encoding=reading.encoding)
    return table_judgments(file, table, *BEIR_JUDGMENTS, bad)


def _json_lines(file: NamedFile, encoding: str) -> JsonlReading:
    return JsonlReading(path=str(file.path), encoding=encoding)


def _only_file(reading: PlacedReading, raw: Path, project: Path, glob: str) -> NamedFile:
    files = named_files(reading, raw, project, glob=glob)
    if len(files) > 1:
        listed = ", ".join(file.name for file in files[:5])
        raise DataError(f"'{glob}'", f"matches several files: {listed}", "name the folder of one data set")
    return files[0]


class _Collection:
    """Queries, passages and the grades between them.

    Parameters
    ----------
    queries, passages : dict of str to str
        Texts by id.
    queries_name, passages_name : str
        Where they stand, for messages.
    """

    def __init__(self, queries: dict[str, str], passages: dict[str, str], queries_name: str, passages_name: str) -> None:
        self._queries, self._passages = queries, passages
        self._known = (("query", queries, queries_name), ("passage", passages, passages_name))
        self.grades: dict[tuple[str, str], float] = {}
        self.groups: dict[str, str] = {}

    def judge(self, judgments: Iterable[Judgment], bad: BadRows) -> set[str]:
        """Take judgments in; the ids of their queries come back."""
        judged = set()
        for judgment in judgments:
            try:
                self._judge(judgment)
            except DataError as error:
                bad.take(error)
                continue
            judged.add(judgment.query_id)
        return judged

    def _judge(self, judgment: Judgment) -> None:
        pair = judgment.query_id, judgment.passage_id
        for (kind, known, where), judged in zip(self._known, pair, strict=True):
            if judged not in known:
                remedy = "add it there, drop the row, or say 'on_error: skip'"
                raise DataError(judgment.place, f"{kind} '{judged}' is not in {where}", remedy)
        if pair in self.grades:
            raise DataError(
                judgment.place,
                f"query '{judgment.query_id}' and passage '{judgment.passage_id}' are judged a second time",
                "keep one of the rows",
            )
        self.grades[pair] = judgment.grade

    def keep_queries(self, kept: Container[str]) -> None:
        """Leave other queries out."""
        self._queries = {query_id: text for query_id, text in self._queries.items() if query_id in kept}

    def tables(self, training: Container[str], exclude_self: OwnPassage | None) -> RetrievalTables:
        """Everything as tables."""
        own = _own_passages(self._queries, self._passages, exclude_self)
        grades = {pair: grade for pair, grade in self.grades.items() if pair not in own and pair[0] in self._queries}
        queries = _queries_table(self._queries, training, self.groups)
        excluded = None if exclude_self is None else _pairs_table(own)
        return RetrievalTables(queries, _passages_table(self._passages), _qrels_table(grades), excluded)


def _own_passages(queries: dict[str, str], passages: dict[str, str], by: OwnPassage | None) -> dict[tuple[str, str], None]:
    """Each query with the passages that are the query itself."""
    own: dict[tuple[str, str], None] = {}
    of_words: dict[str, list[str]] = defaultdict(list)
    if by in ("text", "both"):
        for passage_id, text in passages.items():
            of_words[_words_of(text)].append(passage_id)
    for query_id, text in queries.items():
        if by in ("id", "both") and query_id in passages:
            own[query_id, query_id] = None
        own.update(dict.fromkeys((query_id, passage_id) for passage_id in of_words.get(_words_of(text), ())))
    return own


def _own_files(path: str, project: Path) -> list[NamedFile]:
    return named_files(PlacedReading(path=path), project, project)


class _Pairs:
    """Queries with passages that were judged for them; those of equal words are one, with the highest grade.

    A query belongs to the split that it is first met in; what other splits say of it is checked, and left out.
    """

    def __init__(self) -> None:
        self._queries: dict[str, tuple[str, str]] = {}
        self._passages: dict[str, tuple[str, str]] = {}
        self.split_of: dict[str, str] = {}
        self.grades: dict[tuple[str, str], float] = {}
        self.groups: dict[str, str] = {}

    def add(
        self,
        place: str,
        pair_id: str,
        query: str,
        passage: str,
        grade: float = 1,
        split: str = "test",
        group: str | None = None,
    ) -> None:
        """Take a pair in."""
        for kind, text in (("query", query), ("passage", passage)):
            if not text.strip():
                raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
        query_id = _one_of(self._queries, f"q:{pair_id}", query)
        if group is not None:
            self.groups.setdefault(query_id, group)
        if self.split_of.setdefault(query_id, split) == split:
            passage_id = _one_of(self._passages, f"p:{pair_id}", passage)
            self.grades[query_id, passage_id] = max(grade, self.grades.get((query_id, passage_id), -math.inf))

    def queries_by_hash(self) -> list[str]:
        """Their ids, in an order that looks random."""
        return [self._queries[words][0] for words in sorted(self._queries, key=text_hash)]

    def tables(
        self, tested: Iterable[str], training: Container[str], exclude_self: OwnPassage | None = None
    ) -> RetrievalTables:
        """These queries, and all passages, in the order of a hash of their words (see `_passages_table`)."""
        tested = set(tested)
        queries = {query_id: text for query_id, text in self._queries.values() if query_id in tested or query_id in training}
        passages = dict(self._passages[words] for words in sorted(self._passages, key=text_hash))
        own = _own_passages(queries, passages, exclude_self)
        grades = {pair: grade for pair, grade in self.grades.items() if pair[0] in queries and pair not in own}
        excluded = None if exclude_self is None else _pairs_table(own)
        texts = _texts_table("passage_id", passages)
        return RetrievalTables(_queries_table(queries, training, self.groups), texts, _qrels_table(grades), excluded)


def _one_of(known: dict[str, tuple[str, str]], new_id: str, text: str) -> str:
    """The id of the known text of these words, or a new one."""
    text = text.strip()
    return known.setdefault(_words_of(text), (new_id, text))[0]


def _words_of(text: str) -> str:
    """What two texts have in common that differ in case and punctuation alone."""
    return " ".join(tokenize(text)) or text.strip()


def _pairs(reading: PairsReading, raw: Path, project: Path, bad: BadRows) -> Iterator[_Judged]:
    """Stream place, id, query, passage, grade, split and group of each pair that can be used."""
    # Test comes before train: a query of both is evaluated, and not trained on.
    groups = [("test", reading.files)] if reading.splits is None else sorted(reading.splits.items())
    ids = (reading.query, reading.passage)
    for split, glob in groups:
        for file in named_files(reading, raw, project, glob=glob):
            table = table_of(file, reading)
            graded = grade_column(file, table, reading.relevance, ids, any_other=False)
            for number, (query, passage, *given) in rows(
                file,
                table,
                (*ids, *([graded] if graded else []), *([reading.group] if reading.group else [])),
                bad,
                texts_in=ids,
            ):
                place = f"{file.name}, row {number}"
                if bad.leaves_out_empty and not (query.strip() and passage.strip()):
                    bad.leave_out_empty(place)
                    continue
                try:
                    for kind, text in (("query", query), ("passage", passage)):
                        if not text.strip():
                            raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
                    grade = grade_of(given[0], place, str(graded)) if graded else 1.0
                    group = require_group(given[-1], place) if reading.group else None
                except DataError as error:
                    bad.take(error)
                    continue
                yield place, f"{file.name}:{number}", query, passage, grade, split, group


def _answered_queries(
    pairs: Iterable[tuple[Any, ...]],
    place: str,
    max_queries: int | None,
    training_queries: int,
    exclude_self: OwnPassage | None,
) -> RetrievalTables:
    """Place, id, query and passage of pairs as tables: a query that repeats has all its passages as answers.

    No passage of a query that is evaluated is among those of training queries.
    """
    found = _Pairs()
    for pair in pairs:
        found.add(*pair)
    if not found.grades:
        raise DataError(place, "there is no pair of query and passage", "check the file, and which columns are named")
    by_hash = found.queries_by_hash()
    n_tested = len(by_hash) if max_queries is None else max_queries
    tested = set(by_hash[:n_tested])
    answers = {passage_id for query_id, passage_id in found.grades if query_id in tested}
    on_answers = {query_id for query_id, passage_id in found.grades if passage_id in answers}
    others = [query_id for query_id in by_hash[n_tested:] if query_id not in on_answers]
    return found.tables(tested, set(others[:training_queries]), exclude_self)


def _judged_queries(reading: PairsReading, pairs: Iterable[_Judged]) -> RetrievalTables:
    """Pairs with grades or splits as tables."""
    found = _Pairs()
    for pair in pairs:
        found.add(*pair)
    relevant = {query_id for (query_id, _), grade in found.grades.items() if grade > 0}
    irrelevant = {query_id for (query_id, _), grade in found.grades.items() if grade <= 0}
    kept = relevant & irrelevant if reading.only_mixed else relevant
    by_hash = [query_id for query_id in found.queries_by_hash() if query_id in kept]
    tested = [query_id for query_id in by_hash if found.split_of[query_id] == "test"][: reading.max_queries]
    if not tested:
        raise DataError(
            origin_of(reading), "no query of the test part has a relevant passage", "check files, columns and 'only_mixed'"
        )
    training = {query_id for query_id in by_hash if found.split_of[query_id] != "test"}
    return found.tables(tested, training, reading.exclude_self)


def _judged_answers(
    questions: dict[str, str], answers: dict[str, str], grades: Mapping[tuple[str, str], float]
) -> RetrievalTables:
    return RetrievalTables(_queries_table(questions, ()), _passages_table(answers), _qrels_table(grades))


def _queries_table(queries: dict[str, str], training: Container[str], groups: Mapping[str, str] | None = None) -> pa.Table:
    split = ["train" if query_id in training else "test" for query_id in queries]
    table = _texts_table("query_id", queries).append_column("split", pa.array(split, pa.string()))
    if not groups:
        return table
    return table.append_column("group", pa.array([groups.get(query_id) for query_id in queries], pa.string()))


def _passages_table(passages: dict[str, str]) -> pa.Table:
    """The passages in the order of a hash of their text, and of their id where texts are equal.

    The order of a file often has the relevant ones first, or follows the queries. Search engines rank equal scores in the
    order of insertion, and what is fitted on the passages adds in their order: neither may tell one file from another.
    """
    ordered = sorted(passages.items(), key=lambda passage: (text_hash(passage[1]), text_hash(passage[0])))
    return _texts_table("passage_id", dict(ordered))


def _texts_table(id_column: str, texts: dict[str, str]) -> pa.Table:
    return pa.table({id_column: pa.array(list(texts), pa.string()), "text": pa.array(list(texts.values()), pa.string())})


def _qrels_table(judgments: Mapping[tuple[str, str], float]) -> pa.Table:
    return _pairs_table(judgments).append_column("relevance", pa.array(list(judgments.values()), pa.float32()))


def _pairs_table(pairs: Iterable[tuple[str, str]]) -> pa.Table:
    columns = list(zip(*pairs, strict=True)) or [(), ()]
    return pa.table(
        {name: pa.array(ids, pa.string()) for name, ids in zip(("query_id", "passage_id"), columns, strict=True)}
    )
