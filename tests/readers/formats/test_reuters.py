"""Reuters-21578: articles as SGML has them, divided or not, with topics and the ModApte split."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.reuters import ReutersArticle, ReutersSource, read_articles, read_documents

HEAD = '<REUTERS TOPICS="{topics}" LEWISSPLIT="{split}" CGISPLIT="TRAINING-SET" OLDID="1" NEWID="{number}">'
COCOA = (
    HEAD.format(topics="YES", split="TRAIN", number=1)
    + "<DATE>26-FEB-1987</DATE><TOPICS><D>cocoa</D><D>money-fx</D></TOPICS><PLACES><D>brazil</D></PLACES>\n"
    "<TEXT>&#2;\n<TITLE>COCOA &amp; RAIN</TITLE>\n<DATELINE> SALVADOR - </DATELINE><BODY>Showers\nfell &lt;ACME>.\n"
    " Reuter\n&#3;</BODY></TEXT>\n</REUTERS>\n"
)
PLAIN = (
    HEAD.format(topics="YES", split="TEST", number=2)
    + '<TOPICS></TOPICS>\n<TEXT TYPE="UNPROC">&#2;\n<DATELINE>NEW YORK</DATELINE>Prices of copper\n&#3;</TEXT>\n'
    "</REUTERS>\n"
)
UNUSED = HEAD.format(topics="NO", split="TRAIN", number=3) + "<TOPICS></TOPICS>\n<TEXT></TEXT>\n</REUTERS>\n"


def write_archive(folder: Path, *contents: str) -> ReutersSource:
    with tarfile.open(folder / "reuters.tar", "w") as archive:
        for number, content in enumerate(contents):
            data = content.encode("latin-1")
            member = tarfile.TarInfo(f"reut2-{number:03}.sgm")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return ReutersSource(path="reuters.tar")


def read(folder: Path, *contents: str) -> list[ReutersArticle]:
    source = write_archive(folder, *contents)
    return [article for file in named_files(source, folder, folder) for article in read_articles(file)]


def test_title_and_body_are_the_text_and_the_signature_is_left_out(tmp_path: Path) -> None:
    cocoa, plain, unused = read(tmp_path, '<!DOCTYPE lewis SYSTEM "lewis.dtd">\n' + COCOA, PLAIN + UNUSED)
    assert cocoa.text == "COCOA & RAIN\n\nShowers\nfell <ACME>."
    assert (cocoa.article_id, cocoa.topics, cocoa.split) == ("1", ("cocoa", "money-fx"), "train")
    assert cocoa.place == "reuters.tar, member reut2-000.sgm, article 1"
    assert (plain.text, plain.topics, plain.split) == ("Prices of copper", (), "test")
    assert (unused.text, unused.split) == ("", None)


def test_a_corpus_has_the_articles_that_have_a_text(tmp_path: Path) -> None:
    source = write_archive(tmp_path, COCOA + PLAIN + UNUSED)
    documents = dict(read_documents(source, tmp_path, tmp_path, BadRows.of(source)))
    assert list(documents) == ["1", "2"]


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"member reut2-000.sgm: 2 articles begin and 1 are whole"):
        read(tmp_path, COCOA + PLAIN[:-20])
