"""MedQuAD: medical questions and answers, XML in a tar archive."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.archives import read_tar_members
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.options import HashRange, PlacedSource, without_columns


class MedquadSource(PlacedSource):
    """MedQuAD's question and answer pairs (XML in a tar archive); as a corpus, its answers."""

    reader: Literal["medquad"] = "medquad"
    max_queries: int | None = Field(
        default=None, ge=1, description="questions to evaluate on, sampled by hash; all by default"
    )
    training_queries: int = Field(
        default=0, ge=0, description="further queries, not evaluated on, that embeddings may be fine-tuned on"
    )
    sample: HashRange | None = Field(default=None, description="pairs to take, by hash; all by default")

    @field_validator("sample")
    @classmethod
    def _has_no_columns(cls, sample: HashRange | None) -> HashRange | None:
        return without_columns(sample, "pairs")


_XML_DECLARATIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def read_documents(source: MedquadSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each answer."""
    for _, pair_id, _, answer in read_sampled_pairs(source, raw, project):
        yield pair_id, answer


def read_sampled_pairs(source: MedquadSource, raw: Path, project: Path) -> Iterator[tuple[str, str, str, str]]:
    """Stream place, id, question and answer of the pairs that the source takes."""
    for file in named_files(source, raw, project):
        for pair in read_medquad_pairs(file):
            if source.sample is None or source.sample.draws(pair[1]):
                yield pair


@per_file
def read_medquad_pairs(file: NamedFile) -> Iterator[tuple[str, str, str, str]]:
    """Stream place, id, question and answer of the answered pairs in a tar of MedQuAD's XML files.

    Pairs without an answer are left out: upstream emptied three of its folders for copyright.
    """
    for name, content in read_tar_members(file.path):
        if not name.endswith(".xml"):
            continue
        place = f"{file.name}, member {name}"
        if _XML_DECLARATIONS.search(content):
            raise DataError(place, "it declares entities of its own", "remove the DOCTYPE; MedQuAD's files have none")
        try:
            tree = ET.fromstring(content)
        except ET.ParseError as error:
            raise DataError(place, f"it is not XML ({error})", "fetch or copy the archive again") from error
        folder = name.rpartition("/")[0].rpartition("/")[2]
        for pair in tree.iter("QAPair"):
            question = pair.find("Question")
            answer = (pair.findtext("Answer") or "").strip()
            if question is not None and answer:
                yield place, f"{folder}/{question.get('qid')}", (question.text or "").strip(), answer
