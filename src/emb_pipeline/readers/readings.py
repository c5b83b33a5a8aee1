"""What YAML says about where text is and how to read it.

A reading names a *reader* and a place. The place is one of

* ``path``: a file, a folder or a glob, relative to the project (your own data);
* ``source``: a public data set of `emb_pipeline.readers.downloads`, fetched once;
* ``package``: an installed Python package that ships the file (nothing of it is imported);

and ``files``, a glob, narrows it down.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emb_pipeline.text.tokenizer import TOKENIZER, Tokenizer

SplitName = Literal["train", "validation", "test"]

TableFormat = Literal["csv", "tsv", "jsonl", "parquet"]

_Columns = str | tuple[str, ...]

MISSING = ("NaN", "nan", "None", "NaT", "<NA>")
"""Words that pandas writes for a missing value."""


class Reading(BaseModel):
    """What all readings have in common: they are read-only, and a misspelt option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that will be read and whose content may change; a file that is missing is left out.

        Files of a public source and of a package that is parsed are known by ``source_names`` and ``package_names``. A
        reading with a place of its own says so here; without that, each value that names a file of the project counts.
        """
        from emb_pipeline.readers.files import files_there

        texts = [value for value in self.model_dump().values() if isinstance(value, str)]
        values = [value for value in texts if "/" in value or (project / value).is_file()]
        return [file for value in values for file in files_there(PlacedReading(path=value), raw, project, (None,))]


class PlacedReading(Reading):
    """A reading of files: exactly one of ``path``, ``source`` and ``package`` says where they are."""

    path: str | None = Field(default=None, min_length=1, description="file, folder or glob, relative to the project")
    source: str | None = Field(default=None, min_length=1, description="name of a public source in sources.json")
    package: str | None = Field(default=None, min_length=1, description="installed Python package that ships the files")
    files: str | None = Field(default=None, min_length=1, description="glob inside the folder, source or package: '*.csv'")
    tokenizer: Tokenizer = Field(default="default", description=TOKENIZER)

    @field_validator("files")
    @classmethod
    def _inside(cls, files: str | None) -> str | None:
        if files is not None and (files.startswith("/") or ".." in PurePosixPath(files).parts):
            raise ValueError("must stay inside the folder it starts from: no leading '/' and no '..'")
        return files

    @model_validator(mode="after")
    def _one_place(self) -> PlacedReading:
        if sum(place is not None for place in (self.path, self.source, self.package)) != 1:
            raise ValueError("name exactly one of 'path' (own files), 'source' (a public data set) and 'package'")
        return self

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files that will be read; nothing is fetched."""
        from emb_pipeline.readers.files import files_there

        return files_there(self, raw, project, self._globs())

    def _globs(self) -> tuple[str | None, ...]:
        """What is read inside the place: the files of each split, or those that ``files`` names; None: all."""
        splits = getattr(self, "splits", None)
        return tuple(splits.values()) if splits else (self.files,)


class HashRange(Reading):
    """A part of the rows (or files), drawn by hash: the same on every machine, and disjoint from any other range."""

    by: str | None = Field(
        default=None, description="column whose equal values draw alike; without one each row, or file, draws for itself"
    )
    low: float = Field(default=0.0, ge=0, lt=1, description="draws are spread evenly over 0 to 1; those from here on")
    high: float = Field(default=1.0, gt=0, le=1, description="and below this are in")

    @model_validator(mode="after")
    def _holds_something(self) -> HashRange:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


class _Lenient(Reading):
    empty: Literal["refuse", "leave_out"] = Field(
        default="refuse",
        description="what to do with a row whose text, label or tags are empty; the audit counts those left out",
    )
    on_error: Literal["refuse", "skip"] = Field(
        default="refuse",
        description="what to do with a row that cannot be read or used: refuse lists up to 20; skip leaves them out, and "
        "the audit (of a corpus, the log) counts them",
    )


