"""Cosines of TF-IDF on MRPC at the fixed threshold of Mihalcea et al. (2006): what moves them.

    EMB_PIPELINE_MIRROR=<folder with the public data sets> python benchmarks/paraphrase_weighting.py

They report accuracy .654, F1 .753, precision .716 and recall .795 on the test part, without training, at threshold .5. Each
row is scikit-learn's TF-IDF with another rule for words, with or without stop words and weights. The last column takes as
many pairs for paraphrases as they did, 1,274, whatever the threshold: it compares the orders of pairs alone.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from emb_pipeline.tasks.registry import KINDS
from published_figures import PROJECT, read_definition

THRESHOLD, N_PUBLISHED = 0.5, 1274
WORDS = {"words": r"\w+", "split at blanks": r"\S+"}


def main() -> None:
    """Print a line per variant."""
    definition = read_definition("similarity", "paraphrases")
    kind = KINDS[definition.kind]
    tables = kind.create_reader().read(definition.source, PROJECT / "data/01_raw", PROJECT, definition.name)
    task = kind.create_task(tables, definition.name)
    tested = np.asarray(task.split) == "test"
    texts, first, second = list(task.texts), task.first, task.second
    is_same = task.codes[tested] == 1
    train = [texts[row] for row in np.unique(np.concatenate([first[~tested], second[~tested]]))]
    print("| words | stop words | case | weights | accuracy | F1 | precision | recall | precision of 1,274 |")
    print("|---|---|---|---|---:|---:|---:|---:|---:|")
    for words, stop, lower, idf in product(WORDS, (None, "english"), (True, False), (True, False)):
        fitted = TfidfVectorizer(token_pattern=WORDS[words], stop_words=stop, lowercase=lower, use_idf=idf).fit(train)
        one, other = (fitted.transform([texts[row] for row in side[tested]]) for side in (first, second))
        cosines = np.asarray(one.multiply(other).sum(axis=1)).ravel()
        found = cosines >= THRESHOLD
        top = np.argsort(-cosines, kind="stable")[:N_PUBLISHED]
        scores = [score(is_same, found) for score in (accuracy_score, f1_score, precision_score, recall_score)]
        row = [words, stop or "kept", "lower" if lower else "kept", "idf" if idf else "counts"]
        print(f"| {' | '.join([*row, *(f'{each:.3f}' for each in (*scores, is_same[top].mean()))])} |", flush=True)


if __name__ == "__main__":
    main()
