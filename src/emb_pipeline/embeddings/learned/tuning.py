"""Sparse encoders and models of token vectors that learn from queries, their relevant passages, and other passages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder, Format
from emb_pipeline.embeddings.contextual.library_model import TASKS, LibraryModel
from emb_pipeline.embeddings.contextual.training.encoder_tuning import TunedEncoder
from emb_pipeline.embeddings.contextual.training.tuning_loop import TransformerTraining
from emb_pipeline.embeddings.learned.learned_sparse import LearnedSparseEncoder
from emb_pipeline.embeddings.learned.options import (
    LateInteractionOptions,
    LearnedSparseOptions,
    SparseTuningOptions,
    TokenTuningOptions,
)
from emb_pipeline.embeddings.learned.places import name_saved_class
from emb_pipeline.embeddings.learned.ranking_batches import BatchMaker, RankingBatch, compute_ranking_loss
from emb_pipeline.embeddings.learned.token_encoder import TokenEncoder
from emb_pipeline.embeddings.learned.word_weights import WordWeigher, compute_rarity
from emb_pipeline.embeddings.protocols import Role, Similarity
from emb_pipeline.embeddings.retrieval.options import RankingTuningOptions
from emb_pipeline.embeddings.retrieval.ranking_examples import RankingExamples

if TYPE_CHECKING:
    import torch

_WHOLE = {"dtype": "float32"}
"""Precision of the weights that are trained, whatever that of encoding."""


def tune_sparse_encoder(
    base: EncoderFolder,
    options: LearnedSparseOptions,
    examples: RankingExamples,
    held_out: np.ndarray,
    tuning: SparseTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train a sparse encoder, or the head of a masked language model, to weigh the words that find the relevant passage.

    A masked language model becomes a `WordWeigher`, or a SPLADE where the options say that it expands texts. The loss is
    `compute_ranking_loss` of the products, plus a regularizer of the queries' weights and one of the passages' [1]_.

    Parameters
    ----------
    base : EncoderFolder
        A sparse encoder or a masked language model.
    options : LearnedSparseOptions
        Prompts, maximum length, measure, device.
    examples : RankingExamples
        What to learn from.
    held_out : ndarray of shape (n_pairs,), bool
        Pairs that are not trained on but say when to stop.
    tuning : SparseTuningOptions
        How to train.
    seed : int
        Of order, dropout and negatives.
    folder : Path
        Where the tuned model is written.

    References
    ----------
    .. [1] Formal et al. (2021), SPLADE v2: Sparse Lexical and Expansion Model for Information Retrieval, §3.
    """
    reader = _open_reader(base, options.model_copy(update=_WHOLE), examples.passages)
    with LibraryTraining(reader, tuning, seed) as training:

        def compute_loss(batch: RankingBatch) -> torch.Tensor:
            queries = training.encode(batch.queries, "query")["sentence_embedding"].float()
            passages = training.encode(batch.passages, "passage")["sentence_embedding"].float()
            scores = tuning.scale * _compare(queries, passages, reader.similarity)
            penalties = [
                weight * compute_regularizer(weights, tuning.regularizer)
                for weight, weights in ((tuning.query_weight, queries), (tuning.passage_weight, passages))
            ]
            return compute_ranking_loss(scores, batch) + penalties[0] + penalties[1]

        return _fit(training, examples, held_out, tuning, seed, folder, compute_loss)


