"""The measures of one task that the swap report is written from."""

from __future__ import annotations

from dataclasses import dataclass, field

from emb_pipeline.statistics.intervals.bootstrap import Interval
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.encoding_costs import EncodingCost
from emb_pipeline.statistics.swap.parts import Gain


@dataclass(frozen=True)
class Example:
    """A test unit that was won or lost.

    Attributes
    ----------
    text, answer : str
        What it is, and what would be right; cut.
    deployed, candidate : float
        Scores.
    """

    text: str
    answer: str
    deployed: float
    candidate: float


@dataclass(frozen=True)
class Outcomes:
    """Test units won and lost.

    Attributes
    ----------
    metric : str
        That single units are compared by.
    wins, losses, ties : int
        Units on which the candidate scores more, less, and as much.
    won, lost : list of Example
        Those with the largest differences.
    """

    metric: str
    wins: int
    losses: int
    ties: int
    won: list[Example]
    lost: list[Example]


@dataclass(frozen=True)
class KeptNeighbors:
    """The share of nearest texts that stays.

    Attributes
    ----------
    asked, among : str
        Whose neighbors, and among what: words for both.
    n_asked, n_among, k : int
        Their numbers, and neighbors of each.
    share : Interval
        The mean share.
    """

    asked: str
    among: str
    n_asked: int
    n_among: int
    k: int
    share: Interval


@dataclass(frozen=True)
class Searched:
    """One way to search with a kept or mixed index.

    Attributes
    ----------
    name : str
        The map.
    n_pairs : int
        Texts that it was fitted on.
    share : float
        Share of the index that the candidate has encoded.
    against_deployed, against_candidate : Gain
        Its score minus that of each embedding alone.
    """

    name: str
    n_pairs: int
    share: float
    against_deployed: Gain
    against_candidate: Gain


@dataclass(frozen=True)
class KeptIndexScores:
    """Scores of kept and mixed indexes.

    Attributes
    ----------
    metric : str
    mapped, mixed : list of Searched
    """

    metric: str
    mapped: list[Searched]
    mixed: list[Searched]


@dataclass(frozen=True, eq=False)
class Swapped:
    """One task.

    Attributes
    ----------
    task, kind, metric : str
        What was scored, and by what.
    deployed, candidate : str
        Names of the two embeddings.
    level : float
        Intervals cover ``1 - level``.
    found : CommonUnits
        The scores.
    gain : Gain
        On all units.
    parts : list of Gain
        On parts of them.
    outcomes : Outcomes
        Units won and lost.
    encoding : EncodingCost
        Of the items that are to be encoded again.
    costs : dict of str to (float, float)
        By the name of a cost, the deployed embedding's and the candidate's; NaN where it was not measured.
    neighbors : list of KeptNeighbors
    kept_index : KeptIndexScores, optional
    notes : dict of str to str
        By section, why something is not in it.
    """

    task: str
    kind: str
    metric: str
    deployed: str
    candidate: str
    level: float
    found: CommonUnits
    gain: Gain
    parts: list[Gain]
    outcomes: Outcomes
    encoding: EncodingCost
    costs: dict[str, tuple[float, float]]
    neighbors: list[KeptNeighbors] = field(default_factory=list)
    kept_index: KeptIndexScores | None = None
    notes: dict[str, str] = field(default_factory=dict)
