"""Options of the comparison of a domain with another one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TransferOptions(BaseModel):
    """Two tasks of one kind with the same training part: one is tested on texts of its domain, one on those of another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    within: str = Field(description="task that is tested on texts of the domain that it learns from")
    across: str = Field(description="task that learns from the same texts, and is tested on another domain")