class _Tabular(_Lenient, PlacedReading):
    text: _Columns = Field(
        default="text", description="column with the text, or several: joined by a line break, empty ones left out"
    )
    id: str | None = Field(default=None, description="column with a unique id; the row number where none is named")
    label: str | None = Field(default=None, description="column with the label (classification)")
    split: str | Literal[False] | None = Field(
        default=None,
        description="column that says train, validation or test (classification, tagging); false: a column of the name "
        "'split' says something else",
    )
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.csv, test: test.csv}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    group: str | None = Field(
        default=None,
        description="column whose equal values are one group: they stay in one fold, and count together in intervals and "
        "tests (an author, a product, a document)",
    )
    min_examples: int | None = Field(
        default=None, ge=2, description="leave out classes with fewer examples (classification); by default one is an error"
    )
    label_names: tuple[str, ...] | None = Field(
        default=None,
        min_length=2,
        description="names of labels (or tags) that are whole numbers from 0 on; Parquet from Hugging Face brings its own",
    )
    missing: tuple[str, ...] = Field(
        default=MISSING,
        description="values that mean 'missing', as an empty one does; [] where one of them is a word of yours",
    )
    sample: HashRange | None = Field(default=None, description="rows to take, by hash; all by default")

    @field_validator("text")
    @classmethod
    def _some_column(cls, text: _Columns) -> _Columns:
        if not text:
            raise ValueError("name at least one column")
        return text

    @model_validator(mode="after")
    def _one_kind_of_split(self) -> _Tabular:
        if self.split and self.splits is not None:
            raise ValueError("name either 'split' (a column) or 'splits' (files), not both")
        return self

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that make up the text."""
        return (self.text,) if isinstance(self.text, str) else self.text


class _Delimited(_Tabular):
    encoding: str = Field(default="utf-8", description="encoding of the files; a byte order mark is skipped")
    delimiter: str = Field(default=",", min_length=1, description="what stands between two fields")
    quoted: bool = Field(default=True, description="fields may stand in double quotes")
    columns: tuple[str, ...] | None = Field(default=None, description="column names, for files without a header line")

    @field_validator("delimiter")
    @classmethod
    def _stands_on_a_line(cls, delimiter: str) -> str:
        if any(mark in delimiter for mark in '\r\n"'):
            raise ValueError("cannot hold a line break or a double quote")
        return delimiter

    @model_validator(mode="after")
    def _quotes_need_one_character(self) -> _Delimited:
        if len(self.delimiter) > 1 and self.quoted and "quoted" in self.model_fields_set:
            raise ValueError("fields are never quoted where the delimiter has several characters: leave 'quoted' out")
        return self


class CsvReading(_Delimited):
    """Comma-separated values with quotes (RFC 4180).

    With a delimiter of several characters (``::``) fields are never quoted.
    """

    reader: Literal["csv"] = "csv"


class TsvReading(_Delimited):
    """Tab-separated values, by default without quotes."""

    reader: Literal["tsv"] = "tsv"
    delimiter: str = Field(default="\t", min_length=1, description="what stands between two fields")
    quoted: bool = Field(default=False, description="fields may stand in double quotes")


class JsonlReading(_Tabular):
    """One JSON object per line."""

    reader: Literal["jsonl"] = "jsonl"
    encoding: str = Field(default="utf-8", description="encoding of the files; a byte order mark is skipped")


class ParquetReading(_Tabular):
    """Parquet files."""

    reader: Literal["parquet"] = "parquet"


class ClassFoldersReading(_Lenient, PlacedReading):
    """One folder per class, one file per text; in a folder, or in a tar or zip archive."""

    reader: Literal["class_folders"] = "class_folders"
    splits: dict[SplitName, str] | None = Field(
        default=None, description="folder of each split, above the class folders: {train: training, test: test}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )
    encoding: str = Field(default="utf-8", description="encoding of the texts: latin-1, cp1252, …")
    html: bool = Field(default=False, description="texts hold HTML: <br> breaks a line, other tags go, entities are decoded")
    sample: HashRange | None = Field(default=None, description="files to take, by hash; all by default")

    def _globs(self) -> tuple[str | None, ...]:
        return (self.files,)  # splits are folders, inside archives, too

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        if sample is not None and sample.by is not None:
            raise ValueError("files have no columns: leave 'by' out")
        return sample


class LabelledLinesReading(_Lenient, PlacedReading):
    """A label and a text on each line (classification)."""

    reader: Literal["labelled_lines"] = "labelled_lines"
    label: Literal["first", "last"] = Field("first", description="where the label stands on the line")
    separator: str = Field(default=" ", min_length=1, description="what stands between label and text; the text may hold it")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: TREC.train.all, test: TREC.test.all}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )


class FastTextReading(_Lenient, PlacedReading):
    """fastText's training files (classification): ``__label__name`` before the text of each line.

    As a corpus it is read for its text.
    """

    reader: Literal["fasttext"] = "fasttext"
    prefix: str = Field(default="__label__", min_length=1, description="what a label starts with")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.txt, test: test.txt}"
    )
    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="the labels that may occur; any other is refused"
    )


class WikiExtractorReading(PlacedReading):
    """Output of WikiExtractor: ``<doc id=… title=…>``, one paragraph per line; plain, .gz, .bz2, .xz or .zst."""

    reader: Literal["wikiextractor"] = "wikiextractor"
    encoding: str = Field(default="utf-8", description="encoding of the files")


class MediawikiDumpReading(PlacedReading):
    """A MediaWiki XML dump; mark-up, redirects and pages outside the article name space are left out."""

    reader: Literal["mediawiki_dump"] = "mediawiki_dump"


class TextReading(PlacedReading):
    """Plain text."""

    reader: Literal["text"] = "text"
    document: Literal["file", "block", "line"] = Field(
        "file", description="what one document is: a whole file, a block between blank lines, or a line"
    )
    encoding: str = Field(default="utf-8", description="encoding of the files")


class IobReading(_Lenient, PlacedReading):
    """CoNLL / IOB: a token and its tag per line, a blank line between sentences.

    As a corpus it is read for its text: a sentence is a document, repeats go.
    """

    reader: Literal["iob"] = "iob"
    token: int = Field(default=0, description="column of the token, from 0; -1 is the last one")
    tag: int = Field(default=-1, description="column of the tag, from 0; -1 is the last one")
    group: Literal["document", "file"] | None = Field(
        default=None,
        description="sentences that are one group, and count together in intervals and tests: those of a document, between "
        "two lines -DOCSTART-, or of a file",
    )
    separator: Literal["tab", "white_space"] = Field("tab", description="what stands between two columns")
    encoding: str = Field(default="utf-8", description="encoding of the files: latin-1, cp1252, …")
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.tsv, validation: dev.tsv, test: test.tsv}"
    )


class MedquadReading(PlacedReading):
    """MedQuAD's question and answer pairs (XML in a tar archive); as a corpus, its answers."""

    reader: Literal["medquad"] = "medquad"
    max_queries: int | None = Field(
        default=None, ge=1, description="questions to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further queries, not evaluated on, that embeddings may be fine-tuned on"
    )


