"""Options of intervals and tests."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from emb_pipeline.statistics.agreement.options import AgreementOptions
from emb_pipeline.statistics.label_errors import CONSENSUS
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.transfer.options import TransferOptions


class ReportOptions(BaseModel):
    """Options of intervals and tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resamples: int = Field(ge=100, le=1_000_000, description="bootstrap resamples of the units")
    permutations: int = Field(ge=99, le=1_000_000, description="random sign flips of the tests")
    level: float = Field(gt=0, lt=0.5, description="family-wise error rate of the letter groups")
    seed: int = Field(default=0, ge=0, description="seed of both")
    examples: int = Field(
        default=50,
        ge=0,
        le=200,
        description="test items that the page shows of any two embeddings: those that they differ on, with their text; "
        "0: no text of a test item is in the page or in its tables",
    )
    label_errors: str = Field(
        default=CONSENSUS,
        description="which labels of test items are listed as likely wrong: consensus, those that most embeddings doubt; "
        "the name of an embedding: those that it doubts; none",
    )
    agreement: tuple[AgreementOptions, ...] = Field(
        default=(), description="tasks with made queries, each with one of real queries that it is compared with"
    )
    transfers: tuple[TransferOptions, ...] = Field(
        default=(), description="tasks that are tested on another domain, each with the one that is tested on its own"
    )

    @property
    def resampling(self) -> Resampling:
        """The same, for the library."""
        return Resampling(self.resamples, self.permutations, self.level, self.seed)
