"""The look at files for pairs of texts with a score."""

from __future__ import annotations

from collections.abc import Sequence

from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.pairs.guess import choose_pair
from emb_pipeline.tasks.proposal import Named, Proposal, group_files, is_named, place_files, rank_columns

_SCORES = ("score", "similarity", "relatedness", "gold", "mean", "rating", "quality", "label", "is_duplicate")


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
    pair = choose_pair(table, named)
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
