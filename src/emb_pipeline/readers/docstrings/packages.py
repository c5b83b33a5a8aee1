"""Docstrings of installed packages: real text, with real labels, on every machine.

The sources are found and parsed; nothing is imported or run. From the table of docstrings come a corpus (`documents`), a
classification task (`build_subpackage_examples`) and a retrieval task (`build_summary_retrieval`). The corpus takes every
docstring; the tasks take those of public names only (a helper ``_check`` is a poor example of its sub-package). Both tasks
hold out the same summaries, chosen by the hash of their words.

What a docstring's text is: the string as ``inspect.cleandoc`` gives it, **without doctest blocks** (``>>>`` lines and the
output below them). They are code and printed arrays, not language: they lift ``1``, ``x`` and ``0`` among the dozen
commonest words of the corpus, and a body that shows a call to its own function would give retrieval away. Vectors lose
nothing by it (skip-gram, 100 dimensions, sub-package accuracy: .576 without doctests, .573 with, .570 with their code only).
"""

from __future__ import annotations

import ast
import functools
import gc
import hashlib
import importlib.metadata
import importlib.util
import inspect
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from joblib.externals.loky import ProcessPoolExecutor

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings.options import DocstringSubpackagesSource, PackagesSource
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.storage.atomic import hold_lock, write_atomically
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.words import tokenize

PARSER = 1
"""Version of the rules of this module; a cache written by another version is not used."""

CACHE = "docstrings"
"""Folder, inside the raw data, where parsed docstrings are kept."""

SCHEMA = pa.schema(
    [
        ("doc_id", pa.string()),
        ("package", pa.string()),
        ("subpackage", pa.string()),
        ("qualified_name", pa.string()),
        ("summary", pa.string()),
        ("body", pa.string()),
    ]
)