class SquadReading(PlacedReading):
    """Retrieval: the paragraph that answers a question, from SQuAD's JSON (1.1, or 2.0 without its impossible questions)."""

    reader: Literal["squad"] = "squad"
    encoding: str = Field(default="utf-8", description="encoding of the file")
    max_queries: int | None = Field(
        default=None, ge=1, description="questions to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further questions, on other paragraphs, that embeddings may be fine-tuned on"
    )


class SquadAnswersReading(PlacedReading):
    """Extractive answering: questions, paragraphs and answers of SQuAD's JSON."""

    reader: Literal["squad"] = "squad"
    encoding: str = Field(default="utf-8", description="encoding of the files")
    splits: dict[SplitName, str] | None = Field(
        default=None,
        description="glob of each split's own files: {train: train-v1.1.json, test: dev-v1.1.json}; without it, articles "
        "are drawn for each",
    )
    test_share: float = Field(default=0.35, gt=0, lt=1, description="share of the articles that is tested on")
    validation_share: float = Field(default=0.15, gt=0, lt=1, description="share of the articles that tunes the probe")
    max_questions: int | None = Field(default=None, ge=10, description="questions in all, sampled by hash; all by default")


class PubmedqaReading(PlacedReading):
    """Classification: PubMedQA's research questions with their abstracts, answered yes, no or maybe."""

    reader: Literal["pubmedqa"] = "pubmedqa"
    questions: str = Field(default="ori_pqal.json", min_length=1, description="the file with the labelled questions")
    test: str = Field(default="test_ground_truth.json", min_length=1, description="the file that names the test part")
    encoding: str = Field(default="utf-8", description="encoding of both files")
    abstract: bool = Field(default=True, description="put the abstract behind the question; false: the question alone")

    def _globs(self) -> tuple[str | None, ...]:
        return self.questions, self.test


