"""The sections of the page, in their order.

A new section is one file, one template, and one line here (docs/add-a-report-section.md).
"""

from __future__ import annotations

from emb_pipeline.reporting.section import Section
from emb_pipeline.reporting.sections.background import audit, compared, diagnosis, label_errors, reproduce, swaps
from emb_pipeline.reporting.sections.effects import agreement, closeness, transfer, why
from emb_pipeline.reporting.sections.scores import (
    cost,
    dimensions,
    labels,
    leaderboards,
    matrices,
    methods,
    periods,
    search,
    stack,
    users_and_items,
)
from emb_pipeline.reporting.sections.summary import answer, chosen, cutoffs, deploy, failed, glossary, pairs

SECTIONS: tuple[Section, ...] = (
    answer.SECTION,
    deploy.SECTION,
    cutoffs.SECTION,
    chosen.SECTION,
    failed.SECTION,
    leaderboards.SECTION,
    pairs.SECTION,
    why.SECTION,
    closeness.SECTION,
    agreement.SECTION,
    transfer.SECTION,
    methods.SECTION,
    dimensions.SECTION,
    periods.SECTION,
    users_and_items.SECTION,
    labels.SECTION,
    swaps.SECTION,
    diagnosis.SECTION,
    compared.SECTION,
    audit.SECTION,
    label_errors.SECTION,
    cost.SECTION,
    search.SECTION,
    matrices.SECTION,
    stack.SECTION,
    glossary.SECTION,
    reproduce.SECTION,
)