def tune_token_encoder(
    base: EncoderFolder,
    options: LateInteractionOptions,
    examples: RankingExamples,
    held_out: np.ndarray,
    tuning: TokenTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train a model of token vectors to give a query and its relevant passage the largest MaxSim.

    The loss is `compute_ranking_loss` of MaxSim, as the library computes it.

    Parameters
    ----------
    base : EncoderFolder
        A multi-vector encoder or any transformer.
    options : LateInteractionOptions
        Prompts, maximum length, device.
    examples, held_out, tuning, seed, folder
        As for `tune_sparse_encoder`.
    """
    from sentence_transformers.util import maxsim

    reader = TokenEncoder(base, options.model_copy(update=_WHOLE))
    with LibraryTraining(reader, tuning, seed) as training:

        def compute_loss(batch: RankingBatch) -> torch.Tensor:
            queries, passages = training.encode(batch.queries, "query"), training.encode(batch.passages, "passage")
            scores = maxsim(
                queries["token_embeddings"].float(),
                passages["token_embeddings"].float(),
                queries["attention_mask"].bool(),
                passages["attention_mask"].bool(),
                length_normalize=reader.takes_mean,
            )
            return compute_ranking_loss(tuning.scale * scores, batch)

        return _fit(training, examples, held_out, tuning, seed, folder, compute_loss)


class LibraryTraining(TransformerTraining):
    """A model of sentence-transformers that is being trained by all that it gives.

    Parameters
    ----------
    reader : LibraryModel
        It, with its prompts and its length.
    tuning : RankingTuningOptions
        How to train.
    seed : int
        Of order and dropout.
    """

    def __init__(self, reader: LibraryModel, tuning: RankingTuningOptions, seed: int) -> None:
        super().__init__(reader.folder, reader.reading.device, tuning, seed)
        self._reader = reader

    def load(self) -> Any:
        """Load the model with all of its modules."""
        return self._reader.load()

    def encode(self, texts: Sequence[str], role: Role) -> dict[str, torch.Tensor]:
        """Compute what the model gives for texts: the library's outputs of a batch."""
        import torch
        from sentence_transformers.util import batch_to_device

        features = self._reader.cut_texts(texts, role, self._options.max_length)
        features = batch_to_device(features, torch.device(self._device))
        with self.reduced_precision:
            outputs: dict[str, torch.Tensor] = self._model(features, task=TASKS[role])
        return outputs

    @property
    def _format(self) -> Format:
        return "sentence_transformers"

    def _save(self, model: Any, place: Path) -> None:
        model.save(str(place), create_model_card=False)


def compute_regularizer(weights: torch.Tensor, name: str) -> torch.Tensor:
    """Compute what sparse vectors of shape (n_texts, dim) are to pay for their weights: see `SparseTuningOptions`.

    References
    ----------
    .. [1] Paria et al. (2020), Minimizing FLOPs to Learn Efficient Sparse Representations, ICLR, §3.
    """
    return (weights.mean(dim=0) ** 2).sum() if name == "flops" else weights.abs().sum(dim=1).mean()


def _open_reader(base: EncoderFolder, options: LearnedSparseOptions, passages: Sequence[str]) -> LearnedSparseEncoder:
    if name_saved_class(base.model_path) == "SparseEncoder" or options.expands:
        return LearnedSparseEncoder(base, options)
    return WordWeigher(base, options, compute_rarity(base, passages))


def _fit(
    training: LibraryTraining,
    examples: RankingExamples,
    held_out: np.ndarray,
    tuning: RankingTuningOptions,
    seed: int,
    folder: Path,
    compute_loss: Any,
) -> TunedEncoder:
    batches = BatchMaker(examples, tuning.negatives, seed)
    lengths = np.array([len(examples.passages[row]) for row in examples.relevant.tolist()])

    def loss_of(rows: np.ndarray) -> torch.Tensor:
        loss: torch.Tensor = compute_loss(batches.make(rows, is_training=training.is_training))
        return loss

    losses = training.fit(lengths, held_out, loss_of, [])
    return TunedEncoder(training.write(folder), None, losses)


def _compare(queries: torch.Tensor, passages: torch.Tensor, similarity: Similarity) -> torch.Tensor:
    from sentence_transformers.util import SimilarityFunction

    scores: torch.Tensor = SimilarityFunction.to_similarity_fn(similarity)(queries, passages)
    return scores
