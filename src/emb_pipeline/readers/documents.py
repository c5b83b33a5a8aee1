"""From files to the documents of a corpus, streamed.

Bad input is refused with a `DataError` that names the file, the row and the way out. Rows count as a spreadsheet shows
them: the header is row 1.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import READERS, CorpusSource
from emb_pipeline.text.words import mark_words

_LOG = logging.getLogger(__name__)


def read_documents(sources: Sequence[CorpusSource], raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    """Stream the documents of a corpus.

    Documents without text (a record without an abstract) are passed over: nothing is learned from them.

    Parameters
    ----------
    sources : sequence of CorpusSource
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
        A file is missing, damaged or not what the source says.
    """
    prefixes: dict[str, int] = {}
    for source in sources:
        prefix = source.origin
        prefixes[prefix] = prefixes.get(prefix, 0) + 1
        if prefixes[prefix] > 1:
            prefix = f"{prefix}~{prefixes[prefix]}"
        has_words = getattr(source, "tokenizer", None) == "whitespace"
        with BadRows.of(source) as bad:
            for doc_id, text in READERS[source.reader].read_documents(source, raw, project, bad):
                if text and not text.isspace():
                    yield f"{prefix}:{doc_id}", mark_words(text) if has_words else text
        if bad.n_skipped:
            _LOG.warning(
                "%s: %d rows were left out ('on_error: skip'); the first: %s", prefix, bad.n_skipped, bad.skipped[0]
            )


def check_first_rows(source: CorpusSource, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_documents`.
    """
    for _ in islice(read_documents([source], raw, project), READERS[source.reader].most_checked):
        pass
