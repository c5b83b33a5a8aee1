"""Options of scores over time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

CalendarUnit = Literal["year", "quarter", "month", "week", "day"]


class DriftOptions(BaseModel):
    """Options of periods that test units with a time are parted into."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    periods: Literal["auto"] | CalendarUnit | Annotated[int, Field(ge=2, le=100)] = Field(
        default="auto",
        description="year, quarter, month, week or day, in UTC; a number: so many periods of about equal size; auto: the "
        "coarsest of these units with 3 to 12 periods, or else 4 of equal size. A period of fewer than 20 units joins the "
        "next",
    )
