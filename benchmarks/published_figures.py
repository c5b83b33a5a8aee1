"""Figures that others have published or measured, and what the tuned baselines of our use cases reach on the same data.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/published_figures.py [name …]

Tasks are those of `conf/`, evaluated as a run evaluates them, with one baseline each and without learning curves. Exits
with 1 where ours is outside of the range that was published, by more than a point. Where ours is above, it says so.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.registry import KINDS

PROJECT = Path(__file__).parents[1]
TOLERANCE = 0.01


@dataclass(frozen=True)
class Figure:
    """A figure that was published.

    Attributes
    ----------
    use_case, task : str
        The task of `conf/` that has the same data and split.
    metric : str
        Its name in our tables.
    low, high : float
        The range of what was published for methods of this kind, on the scale of 0 to 1.
    source : str
        Who published it, for what.
    method : str
        The baseline.
    options : dict
        Its options.
    """

    use_case: str
    task: str
    metric: str
    low: float
    high: float
    source: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)


FIGURES = {
    "ohsumed": Figure(
        "medical", "diagnosis", "accuracy", 0.5466, 0.6836,
        "Yao et al. (2019), table 2: TF-IDF with logistic regression .547, Text GCN .684", "tfidf",
    ),
    "adult": Figure(
        "tables", "income", "accuracy", 0.8388, 0.8595,
        "adult.names (UCI): naive Bayes .839, NBTree .859, on rows without missing values; logistic regression is near .85",
        "one_hot_columns",
    ),
    "scifact": Figure(
        "clinical", "claims", "ndcg@10", 0.662, 0.690,
        "Thakur et al. (2021), BM25 .665; engines differ by their tokenizers: .662 to .690", "bm25",
        {"stem": "english", "stop_words": "english"},
    ),
    "wisesight": Figure(
        "languages", "thai_posts", "accuracy", 0.718, 0.750,
        "PyThaiNLP: logistic regression .728 and .750 on the two parts of an older test set", "char_tfidf",
        {"min_n": 1, "max_n": 4},
    ),
    "mrpc": Figure(
        "similarity", "paraphrases", "accuracy", 0.654, 0.703,
        "Mihalcea et al. (2006), without training: cosine of TF-IDF .654, a combination of word similarities .703. At "
        "their threshold, .5, blanks as borders and no stop words give .66: benchmarks/paraphrase_weighting.py", "tfidf",
    ),
    "treebank": Figure(
        "syntax", "parts_of_speech_of_all", "accuracy", 0.9334, 0.9443,
        "LIMA (aymara/lima-models, eval.md): UDPipe 1.2, a tagger by features, on version 2.5 of the treebank; .944 with "
        "words as they are marked, .933 with its own", "token_features",
    ),
    "hotels": Figure(
        "languages", "hotels", "accuracy", 0.89, 0.91,
        "not published; scikit-learn's linear SVM on 1- and 2-grams of characters has .898 with five folds", "tfidf",
    ),
    "food_delivery": Figure(
        "languages", "food_delivery", "accuracy", 0.89, 0.91,
        "not published; scikit-learn's linear SVM on 1- and 2-grams of characters has .901 with five folds", "tfidf",
    ),
    "reuters": Figure(
        "topics", "reuters_topics", "micro_f1", 0.850, 0.870,
        "Yang & Liu (1999), table 1: SVM .860; Joachims (1998): break-even of SVM .864; ModApte, 90 topics", "tfidf",
        {"max_ngram": 1, "min_df": 2},
    ),
}  # fmt: skip


def main() -> None:
    """Print a line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of {', '.join(FIGURES)}; all by default")
    names = parser.parse_args().names or list(FIGURES)
    print("| figure | ours | published | seconds | |\n|---|---:|---:|---:|---|")
    outside = 0
    for name in names:
        figure, started = FIGURES[name], perf_counter()
        ours = measure(figure)
        if is_outside := not figure.low - TOLERANCE <= ours <= figure.high + TOLERANCE:
            outside += 1
        print(
            f"| {name}, {figure.method} | {ours:.4f}{' (outside)' if is_outside else ''} | {figure.low} to {figure.high} | "
            f"{perf_counter() - started:.0f} | {figure.source} |",
            flush=True,
        )
    sys.exit(int(outside > 0))


def measure(figure: Figure) -> float:
    """Evaluate the baseline on the task, as a run does."""
    definition = read_definition(figure.use_case, figure.task)
    kind = KINDS[definition.kind]
    tables = kind.create_reader().read(definition.source, PROJECT / "data/01_raw", PROJECT, definition.name)
    encoder = factory.build_encoder(figure.method, METHODS[figure.method].options(**figure.options))
    task = kind.create_task(tables, definition.name)
    return kind.evaluate_embedding(task, encoder, definition.evaluation, seed=0).metrics[figure.metric]


def read_definition(use_case: str, task: str) -> TaskDefinition:
    """Read a task of a use case; its learning curve is left out."""
    for file in sorted((PROJECT / "conf" / use_case).glob("parameters_*.yml")):
        defined = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("task_definitions", {})
        if task in defined:
            options = KINDS[defined[task]["kind"]].options.model_fields
            off = {name: 0 for name in ("label_draws", "training_draws", "latency_requests") if name in options}
            evaluation = {key: value for key, value in defined[task].get("evaluation", {}).items() if key != "label_counts"}
            return TaskDefinition(name=task, **{**defined[task], "evaluation": {**evaluation, **off}})
    raise SystemExit(f"conf/{use_case} has no task '{task}'")


if __name__ == "__main__":
    main()
