"""The gate's verdict: sentences, Markdown for a pull request, JUnit XML for a CI system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from emb_pipeline.reporting.wording import (
    name_metric,
    name_units,
    write_count,
    write_difference,
    write_distance,
    write_interval,
    write_p,
)
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.gate import Verdict

NOT_INFERIOR, INFERIOR, UNDECIDED = 0, 1, 2
"""Exit codes of the gate."""
_WORDS = {"not inferior": "passes", "inferior": "fails", "undecided": "cannot be decided"}


@dataclass(frozen=True, eq=False)
class Gated:
    """The verdict on one task, and what it is about.

    Attributes
    ----------
    task, kind, metric : str
        What was scored, and by what.
    deployed, candidate : str
        Names of the two embeddings.
    found : CommonUnits
        The units.
    verdict : Verdict
        The answer.
    """

    task: str
    kind: str
    metric: str
    deployed: str
    candidate: str
    found: CommonUnits
    verdict: Verdict


def find_exit_code(gated: Sequence[Gated]) -> int:
    """Find the gate's exit code: 1 where the candidate is inferior on a task, else 2 where one is undecided, else 0."""
    outcomes = {each.verdict.outcome for each in gated}
    return INFERIOR if "inferior" in outcomes else UNDECIDED if "undecided" in outcomes else NOT_INFERIOR


def describe_verdict(gated: Gated) -> str:
    """Describe the verdict on one task in sentences."""
    verdict, units = gated.verdict, name_units(gated.kind)
    margin = write_distance(verdict.rules.margin, gated.metric)
    said = {
        "not inferior": f"The candidate is not worse by {margin} or more ({write_p(verdict.p_not_inferior)}).",
        "inferior": f"The candidate is worse by more than {margin} ({write_p(verdict.p_inferior)}).",
        "undecided": f"It cannot be said whether the candidate is worse by {margin} or more.",
    }[verdict.outcome]
    return " ".join([said, *_describe_units(gated, units)])


def write_markdown(gated: Sequence[Gated]) -> str:
    """Write the verdict for a pull request: a line, a table, and what is to be known of the units."""
    outcome = ("passes", "fails", "cannot be decided")[find_exit_code(gated)]
    candidate, deployed = gated[0].candidate, sorted({each.deployed for each in gated})
    lines = [
        f"**Embedding gate {outcome}**: `{candidate}` against {', '.join(f'`{name}`' for name in deployed)}",
        "",
        "| task | metric | difference | interval | margin | units | verdict |",
        "|---|---|---:|---|---:|---:|---|",
    ]
    for each in gated:
        verdict = each.verdict
        cells = (
            each.task,
            name_metric(each.metric),
            write_difference(verdict.difference, each.metric),
            write_interval(verdict.low, verdict.high, each.metric),
            write_distance(verdict.rules.margin, each.metric),
            write_count(verdict.n_units),
            _WORDS[verdict.outcome],
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- {each.task}: {describe_verdict(each)}" for each in gated)]
    return "\n".join(lines) + "\n"


def write_junit(gated: Sequence[Gated]) -> str:
    """Write the verdict as JUnit XML: one test case a task, which fails where the candidate is inferior or undecided."""
    failed = [each for each in gated if each.verdict.outcome != "not inferior"]
    suite = ElementTree.Element("testsuite", name="emb-pipeline gate", tests=str(len(gated)), failures=str(len(failed)))
    for each in gated:
        case = ElementTree.SubElement(suite, "testcase", classname=each.candidate, name=each.task)
        text = describe_verdict(each)
        if each in failed:
            failure = ElementTree.SubElement(case, "failure", type=each.verdict.outcome, message=text)
            failure.text = text
        else:
            ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _describe_units(gated: Gated, units: str) -> list[str]:
    found, verdict = gated.found, gated.verdict
    said = []
    if not found.units:
        return [f"The two were scored on no common {units}: were texts or labels changed?"]
    if found.n_deployed != verdict.n_units or found.n_candidate != verdict.n_units:
        said.append(
            f"Compared on the {write_count(verdict.n_units)} {units} that both were scored on, of "
            f"{write_count(found.n_deployed)} then and {write_count(found.n_candidate)} now."
        )
    if verdict.outcome == "undecided" and verdict.needed == verdict.needed:
        said.append(
            f"{write_count(verdict.needed)} {units} would show it in 80 % of cases, if it is as good as what is deployed."
        )
    return said
