"""Standings of the candidates of a decision."""

SHOWN, ONLY, MEASURED_BEST, NOT_SHOWN = "shown", "only candidate", "best measured", "not shown"
NOT_ABOVE_FLOOR, NO_CANDIDATE = "not above the floor", ""
"""Standing of a candidate: shown to be not inferior; nothing to be inferior to; measured best, but not shown; not shown;
not shown to be better than a control, the largest class or chance; or no candidate (column ``standing`` of the decision)."""
LARGEST_CLASS, CHANCE = "the largest class", "chance"
"""Floors that are no embedding (column ``floor``)."""
MARGINS = "margins"
"""The metric of the decision over several tasks: scores in units of each task's margin."""
