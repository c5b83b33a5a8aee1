"""From files to documents, labelled texts, and queries with their passages.

Each function takes readings (`emb_pipeline.text.readings`), streams what can be streamed, and refuses bad input with a
`DataError` that names the file, the row and the way out. Rows count as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.text import docstrings, links, markup, question_answering
from emb_pipeline.text.archives import archive_members, is_archive
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import NamedFile, decoded, lines, named_files, opened
from emb_pipeline.text.readings import (
    ClassFoldersReading,
    ClassificationReading,
    CorpusReading,
    CsvReading,
    DocstringLinksReading,
    DocstringRetrievalReading,
    DocstringsReading,
    DocstringSubpackagesReading,
    HashRange,
    IobReading,
    JsonlReading,
    LabelledLinesReading,
    LiveqaReading,
    MediawikiDumpReading,
    MedquadReading,
    PairsReading,
    ParquetReading,
    PlacedReading,
    PubmedqaReading,
    RetrievalReading,
    SimilarityReading,
    SplitName,
    SquadReading,
    TablesReading,
    TabularReading,
    TextReading,
    TsvReading,
    WikiExtractorReading,
)
from emb_pipeline.text.tables import column_names, rows
from emb_pipeline.text.tokens import sentence_key, tokenize

DOCSTRING_CACHE = "docstrings"
"""Folder, inside the raw data, where parsed docstrings are kept."""

EXAMPLES_SCHEMA = pa.schema(
    [("example_id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("split", pa.string())]
)
GROUP = pa.field("group", pa.string())
"""A further column of examples, where the reading names one: examples of one group stay in one fold."""
PAIRS_SCHEMA = pa.schema(
    [("pair_id", pa.string()), ("text_a", pa.string()), ("text_b", pa.string()), ("score", pa.float64())]
)
FEWEST_PAIRS = 10
"""Pairs below which a correlation says nothing."""


@dataclass(frozen=True)
class RetrievalTables:
    """A retrieval task.

    Attributes
    ----------
    queries : pa.Table
        query_id, text, split: ``test`` for those that are evaluated, ``train`` for those that may be learnt from.
    passages : pa.Table
        passage_id, text.
    qrels : pa.Table
        query_id, passage_id, relevance: int32 (0 is irrelevant).
    """

    queries: pa.Table
    passages: pa.Table
    qrels: pa.Table

    def evaluated(self) -> RetrievalTables:
        """The same without training queries."""
        if "split" not in self.queries.column_names:
            return self
        queries = self.queries.filter(pc.equal(self.queries["split"], "test"))
        return RetrievalTables(
            queries, self.passages, self.qrels.filter(pc.is_in(self.qrels["query_id"], queries["query_id"]))
        )


def read_documents(readings: Sequence[CorpusReading], raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    """Stream the documents of a corpus.

    Documents without text (a record without an abstract) are passed over: nothing is learned from them.

    Parameters
    ----------
    readings : sequence of CorpusReading
        Where the text is; read one after the other.
    raw : Path
        Folder that public sources are fetched to, on first use (``data/01_raw``).
    project : Path
        Folder that paths are relative to.

    Yields
    ------
    doc_id : str
        Unique; starts with the source, path or package that the document comes from.
    text : str
        The document; paragraphs are separated by blank lines.

    Raises
    ------
    DataError
        A file is missing, damaged or not what the reading says.
    """
    prefixes: dict[str, int] = {}
    for reading in readings:
        prefix = _prefix(reading)
        prefixes[prefix] = prefixes.get(prefix, 0) + 1
        if prefixes[prefix] > 1:
            prefix = f"{prefix}~{prefixes[prefix]}"
        for doc_id, text in _DOCUMENTS[type(reading)](reading, raw, project):
            if text and not text.isspace():
                yield f"{prefix}:{doc_id}", text


def read_classification(reading: ClassificationReading, raw: Path, project: Path) -> pa.Table:
    """Labelled texts.

    Parameters
    ----------
    reading : ClassificationReading
        Where the texts, labels and splits are.
    raw, project : Path
        As for `read_documents`.

    Returns
    -------
    pa.Table
        example_id, text, label, split (train, validation, test; null throughout where there is no official split), and
        group, where the reading names a column for it.

    Raises
    ------
    DataError
        A text, label or group is empty, a label or split is unknown, an id repeats, a split is empty, a class has one
        example, there are fewer than two classes, or a file is missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringSubpackagesReading):
        table = docstrings.docstring_table(reading.packages, raw / DOCSTRING_CACHE)
        return docstrings.subpackage_examples(
            table, min_examples=reading.min_examples, min_tokens=reading.min_tokens, test_share=reading.test_share
        ).cast(EXAMPLES_SCHEMA)
    examples = _Examples(None if isinstance(reading, PubmedqaReading) else reading.labels)
    if isinstance(reading, ClassFoldersReading):
        _read_class_folders(reading, raw, project, examples)
        return examples.table(_prefix(reading))
    if isinstance(reading, PubmedqaReading):
        for example in question_answering.pubmedqa_examples(reading, raw, project):
            examples.add(*example)
        return examples.table(_prefix(reading))
    if isinstance(reading, LabelledLinesReading):
        _read_labelled_lines(reading, raw, project, examples)
        return examples.table(_prefix(reading))
    _read_labelled_rows(reading, raw, project, examples)
    return examples.table(_prefix(reading), min_examples=reading.min_examples, grouped=reading.group is not None)


