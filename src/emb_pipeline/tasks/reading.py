"""How the examples of each kind of task are read, audited and kept out of corpora."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.errors import DataError
from emb_pipeline.readers import labeled_texts, readings
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.formats import question_answering
from emb_pipeline.tasks import audit
from emb_pipeline.tasks.recommendation import reader as interactions
from emb_pipeline.tasks.retrieval import reader as retrieval
from emb_pipeline.tasks.retrieval.reader import RetrievalTables
from emb_pipeline.tasks.sequence_labeling import reader as sequences
from emb_pipeline.tasks.similarity import reader as scored_pairs
from emb_pipeline.text.seen import SEEN, seen_classification, seen_queries, seen_questions, seen_sentences, with_near_groups
from emb_pipeline.text.texts import tokenised
from emb_pipeline.text.tokenizer import Tokenizer

Tables = Mapping[str, pa.Table]

EXCLUDED = "excluded"
"""The table with pairs of a query and a passage that no ranking shows."""
LEFT_OUT = "left_out"
"""The table with audit lines about rows that were left out when a task was read."""


class ExamplesReader:
    """What ingest does for one kind of task: a subclass for each.

    Attributes
    ----------
    readings
        The type that the task's ``reading:`` in YAML is validated with: a model of `readers.readings`, or several,
        told apart by ``reader:``.
    """

    readings: Any

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """The tables of a task.

        Parameters
        ----------
        reading : one of ``readings``
            Where the examples are.
        raw : Path
            Folder that public sources are fetched to.
        project : Path
            Folder that paths are relative to.
        name : str
            Of the task, for messages.

        Raises
        ------
        DataError
            The examples cannot be read, or no embedding could be evaluated on them.
        """
        raise NotImplementedError

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check the first rows of every file that is there, before anything large is read.

        Called inside `emb_pipeline.readers.files.first_rows`, which stops the readers of files; what only the whole can tell
        (a class with one example) is not to be asked. By default nothing is checked.

        Raises
        ------
        DataError
            A row, or several, cannot be used.
        """

    def audit(self, tables: Tables) -> pa.Table:
        """What is to be known of the examples before a score is believed (`emb_pipeline.tasks.audit.SCHEMA`)."""
        raise NotImplementedError

    def held_out(self, tables: Tables) -> list[str]:
        """The texts that the task is tested on: no corpus may hold their sentences."""
        raise NotImplementedError

    def has_training_examples(self, reading: Any) -> bool:
        """Whether there will be examples that an embedding can be fine-tuned on."""
        return True

    def needs(self, reading: Any) -> frozenset[str] | None:
        """What an embedding must give for examples that are read like this; None: whatever the kind of task says."""
        return None


class ClassificationReader(ExamplesReader):
    """Labelled texts: table ``examples``."""

    readings = readings.ClassificationReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Labelled texts; each class can be learnt and tested."""
        bad = BadRows.of(reading)
        examples = labeled_texts.read_classification(reading, raw, project, bad)
        audit.require_evaluable(examples, name)
        tables = with_near_groups(tokenised({"examples": examples}, _tokenizer(reading)))
        return {**tables, SEEN: seen_classification(tables)} | _left_out(bad, examples)

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check texts, labels and splits."""
        labeled_texts.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Duplicates, leakage and label conflicts."""
        return _with_left_out(audit.audit_classification(tables["examples"], tables[SEEN]), tables)

    def held_out(self, tables: Tables) -> list[str]:
        """Texts outside the training part; all of them where folds are drawn."""
        return _outside_training(tables["examples"])


class SequenceLabellingReader(ExamplesReader):
    """Sentences with a tag for each token: table ``sentences``."""

    readings = readings.SequenceLabellingReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Tagged sentences; some can be learnt from, and some resampled."""
        bad = BadRows.of(reading)
        _require_own_words(reading, name)
        sentences = sequences.read_sequence_labelling(reading, raw, project, bad)
        columns = zip(sentences["tokens"].to_pylist(), sentences["split"].to_pylist(), strict=True)
        tokens = [(tuple(words), split == "test") for words, split in columns]
        audit.require_units([words for words, tested in tokens if tested], name, "test sentences")
        audit.require_units([words for words, tested in tokens if not tested], name, "training sentences")
        return {"sentences": sentences, SEEN: seen_sentences({"sentences": sentences})} | _left_out(bad, sentences)

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check tokens, tags and splits."""
        sequences.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Duplicates, leakage, contradictions, repaired tags, and how many entities are new in the test part."""
        return _with_left_out(audit.audit_sequence_labelling(tables["sentences"], tables[SEEN]), tables)

    def held_out(self, tables: Tables) -> list[str]:
        """Sentences outside the training part."""
        return _outside_training(tables["sentences"])


