"""The text of a PDF, by pypdf."""

from __future__ import annotations

import logging
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import NamedFile

_REMEDY = "print it to a new PDF, or save its text as plain text (UTF-8)"


def read_pdf(file: NamedFile) -> str:
    """Read the text of all pages, with a blank line between them. A PDF has no headings that could be told from text.

    Raises
    ------
    DataError
        The package is not installed, or the file needs a password, is damaged, or is no PDF.
    """
    try:
        import pypdf
    except ImportError as error:
        remedy = "pip install 'emb_pipeline[documents]', or leave it out: 'files: \"**/*.md\"'"
        raise DataError(file.name, "a PDF needs pypdf, which is not installed", remedy) from error
    with file.path.open("rb") as content:
        if b"%PDF" not in content.read(1024):
            raise DataError(file.name, "its suffix says PDF, and it is none", "fetch or copy it again")
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # a warning for each object that is not as the standard says
    try:
        pages = _extract(pypdf.PdfReader(file.path), file)
    except DataError:
        raise
    except Exception as error:  # of many kinds, for a damaged file
        raise DataError(file.name, f"the PDF cannot be read ({error or type(error).__name__})", _REMEDY) from error
    return "\n\n".join(page for page in pages if page)


def _extract(reader: Any, file: NamedFile) -> list[str]:
    if reader.is_encrypted and not reader.decrypt(""):
        raise DataError(file.name, "it needs a password", "save it without one")
    return [page.extract_text().strip() for page in reader.pages]
