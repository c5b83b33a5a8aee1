"""The HTML report of one use case: one file that needs nothing else, not even a network.

It is a list of sections (`emb_pipeline.reporting.registry`). plotly.js, scripts, style and figures are all inside. A content
security policy forbids the page to load anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from emb_pipeline.reporting import wording
from emb_pipeline.reporting.registry import SECTIONS
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.section import Report, Section, write_json
from emb_pipeline.reporting.shown import limit_tables
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.reporting.theme import DARK_COLORS, TEMPLATE, look

PAGE, MACROS = "page.html.j2", "macros.html.j2"
PLOTLY = "plotly-basic.min.js"
STYLES = ("report.css", "pairs.css")
SCRIPTS = ("tasks.js", "tables.js", "paper.js", "figures.js", "unpack.js", "pairs.js", "budgets.js")
"""The page's own scripts, in the order in which they run."""


def render_report(
    tables: ReportTables,
    run: Run,
    sections: Sequence[Section] = SECTIONS,
    figures: Mapping[str, go.Figure] | None = None,
) -> str:
    """Write the report of a use case.

    Parameters
    ----------
    tables : ReportTables
        What was found.
    run : Run
        What it takes to repeat it.
    sections : sequence of Section
        The sections in their order; those that have nothing to show are left out.
    figures : mapping of str to Figure, optional
        Figures that are there already: ``<task>_leaderboard``, ``_methods``, ``_dimension``, ``_cost``, ``_bytes``,
        ``_curve``, ``_search``, ``_corruption``, ``origins``, ``factors`` and ``word_map``.

    Returns
    -------
    str
        A complete HTML document; 1.2 MB of it are plotly.js. Of many embeddings it shows some (`shown.limit_tables`), and
        says so; figures are then drawn again.
    """
    n_embeddings = len(tables.leaderboard[["origin", "embedding"]].drop_duplicates())
    tables, n_left_out = limit_tables(tables)
    report = Report(tables, run, {} if figures is None or n_left_out else figures)
    environment = make_environment()
    viewed = [(section, view) for section in sections if (view := section.view(report)) is not None]
    short_answers = {task["name"]: task["short"] for _, view in viewed for task in view.get("tasks", ()) if "short" in task}
    return environment.get_template(PAGE).render(
        sections=[
            (section, write_section(section, view, report, environment), view.get("folded")) for section, view in viewed
        ],
        tasks=[(each.task, short_answers.get(each.task, "")) for each in report.results],
        run=run,
        n_tasks=len(report.results),
        n_embeddings=n_embeddings,
        n_left_out=n_left_out,
        style=Markup("\n".join(map(read_asset, STYLES))),
        dark_colors=Markup(json.dumps(DARK_COLORS)),
        names=write_json({name.technical: name.short for name in report.names.values() if name.short != name.technical}),
        figure_template=write_json(TEMPLATE.to_plotly_json()),
        plotly=Markup(read_asset(PLOTLY)),
        scripts=[Markup(read_asset(name)) for name in SCRIPTS],
    )


def render_section(section: Section, report: Report, environment: jinja2.Environment | None = None) -> Markup | None:
    """Write one section, without its heading; None where it has nothing to show."""
    view = section.view(report)
    return None if view is None else write_section(section, view, report, environment or make_environment())


def write_section(section: Section, view: Mapping[str, Any], report: Report, environment: jinja2.Environment) -> Markup:
    """Write what a section's view has gathered."""
    by_name = f"{section.name}.html.j2"
    template = environment.from_string(section.markup) if section.markup else environment.get_template(by_name)
    known = {"run": report.run, "confidence": report.run.confidence, "family": report.write_family}
    return report.names.write_html(template.render({**known, **view}))


def make_environment() -> jinja2.Environment:
    """Make what templates are rendered with: they know how numbers are written, and the macros of `MACROS`."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read_packaged),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(wording=wording, look=look)
    environment.filters.update(
        count=wording.write_count,
        seconds=wording.write_seconds,
        bytes=wording.write_size,
        share=wording.write_share,
        number=wording.write_number,
        present=is_present,
        shortened=wording.shorten,
    )
    macros = environment.get_template(MACROS).module
    environment.globals.update({name: macro for name, macro in vars(macros).items() if not name.startswith("_")})
    return environment


def read_packaged(name: str) -> str:
    """Read a file of ``templates/``."""
    return files("emb_pipeline.reporting").joinpath("templates", name).read_text(encoding="utf-8")


def read_asset(name: str) -> str:
    """Read a file of ``assets/``: style and scripts of the page."""
    return files("emb_pipeline.reporting").joinpath("assets", name).read_text(encoding="utf-8")


def is_present(value: Any) -> bool:
    """Say whether there is anything to write."""
    return value is not None and not (isinstance(value, float) and pd.isna(value)) and value != ""