class LiveqaReading(PlacedReading):
    """Retrieval with graded judgments: TREC 2017 LiveQA's medical questions and answers of MedQuAD."""

    reader: Literal["liveqa"] = "liveqa"
    questions: str = Field(default="*.xml", min_length=1, description="the file with the questions")
    judgments: str = Field(default="*.zip", min_length=1, description="the archive with answers and judgments")
    text: Literal["answer", "question_and_answer"] = Field(
        default="answer", description="what is searched: the answer alone, or behind the question that MedQuAD has it for"
    )

    def _globs(self) -> tuple[str | None, ...]:
        return self.questions, self.judgments


class DocstringsReading(Reading):
    """Docstrings of installed Python packages, without doctests and "See Also" (`docstring_links` has its labels there)."""

    reader: Literal["docstrings"] = "docstrings"
    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")


class DocstringSubpackagesReading(Reading):
    """Classification: which sub-package does a docstring's first paragraph belong to."""

    reader: Literal["docstring_subpackages"] = "docstring_subpackages"
    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")
    min_examples: int = Field(default=150, ge=2, description="examples that a sub-package needs to be a class")
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs to be an example")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct summaries held out for testing")


class DocstringRetrievalReading(Reading):
    """Retrieval: find a docstring's body by its first paragraph."""

    reader: Literal["docstring_retrieval"] = "docstring_retrieval"
    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")
    max_queries: int = Field(default=2_000, ge=1, description="queries, sampled by their hash from the held-out summaries")
    training_queries: int = Field(
        default=0, ge=0, description="further queries, not evaluated on, that embeddings may be fine-tuned on"
    )
    max_passages: int | None = Field(
        default=None,
        ge=1,
        description="passages at most: all answers of the queries, and a sample of the others by their hash; null: all",
    )
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs to be a query")
    min_body_tokens: int = Field(default=20, ge=1, description="tokens that a body needs to be a passage")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct summaries held out for testing")


class DocstringLinksReading(Reading):
    """Similarity: summaries of functions that name one another under "See Also", against others of their sub-package."""

    reader: Literal["docstring_links"] = "docstring_links"
    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")
    max_links: int = Field(
        default=1_000, ge=10, description="linked pairs, sampled by hash; as many unlinked ones are added"
    )
    min_tokens: int = Field(default=4, ge=1, description="tokens that a summary needs")


class DocstringMentionsReading(Reading):
    """Sequence labelling: classes, functions and parameters that docstrings mark up, with the mark-up taken away."""

    reader: Literal["docstring_mentions"] = "docstring_mentions"
    packages: tuple[str, ...] = Field(min_length=1, description="import names of the packages: numpy, sklearn, …")
    max_sentences: int = Field(default=4_000, ge=50, description="sentences, sampled by hash")
    test_share: float = Field(default=0.3, gt=0, lt=1, description="share of the distinct sentences held out for testing")


OwnPassage = Literal["id", "text", "both"]

GROUP_OF_QUERIES = (
    "column of queries whose equal values are one group, and count together in intervals and tests: the user who asked, say"
)


