"""A folder of documents is read as text, whatever each is written in."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from emb_pipeline.errors import DataError, DataErrors
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.documents import check_first_rows
from emb_pipeline.readers.documents import read_documents as read_corpus
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.readers.formats.documents.source import DocumentsSource, read_documents
from tests.readers.mutated_files import zip_of

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def read(folder: Path, **options: object) -> dict[str, str]:
    source = DocumentsSource.model_validate({"path": ".", **options})
    with BadRows.of(source) as bad:
        return dict(read_documents(source, folder, folder, bad))


def refusal(folder: Path, **options: object) -> DataError:
    with pytest.raises(DataError) as refused:
        read(folder, **options)
    return refused.value


def docx(*paragraphs: tuple[str, str], body: str = "") -> bytes:
    """A Word document of paragraphs, each with the name of its style."""
    names = dict.fromkeys(style for style, _ in paragraphs)
    styles = "".join(f'<w:style w:styleId="{name.replace(" ", "")}"><w:name w:val="{name}"/></w:style>' for name in names)
    text = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style.replace(" ", "")}"/></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>'
        for style, words in paragraphs
    )
    return zip_of(
        {
            "[Content_Types].xml": b"<Types/>",
            "word/styles.xml": f"<w:styles {W}>{styles}</w:styles>".encode(),
            "word/document.xml": f"<w:document {W}><w:body>{text}{body}</w:body></w:document>".encode(),
        }
    )


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page."""
    first, kids = 4, " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {first + 2 * number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return made + f"{end}startxref\n{len(made)}\n%%EOF\n".encode()


