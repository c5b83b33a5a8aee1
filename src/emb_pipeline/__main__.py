"""``emb-pipeline`` and ``python -m emb_pipeline``: the project's commands, and a run where none is named."""

import sys
from typing import Any

from kedro.framework.project import configure_project

PACKAGE = "emb_pipeline"


def main(*args: Any, **kwargs: Any) -> Any:
    """Run a command of the project."""
    configure_project(PACKAGE)
    from emb_pipeline.cli import cli

    return cli(*args, **{"standalone_mode": not hasattr(sys, "ps1"), **kwargs})


if __name__ == "__main__":
    main()