class TablesReading(_Lenient):
    """Retrieval from files of your own: queries, passages and judgments (csv, tsv, jsonl, parquet by suffix)."""

    reader: Literal["tables"] = "tables"
    queries: str = Field(min_length=1, description="file of the queries, relative to the project")
    passages: str = Field(min_length=1, description="file of the passages, relative to the project")
    qrels: str = Field(min_length=1, description="file of the judgments: query_id, passage_id and, if graded, relevance")
    query_id: str = Field(default="query_id", description="column with the query's id, in queries and qrels")
    passage_id: str = Field(default="passage_id", description="column with the passage's id, in passages and qrels")
    text: _Columns = Field(default="text", description="column with the text, or several, in queries and passages")
    tokenizer: Tokenizer = Field(default="default", description=TOKENIZER)
    relevance: str | Literal[False] | None = Field(
        default=None,
        description="column of qrels with the grade, 0 and below for irrelevant; 'relevance' where there is one; false: "
        "every row is relevant",
    )
    qrels_format: Literal["table", "trec"] = Field(
        default="table",
        description="table: rows with a header; trec: query, iteration, passage and grade between white space (files that "
        "end in .qrels or .trec are read so anyway)",
    )
    exclude_self: OwnPassage | None = Field(
        default=None,
        description="leave a query's own passage out of its ranking and its judgments, where queries are passages, too: the "
        "one of its id, of its words (text), or of either (both)",
    )
    split: str | None = Field(
        default=None,
        description="column of queries that says train or test: embeddings may be fine-tuned on the former",
    )
    group: str | None = Field(default=None, min_length=1, description=GROUP_OF_QUERIES)
    encoding: str = Field(default="utf-8", description="encoding of csv, tsv and jsonl files")
    format: TableFormat | None = Field(
        default=None, description="format of the files; by default the suffix of each says it"
    )
    delimiter: str | None = Field(
        default=None, min_length=1, description="what stands between two fields of csv (by default ',') and tsv (a tab)"
    )


class BeirReading(_Lenient, PlacedReading):
    """Retrieval from a folder of BEIR: corpus.jsonl, queries.jsonl and qrels/<split>.tsv, plain or packed."""

    reader: Literal["beir"] = "beir"
    test: str = Field(default="test", min_length=1, description="judgments to evaluate on: qrels/<this>.tsv")
    training: str | None = Field(
        default=None,
        min_length=1,
        description="judgments whose queries embeddings may be fine-tuned on, where they are not evaluated: train, say",
    )
    title: bool = Field(default=True, description="put a passage's title before its text")
    group: str | None = Field(default=None, min_length=1, description=GROUP_OF_QUERIES)
    encoding: str = Field(default="utf-8", description="encoding of the files")
    exclude_self: OwnPassage | None = Field(
        default=None,
        description="leave a query's own passage out of its ranking and its judgments, where queries are passages, too: the "
        "one of its id, of its words (text), or of either (both)",
    )


class PairsReading(_Lenient, PlacedReading):
    """Retrieval from a file of pairs: a query and the passage that answers it (csv, tsv, jsonl, parquet by suffix)."""

    reader: Literal["pairs"] = "pairs"
    query: str = Field(default="query", description="column with the query")
    passage: str = Field(default="passage", description="column with the passage")
    group: str | None = Field(default=None, min_length=1, description=GROUP_OF_QUERIES)
    relevance: str | Literal[False] | None = Field(
        default=None,
        description="column with the grade, 0 and below for irrelevant; without one, every pair is relevant; false says so "
        "where a column looks like a grade",
    )
    exclude_self: OwnPassage | None = Field(
        default=None,
        description="leave a query's own passage out of its ranking and its judgments, where queries are passages, too: the "
        "one of its id, of its words (text), or of either (both)",
    )
    splits: dict[SplitName, str] | None = Field(
        default=None, description="glob of each split's own files: {train: train.csv, test: test.csv}"
    )
    only_mixed: bool = Field(
        default=False, description="leave out queries whose judged passages are all relevant, or none of them"
    )
    encoding: str = Field(default="utf-8", description="encoding of csv, tsv and jsonl files")
    format: TableFormat | None = Field(
        default=None, description="format of the files; by default the suffix of each says it"
    )
    delimiter: str | None = Field(
        default=None, min_length=1, description="what stands between two fields of csv (by default ',') and tsv (a tab)"
    )
    columns: tuple[str, ...] | None = Field(
        default=None, description="column names, for csv and tsv files without a header line"
    )
    max_queries: int | None = Field(
        default=None, ge=1, description="queries to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further queries, not evaluated on, that embeddings may be fine-tuned on"
    )