class RetrievalReader(ExamplesReader):
    """Queries, passages and judgments: tables ``queries``, ``passages`` and ``qrels``."""

    readings = readings.RetrievalReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Queries and passages; something is relevant to some query."""
        bad = BadRows.of(reading)
        found = retrieval.read_retrieval(reading, raw, project, bad)
        audit.require_evaluable(found.evaluated(), name)
        tables = {"queries": found.queries, "passages": found.passages, "qrels": found.qrels}
        if found.excluded is not None:
            tables[EXCLUDED] = found.excluded
        tables = tokenised(tables, _tokenizer(reading))
        return {**tables, SEEN: seen_queries(tables)} | _left_out(bad, found.qrels)

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check queries, passages and judgments."""
        retrieval.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Duplicates and missing judgments."""
        seen = tables[SEEN] if self._has_training_queries(tables) else None
        return _with_left_out(audit.audit_retrieval(_evaluated(tables), seen), tables)

    def held_out(self, tables: Tables) -> list[str]:
        """The queries that are evaluated; passages are the collection that is searched."""
        return list(_evaluated(tables).queries["text"].to_pylist())

    def has_training_examples(self, reading: Any) -> bool:
        """Training queries are asked for by number, marked in a column, or in files of their own."""
        in_files = set(getattr(reading, "splits", None) or ()) - {"test"} or getattr(reading, "training", None)
        return bool(getattr(reading, "training_queries", 0) or getattr(reading, "split", None) or in_files)

    @staticmethod
    def _has_training_queries(tables: Tables) -> bool:
        queries = tables["queries"]
        return "split" in queries.column_names and bool(set(queries["split"].to_pylist()) - {None, "test"})


class SimilarityReader(ExamplesReader):
    """Scored pairs of texts: table ``pairs``."""

    readings = readings.SimilarityReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Scored pairs."""
        bad = BadRows.of(reading)
        pairs = scored_pairs.read_similarity(reading, raw, project, bad)
        sides = (pairs[column].to_pylist() for column in ("text_a", "text_b"))
        audit.require_units([frozenset(texts) for texts in zip(*sides, strict=True)], name, "pairs")
        return tokenised({"pairs": pairs}, _tokenizer(reading)) | _left_out(bad, pairs)

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check texts and scores."""
        scored_pairs.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Duplicates and contradicting scores."""
        return _with_left_out(audit.audit_similarity(tables["pairs"]), tables)

    def held_out(self, tables: Tables) -> list[str]:
        """Both texts of every pair."""
        return [text for column in ("text_a", "text_b") for text in tables["pairs"][column].to_pylist()]


class ExtractiveReader(ExamplesReader):
    """Questions, contexts and the spans that answer them: table ``questions``."""

    readings = readings.ExtractiveReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Questions with their contexts and answers."""
        _require_own_words(reading, name)
        require_packages(name, "torch")
        questions = question_answering.read_answers(reading, raw, project)
        contexts = list(zip(questions["context"].to_pylist(), questions["split"].to_pylist(), strict=True))
        for part in ("train", "test"):
            audit.require_units([context for context, split in contexts if split == part], name, f"contexts in '{part}'")
        return {"questions": questions, SEEN: seen_questions({"questions": questions})}

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check questions and answers."""
        question_answering.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Leakage, answers that words cannot hit, several answers."""
        return audit.audit_extractive(tables["questions"], tables[SEEN])

    def held_out(self, tables: Tables) -> list[str]:
        """Questions outside the training part, and their contexts."""
        table = tables["questions"]
        rows = zip(*(table[column].to_pylist() for column in ("text", "context", "split")), strict=True)
        return list(dict.fromkeys(text for *texts, split in rows if split != "train" for text in texts))


class RecommendationReader(ExamplesReader):
    """Who took what and when: tables ``interactions``, ``items`` and ``left_out``."""

    readings = readings.InteractionsReading

    def read(self, reading: Any, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
        """Interactions, split by time."""
        if not reading.items and _tokenizer(reading) != "default":
            raise DataError(
                name, "the items have no texts to cut into words", "leave 'tokenizer' out, or name the file 'items'"
            )
        tables = interactions.read_interactions(reading, raw, project, name)
        return tokenised(tables, _tokenizer(reading)) if reading.items else tables

    def check_first_rows(self, reading: Any, raw: Path, project: Path) -> None:
        """Check users, items, times, ratings and weights."""
        interactions.check_first_rows(reading, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Sizes, cold items, what is learnt from the future, and what was left out."""
        return audit.audit_interactions(tables["interactions"], tables["items"], tables["left_out"])

    def held_out(self, tables: Tables) -> list[str]:
        """Nothing.

        What is tested, who takes what, stands in no text. The texts of the items are the collection, as passages are: they
        are all known when a recommendation is made, so a corpus may speak of them.
        """
        return []

    def needs(self, reading: Any) -> frozenset[str] | None:
        """Interactions alone where the items have no texts."""
        return None if reading.items else frozenset({"interactions"})


def _left_out(bad: BadRows, kept: pa.Table) -> dict[str, pa.Table]:
    """The table of what a reader left out, where it did."""
    found = audit.audit_left_out(bad, kept.num_rows)
    return {LEFT_OUT: found} if found.num_rows else {}


def _with_left_out(lines: pa.Table, tables: Tables) -> pa.Table:
    return pa.concat_tables([lines, tables[LEFT_OUT]]) if LEFT_OUT in tables else lines


def _tokenizer(reading: Any) -> Tokenizer:
    chosen: Tokenizer = getattr(reading, "tokenizer", "default")  # what is read from docstrings has no choice
    return chosen


def _require_own_words(reading: Any, name: str) -> None:
    if _tokenizer(reading) != "default":
        raise DataError(name, "its words are those of the data, no tokenizer makes them", "leave 'tokenizer' out")


def _outside_training(examples: pa.Table) -> list[str]:
    pairs = zip(examples["text"].to_pylist(), examples["split"].to_pylist(), strict=True)
    return [text for text, split in pairs if split != "train"]


def _evaluated(tables: Tables) -> RetrievalTables:
    parts = (tables["queries"], tables["passages"], tables["qrels"], tables.get(EXCLUDED))
    return RetrievalTables(*parts).evaluated()
