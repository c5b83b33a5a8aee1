"""Cross-encoders that learn from queries, their relevant passages, and passages that only look so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.training.encoder_tuning import TunedEncoder
from emb_pipeline.embeddings.contextual.training.tuning_loop import TransformerTraining
from emb_pipeline.embeddings.retrieval.options import RerankerOptions, RerankerTuningOptions
from emb_pipeline.embeddings.retrieval.ranking_examples import NegativeDraws, RankingExamples


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
        negatives = NegativeDraws(examples, tuning.negatives, seed)

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            drawn = negatives.draw(rows, is_training=training.is_training)
            texts = [
                (examples.queries[row], examples.passages[passage])
                for row, others in zip(rows.tolist(), drawn.tolist(), strict=True)
                for passage in (int(examples.relevant[row]), *others)
            ]
            scores = training.score(texts).reshape(len(rows), 1 + tuning.negatives)
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
        queries, passages = ([self._base.prepare_text(text) for text in side] for side in zip(*pairs, strict=True))
        batch = self._tokenizer(
            queries, passages, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)
        with self.reduced_precision:
            scores = self._model(**batch).logits
        return scores.float().reshape(-1)
