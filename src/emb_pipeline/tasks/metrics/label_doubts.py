"""Labels that a probe doubts: confident learning, by probabilities of texts that the probe has not learned from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LABEL_DOUBTS = pa.schema(
    [
        *((name, pa.string()) for name in ("task", "embedding", "unit_id", "label", "likely")),
        ("probability_of_label", pa.float64()),
        ("probability_of_likely", pa.float64()),
    ]
)
"""One row per test text whose label is not the class that its probe is confident of."""


def find_confident_classes(label: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Find the class that a text confidently belongs to, whatever its label.

    Parameters
    ----------
    label : ndarray of shape (n_texts,)
        Codes of the given classes.
    probabilities : ndarray of shape (n_texts, n_classes)
        Of probes that have not learned from the text.

    Returns
    -------
    ndarray of shape (n_texts,), int64
        The most probable of the classes whose probability is at least the mean that texts with this label have of it; -1
        where none is. A text with another label is one off the diagonal of the confident joint [1]_.

    References
    ----------
    .. [1] Northcutt, Jiang & Chuang (2021), Confident learning: estimating uncertainty in dataset labels, JAIR 70.
    """
    n_classes = probabilities.shape[1]
    sizes = np.bincount(label, minlength=n_classes)
    own = np.bincount(label, weights=probabilities[np.arange(len(label)), label], minlength=n_classes)
    thresholds = np.divide(own, sizes, out=np.full(n_classes, np.inf), where=sizes > 0)
    confident = np.where(probabilities >= thresholds - 1e-12, probabilities, -1.0)
    best = confident.argmax(axis=1)
    return np.where(confident.max(axis=1) < 0, -1, best)


def list_label_doubts(predicted: pa.Table, task: str, embedding: str) -> pa.Table:
    """List the labels that a probe doubts, from its predictions (`emb_pipeline.tasks.metrics.class_results.PREDICTED`)."""
    label, likely = (predicted[name].cast(pa.string()) for name in ("label", "likely"))
    rows = predicted.filter(pc.fill_null(pc.not_equal(label, likely), fill_value=False))
    columns = {
        "task": pa.repeat(task, rows.num_rows),
        "embedding": pa.repeat(embedding, rows.num_rows),
        **{name: rows[name] for name in LABEL_DOUBTS.names[2:]},
    }
    return pa.table({field.name: columns[field.name].cast(field.type) for field in LABEL_DOUBTS}, schema=LABEL_DOUBTS)
