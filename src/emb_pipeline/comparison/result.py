"""The result of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.report import render_report
from emb_pipeline.reporting.run import Run
from emb_pipeline.reporting.sections.summary.deploy import describe_decision
from emb_pipeline.reporting.tables import ReportTables
from emb_pipeline.reporting.wording import name_metric, write_interval, write_seconds, write_value

_COLUMNS = ("embedding", "value", "ci_low", "ci_high", "letters", "n", "train_seconds", "encode_seconds", "bytes_per_item")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Embeddings compared on one task.

    Attributes
    ----------
    tables : ReportTables
        Everything that was found, as the pipeline's own tables.
    run : Run
        What it takes to repeat it.
    """

    tables: ReportTables
    run: Run

    @property
    def leaderboard(self) -> pd.DataFrame:
        """The primary metric of each embedding with its interval, the best first.

        Embeddings that share a letter are not significantly different.
        """
        rows = self._primary()
        return rows[[name for name in _COLUMNS if name in rows]].reset_index(drop=True)

    @property
    def metric(self) -> str:
        """The metric that embeddings are ranked by."""
        return str(self._primary()["metric"].iloc[0])

    @property
    def comparisons(self) -> pd.DataFrame:
        """The difference of each two embeddings, with its interval and adjusted p."""
        return self.tables.comparisons

    @property
    def decision(self) -> str:
        """Which embedding to use, in sentences."""
        found = describe_decision(self.tables.decision, self.tables.relaxations, self.tables.joint_choice)
        return "\n".join(Markup(each.text).striptags() for _, findings in found for each in findings)

    @property
    def chosen(self) -> str | None:
        """Name of the embedding that the decision recommends."""
        decision = self.tables.decision
        rows = decision[decision["chosen"]] if len(decision) else decision
        return str(rows["embedding"].iloc[0]) if len(rows) else None

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file that works offline; its path."""
        place = Path(path)
        place.write_text(render_report(self.tables, self.run), encoding="utf-8")
        return place

    def _primary(self) -> pd.DataFrame:
        board = self.tables.leaderboard
        return pick.select_primary(board, pick.tasks_of(board)[0])

    def _rows(self) -> list[Mapping[Any, Any]]:
        return [dict(row) for row in self._primary().to_dict("records")]

    def _repr_html_(self) -> str:
        metric = self.metric
        header = ("embedding", name_metric(metric), "interval", "letters", "train", "encode")
        cells = [
            (
                str(row["embedding"]),
                write_value(row["value"], metric),
                write_interval(row["ci_low"], row["ci_high"], metric),
                row["letters"] if isinstance(row["letters"], str) else "",
                write_seconds(row["train_seconds"]),
                write_seconds(row["encode_seconds"]),
            )
            for row in self._rows()
        ]
        head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in header)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) + "</tr>" for row in cells
        )
        sentences = "".join(f"<p>{escape(line)}</p>" for line in self.decision.splitlines())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{sentences}"

    def __repr__(self) -> str:
        metric = self.metric
        lines = [
            f"{row['embedding']!s:40} {write_value(row['value'], metric):>8} "
            f"{write_interval(row['ci_low'], row['ci_high'], metric):16} {row['letters']}"
            for row in self._rows()
        ]
        return "\n".join([f"{'embedding':40} {name_metric(metric):>8}", *lines, "", self.decision])
