"""Options of encoders that are tuned on few labels: units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from emb_pipeline.embeddings.options import Options


class SetFitOptions(Options):
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
    learning_rate: Annotated[float, Field(gt=0, le=0.1, description="step size of AdamW at its highest")] = 5e-5
    warmup_share: Annotated[
        float, Field(ge=0, le=1, description="share of the steps over which the step size rises; then it falls to 0")
    ] = 0.1
    weight_decay: Annotated[float, Field(ge=0, le=1, description="AdamW's decay of matrices per unit of step size")] = 0.01
    max_length: Annotated[
        int | None, Field(ge=8, le=8192, description="sub-words read of a training text; null: as when encoding")
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16", "auto"],
        Field(description="of the products (autocast); weights stay float32. auto: bfloat16 where the processor has it"),
    ] = "float32"
