"""Everything that it takes to repeat the run."""

from __future__ import annotations

import json
from typing import Any

from emb_pipeline.redaction import redact
from emb_pipeline.reporting.section import Report, Section


def view(report: Report) -> dict[str, Any]:
    """Show commands, versions, fingerprints and hyper-parameters."""
    run, corpora = report.run, report.tables.corpora
    command = run.command or f"kedro run --env {run.use_case}"
    return {
        "folded": command,
        "tracking_uri": redact(run.tracking_uri),
        "command": command,
        "fingerprints": corpora[["corpus", "fingerprint"]].dropna().to_dict("records"),
        "methods": {str(name): _write_json(options) for name, options in run.methods.items()},
        "versions": {str(name): str(version) for name, version in run.versions.items()},
    }


def _write_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=None, default=str, ensure_ascii=False)


SECTION = Section("reproduce", "Reproduce", view, heading="How to reproduce this")
