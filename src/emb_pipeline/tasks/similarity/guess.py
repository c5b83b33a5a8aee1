"""The look at files for pairs of texts with a score."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal, group_files, is_named, place_files, rank_columns

_SCORES = ("score", "similarity", "relatedness", "gold", "mean", "rating", "quality", "label", "is_duplicate")
_TEXTS = ("sentence1", "sentence2", "text_a", "text_b", "sentence", "text", "string", "question1", "question2", "question")
_SAME_LENGTH = 2.0


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a similarity of pairs; none where no file has two texts of a length and a number.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    tables = group_files(files, "rows")
    if not tables or len(tables) > 3:
        return None
    table = tables[-1]
    pair = [table.find_column(name) for name in named.text] or find_pair(table)
    if len(pair) != 2:
        return None
    scores = rank_columns(
        [each for each in table.columns if each.is_score and not each.is_id], _SCORES, lambda each: -each.distinct
    )
    scores = [each for each in scores if named.label or is_named(each, _SCORES)]
    score = table.find_column(named.label) if named.label else next(iter(scores), None)
    if score is None or not score.is_score:
        return None
    one, other = pair
    source = {**_place(tables, table), "text_a": one.name, "text_b": other.name, "score": score.name}
    notes = []
    if score.n_empty:
        source["unscored"] = "leave_out"
        notes.append(f"{score.n_empty:,} pairs without a score are left out")
    return Proposal(
        "similarity",
        "my_pairs",
        source,
        f"how alike are {one.name} and {other.name}? Held against {score.name}",
        0.95,
        2 * table.n_items,
        (one.words + other.words) / 2,
        text_choices=(one.name, other.name),
        label_choices=tuple(each.name for each in scores),
        notes=tuple(notes),
    )


def _place(tables: Sequence[Described], table: Described) -> dict[str, object]:
    """Read one file: nothing is trained, so that the one for testing is enough."""
    tested = [each for each in tables if "test" in each.name]
    return place_files(tested[:1] or [table])


def find_pair(table: Described) -> list[Column]:
    """Find the two columns of texts that are alike in length and in name; none where it is not clear."""
    texts = [column for column in table.columns if column.words >= 2 and column.numeric < 0.5 and not column.is_list]
    texts = rank_columns(texts, _TEXTS, lambda column: column.words) if len(texts) > 2 else texts
    if len(texts) < 2:
        return []
    one, other = sorted(texts[:2], key=lambda column: [each.name for each in table.columns].index(column.name))
    longer, shorter = max(one.words, other.words), min(one.words, other.words)
    is_alike = _strip(one.name) == _strip(other.name)
    return [one, other] if is_alike and longer < _SAME_LENGTH * shorter else []


def _strip(name: str) -> str:
    """Leave out what tells the two of a pair apart: sentence1 and sentence2, text_a and text_b, #1 String."""
    return "".join(letter for letter in name.casefold().removesuffix("a").removesuffix("b") if letter.isalpha())
