"""Labeled texts: what readers yield for classification, and files that hold one on each line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.splits import list_split_files

LabeledText: TypeAlias = tuple[str, str, str, str, str | None, str | None, *tuple[Mapping[str, str], ...]]
"""Place, id, text, label, split and group; and, by column, the values of a source's features and of its time, where it names
some."""

Part: TypeAlias = Callable[[str, Any, str], tuple[str, str]]
"""Makes text and label of the content of a line; takes the content, the source and the place, for messages."""


def read_documents_of_lines(source: Any, raw: Path, project: Path, bad: BadRows, part: Part) -> Iterator[tuple[str, str]]:
    """Stream id and text of each line, without its label."""
    for file in named_files(source, raw, project):
        for number, text, _ in _part_lines(file, source, bad, part):
            yield f"{file.name}:{number}", text


def read_labeled_texts_of_lines(source: Any, raw: Path, project: Path, bad: BadRows, part: Part) -> Iterator[LabeledText]:
    """Stream the labeled text of each line; without ``splits`` none has a split."""
    for split, glob in list_split_files(source.splits):
        for file in named_files(source, raw, project, glob=glob):
            for number, text, label in _part_lines(file, source, bad, part):
                yield f"{file.name}, row {number}", f"{file.name}:{number}", text, label, split, None


@per_file
def _part_lines(file: NamedFile, source: Any, bad: BadRows, part: Part) -> Iterator[tuple[int, str, str]]:
    """Stream number, text and label of each line with both, of those that the sample takes."""
    n_bad = bad.n_bad
    for number, line in enumerate(lines(file, source.encoding, bad), 1):
        # Not splitlines: a NEL or a form feed may be inside a text.
        content = line.rstrip("\r\n")
        is_wanted = source.sample is None or source.sample.draws(f"{file.name}:{number}")
        if content and is_wanted and bad.n_bad == n_bad:
            try:
                yield number, *part(content, source, f"{file.name}, row {number}")
            except DataError as error:
                bad.take(error)
        n_bad = bad.n_bad
