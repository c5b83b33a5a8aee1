"""Names of embeddings that a person can read, from the facts of their tables and the labels of the registry.

Sentences and tables mark an embedding by its technical name (`findings.embedding`, the macro ``embedding``). Each medium
then writes the mark in its own way: the page with the technical name on hover, Markdown with it in code behind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

import pandas as pd
from markupsafe import Markup

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.reporting.wording import NARROW_SPACE, write_code
from emb_pipeline.statistics.embedding_facts import BASES_SEPARATOR, CONTROL, CORRUPTION, FINE_TUNING

SHORT, READABLE = "short", "readable"
_MARK = re.compile(r'<embedding as="(short|readable)">(.*?)</embedding>', re.DOTALL)
_TEXTS = {"domain": ("trained on your text", "your text"), "generic": ("trained on general text", "general text")}
"""What those two corpora are called; another one is called by its own name."""
_ORIGINS = {
    "pretrained": ("trained elsewhere", ""),
    "task": ("fitted on the task's own data", ""),
    CONTROL: ("control", "control"),
}
_BITS = {"float16": "16 bits", "int8": "8 bits", "binary": "1 bit"}
"""How many bits a stored number has, by the precision of a curve."""
_Row = Mapping[Hashable, Any]
_WITHOUT_FACTS: _Row = {"origin": None, "method": None, "dim": None}
_BETWEEN = " · "
"""Between the parts of a short name: those of a list have commas between them."""


@dataclass(frozen=True)
class Name:
    """Three names of one embedding; the first two are unique within a report.

    Attributes
    ----------
    readable : str
        ``Word2Vec, 100 dimensions, trained on your text``.
    short : str
        The same for tables and figures: ``Word2Vec 100 · your text``.
    technical : str
        As YAML and tables have it: ``domain.word2vec_100``.
    """

    readable: str
    short: str
    technical: str


class Names(dict[str, Name]):
    """Names by technical name. One that is not known is called by its technical name."""

    def __missing__(self, technical: str) -> Name:
        return Name(technical, technical, technical)

    def write_html(self, text: str) -> Markup:
        """Write marked embeddings for the page: the technical name is shown on hover, and listed at the end of the page."""

        def write(name: Name, form: str) -> Markup:
            shown = getattr(name, form)
            if shown == name.technical:
                return Markup("<code>{}</code>").format(name.technical)
            hint = name.technical if form == READABLE else f"{name.readable} · {name.technical}"
            return Markup('<span class="name" title="{}">{}</span>').format(hint, shown)

        return Markup(_replace(text, self, write))

    def write_markdown(self, text: str) -> str:
        """Write a marked sentence in Markdown: the readable name, and the technical one in code behind."""

        def write(name: Name, form: str) -> str:
            shown, technical = str(getattr(name, form)), write_code(name.technical)
            return technical if shown == name.technical else f"{escape(shown, quote=False)} ({technical})"

        return _strip_tags(text, self, write)

    def write_text(self, text: str) -> str:
        """Write a marked sentence for the terminal; a name in full has the technical one behind it, for commands."""

        def write(name: Name, form: str) -> str:
            is_short = form == SHORT or name.readable == name.technical
            return str(getattr(name, form)) if is_short else f"{name.readable} ({name.technical})"

        return _strip_tags(text, self, write)


def mark(technical: object, form: str = SHORT) -> Markup:
    """Mark an embedding in a sentence or table; a medium writes its name."""
    return Markup('<embedding as="{}">{}</embedding>').format(form, str(technical))


def _replace(text: str, names: Names, write: Callable[[Name, str], str]) -> str:
    return _MARK.sub(lambda found: str(write(names[unescape(found[2])], found[1])), text)


def _strip_tags(text: str, names: Names, write: Callable[[Name, str], str]) -> str:
    written: list[str] = []

    def hold(name: Name, form: str) -> str:
        written.append(write(name, form))
        return f"\0{len(written) - 1}\0"

    plain = Markup(_replace(text, names, hold)).striptags()
    return re.sub("\0(\\d+)\0", lambda found: written[int(found[1])], plain)


def name_embeddings(*tables: pd.DataFrame) -> Names:
    """Name all embeddings of some tables.

    Parameters
    ----------
    tables : DataFrames
        With the column ``embedding`` and those of the report's facts that are known; the first row of an embedding counts.

    Returns
    -------
    Names
        Readable, short and technical name of each.
    """
    rows: dict[str, _Row] = {}
    for table in tables:
        if "embedding" in table:
            for row in table.drop_duplicates("embedding").to_dict("records"):
                rows.setdefault(str(row["embedding"]), {key: value for key, value in row.items() if _is_known(value)})
    tasks = {str(task) for table in tables if "task" in table for task in table["task"].dropna().unique()}
    writer = _Writer(rows, tasks)
    written = [(technical, *writer.write(technical)) for technical in rows]
    full = _make_unique([(technical, readable) for technical, readable, _ in written], rows)
    short = _make_unique([(technical, short) for technical, _, short in written], rows)
    return Names({technical: Name(full[technical], short[technical], technical) for technical in rows})


def _is_known(value: Any) -> bool:
    return not pd.api.types.is_scalar(value) or not pd.isna(value)


class _Writer:
    """Writes names; that of an embedding that is made from others begins with theirs."""

    def __init__(self, rows: Mapping[str, _Row], tasks: Iterable[str]) -> None:
        self.rows = rows
        self.tasks = sorted(tasks, key=len, reverse=True)

    def write(self, technical: str, above: Iterable[str] = ()) -> tuple[str, str]:
        """Write the readable and the short name, as they are before names that are equal are told from each other."""
        row = self.rows.get(technical, _WITHOUT_FACTS)
        family, bases = str(row.get("family", technical)), _list_bases(row)
        if family != technical and family in self.rows and family not in above:
            return _append(self.write(family, (*above, technical)), f"seed {row.get('seed')}")
        if not bases or technical in above:
            return self._write_own(technical, row)
        parts = [self.write(base, (*above, technical)) for base in bases]
        derivation = str(row.get("derivation", ""))
        line = METHODS.get(str(row.get("method", "")))
        if derivation == FINE_TUNING or len(parts) == 1:
            return self._write_changed(technical, row, parts[0])
        made = line.made if line and line.made else derivation.replace("_", " ")
        if line is not None and line.artifact is not None:  # its own weights start from the first
            return _append(_join(parts[1:]), f"{made} by {_bracket(parts[0])}")
        return _append(_join(parts), made)

    def _write_own(self, technical: str, row: _Row) -> tuple[str, str]:
        key, method, dim = _key(technical, row), str(row.get("method", "")), row.get("dim")
        line = METHODS.get(method)
        size = "" if dim is None else f"{int(dim)}"
        own = {method, f"{method}_{size}", f"shuffled_{method}"}
        known = line is not None and (key in own or bool(row.get("shuffled_labels")))
        label = line.label if line is not None and known else _write_words(key)
        has_size = bool(size) and size not in label.split()
        long, brief = _name_origin(str(row.get("origin") or technical.partition(".")[0]))
        mixed = "shuffled labels" if row.get("shuffled_labels") else ""
        kind = "" if known or line is None or line.label.lower() == label.lower() else line.label
        readable = [label, f"{size} dimensions" if has_size else "", mixed, kind, long]
        short = [f"{label} {size}" if has_size else label, mixed, brief]
        return ", ".join(filter(None, readable)), _BETWEEN.join(filter(None, short))

    def _write_changed(self, technical: str, row: _Row, base: tuple[str, str]) -> tuple[str, str]:
        derivation, line = str(row.get("derivation", "")), METHODS.get(str(row.get("method", "")))
        ending = self._find_ending(technical, row)
        if derivation == FINE_TUNING:
            task = next((task for task in self.tasks if ending.endswith(f"_{task}")), ending.partition("_")[2])
            by = ending.removesuffix(f"_{task}")
            note = "" if by == "tuned" else f" ({_write_words(by)})"
            return f"{base[0]}, tuned on the labels of {task}{note}", f"{base[1]}{_BETWEEN}tuned on {task}{note}"
        if derivation == CORRUPTION and "corruption_level" in row:
            share = f"{100 * float(row['corruption_level']):.0f}{NARROW_SPACE}%"
            return _append(base, f"{share} {_write_words(str(row.get('corruption', 'corrupted')))}")
        if line is not None and line.derivation is not None and line.derivation.resizes:
            return self._write_resized(row, base)
        if line is not None and derivation in (line.name, line.derivation and line.derivation.name):
            return _append(base, line.made or line.label)
        return _append(base, _write_words(ending) if ending else derivation.replace("_", " "))

    def _write_resized(self, row: _Row, base: tuple[str, str]) -> tuple[str, str]:
        curve = str(row.get("curve", ""))
        precision = curve.rpartition(" by ")[2].partition(", ")[2]
        of_base = self.rows.get(str(row.get("base")), {}).get("dim")
        dim, bits = None if row.get("dim") == of_base else row.get("dim"), _BITS.get(precision, precision)
        readable = [base[0], f"cut to {int(dim)} dimensions" if dim else "", f"stored in {bits}" if bits else ""]
        short = [base[1], f"cut to {int(dim)}" if dim else "", bits]
        return ", ".join(filter(None, readable)), _BETWEEN.join(filter(None, short))

    def _find_ending(self, technical: str, row: _Row) -> str:
        base, key = str(row.get("base")), _key(technical, row)
        return key.removeprefix(_key(base, self.rows.get(base, {}))).strip("_")


def _make_unique(written: list[tuple[str, str]], rows: Mapping[str, _Row]) -> dict[str, str]:
    """Add what differs to names that several embeddings have: the user's own name, in the end the technical one."""
    for add in (lambda technical: _write_words(_key(technical, rows[technical])), str):
        counts = Counter(name for _, name in written)
        written = [(technical, name if counts[name] == 1 else f"{name} ({add(technical)})") for technical, name in written]
    return dict(written)


def _append(name: tuple[str, str], part: str) -> tuple[str, str]:
    return f"{name[0]}, {part}", f"{name[1]}{_BETWEEN}{part}"


def _join(parts: list[tuple[str, str]]) -> tuple[str, str]:
    """Join several embeddings, by their short names."""
    return (" + ".join(short if len(parts) == 1 else _bracket((readable, short)) for readable, short in parts),) * 2


def _bracket(name: tuple[str, str]) -> str:
    """Write a short name within another one: ``BERT 128 (your text)``."""
    first, _, rest = name[1].partition(_BETWEEN)
    return f"{first} ({rest})" if rest else first


def _list_bases(row: _Row) -> list[str]:
    bases = row.get("bases") or row.get("base")
    return bases.split(BASES_SEPARATOR) if isinstance(bases, str) else []


def _key(technical: str, row: _Row) -> str:
    return str(row.get("key") or technical.partition(".")[2] or technical)


def _write_words(name: str) -> str:
    return name.replace("_", " ")


def _name_origin(origin: str) -> tuple[str, str]:
    return _TEXTS.get(origin) or _ORIGINS.get(origin) or (f"trained on {origin}", origin)
