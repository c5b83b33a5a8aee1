"""Options of encoders that are tuned on few labels: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from emb_pipeline.embeddings.contextual.options import StepOptions


class SetFitOptions(StepOptions):
    """Contrastive tuning of an encoder on pairs of labeled texts (Tunstall et al. 2022).

    Steps, and not passes, bound the cost: it hardly grows with the labels. Nothing is held out of few labels, so nothing is
    selected: these options hold for every part of the labels.
    """

    pairs_per_text: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="pairs of a text with one of its class, and as many with one of another class (num_iterations of "
            "the library setfit)",
        ),
    ] = 20
    max_steps: Annotated[int, Field(ge=1, le=100_000, description="steps at most, whatever the number of pairs")] = 50
    batch_size: Annotated[int, Field(ge=2, le=1024, description="pairs per step")] = 16
