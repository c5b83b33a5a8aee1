"""Sources of queries, passages and the judgments between them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from emb_pipeline.embeddings.remote.options import ChatOptions
from emb_pipeline.readers.docstrings.options import DocstringRetrievalSource
from emb_pipeline.readers.formats.documents.source import DocumentFolder, DocumentsSource
from emb_pipeline.readers.formats.liveqa import LiveqaSource
from emb_pipeline.readers.formats.medquad import MedquadSource
from emb_pipeline.readers.formats.qmsum import QmsumSource
from emb_pipeline.readers.mteb.source import MtebTask
from emb_pipeline.readers.options import TIME_OF_ROWS, Columns, LenientSource, PlacedSource, SplitName, TableFormat
from emb_pipeline.readers.registry import TABLE_FORMATS, Reader, by_name
from emb_pipeline.text.tokenizer import TOKENIZER, Tokenizer

OwnPassage = Literal["id", "text", "both"]
GROUP_OF_QUERIES = (
    "column of queries whose equal values are one group, and count together in intervals and tests: the user who asked, say"
)

TIME_OF_QUERIES = TIME_OF_ROWS.replace("of the row (of a task)", "of the query")


class PassagesSource(LenientSource):
    """Passages of your own: a file (csv, tsv, jsonl, parquet, sql by suffix), or a folder of documents."""

    takes_queries: ClassVar[bool] = True

    passages: str | DocumentsSource = Field(
        description="file of the passages, relative to the project; or {reader: documents, path: …}: a folder of documents, "
        "whose names are the ids"
    )
    passage_id: str = Field(default="passage_id", description="column with the passage's id, in passages and qrels")
    text: Columns = Field(default="text", description="column with the text, or several, in queries and passages")
    tokenizer: Tokenizer = Field(default="default", description=TOKENIZER)
    encoding: str = Field(default="utf-8", description="encoding of csv, tsv and jsonl files")
    format: TableFormat | None = Field(
        default=None, description="format of the files; by default the suffix of each says it"
    )
    delimiter: str | None = Field(
        default=None, min_length=1, description="what stands between two fields of csv (by default ',') and tsv (a tab)"
    )

    @field_validator("passages")
    @classmethod
    def _name_something(cls, passages: str | DocumentsSource) -> str | DocumentsSource:
        if not passages:
            raise ValueError("name a file, or a folder of documents")
        return passages


class TablesSource(PassagesSource):
    """Retrieval from files of your own: queries, passages and judgments (csv, tsv, jsonl, parquet, sql by suffix)."""

    reader: Literal["tables"] = "tables"
    queries: str = Field(min_length=1, description="file of the queries, relative to the project")
    qrels: str = Field(min_length=1, description="file of the judgments: query_id, passage_id and, if graded, relevance")
    query_id: str = Field(default="query_id", description="column with the query's id, in queries and qrels")
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
    time: str | None = Field(default=None, min_length=1, description=TIME_OF_QUERIES)

    @property
    def origin(self) -> str:
        """The file of the judgments."""
        return self.qrels


class BeirSource(LenientSource, PlacedSource):
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
    time: str | None = Field(default=None, min_length=1, description=TIME_OF_QUERIES)
    encoding: str = Field(default="utf-8", description="encoding of the files")
    exclude_self: OwnPassage | None = Field(
        default=None,
        description="leave a query's own passage out of its ranking and its judgments, where queries are passages, too: the "
        "one of its id, of its words (text), or of either (both)",
    )


class PairsSource(LenientSource, PlacedSource):
    """Retrieval from a file of pairs: a query and the passage that answers it (csv, tsv, jsonl, parquet, sql by suffix)."""

    takes_queries: ClassVar[bool] = True

    reader: Literal["pairs"] = "pairs"
    query: str = Field(default="query", description="column with the query")
    passage: str = Field(default="passage", description="column with the passage")
    group: str | None = Field(default=None, min_length=1, description=GROUP_OF_QUERIES)
    time: str | None = Field(default=None, min_length=1, description=TIME_OF_QUERIES)
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


class SearchMtebSource(MtebTask, LenientSource):
    """Retrieval: a task of MTEB, with its queries, passages and judgments."""

    types: ClassVar[tuple[str, ...]] = ("Retrieval",)

    reader: Literal["mteb"] = "mteb"
    exclude_self: OwnPassage | None = Field(
        default=None,
        description="leave a query's own passage out of its ranking and its judgments, where queries are passages, too: the "
        "one of its id, of its words (text), or of either (both)",
    )
    tokenizer: Tokenizer = Field(default="default", description=TOKENIZER)


class SquadSource(PlacedSource):
    """Retrieval: the paragraph that answers a question, from SQuAD's JSON (1.1, or 2.0 without its impossible questions)."""

    reader: Literal["squad"] = "squad"
    encoding: str = Field(default="utf-8", description="encoding of the file")
    max_queries: int | None = Field(
        default=None, ge=1, description="questions to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further questions, on other paragraphs, that embeddings may be fine-tuned on"
    )