def test_each_file_is_a_document_with_its_path_as_id(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("plain\n")
    (tmp_path / "sub/b.md").write_text("# Title\ntext\n")
    (tmp_path / "c.md.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / ".hidden").write_text("no document")
    assert read(tmp_path) == {"a.txt": "plain\n", "c.md.gz": "packed", "sub/b.md": "# Title\ntext\n"}
    assert list(read(tmp_path, files="sub/*.md")) == ["sub/b.md"]


def test_markdown_keeps_its_headings_and_loses_front_matter_and_comments(tmp_path: Path) -> None:
    front, fenced = '---\ntags: [x]\ntitle: "The guide"\n---\n', "```\nUse\n---\n```\n- a\n---\n"
    (tmp_path / "a.md").write_text(f"{front}Install\n-------\n<!-- hidden\nlines -->now\n\n{fenced}")
    assert read(tmp_path)["a.md"] == "# The guide\n\n## Install\nnow\n\n```\nUse\n---\n```\n- a\n---\n"
    (tmp_path / "a.md").write_text("---\ntitle: Other\n---\nReal\n====\ntext")
    assert read(tmp_path)["a.md"] == "# Real\ntext"


def test_a_web_page_keeps_text_and_headings_without_what_is_around_them(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<html><head><title>Page</title><script>if (a<b) {}</script><style>p {}</style></head><body>"
        "<nav>Home</nav><h2>In <i>short</i></h2><p>One\ntwo &amp; 3<br>four</p><ul><li>x<li><p>y</p></ul><p>z"
        "<table><tr><td>1</td><td>2</td></tr></table><pre># kept\n  as it is</pre><footer>(c)</footer></body></html>"
    )
    assert read(tmp_path)["a.html"] == (
        "# Page\n\n## In short\n\nOne two & 3\nfour\n\n- x\n- y\n\nz\n\n1 2\n\n```\n# kept\n  as it is\n```"
    )
    (tmp_path / "a.html").write_text("<title>Site: page</title><h1>Page</h1><p>text")
    assert read(tmp_path)["a.html"] == "# Page\n\ntext"


def test_a_word_document_keeps_headings_tables_and_what_was_not_deleted(tmp_path: Path) -> None:
    body = (
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr>"
        "</w:tbl><w:p><w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del><w:ins><w:r><w:t>new</w:t>"
        "<w:tab/><w:t>one</w:t></w:r></w:ins></w:p><w:sectPr/>"
    )
    (tmp_path / "a.docx").write_bytes(docx(("Title", "Plan"), ("heading 1", "Why"), ("Normal", "So."), body=body))
    assert read(tmp_path)["a.docx"] == "# Plan\n\n## Why\n\nSo.\n\na | b\n\nnew\tone"
    (tmp_path / "a.docx").write_bytes(docx(("heading 1", "Why"), ("Normal", "So.")))
    assert read(tmp_path)["a.docx"] == "# Why\n\nSo."


def test_a_pdf_is_the_text_of_its_pages(tmp_path: Path) -> None:
    pytest.importorskip("pypdf")
    (tmp_path / "a.pdf").write_bytes(pdf("First page", "", "Third page"))
    assert read(tmp_path)["a.pdf"] == "First page\n\nThird page"


def test_a_pdf_with_a_password_a_damaged_and_a_scanned_one_are_refused(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    (tmp_path / "a.pdf").write_bytes(pdf("secret"))
    locked = pypdf.PdfWriter(clone_from=tmp_path / "a.pdf")
    locked.encrypt("word", algorithm="RC4-128")
    locked.write(tmp_path / "a.pdf")
    assert (refusal(tmp_path).place, refusal(tmp_path).reason) == ("a.pdf", "it needs a password")
    (tmp_path / "a.pdf").write_bytes(pdf("cut")[:200])
    assert "cannot be read" in refusal(tmp_path).reason
    (tmp_path / "a.pdf").write_bytes(b"text")
    assert "it is none" in refusal(tmp_path).reason
    (tmp_path / "a.pdf").write_bytes(pdf(""))
    assert "scan" in refusal(tmp_path).remedy and refusal(tmp_path).place == "a.pdf"


def test_a_word_document_that_is_none_is_refused(tmp_path: Path) -> None:
    cases = {
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "encrypted",
        b"just text": "no Word document",
        b"PK\x03\x04 cut": "cannot be read",
        zip_of({"xl/workbook.xml": b"<a/>"}): "has no word/document.xml",
        zip_of({"word/document.xml": b"<w:document"}): "XML is damaged",
        zip_of({"word/document.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}): "declares entities",
    }
    for content, reason in cases.items():
        (tmp_path / "a.docx").write_bytes(content)
        assert refusal(tmp_path).place == "a.docx" and reason in refusal(tmp_path).reason


def test_what_is_no_document_is_refused_unless_it_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    assert refusal(tmp_path).place == "b.png"
    assert read(tmp_path, files="**/*.md") == read(tmp_path, on_error="skip") == {"a.md": "text"}


def test_an_empty_document_is_refused_unless_it_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.md").write_text("<!-- nothing -->\n")
    assert refusal(tmp_path).place == "b.md"
    assert read(tmp_path, empty="leave_out") == {"a.md": "text"}


def test_all_bad_documents_are_listed_in_one_error(tmp_path: Path) -> None:
    for name in ("a.docx", "b.docx"):
        (tmp_path / name).write_bytes(b"no")
    (tmp_path / "c.txt").write_bytes(b"caf\xe9")
    error = refusal(tmp_path)
    assert isinstance(error, DataErrors) and [each.place.split(",")[0] for each in error.errors] == [
        "a.docx",
        "b.docx",
        "c.txt",
    ]
    assert read(tmp_path, files="*.txt", encoding="latin-1") == {"c.txt": "café"}


def test_documents_are_a_corpus_and_are_checked_ahead(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    source = DocumentsSource(path=".")
    assert list(read_corpus([source], tmp_path, tmp_path)) == [(".:a.md", "text")]
    (tmp_path / "b.docx").write_bytes(b"no")
    with first_rows(5), pytest.raises(DataError, match=r"b\.docx"):
        check_first_rows(source, tmp_path, tmp_path)
