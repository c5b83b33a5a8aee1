"""The page of what users import, by their docstrings."""

from __future__ import annotations

_HEAD = """# Python

`import emb_pipeline` loads nothing heavy. Everything on this page has type annotations (`py.typed`).
"""
_PARTS = {
    "Compare in one call": ("emb_pipeline.comparison.compare.compare", "emb_pipeline.comparison.result.Comparison"),
    "Use what was exported": ("emb_pipeline.deployment.bundle.Bundle",),
    "Read errors": ("emb_pipeline.errors.EmbPipelineError", "emb_pipeline.errors.DataError"),
    "Add a method": (
        "emb_pipeline.embeddings.method.Method",
        "emb_pipeline.embeddings.method.Derivation",
        "emb_pipeline.embeddings.method.Bases",
    ),
    "Protocols of embeddings": ("emb_pipeline.embeddings.protocols",),
    "Add a kind of task": ("emb_pipeline.tasks.kind.Kind", "emb_pipeline.tasks.evaluation.Evaluation"),
    "Statistics": (
        "emb_pipeline.statistics.intervals.bootstrap.bootstrap_means",
        "emb_pipeline.statistics.intervals.bootstrap.compute_mean_intervals",
        "emb_pipeline.statistics.comparisons.pairs.compare_pairs",
        "emb_pipeline.statistics.comparisons.pairs.run_sign_flip_tests",
        "emb_pipeline.statistics.comparisons.step_down.run_step_down_tests",
        "emb_pipeline.statistics.comparisons.letters.find_letter_groups",
        "emb_pipeline.statistics.decision.decide.decide",
        "emb_pipeline.statistics.decision.non_inferiority.check_non_inferiority",
    ),
}


def write_page() -> str:
    """Write the page: a heading for each thing that is done, and below it what it is done with."""
    parts = [_HEAD]
    for title, names in _PARTS.items():
        parts += ["", f"## {title}", ""]
        for name in names:
            parts += [f"::: {name}", ""]
    return "\n".join(parts)
