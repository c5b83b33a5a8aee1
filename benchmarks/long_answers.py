"""Where a long answer says what the question asks: why the start of a MedQuAD answer is the best part to read.

python benchmarks/long_answers.py      # after kedro run --env questions --pipelines ingest
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from emb_pipeline.text.words import tokenize

EXAMPLES = Path("data/03_primary/questions/tasks/consumer_questions/examples")
STRETCH = 60
FUNCTION_WORDS = frozenset("what is are the of for to in a an how do does i and who can with be or you on have".split())


def main() -> None:
    """Print the share of a question's words in the first words of its answer, and in later stretches of the same length."""
    passages = {row["passage_id"]: row["text"] for row in pq.read_table(EXAMPLES / "passages.parquet").to_pylist()}
    questions = {row["query_id"]: row["text"] for row in pq.read_table(EXAMPLES / "queries.parquet").to_pylist()}
    first, later = [], []
    for judgment in pq.read_table(EXAMPLES / "qrels.parquet").to_pylist():
        words = set(tokenize(questions[judgment["query_id"]])) - FUNCTION_WORDS
        answer = tokenize(passages[judgment["passage_id"]])
        starts = range(STRETCH, len(answer) - STRETCH + 1, STRETCH)
        if words and len(starts) > 1:
            first.append(_share(words, answer[:STRETCH]))
            later.append(np.mean([_share(words, answer[start : start + STRETCH]) for start in starts]))
    print(f"{len(first)} answers of {3 * STRETCH} words or more: of a question's words stand")
    print(f"{np.mean(first):.1%} in the first {STRETCH} words, {np.mean(later):.1%} in a later stretch of {STRETCH}")


def _share(words: set[str], text: list[str]) -> float:
    return float(np.mean([word in text for word in words]))


if __name__ == "__main__":
    main()