class _ScoredPairs(Reading):
    text_a: str = Field(default="text_a", description="column with one text of the pair")
    text_b: str = Field(default="text_b", description="column with the other")
    score: str = Field(default="score", description="column with the similarity that people gave")
    unscored: Literal["refuse", "leave_out"] = Field("refuse", description="what to do with a row whose score is empty")


class ScoredCsvReading(_ScoredPairs, CsvReading):
    """Similarity: pairs of texts with a score, comma-separated."""


class ScoredTsvReading(_ScoredPairs, TsvReading):
    """The same, tab-separated."""


class ScoredJsonlReading(_ScoredPairs, JsonlReading):
    """The same, one JSON object per line."""


class ScoredParquetReading(_ScoredPairs, ParquetReading):
    """The same, Parquet files."""


class _Tagged(Reading):
    tokens: str = Field(default="tokens", description="column with the list of tokens")
    tags: str = Field(default="tags", description="column with the list of their tags")


class TaggedJsonlReading(_Tagged, JsonlReading):
    """Sequence labelling: a list of tokens and a list of tags per JSON object."""


class TaggedParquetReading(_Tagged, ParquetReading):
    """The same, from list columns of Parquet files."""


TaggedReading = TaggedJsonlReading | TaggedParquetReading


class InteractionsReading(_Lenient, PlacedReading):
    """Recommendation: who took what and when (csv, tsv, jsonl, parquet by suffix), and a file of the items' texts."""

    reader: Literal["interactions"] = "interactions"
    user: str = Field(default="user", description="column with the user's id")
    item: str = Field(default="item", description="column with the item's id")
    timestamp: str = Field(
        default="timestamp", description="column with the time: a number, or a date as ISO 8601 writes it"
    )
    rating: str | Literal[False] | None = Field(
        default=None,
        description="column with the rating, where there is one; false: every row is a like, although a column looks like a "
        "rating",
    )
    min_rating: float | None = Field(
        default=None, description="rating from which an interaction says that the user liked the item; others are left out"
    )
    weight: str | None = Field(
        default=None,
        min_length=1,
        description="column that says how much an interaction counts, above 0 (plays, minutes, quantity): als, ease and "
        "item_knn learn from it",
    )
    weight_scale: Literal["log", "linear"] = Field(
        default="log",
        description="log: the weight is log2(1 + value), so that one play weighs 1 and a thousand 10; linear: the value",
    )
    items: str | None = Field(
        default=None,
        min_length=1,
        description="file of the items: a glob inside the source or package, or a path relative to the project",
    )
    item_id: str | None = Field(default=None, description="column with the item's id in that file; the same as 'item'")
    text: _Columns = Field(
        default="text", description="column with the item's text, or several: joined by a line break, empty ones left out"
    )
    encoding: str = Field(default="utf-8", description="encoding of csv, tsv and jsonl files")
    format: TableFormat | None = Field(
        default=None, description="format of the files, those of the items among them; by default the suffix of each says it"
    )
    delimiter: str | None = Field(
        default=None, min_length=1, description="what stands between two fields of csv (by default ',') and tsv (a tab)"
    )
    columns: tuple[str, ...] | None = Field(
        default=None, description="column names of the interactions, for csv and tsv files without a header line"
    )
    item_columns: tuple[str, ...] | None = Field(default=None, description="the same for the file of the items")
    core: int = Field(
        default=5,
        ge=2,
        description="interactions before the test that a user and an item need, in those of each other, to be learnt from",
    )
    split: Literal["leave_last", "time", "leave_random"] = Field(
        "leave_last",
        description="leave_last: each user's last interaction is tested, the one before it validates; "
        "time: one point in time for all, and nothing that is learnt from is later than what is tested; "
        "leave_random: for interactions without a time; one of each user, drawn by hash, is tested, and another validates",
    )
    test_share: float = Field(default=0.2, gt=0, lt=1, description="split 'time': share of the interactions, the latest")
    validation_share: float = Field(default=0.1, gt=0, lt=1, description="split 'time': share that lies right before them")

    def find_files(self, raw: Path, project: Path) -> list[Path]:
        """Find the files of the interactions and of the items."""
        items = PlacedReading(path=self.items).find_files(raw, project) if self.items and self.path else []
        return [*super().find_files(raw, project), *items]

    def _globs(self) -> tuple[str | None, ...]:
        return (self.files, self.items) if self.items and not self.path else (self.files,)

    @model_validator(mode="after")
    def _rating_has_a_line(self) -> InteractionsReading:
        if bool(self.rating) != (self.min_rating is not None):
            raise ValueError("'rating' (a column) and 'min_rating' (from where on a rating counts) go together")
        if self.split == "leave_random" and "timestamp" in self.model_fields_set:
            raise ValueError("'split: leave_random' looks at no time: leave 'timestamp' out, or choose another split")
        if self.split != "time" and self.model_fields_set & {"test_share", "validation_share"}:
            raise ValueError("'test_share' and 'validation_share' are for 'split: time'")
        if self.weight is None and "weight_scale" in self.model_fields_set:
            raise ValueError("'weight_scale' needs a 'weight' (a column)")
        if self.test_share + self.validation_share >= 1:
            raise ValueError("test_share and validation_share leave nothing to train on")
        return self


