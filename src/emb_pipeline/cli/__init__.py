"""The project's command line: what it adds to ``kedro``, and ``emb-pipeline``.

Kedro imports this package and takes two names from it: `cli`, whose commands go before its own, and `run`.
"""

from emb_pipeline.cli.commands.run import command as run
from emb_pipeline.cli.group import ProjectGroup

cli = ProjectGroup(name="emb_pipeline", help="Command line of the project.")

__all__ = ["cli", "run"]
