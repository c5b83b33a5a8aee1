"""Options of timed matrix operations."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class MatrixOptions(BaseModel):
    """Sizes of the matrices that are timed, and how long all of it may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: tuple[int, ...] = Field(default=(1_000, 10_000, 100_000), min_length=1, description="rows: texts, items or passages")
    dims: tuple[int, ...] = Field(default=(100, 384), min_length=1, description="columns of dense matrices")
    densities: tuple[float, ...] = Field(
        default=(0.0001, 0.0003, 0.001, 0.003, 0.01),
        description="share of the columns of a sparse row that are not zero, as of TF-IDF",
    )
    columns: int = Field(default=30_000, ge=10, le=10_000_000, description="columns of sparse matrices: words")
    batch: int = Field(default=32, ge=2, le=10_000, description="queries that are scored at once")
    fit_rows: int = Field(default=1_000, ge=0, description="rows up to which the fit of a probe is timed, too; 0: it is not")
    seconds: float = Field(default=6.0, ge=0, le=36_000, description="processor seconds for all of it; 0: nothing is timed")
    megabytes: float = Field(default=400.0, gt=0, description="largest matrix; what is larger is left out, and listed")

    @field_validator("n", "dims", "densities")
    @classmethod
    def _rise(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if list(values) != sorted(set(values)) or any(value <= 0 for value in values):
            raise ValueError(f"{', '.join(map(str, values))} are not positive numbers that rise")
        return values

    @field_validator("densities")
    @classmethod
    def _are_shares(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(value > 1 for value in values):
            raise ValueError(f"{max(values)} is no share: densities are from 0 to 1")
        return values
