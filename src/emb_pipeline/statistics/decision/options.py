"""Options of the decision: budgets, margins and weights, all changed without measuring anything again."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.statistics.costs import WeighedCost


class RefusalOptions(BaseModel):
    """Answerable requests of a task that must still be answered where unanswerable ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recall: float = Field(
        gt=0,
        lt=1,
        description="share of answerable requests that is answered, at the cut-off that keeps cutoffs.level: the lower end "
        "of its interval must be at least so much",
    )


class DecisionOptions(BaseModel):
    """Budgets, margins and weights. Everything here can be changed without measuring anything again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: dict[WeighedCost, float | None] = Field(
        default_factory=dict,
        description="most that a cost may be: bytes_per_item, bytes (of the model), peak_rss_bytes, train_seconds, "
        "encode_seconds, latency_ms_p50, _p95, _p99 (of one request), processor_ms_p50, _p95 (its processor time), "
        "price_per_million (requests), usd_per_million_texts (what a service asks for); null: no limit",
    )
    labels: int | None = Field(
        default=None,
        ge=2,
        description="labels that can be bought: scores from at most so many count, where they were measured; where they "
        "were not, the decision says which scores stand for them",
    )
    margin: float = Field(default=0.01, gt=0, lt=1, description="how much worse than the best is still good enough")
    margins: dict[str, float] = Field(default_factory=dict, description="the same for single tasks")
    refuse: dict[str, RefusalOptions] = Field(
        default_factory=dict,
        description="by task, what an embedding must answer while it refuses what cannot be answered; it competes only if a "
        "cut-off with that recall exists",
    )
    weights: dict[str, float] = Field(
        default_factory=dict, description="what tasks count in the joint decision; all the same where none is given"
    )
    cheapest_by: tuple[WeighedCost, ...] = Field(
        default=("bytes_per_item", "latency_ms_p95", "train_seconds"),
        min_length=1,
        description="costs that make an embedding cheap: the next decides where those before are equal to within 5 %",
    )
    price_per_hour: float | None = Field(
        default=None,
        gt=0,
        description="of one processor core, in any currency; makes price_per_million of the median request's processor time",
    )
