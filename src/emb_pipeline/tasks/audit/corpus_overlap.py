"""Texts that tasks are tested on, looked for in a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.audit.lines import OVERLAP_SCHEMA, AuditLines, Check
from emb_pipeline.text.runs import find_runs_in_corpus
from emb_pipeline.text.tokens import TokenCorpus

CORPUS_CHECKS = (
    Check("in_corpus", "fault"),
    Check("half_in_corpus", "warning"),
)


WHOLE_RUN, RUN = 16, 8
"""Words in a row that are looked for in a corpus."""
MOST, HALF = 0.8, 0.5
"""Share of a held-out text's runs from which it is in a corpus, or half of it does."""


def measure_corpus_overlap(texts: Mapping[str, Sequence[str]], corpus: TokenCorpus) -> pa.Table:
    """Measure how much of the texts that tasks are tested on is in a corpus.

    Parameters
    ----------
    texts : mapping of str to sequence of str
        Held-out texts of each task.
    corpus : TokenCorpus
        Read once, a batch of token ids at a time.

    Returns
    -------
    pa.Table
        task, and the columns of an audit: for each task the lines ``in_corpus`` and ``half_in_corpus``; the examples are
        the positions of texts in their sequence. Texts of fewer than five tokens do not count: they are everywhere.

    Notes
    -----
    Sentences are taken out of corpora by what they are whole. So that this is not 0 by construction, it looks at runs of
    16 and of 8 words instead (of all words, where a text has fewer), across the ends of sentences, within a document.
    """
    found = find_runs_in_corpus([text for held_out in texts.values() for text in held_out], corpus, (WHOLE_RUN, RUN))
    tables, start = [], 0
    for task, held_out in texts.items():
        share = found[start : start + len(held_out)]
        start += len(held_out)
        lines, n = AuditLines(CORPUS_CHECKS), int((~np.isnan(share[:, 0])).sum())
        whole, half = (np.flatnonzero(share[:, kind] >= least).tolist() for kind, least in enumerate((MOST, HALF)))
        note = f"held-out texts that stand in the corpus: {MOST:.0%} of their runs of {WHOLE_RUN} words, or all their words"
        lines.add("in_corpus", len(whole), n, note, map(str, whole))
        note = f"held-out texts with half or more of their runs of {RUN} words in the corpus: part of it, or reworded"
        lines.add("half_in_corpus", len(half), n, note, map(str, half))
        table = lines.table()
        tables.append(table.add_column(0, "task", pa.array([task] * table.num_rows, pa.string())))
    return pa.concat_tables(tables) if tables else OVERLAP_SCHEMA.empty_table()