TabularReading = CsvReading | TsvReading | JsonlReading | ParquetReading

CorpusReading = Annotated[
    CsvReading
    | TsvReading
    | JsonlReading
    | ParquetReading
    | LabelledLinesReading
    | FastTextReading
    | ClassFoldersReading
    | WikiExtractorReading
    | MediawikiDumpReading
    | TextReading
    | IobReading
    | MedquadReading
    | DocstringsReading,
    Field(discriminator="reader"),
]
"""Anything that unlabelled text can be read from."""

ClassificationReading = Annotated[
    CsvReading
    | TsvReading
    | JsonlReading
    | ParquetReading
    | LabelledLinesReading
    | FastTextReading
    | ClassFoldersReading
    | PubmedqaReading
    | DocstringSubpackagesReading,
    Field(discriminator="reader"),
]
"""Anything that labelled texts can be read from."""

RetrievalReading = Annotated[
    TablesReading | BeirReading | PairsReading | MedquadReading | SquadReading | LiveqaReading | DocstringRetrievalReading,
    Field(discriminator="reader"),
]
"""Anything that queries, passages and judgments can be read from."""


SimilarityReading = Annotated[
    ScoredCsvReading | ScoredTsvReading | ScoredJsonlReading | ScoredParquetReading | DocstringLinksReading,
    Field(discriminator="reader"),
]
"""Anything that pairs of texts with a score can be read from."""


SequenceLabellingReading = Annotated[
    IobReading | TaggedJsonlReading | TaggedParquetReading | DocstringMentionsReading, Field(discriminator="reader")
]
"""Anything that sentences with a tag for each token can be read from."""


ExtractiveReading = SquadAnswersReading
"""What questions, contexts and the spans that answer them can be read from."""


def source_names(*readings: Reading) -> list[str]:
    """Names of the public sources that some readings need, each once."""
    return list(dict.fromkeys(source for reading in readings if (source := getattr(reading, "source", None))))


def package_names(*readings: Reading) -> list[str]:
    """Names of the installed packages that some readings parse as a whole, each once."""
    return list(dict.fromkeys(name for reading in readings for name in getattr(reading, "packages", None) or ()))


def origin_of(reading: Any) -> str:
    """What a message, or a document's id, calls the place that a reading reads."""
    if hasattr(reading, "packages"):
        return "docstrings"
    if isinstance(reading, TablesReading):
        return reading.qrels
    return str(reading.source or reading.path or reading.package)
