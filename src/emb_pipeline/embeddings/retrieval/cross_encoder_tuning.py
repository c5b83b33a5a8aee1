"""Cross-encoders that learn from queries, their relevant passages, and passages that only look so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.encoder_tuning import TunedEncoder
from emb_pipeline.embeddings.contextual.tuning_loop import TransformerTraining
from emb_pipeline.embeddings.retrieval.cross_encoder import prepare_text
from emb_pipeline.embeddings.retrieval.options import RerankerOptions, RerankerTuningOptions


@dataclass(frozen=True, eq=False)
class RankingExamples:
    """Queries with a relevant passage each, and the passages that the others are drawn from.

    Attributes
    ----------
    queries : sequence of str, of length n_pairs
    relevant : ndarray of shape (n_pairs,), int64
        Row of each query's passage.
    passages : sequence of str
        All passages.
    hard : list of ndarray
        Rows that look relevant to each pair's query but are not; perhaps none.
    others : ndarray of int64
        Rows that any pair may be compared with.
    judged : list of ndarray
        Rows that must not be drawn for each pair: all that are relevant to its query.
    """

    queries: Sequence[str]
    relevant: np.ndarray
    passages: Sequence[str]
    hard: list[np.ndarray]
    others: np.ndarray
    judged: list[np.ndarray]


def tune_cross_encoder(
    base: EncoderFolder,
    options: RerankerOptions,
    examples: RankingExamples,
    held_out: np.ndarray,
    tuning: RerankerTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train a cross-encoder to give the relevant passage the highest of several scores.

    The loss is the cross-entropy of a query's scores: of its relevant passage and of ``negatives`` others, drawn again in
    each pass, half of them from those that look relevant [1]_.

    Parameters
    ----------
    base : EncoderFolder
        A cross-encoder, perhaps with a last layer of random weights.
    options : RerankerOptions
        Maximum length, device.
    examples : RankingExamples
        What to learn from.
    held_out : ndarray of shape (n_pairs,), bool
        Pairs that are not trained on but say when to stop.
    tuning : RerankerTuningOptions
        How to train.
    seed : int
        Of order, dropout and negatives.
    folder : Path
        Where the tuned cross-encoder is written.

    References
    ----------
    .. [1] Gao, Dai & Callan (2021), Rethink training of BERT rerankers in multi-stage retrieval pipeline, ECIR.
    """
    import torch

    with CrossEncoderTraining(base, options, tuning, seed) as training:
        rng, n_others = np.random.default_rng([seed, 5]), tuning.negatives
        fixed = [
            draw_negatives(examples, row, n_others, np.random.default_rng([seed, 6, row])) for row in range(len(held_out))
        ]

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            if training.is_training:
                drawn = [draw_negatives(examples, row, n_others, rng) for row in rows.tolist()]
            else:
                drawn = [fixed[row] for row in rows.tolist()]
            texts = [
                (examples.queries[row], examples.passages[passage])
                for row, negatives in zip(rows.tolist(), drawn, strict=True)
                for passage in (int(examples.relevant[row]), *negatives.tolist())
            ]
            scores = training.score(texts).reshape(len(rows), 1 + n_others)
            first = np.zeros(len(rows), dtype=np.int64)
            return torch.nn.functional.cross_entropy(scores, training.put_on_device(first))

        lengths = np.array([len(query) for query in examples.queries]) + np.array(
            [len(examples.passages[row]) for row in examples.relevant.tolist()]
        )
        losses = training.fit(lengths, held_out, loss_of, [])
        return TunedEncoder(training.write(folder), None, losses)


class CrossEncoderTraining(TransformerTraining):
    """A cross-encoder that is being trained by its scores.

    Parameters
    ----------
    base : EncoderFolder
        A cross-encoder.
    options : RerankerOptions
        Maximum length, device.
    tuning : RerankerTuningOptions
        How to train.
    seed : int
        Of order and dropout.
    """

    def __init__(self, base: EncoderFolder, options: RerankerOptions, tuning: RerankerTuningOptions, seed: int) -> None:
        from transformers import AutoTokenizer

        super().__init__(base, options.device, tuning, seed)
        self._tokenizer = AutoTokenizer.from_pretrained(base.model_path)
        lengths = [tuning.max_length, options.max_length, self._tokenizer.model_max_length]
        self._max_length = min(length for length in lengths if length is not None)

    def load(self) -> Any:
        """Load the model with its last layer."""
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification.from_pretrained(self._base.model_path, num_labels=1).float()

    def score(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Score pairs of a query and a passage: a tensor of shape (n_pairs,)."""
        queries, passages = ([prepare_text(text, self._base) for text in side] for side in zip(*pairs, strict=True))
        batch = self._tokenizer(
            queries, passages, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
        with self.reduced_precision:
            scores = self._model(**batch).logits
        return scores.float().reshape(-1)


def draw_negatives(examples: RankingExamples, row: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw passages that are not relevant to a query: half of them from the hard ones, as far as there are any."""
    hard = examples.hard[row]
    n_hard = min(len(hard), -(-n // 2))
    drawn = rng.permutation(hard)[:n_hard]
    others: list[int] = []
    while len(others) < n - n_hard:
        found = rng.choice(examples.others, size=4 * n)
        others += [passage for passage in found.tolist() if passage not in examples.judged[row]]
    return np.concatenate([drawn, others[: n - n_hard]]).astype(np.int64)
