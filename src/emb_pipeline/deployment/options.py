"""Options of the export."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DeployOptions(BaseModel):
    """Choice of what is exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force: bool = Field(
        default=False,
        description="export, too, what is not shown to be better than a control, the largest class or chance; or --force",
    )