def read_retrieval(reading: RetrievalReading, raw: Path, project: Path) -> RetrievalTables:
    """Queries, passages and the judgments between them.

    Parameters
    ----------
    reading : RetrievalReading
        Where they are.
    raw, project : Path
        As for `read_documents`.

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
        table = docstrings.docstring_table(reading.packages, raw / DOCSTRING_CACHE)
        return RetrievalTables(
            *docstrings.summary_retrieval(
                table,
                max_queries=reading.max_queries,
                training_queries=reading.training_queries,
                min_tokens=reading.min_tokens,
                min_body_tokens=reading.min_body_tokens,
                test_share=reading.test_share,
            )
        )
    if isinstance(reading, TablesReading):
        return _judged_tables(reading, project)
    if isinstance(reading, LiveqaReading):
        found = question_answering.liveqa_judgments(reading, raw, project)
        return _judged_answers(found.questions, found.answers, found.grades)
    if isinstance(reading, PairsReading):
        if reading.relevance is not None or reading.splits is not None:
            return _tables_of_judged_pairs(reading, raw, project)
        pairs = _pairs(reading, raw, project)
    elif isinstance(reading, SquadReading):
        pairs = question_answering.squad_pairs(reading, raw, project)
    else:
        pairs = _medquad_pairs(reading, raw, project)
    return _tables_of_pairs(pairs, _prefix(reading), reading.max_queries, reading.training_queries)


def read_similarity(reading: SimilarityReading, raw: Path, project: Path) -> pa.Table:
    """Pairs of texts with a score.

    Parameters
    ----------
    reading : SimilarityReading
        Where they are.
    raw, project : Path
        As for `read_documents`.

    Returns
    -------
    pa.Table
        pair_id, text_a, text_b: string, score: float64.

    Raises
    ------
    DataError
        A text is empty, a score is empty or no number, there are fewer than ten pairs or all scores are equal, or a file is
        missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringLinksReading):
        table = docstrings.docstring_table(reading.packages, raw / DOCSTRING_CACHE)
        return links.linked_summaries(table, max_links=reading.max_links, min_tokens=reading.min_tokens).cast(PAIRS_SCHEMA)
    pairs: list[tuple[str, str, str, float]] = []
    for file in named_files(reading, raw, project):
        for number, (text_a, text_b, score) in rows(file, reading, (reading.text_a, reading.text_b, reading.score)):
            place = f"{file.name}, row {number}"
            if reading.unscored == "leave_out" and not score.strip():
                continue
            for column, text in ((reading.text_a, text_a), (reading.text_b, text_b)):
                if not text.strip():
                    raise DataError(place, f"{column} is empty", "fill it in or drop the row")
            pairs.append((f"{file.name}:{number}", text_a.strip(), text_b.strip(), _score(score, place, reading.score)))
    if len(pairs) < FEWEST_PAIRS:
        raise DataError(_prefix(reading), f"has {len(pairs)} scored pairs", f"give at least {FEWEST_PAIRS}")
    if len({score for *_, score in pairs}) == 1:
        raise DataError(_prefix(reading), f"gives every pair the score {pairs[0][3]:g}", "check which column is the score")
    return pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(zip(*pairs, strict=True), PAIRS_SCHEMA, strict=True)],
        schema=PAIRS_SCHEMA,
    )