_NOT_LIBRARY = frozenset({"tests", "test", "_tests", "testing", "externals", "_vendor", "extern", "vendored", "third_party"})
_DOCTEST = re.compile(r"^[ \t]*>>>.*(?:\n(?![ \t]*$).*)*\n?", re.MULTILINE)
SEE_ALSO = re.compile(
    r"^[ \t]*See Also[ \t]*\n[ \t]*-+[ \t]*\n(.*?)(?=^[ \t]*[^\n]+\n[ \t]*-{3,}[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
"""A numpydoc section: its title, a line of dashes, then everything up to the next title."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")


def build_docstring_table(packages: Sequence[str], cache: Path, *, workers: int = 2) -> pa.Table:
    """Distinct docstrings of some installed packages.

    Modules, classes, functions and methods count, private ones too; tests and vendored packages do not. Of equal
    docstrings the first in the order of files and lines stays.

    Parameters
    ----------
    packages : sequence of str
        Import names: ``numpy``, ``sklearn``.
    cache : Path
        Folder for one Parquet file per package, version of the package and version of this parser, and one per set of
        packages.
    workers : int
        Processes that parse.

    Returns
    -------
    pa.Table
        doc_id (unique: the qualified name, with ``#2`` for a second definition), package, subpackage (the first two parts
        of the module: ``scipy.stats``; empty for the package's own ``__init__``), qualified_name, summary (the first
        paragraph, on one line), body (the rest).

    Raises
    ------
    DataError
        A package is not installed, or has no Python sources or no docstrings.
    """
    cache = Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    roots = {package: _package_root(package) for package in packages}
    cached = {
        package: cache / f"{package}-{_version(package, root)}-parser{PARSER}.parquet" for package, root in roots.items()
    }
    together = cache / f"{hashlib.sha256(' '.join(path.name for path in cached.values()).encode()).hexdigest()[:16]}.parquet"
    with hold_lock(cache / ".lock", what=f"parsing the docstrings of {', '.join(packages)}"):
        missing = {package: root for package, root in roots.items() if not cached[package].is_file()}
        for package, table in _parse(missing, workers):
            _write(table, cached[package])
        if not together.is_file():
            parts = (pq.read_table(cached[package], schema=SCHEMA) for package in roots)
            _write(_drop_duplicates(pa.concat_tables(parts)), together)
    return pq.read_table(together, schema=SCHEMA)


def read_documents(source: PackagesSource, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream id and text of each docstring of the packages."""
    return documents(build_docstring_table(source.packages, raw / CACHE))


def read_labeled_texts(source: DocstringSubpackagesSource, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
    """Stream the summaries of the packages with their sub-packages."""
    examples = build_subpackage_examples(
        build_docstring_table(source.packages, raw / CACHE),
        min_examples=source.min_examples,
        min_tokens=source.min_tokens,
        test_share=source.test_share,
    )
    for example_id, text, label, split in _rows(examples, "example_id", "text", "label", "split"):
        yield example_id, example_id, text, label, split, None


def documents(table: pa.Table) -> Iterator[tuple[str, str]]:
    """doc_id and text of each docstring: summary and body, a blank line between them, without the section "See Also".

    That section says which functions belong together, and often repeats their summaries: what tasks ask for.

    Examples
    --------
    >>> body = "Both are floats.\\n\\nSee Also\\n--------\\nsum : Add many.\\n\\nNotes\\n-----\\nFast."
    >>> table = pa.table({"doc_id": ["add"], "summary": ["Add two numbers."], "body": [body]})
    >>> list(documents(table))
    [('add', 'Add two numbers.\\n\\nBoth are floats.\\n\\nNotes\\n-----\\nFast.')]
    """
    for doc_id, summary, body in _rows(table, "doc_id", "summary", "body"):
        rest = SEE_ALSO.sub("", body).strip()
        yield doc_id, f"{summary}\n\n{rest}" if rest else summary


def build_subpackage_examples(table: pa.Table, *, min_examples: int, min_tokens: int, test_share: float) -> pa.Table:
    """Classification: which sub-package does a summary belong to.

    Parameters
    ----------
    table : pa.Table
        From `build_docstring_table`.
    min_examples : int
        Examples that a sub-package needs to be a class.
    min_tokens : int
        Tokens that a summary needs to be an example.
    test_share : float
        Share of the distinct summaries that are held out.

    Returns
    -------
    pa.Table
        example_id, text, label, split (train or test). A summary that repeats within a sub-package is one example; one
        that is in several is one example in each, on the same side of the split (the audit shows label conflicts).

    Raises
    ------
    DataError
        Fewer than two sub-packages have enough examples.
    """
    rows: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    for doc_id, name, label, summary in _rows(table, "doc_id", "qualified_name", "subpackage", "summary"):
        if not _is_public(name):
            continue
        tokens = tokenize(summary)
        if label and len(tokens) >= min_tokens:
            split = "test" if is_held_out(tokens, test_share) else "train"
            rows.setdefault((label, " ".join(tokens)), (doc_id, summary, label, split))
    sizes = Counter(label for label, _ in rows)
    kept = [row for row in rows.values() if sizes[row[2]] >= min_examples]
    if len({row[2] for row in kept}) < 2:
        raise DataError(
            "docstrings",
            f"fewer than two sub-packages have {min_examples} summaries of {min_tokens} tokens or more",
            "name more packages or lower min_examples",
        )
    columns = list(zip(*kept, strict=True))
    return pa.table(
        {
            name: pa.array(column, pa.string())
            for name, column in zip(("example_id", "text", "label", "split"), columns, strict=True)
        }
    )


def build_summary_retrieval(
    table: pa.Table,
    *,
    max_queries: int,
    min_tokens: int,
    min_body_tokens: int,
    test_share: float,
    training_queries: int = 0,
    max_passages: int | None = None,
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Retrieval: find a docstring's body by its summary.

    Every distinct body that is long enough is a passage, whether its summary is held out or not; the queries are held-out
    summaries. A summary that several docstrings share has all their bodies as answers. A body that holds its own
    summary once more stays a passage, but is nobody's answer, as that would be found by the repetition.

    Parameters
    ----------
    table : pa.Table
        From `build_docstring_table`.
    max_queries : int
        Queries at most: those with the lowest hashes.
    min_tokens, min_body_tokens : int
        Tokens that a query and a passage need.
    test_share : float
        Share of the distinct summaries that are held out; the same ones as in `build_subpackage_examples`.
    training_queries : int
        Further queries at most, of summaries that are not held out and whose bodies are searched anyway, in the split
        ``train``.
    max_passages : int, optional
        Passages to search at most: all answers of the evaluated queries, and of the others those with the lowest hashes;
        never fewer than there are answers. Without it, all.

    Returns
    -------
    tuple of pa.Table
        queries (query_id, text, split), passages (passage_id, text), qrels (query_id, passage_id, relevance: int32).

    Raises
    ------
    DataError
        No held-out summary has a body.
    """
    passages: dict[str, tuple[str, str]] = {}
    answers: dict[str, set[str]] = {}
    queries: dict[str, tuple[str, str]] = {}
    for doc_id, name, summary, body in _rows(table, "doc_id", "qualified_name", "summary", "body"):
        if not _is_public(name):
            continue
        words, body_words = tokenize(summary), tokenize(body)
        if len(body_words) < min_body_tokens:
            continue
        query, passage = " ".join(words), " ".join(body_words)
        passage_id, _ = passages.setdefault(passage, (doc_id, body))
        if len(words) >= min_tokens and f" {query} " not in f" {passage} ":
            queries.setdefault(query, (doc_id, summary))
            answers.setdefault(query, set()).add(passage_id)
    by_hash = sorted(queries, key=hash_text)
    tested = [query for query in by_hash if is_held_out(query.split(" "), test_share)][:max_queries]
    if not tested:
        raise DataError(
            "docstrings",
            f"no held-out summary has a body of {min_body_tokens} tokens or more",
            "name more packages or lower min_body_tokens",
        )
    if max_passages is not None:
        answering = {passage_id for query in tested for passage_id in answers[query]}
        others = sorted((passage for passage, (doc_id, _) in passages.items() if doc_id not in answering), key=hash_text)
        left_out = set(others[max(max_passages - len(answering), 0) :])
        passages = {passage: of for passage, of in passages.items() if passage not in left_out}
    searched = {passage_id for passage_id, _ in passages.values()}
    training = [query for query in by_hash if answers[query] <= searched and not is_held_out(query.split(" "), test_share)][
        :training_queries
    ]
    split_of = dict.fromkeys(tested, "test") | dict.fromkeys(training, "train")
    chosen = sorted(split_of, key=lambda query: queries[query][0])
    qrels = [(queries[query][0], passage_id) for query in chosen for passage_id in sorted(answers[query])]
    return (
        pa.table(
            {
                "query_id": [queries[query][0] for query in chosen],
                "text": [queries[query][1] for query in chosen],
                "split": [split_of[query] for query in chosen],
            }
        ),
        pa.table(
            {"passage_id": [doc_id for doc_id, _ in passages.values()], "text": [body for _, body in passages.values()]}
        ),
        pa.table(
            {
                "query_id": [query_id for query_id, _ in qrels],
                "passage_id": [passage_id for _, passage_id in qrels],
                "relevance": pa.array([1] * len(qrels), pa.int32()),
            }
        ),
    )


def is_held_out(tokens: Sequence[str], share: float) -> bool:
    """Say whether a text is on the test side: equal words, equal side, on every machine."""
    return hash_text(" ".join(tokens)) < share * 2**64


def _rows(table: pa.Table, *columns: str) -> Iterator[tuple[str, ...]]:
    for batch in table.to_batches(max_chunksize=4_096):
        yield from zip(*(batch[column].to_pylist() for column in columns), strict=True)


def _is_public(qualified_name: str) -> bool:
    name = qualified_name.rpartition(".")[2]
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _package_root(package: str) -> Path:
    if not package.isidentifier():
        raise DataError(f"package '{package}'", "is not the name of a top-level package", "write it as in 'import <name>'")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}'", "is not installed", "install it, or take it from the list of packages")
    return Path(next(iter(spec.submodule_search_locations)))


def _version(package: str, root: Path) -> str:
    distributions = _distributions().get(package, [])
    if distributions:
        return importlib.metadata.version(distributions[0])
    # Not installed as a distribution (a folder on the path): its files' sizes and times stand for a version.
    stamps = "".join(
        f"{path.relative_to(root)} {path.stat().st_size} {path.stat().st_mtime_ns}\n" for path in _source_files(root)
    )
    return hashlib.sha256(stamps.encode()).hexdigest()[:16]


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """List the distributions that each package is of: all that are installed are read for it."""
    return importlib.metadata.packages_distributions()


def _source_files(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.rglob("*.py")
        if not _NOT_LIBRARY.intersection(path.relative_to(root).parts[:-1])
        and not path.name.startswith("test_")
        and path.name != "conftest.py"
    )


def _parse(roots: dict[str, Path], workers: int) -> Iterator[tuple[str, pa.Table]]:
    tasks = [(package, str(root), [str(path) for path in _source_files(root)]) for package, root in roots.items()]
    if not tasks:
        return
    blocks = [
        (package, root, files[start : start + 50]) for package, root, files in tasks for start in range(0, len(files), 50)
    ]
    if workers == 1 or len(blocks) == 1:
        parsed = list(map(_docstrings_of_files, blocks))
    else:
        # Workers of the standard library would run the caller's script again, up to the lock that is held here.
        with ProcessPoolExecutor(workers, initializer=gc.disable) as pool:  # trees have no cycles
            parsed = list(pool.map(_docstrings_of_files, blocks))
    for package, _, _ in tasks:
        rows = [row for (name, _, _), part in zip(blocks, parsed, strict=True) if name == package for row in part]
        if not rows:
            raise DataError(f"package '{package}'", "has no docstring in a .py file", "take it from the list of packages")
        yield package, pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def _docstrings_of_files(block: tuple[str, str, list[str]]) -> list[tuple[str, str, str, str, str, str]]:
    package, root, files = block
    return [
        (name, package, subpackage, name, summary, body)
        for file in files
        for subpackage, name, summary, body in _docstrings_of_file(package, Path(root), Path(file))
    ]


def _docstrings_of_file(package: str, root: Path, file: Path) -> Iterator[tuple[str, str, str, str]]:
    parts = [package, *file.relative_to(root).with_suffix("").parts]
    if parts[-1] == "__init__":
        parts.pop()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a template, or a file for another Python
        return
    subpackage = ".".join(parts[:2]) if len(parts) > 1 else ""
    for name, docstring in _docstrings(tree, ".".join(parts)):
        summary, body = split_docstring(docstring)
        if tokenize(summary):
            yield subpackage, name, summary, body


def _docstrings(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[tuple[str, str]]:
    docstring = ast.get_docstring(node, clean=False)
    if docstring is not None:
        yield name, docstring
    yield from _inner_docstrings(node, name)


def _inner_docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstrings(child, f"{name}.{child.name}")
        elif isinstance(child, ast.stmt | ast.excepthandler):
            yield from _inner_docstrings(child, name)


def split_docstring(docstring: str) -> tuple[str, str]:
    """Summary (the first paragraph, on one line) and body of a docstring, both without doctest blocks.

    Examples
    --------
    >>> split_docstring("Add two\\n    numbers.\\n\\n    Both are floats.\\n\\n    >>> add(1, 2)\\n    3\\n    ")
    ('Add two numbers.', 'Both are floats.')
    """
    text = _DOCTEST.sub("", inspect.cleandoc(docstring)).strip()
    summary, _, body = _split_once(text)
    return " ".join(summary.split()), body.strip()


def _split_once(text: str) -> tuple[str, str, str]:
    border = _PARAGRAPH.search(text)
    return (text, "", "") if border is None else (text[: border.start()], border[0], text[border.end() :])


def _drop_duplicates(table: pa.Table) -> pa.Table:
    seen: set[bytes] = set()
    names: Counter[str] = Counter()
    kept, doc_ids = [], []
    for index, (name, summary, body) in enumerate(_rows(table, "doc_id", "summary", "body")):
        key = hashlib.blake2b(f"{summary}\0{body}".encode(errors="replace"), digest_size=16).digest()
        if key not in seen:
            seen.add(key)
            names[name] += 1
            kept.append(index)
            doc_ids.append(name if names[name] == 1 else f"{name}#{names[name]}")
    return table.take(pa.array(kept)).set_column(0, "doc_id", pa.array(doc_ids, pa.string()))


def _write(table: pa.Table, path: Path) -> None:
    with write_atomically(path) as part:
        pq.write_table(table, part, compression="zstd")