class TitledDocumentsSource(DocumentFolder):
    """Retrieval from a folder of documents, without judgments: a document, or a section, is found by its title.

    The title, or the heading, is the query, and is removed from the passage. All documents, or sections, are searched. The
    audit counts the titles that are left out.
    """

    reader: Literal["titled_documents"] = "titled_documents"
    queries: Literal["titles", "headings"] = Field(
        default="titles", description="titles of documents, or the headings of their sections, with titles among them"
    )
    searched: Literal["documents", "sections"] = Field(
        default="documents",
        description="what is searched: whole documents, or what is below each heading, up to the next one",
    )
    min_words: int = Field(default=2, ge=1, description="words that a title needs to be a query")
    min_passage_words: int = Field(default=10, ge=1, description="words that a document, or a section, needs to be searched")
    most_passages: int = Field(
        default=1,
        ge=1,
        description="documents, or sections, that one title may have: 'Introduction' has many, and asks for none of them",
    )
    keep_repeated: bool = Field(
        default=False, description="keep a title that its passage repeats word for word: it is found by the repetition"
    )
    max_queries: int | None = Field(default=None, ge=1, description="titles to evaluate on, sampled by hash; all by default")
    training_queries: int = Field(
        default=0, ge=0, description="further titles, not evaluated on, that embeddings may be fine-tuned on"
    )

    @model_validator(mode="after")
    def _sections_have_headings(self) -> TitledDocumentsSource:
        if self.searched == "sections" and self.queries == "titles":
            raise ValueError("sections are found by their headings: say 'queries: headings', or leave 'searched' out")
        return self


PROMPT = """Here is a passage of a document:

{passage}

Write {n} different questions that it answers, as a person who has never seen it could type them into a search box.
Use other words than the passage where you can. Write one question on each line, and nothing else."""
"""The prompt that queries are made with, where the source has none of its own."""


class MadeQueriesSource(PassagesSource):
    """Retrieval without judgments: queries that a chat model makes of passages, each answered by its passage.

    Answers are kept in data/01_raw/made_queries: none is paid twice. The audit counts the queries that are left out.
    """

    reader: Literal["made_queries"] = "made_queries"
    endpoint: ChatOptions = Field(
        description="the chat model, by OpenAI's protocol: base_url, model, key, price_per_million_tokens, budget_usd, …"
    )
    prompt: str = Field(default=PROMPT, description="what is asked for; {passage} and {n} are filled in")
    n_per_passage: int = Field(default=2, ge=1, le=50, description="queries of a passage")
    max_passages: int = Field(default=500, ge=1, description="passages that queries are made of, drawn by hash")
    also_for: str | None = Field(
        default=None,
        min_length=1,
        description="file with a column of passage ids, the judgments of real queries say: queries are made of these, too",
    )
    seed: int = Field(default=0, ge=0, description="another seed draws other passages")
    min_words: int = Field(default=2, ge=1, description="words that a query needs")
    copied_words: int = Field(
        default=8, ge=2, description="a query that copies so many words of its passage in a row is left out"
    )

    @field_validator("prompt")
    @classmethod
    def _shows_the_passage(cls, prompt: str) -> str:
        if "{passage}" not in prompt:
            raise ValueError("write {passage} where the passage is to be filled in")
        return prompt

    @property
    def origin(self) -> str:
        """The file or the folder of the passages."""
        return self.passages if isinstance(self.passages, str) else self.passages.origin


READERS = by_name(
    Reader(
        "tables",
        TablesSource,
        examples="tasks.retrieval.formats.tables:read_tables",
        first_rows="tasks.retrieval.formats.tables:check_tables",
        reads=TABLE_FORMATS,
    ),
    Reader(
        "beir",
        BeirSource,
        examples="tasks.retrieval.formats.beir:read_beir",
        first_rows="tasks.retrieval.formats.beir:check_beir",
        reads=("jsonl", "tsv"),
    ),
    Reader(
        "pairs",
        PairsSource,
        examples="tasks.retrieval.formats.pairs:read_pairs",
        first_rows="tasks.retrieval.formats.pairs:check_pairs",
        reads=TABLE_FORMATS,
    ),
    Reader("medquad", MedquadSource, examples="tasks.retrieval.formats.answers:read_medquad"),
    Reader("qmsum", QmsumSource, examples="tasks.retrieval.formats.meetings:read_qmsum"),
    Reader(
        "squad",
        SquadSource,
        examples="tasks.retrieval.formats.answers:read_squad",
        first_rows="tasks.retrieval.formats.answers:check_squad",
    ),
    Reader(
        "titled_documents",
        TitledDocumentsSource,
        examples="tasks.retrieval.formats.titled_documents:read_titled_documents",
        first_rows="tasks.retrieval.formats.titled_documents:check_titled_documents",
    ),
    Reader(
        "made_queries",
        MadeQueriesSource,
        examples="tasks.retrieval.formats.made_queries:read_made_queries",
        first_rows="tasks.retrieval.formats.made_queries:check_made_queries",
        reads=TABLE_FORMATS,
    ),
    Reader(
        "mteb",
        SearchMtebSource,
        examples="tasks.retrieval.formats.mteb:read_mteb",
        first_rows="tasks.retrieval.formats.mteb:check_mteb",
        reads=("parquet",),
    ),
    Reader("liveqa", LiveqaSource, examples="tasks.retrieval.formats.answers:read_liveqa"),
    Reader("docstring_retrieval", DocstringRetrievalSource, examples="tasks.retrieval.formats.answers:read_docstrings"),
)