def _score(value: str, place: str, column: str) -> float:
    try:
        score = float(value)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(
            place, f"{column} {value!r} is no number", "correct it, or say 'unscored: leave_out' if it is empty on purpose"
        )
    return score


def _prefix(reading: Any) -> str:
    if hasattr(reading, "packages"):
        return "docstrings"
    if isinstance(reading, TablesReading):
        return reading.qrels
    return str(reading.source or reading.path or reading.package)


# Corpora: one function per reader, from a reading to (doc_id, text).


def _row_documents(reading: TabularReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    columns = reading.text_columns
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, values, given in _sampled_rows(file, reading, columns, (reading.id,)):
            if reading.id is None:
                yield f"{file.name}:{number}", joined_columns(values)
                continue
            key = docstrings.text_hash(given[reading.id])
            if key in seen:
                raise DataError(
                    f"{file.name}, row {number}",
                    f"id '{given[reading.id]}' stands there a second time",
                    f"name a column with unique ids, or leave 'id: {reading.id}' out",
                )
            seen.add(key)
            yield given[reading.id], joined_columns(values)


def _sampled_rows(
    file: NamedFile, reading: TabularReading, columns: Sequence[str], further: Sequence[str | None]
) -> Iterator[tuple[int, tuple[str, ...], dict[str, str]]]:
    """Number, values of the columns, and values by name of further ones, of each row that the reading's sample takes."""
    by = None if reading.sample is None else reading.sample.by
    named = [column for column in (*further, by) if column is not None]
    for number, values in rows(file, reading, (*columns, *named)):
        given = dict(zip(named, values[len(columns) :], strict=True))
        if _drawn(reading.sample, f"{file.name}:{number}" if by is None else given[by]):
            yield number, values[: len(columns)], given


def _drawn(sample: HashRange | None, value: str) -> bool:
    # Another salt than a split's, or a sample of half the rows would hold the test half alone.
    return sample is None or sample.low <= docstrings.text_hash(f"sample {value}") / 2**64 < sample.high


def joined_columns(values: Iterable[str]) -> str:
    """One text of several columns, empty ones left out."""
    return "\n".join(value for value in values if value and not value.isspace())


def _class_folder_documents(reading: ClassFoldersReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for place, path, content in _class_folder_members(reading, raw, project):
        yield str(path), _member_text(content, reading, place)


def _member_text(content: bytes, reading: ClassFoldersReading, place: str) -> str:
    text = decoded(content, reading.encoding, place)
    return markup.text_of_html(text) if reading.html else text


def _wikiextractor_documents(reading: WikiExtractorReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.wikiextractor_articles(file)


def _dump_documents(reading: MediawikiDumpReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.dump_articles(file)


def _text_documents(reading: TextReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        if reading.document == "file":
            with opened(file) as content:
                yield file.name, decoded(content.read(), reading.encoding, file.name)
        elif reading.document == "line":
            for number, line in enumerate(lines(file, reading.encoding), 1):
                yield f"{file.name}:{number}", line
        else:
            yield from _blocks(file.name, lines(file, reading.encoding))


def _blocks(name: str, content: Iterable[str]) -> Iterator[tuple[str, str]]:
    block: list[str] = []
    start = 1
    for number, line in enumerate(content, 1):
        if not line.isspace():
            block.append(line)
        elif block:
            yield f"{name}:{start}", "".join(block)
            block = []
        if not block:
            start = number + 1
    if block:
        yield f"{name}:{start}", "".join(block)


def _iob_documents(reading: IobReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, tokens, _ in markup.iob_sentences(file, reading):
            text = " ".join(tokens)
            key = sentence_key(tokenize(text))
            if key not in seen:
                seen.add(key)
                yield f"{file.name}:{number}", text


def _medquad_documents(reading: MedquadReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for _, pair_id, _, answer in _medquad_pairs(reading, raw, project):
        yield pair_id, answer


def _docstring_documents(reading: DocstringsReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    return docstrings.documents(docstrings.docstring_table(reading.packages, raw / DOCSTRING_CACHE))


_DOCUMENTS: dict[type, Callable[[Any, Path, Path], Iterator[tuple[str, str]]]] = {
    CsvReading: _row_documents,
    TsvReading: _row_documents,
    JsonlReading: _row_documents,
    ParquetReading: _row_documents,
    ClassFoldersReading: _class_folder_documents,
    WikiExtractorReading: _wikiextractor_documents,
    MediawikiDumpReading: _dump_documents,
    TextReading: _text_documents,
    IobReading: _iob_documents,
    MedquadReading: _medquad_documents,
    DocstringsReading: _docstring_documents,
}


# Classification.


class _Examples:
    """Labelled texts, each checked as it comes."""

    def __init__(self, labels: Sequence[str] | None) -> None:
        self._labels = None if labels is None else set(labels)
        self._rows: list[tuple[str, str, str, str | None, str | None]] = []
        self._places: dict[str, str] = {}
        self._first_of: dict[str, str] = {}

    def add(self, place: str, example_id: str, text: str, label: str, split: str | None, group: str | None = None) -> None:
        label = label.strip()
        if not text or text.isspace():
            raise DataError(place, "the text is empty", "fill it in or drop the row")
        if not label:
            raise DataError(place, "the label is empty", "fill it in or drop the row")
        if self._labels is not None and label not in self._labels:
            raise DataError(
                place, f"label '{label}' is not among {sorted(self._labels)}", "add it under 'labels' or drop the row"
            )
        if group is not None and not group.strip():
            raise DataError(place, "the group is empty", "give each example a group, or leave 'group' out")
        if example_id in self._places:
            raise DataError(
                place, f"id '{example_id}' was used by {self._places[example_id]}", "give each example its own id"
            )
        self._places[example_id] = place
        self._first_of.setdefault(label, place)
        self._rows.append((example_id, text, label, split, group))

    def table(self, place: str, *, min_examples: int | None = None, grouped: bool = False) -> pa.Table:
        sizes = Counter(label for _, _, label, _, _ in self._rows)
        if min_examples is not None:
            self._rows = [row for row in self._rows if sizes[row[2]] >= min_examples]
            sizes = Counter({label: size for label, size in sizes.items() if size >= min_examples})
        if len(sizes) < 2:
            found = f"only the class '{next(iter(sizes))}'" if sizes else "no example"
            found += f" of {min_examples} examples or more" if min_examples else ""
            raise DataError(
                place, f"there is {found}", "a classification task needs two classes; check file, label column and splits"
            )
        for label, size in sizes.items():
            if size == 1:
                raise DataError(
                    self._first_of[label],
                    f"class '{label}' has this one example",
                    "add another, merge the class with one that it belongs to, or drop the row",
                )
        schema = EXAMPLES_SCHEMA.append(GROUP) if grouped else EXAMPLES_SCHEMA
        columns = list(zip(*self._rows, strict=True))[: len(schema)]
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema)

    @property
    def splits(self) -> set[str | None]:
        return {split for _, _, _, split, _ in self._rows}


def _read_labelled_rows(reading: TabularReading, raw: Path, project: Path, examples: _Examples) -> None:
    if reading.label is None:
        raise DataError(_prefix(reading), "no label column is named", "say 'label: <column>' in the task's reading")
    columns = (*reading.text_columns, reading.label)
    for split_of_files, glob in _files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            further = (reading.id, reading.split, reading.group)
            for number, (*texts, label), given in _sampled_rows(file, reading, columns, further):
                place = f"{file.name}, row {number}"
                example_id = f"{file.name}:{number}" if reading.id is None else given[reading.id]
                split = split_of_files if reading.split is None else split_name(given[reading.split], place)
                group = None if reading.group is None else given[reading.group]
                examples.add(place, example_id, joined_columns(texts), label, split, group)
        if split_of_files is not None:
            _require_split(examples, split_of_files, _prefix(reading))
    if reading.split is not None:
        for split in ("train", "test"):
            _require_split(examples, split, _prefix(reading))


def _read_labelled_lines(reading: LabelledLinesReading, raw: Path, project: Path, examples: _Examples) -> None:
    for split, glob in _files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            for number, line in enumerate(lines(file, reading.encoding), 1):
                # Not splitlines: a NEL or a form feed may stand inside a text.
                content, place = line.rstrip("\r\n"), f"{file.name}, row {number}"
                if not content:
                    continue
                before, found, after = (
                    content.partition(reading.separator)
                    if reading.label == "first"
                    else content.rpartition(reading.separator)
                )
                if not found:
                    missing = f"'{content[:40]}' has no {reading.separator!r} between label and text"
                    raise DataError(place, missing, "write both on each line, or name another 'separator'")
                label, text = (before, after) if reading.label == "first" else (after, before)
                if reading.empty == "refuse" or text.strip():
                    examples.add(place, f"{file.name}:{number}", text.strip(), label, split)
        if split is not None:
            _require_split(examples, split, _prefix(reading))


def _files_of_splits(splits: Mapping[SplitName, str] | None) -> list[tuple[SplitName | None, str | None]]:
    """Each split with the glob of its files; one of neither where all files hold the same."""
    return [(None, None)] if splits is None else list(splits.items())


def split_name(value: str, place: str) -> str:
    """``train``, ``validation`` or ``test``, from what a split column calls it (``dev`` is validation).

    Raises
    ------
    DataError
        It is none of them.
    """
    name = value.strip().casefold()
    name = {"dev": "validation", "valid": "validation", "val": "validation", "training": "train"}.get(name, name)
    if name not in ("train", "validation", "test"):
        raise DataError(
            place, f"split '{value}' is not among train, validation, test", "correct it, or leave the split column out"
        )
    return name


def _require_split(examples: _Examples, split: str, place: str) -> None:
    if split not in examples.splits:
        raise DataError(
            place,
            f"the split '{split}' has no example",
            "correct 'splits' or the split column, or leave them out to be evaluated by folds",
        )


def _read_class_folders(reading: ClassFoldersReading, raw: Path, project: Path, examples: _Examples) -> None:
    names = {} if reading.splits is None else {PurePosixPath(folder).name: split for split, folder in reading.splits.items()}
    for place, path, content in _class_folder_members(reading, raw, project):
        split = names[path.parts[-3]] if names else None
        examples.add(place, str(path), _member_text(content, reading, place), path.parts[-2], split)
    for split in reading.splits or ():
        _require_split(examples, split, _prefix(reading))


def _class_folder_members(
    reading: ClassFoldersReading, raw: Path, project: Path
) -> Iterator[tuple[str, PurePosixPath, bytes]]:
    """Place, path (… / [split /] label / name) and content of each text."""
    folders = None if reading.splits is None else {PurePosixPath(folder).parts for folder in reading.splits.values()}
    for file in named_files(reading, raw, project):
        if is_archive(file.path):
            members = archive_members(file.path)
            within = f"{file.name}, member "
        else:
            members = iter([(file.name, file.path.read_bytes())])
            within = ""
        for name, content in members:
            path = PurePosixPath(name)
            above = path.parts[:-2]
            is_wanted = folders is None or any(above[-len(folder) :] == folder for folder in folders)
            if len(path.parts) >= 2 and is_wanted and _drawn(reading.sample, str(path)):
                yield f"{within}{name}", path, content


# Retrieval.


def _judged_tables(reading: TablesReading, project: Path) -> RetrievalTables:
    columns = (reading.text,) if isinstance(reading.text, str) else reading.text
    queries = _identified_texts(reading, project, reading.queries, reading.query_id, columns)
    training = _training_queries(reading, project) if reading.split else set()
    passages = _identified_texts(reading, project, reading.passages, reading.passage_id, columns)
    judgments: dict[tuple[str, str], int] = {}
    for file, table in _own_table(reading.qrels, reading.encoding, project):
        graded = reading.relevance in column_names(file, table)
        wanted = (reading.query_id, reading.passage_id, *((reading.relevance,) if graded else ()))
        for number, (query_id, passage_id, *grade) in rows(file, table, wanted):
            place = f"{file.name}, row {number}"
            for kind, identifier, known, where in (
                ("query", query_id, queries, reading.queries),
                ("passage", passage_id, passages, reading.passages),
            ):
                if identifier not in known:
                    raise DataError(place, f"{kind} '{identifier}' is not in {where}", "add it there or drop the row")
            if (query_id, passage_id) in judgments:
                raise DataError(
                    place, f"query '{query_id}' and passage '{passage_id}' are judged a second time", "keep one of the rows"
                )
            judgments[query_id, passage_id] = _grade(grade[0], place) if grade else 1
    if not judgments:
        raise DataError(
            reading.qrels, "there is no judgment", "add a row of query_id, passage_id and relevance per relevant passage"
        )
    return RetrievalTables(_queries_table(queries, training), _texts_table("passage_id", passages), _qrels_table(judgments))


def _training_queries(reading: TablesReading, project: Path) -> set[str]:
    found: set[str] = set()
    for file, table in _own_table(reading.queries, reading.encoding, project):
        for number, (query_id, split) in rows(file, table, (reading.query_id, str(reading.split))):
            if split_name(split, f"{file.name}, row {number}") != "test":
                found.add(query_id)
    return found


def _grade(value: str, place: str) -> int:
    try:
        grade = int(value)
    except ValueError:
        grade = -1
    if grade < 0:
        raise DataError(
            place, f"relevance '{value}' is not a whole number from 0 on", "0 says irrelevant, 1 and more relevant"
        )
    return grade


def _identified_texts(
    reading: TablesReading, project: Path, path: str, id_column: str, columns: tuple[str, ...]
) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file, table in _own_table(path, reading.encoding, project):
        for number, (identifier, *values) in rows(file, table, (id_column, *columns)):
            place, text = f"{file.name}, row {number}", joined_columns(values)
            if not identifier:
                raise DataError(place, f"'{id_column}' is empty", "give each row its own id")
            if identifier in texts:
                raise DataError(place, f"{id_column} '{identifier}' stands there a second time", "give each row its own id")
            if not text:
                raise DataError(place, "the text is empty", "fill it in or drop the row")
            texts[identifier] = text
    return texts


def _own_table(path: str, encoding: str, project: Path) -> Iterator[tuple[Any, TabularReading]]:
    for file in named_files(PlacedReading(path=path), project, project):
        yield file, reading_by_suffix(file.path, path, encoding)


def reading_by_suffix(path: Path, name: str, encoding: str) -> TabularReading:
    """How a file of rows is read: csv, tsv, jsonl or parquet, by its suffix.

    Raises
    ------
    DataError
        It has none of these suffixes.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".bz2", ".xz")]
    match suffixes[-1:]:
        case [".csv"]:
            return CsvReading(path=name, encoding=encoding)
        case [".tsv"]:
            return TsvReading(path=name, encoding=encoding)
        case [".jsonl"] | [".ndjson"]:
            return JsonlReading(path=name)
        case [".parquet"]:
            return ParquetReading(path=name)
    raise DataError(str(path), "its suffix is not .csv, .tsv, .jsonl or .parquet", "rename or convert the file")


def _pairs(reading: PairsReading, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    for file in named_files(reading, raw, project):
        table = reading_by_suffix(file.path, str(file.path), reading.encoding)
        for number, (query, passage) in rows(file, table, (reading.query, reading.passage)):
            yield f"{file.name}, row {number}", f"{file.name}:{number}", query, passage


def _medquad_pairs(reading: MedquadReading, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.medquad_pairs(file)


def _tables_of_pairs(
    pairs: Iterable[tuple[str, str, str, str]], place: str, max_queries: int | None, training_queries: int
) -> RetrievalTables:
    """Queries and passages, those of equal words once: a query that repeats has all its passages as answers.

    No passage of a query that is evaluated is among those of training queries.
    """
    queries: dict[str, tuple[str, str]] = {}
    passages: dict[str, tuple[str, str]] = {}
    judgments: dict[tuple[str, str], int] = {}
    for row, pair_id, query, passage in pairs:
        query, passage = query.strip(), passage.strip()
        for kind, text in (("query", query), ("passage", passage)):
            if not text:
                raise DataError(row, f"the {kind} is empty", "fill it in or drop the row")
        query_id, _ = queries.setdefault(" ".join(tokenize(query)) or query, (f"q:{pair_id}", query))
        passage_id, _ = passages.setdefault(" ".join(tokenize(passage)) or passage, (f"p:{pair_id}", passage))
        judgments[query_id, passage_id] = 1
    if not queries:
        raise DataError(place, "there is no pair of query and passage", "check the file, and which columns are named")
    by_hash = sorted(queries, key=docstrings.text_hash)
    n_tested = len(queries) if max_queries is None else max_queries
    tested = {queries[words][0] for words in by_hash[:n_tested]}
    answers = {passage_id for query_id, passage_id in judgments if query_id in tested}
    on_answers = {query_id for query_id, passage_id in judgments if passage_id in answers}
    others = [queries[words][0] for words in by_hash[n_tested:] if queries[words][0] not in on_answers]
    training = set(others[:training_queries])
    kept = tested | training
    chosen = {query_id: query for query_id, query in queries.values() if query_id in kept}
    return RetrievalTables(
        _queries_table(chosen, training),
        _texts_table("passage_id", dict(passages.values())),
        _qrels_table({pair: grade for pair, grade in judgments.items() if pair[0] in kept}),
    )


def _tables_of_judged_pairs(reading: PairsReading, raw: Path, project: Path) -> RetrievalTables:
    """Queries with the passages that were judged for them; those of equal words are one, with the highest grade.

    Passages stand in the order of their hash: that of the file may have the relevant ones first, and equal scores are
    ranked in the order of the passages.
    """
    queries: dict[str, tuple[str, str]] = {}
    passages: dict[str, tuple[str, str]] = {}
    judgments: dict[tuple[str, str], int] = {}
    split_of: dict[str, str] = {}
    groups: list[tuple[str, str | None]] = [("test", reading.files)]
    if reading.splits is not None:  # test comes before train: a query of both is evaluated, and not trained on
        groups = [*sorted(reading.splits.items())]
    for split, glob in groups:
        for file in named_files(reading, raw, project, glob=glob):
            for row, query, passage, grade in _judged_pairs(file, reading):
                words = " ".join(tokenize(query)) or query
                query_id, _ = queries.setdefault(words, (f"q:{file.name}:{row}", query))
                if split_of.setdefault(query_id, split) != split:
                    continue
                passage_id, _ = passages.setdefault(
                    " ".join(tokenize(passage)) or passage, (f"p:{file.name}:{row}", passage)
                )
                judgments[query_id, passage_id] = max(grade, judgments.get((query_id, passage_id), 0))
    relevant = {query_id for (query_id, _), grade in judgments.items() if grade}
    irrelevant = {query_id for (query_id, _), grade in judgments.items() if not grade}
    kept = relevant & irrelevant if reading.only_mixed else relevant
    by_hash = [query_id for _, (query_id, _) in sorted(queries.items(), key=lambda item: docstrings.text_hash(item[0]))]
    tested = [query_id for query_id in by_hash if query_id in kept and split_of[query_id] == "test"][: reading.max_queries]
    if not tested:
        raise DataError(
            _prefix(reading), "no query of the test part has a relevant passage", "check files, columns and 'only_mixed'"
        )
    training = {query_id for query_id in by_hash if query_id in kept and split_of[query_id] != "test"}
    chosen = training.union(tested)
    return RetrievalTables(
        _queries_table({query_id: query for query_id, query in queries.values() if query_id in chosen}, training),
        _texts_table("passage_id", dict(passages[words] for words in sorted(passages, key=docstrings.text_hash))),
        _qrels_table({pair: grade for pair, grade in judgments.items() if pair[0] in chosen}),
    )


def _judged_pairs(file: NamedFile, reading: PairsReading) -> Iterator[tuple[int, str, str, int]]:
    table = reading_by_suffix(file.path, str(file.path), reading.encoding)
    wanted = (reading.query, reading.passage, *([reading.relevance] if reading.relevance else []))
    for number, (query, passage, *grade) in rows(file, table, wanted):
        place = f"{file.name}, row {number}"
        for kind, text in (("query", query), ("passage", passage)):
            if not text.strip():
                raise DataError(place, f"the {kind} is empty", "fill it in or drop the row")
        yield number, query.strip(), passage.strip(), _grade(grade[0], place) if grade else 1


def _judged_answers(
    questions: dict[str, str], answers: dict[str, str], grades: dict[tuple[str, str], int]
) -> RetrievalTables:
    by_hash = dict(sorted(answers.items(), key=lambda item: docstrings.text_hash(item[1])))
    return RetrievalTables(_queries_table(questions, ()), _texts_table("passage_id", by_hash), _qrels_table(grades))


def _queries_table(queries: dict[str, str], training: Container[str]) -> pa.Table:
    split = ["train" if query_id in training else "test" for query_id in queries]
    return _texts_table("query_id", queries).append_column("split", pa.array(split, pa.string()))


def _texts_table(id_column: str, texts: dict[str, str]) -> pa.Table:
    return pa.table({id_column: pa.array(list(texts), pa.string()), "text": pa.array(list(texts.values()), pa.string())})


def _qrels_table(judgments: dict[tuple[str, str], int]) -> pa.Table:
    return pa.table(
        {
            "query_id": pa.array([query_id for query_id, _ in judgments], pa.string()),
            "passage_id": pa.array([passage_id for _, passage_id in judgments], pa.string()),
            "relevance": pa.array(list(judgments.values()), pa.int32()),
        }
    )
