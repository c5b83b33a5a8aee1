"""What repeated texts are worth: TF-IDF on MPQA with its duplicates in one fold, and with folds that divide them.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/duplicates_mpqa.py

MPQA repeats many of its phrases, mostly with the same label. Folds that deal out rows one by one train on what they test;
ours keep a text in one fold, outer and inner. Both score by the same probe on three draws of ten folds.

    10,603 texts, 2,370 repeat an earlier one but for case and punctuation
    grouped folds  84.06 (84.02, 84.02, 84.15); texts that repeat 87.99, texts that stand alone 82.32
    naive folds    86.13 (86.17, 86.17, 86.05); texts that repeat 93.99, texts that stand alone 82.64

So published MPQA scores hold two points of memory, nearly all on the texts that repeat.
"""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.tasks.classification import evaluate as classification
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.splits.example_folds import find_example_groups
from senteval_agreement import read, task_definition

SEEDS = (0, 1, 2)


def main() -> None:
    """Print accuracies of both."""
    definition = task_definition("opinion_phrases")
    task = read(definition)
    groups = find_example_groups(task)
    alone = np.bincount(groups, minlength=len(groups))[groups] == 1
    print(
        f"{len(groups):,} texts, {len(groups) - len(np.unique(groups)):,} repeat an earlier one but for case and punctuation"
    )
    encoder = factory.build_encoder("tfidf", TfidfOptions(), seed=0)
    for name, grouping in {"grouped folds": groups, "naive folds": np.arange(len(groups))}.items():
        with patch.object(classification, "example_groups", return_value=grouping):
            scores = [right(evaluate_classification(task, encoder, definition.evaluation, seed=seed)) for seed in SEEDS]
        draws = [100 * each.mean() for each in scores]
        print(
            f"{name:14} {np.mean(draws):.2f} ({', '.join(f'{each:.2f}' for each in draws)}); "
            f"texts that repeat {100 * np.mean([each[~alone].mean() for each in scores]):.2f}, "
            f"texts that stand alone {100 * np.mean([each[alone].mean() for each in scores]):.2f}"
        )


def right(evaluation: Evaluation) -> np.ndarray:
    """Whether each text was classified rightly: shape (n_texts,)."""
    table = evaluation.item_scores.to_pandas()
    return table.loc[table["metric"] == "accuracy", "value"].to_numpy()


if __name__ == "__main__":
    main()
