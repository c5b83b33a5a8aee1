"""SetFit: an encoder tuned on pairs of a task's labeled texts, and then a probe on its vectors."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions, StepOptions
from emb_pipeline.embeddings.contextual.training.tuning_loop import EncoderTraining
from emb_pipeline.embeddings.few_shot.options import SetFitOptions
from emb_pipeline.embeddings.protocols import innermost
from emb_pipeline.errors import DataError
from emb_pipeline.text.texts import Texts

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SetFit:
    """An encoder that is tuned wherever a probe learns: on a training part, or on a part of its labels.

    Two texts of one class are to have the cosine 1, two of different classes 0 [1]_; the loss is the squared error,
    sentence-transformers' CosineSimilarityLoss. The head of the paper, a logistic regression on the tuned vectors, is the
    probe that every embedding has.

    Parameters
    ----------
    options : SetFitOptions
        Pairs and steps.
    text : encoder
        The transformer, perhaps with a store around it: its pooling, prompts and length hold for the tuned one, too.
    seed : int
        Of pairs, their order and dropout.

    References
    ----------
    .. [1] Tunstall et al. (2022), Efficient Few-Shot Learning Without Prompts, arXiv:2209.11055, §3.
    """

    learns_from_labels: ClassVar[bool] = True
    options: SetFitOptions
    text: Any
    seed: int = 0

    def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[ContextualEncoder, np.ndarray]:
        """Tune the encoder, and encode the training texts.

        Parameters
        ----------
        texts : Texts of length n_texts
            The training part.
        labels : ndarray of shape (n_texts,), int
            Codes of classes.

        Raises
        ------
        DataError
            The embedding is no transformer that is run here, or labels are not classes.
        """
        encoder = self._require_transformer()
        if not np.issubdtype(labels.dtype, np.integer):
            raise DataError("setfit", "pairs are of one class or of two, and labels are values", "leave the task out")
        if len(np.unique(labels)) < 2:  # there are no pairs of two classes to learn from
            return encoder, encoder.encode(texts)
        tuning = EncoderTuningOptions(**self.options.model_dump(include={*StepOptions.model_fields, "batch_size"}))
        steps = draw_steps(labels, self.options, np.random.default_rng([self.seed, 4]))
        folder = Path(tempfile.mkdtemp(prefix="setfit-"))
        try:
            with EncoderTraining(encoder.folder, encoder.options, tuning, self.seed) as training:
                ids = training.reader.token_ids(texts)

                def loss_of(pairs: np.ndarray) -> torch.Tensor:
                    return compute_pair_loss(training, ids, pairs, labels)

                training.take_steps(steps, loss_of)
                tuned = ContextualEncoder(training.write(folder / "encoder"), encoder.options)
            vectors = tuned.encode(texts)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(tuned, shutil.rmtree, folder, ignore_errors=True)
        return tuned, vectors

    def _require_transformer(self) -> ContextualEncoder:
        encoder = innermost(self.text)
        if not isinstance(encoder, ContextualEncoder):
            raise DataError(
                "setfit", f"tunes transformers that are run here, and no {type(encoder).__name__}", "name another"
            )
        return encoder


def draw_steps(codes: np.ndarray, options: SetFitOptions, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the pairs of each step.

    Each text is paired as often with a text of its class as with one of another class. A text without another one of its
    class is paired with itself, which teaches nothing.

    Parameters
    ----------
    codes : ndarray of shape (n_texts,), int
        Classes.
    options : SetFitOptions
        Pairs of each text, pairs per step, and steps at most.
    rng : Generator
        Source of the pairs.

    Returns
    -------
    list of ndarray of shape (batch_size, 2), int
        Positions of texts; the last one may be smaller.
    """
    n_texts, n_pairs = len(codes), options.max_steps * options.batch_size
    passes = min(options.pairs_per_text, -(-n_pairs // (2 * n_texts)))
    rows = np.concatenate([rng.permutation(n_texts) for _ in range(passes)])
    same = np.column_stack([rows, _draw_partners(codes, rows, rng, is_same=True)])
    other = np.column_stack([rows, _draw_partners(codes, rows, rng, is_same=False)])
    pairs = np.stack([same, other], axis=1).reshape(-1, 2)[:n_pairs]
    return [pairs[start : start + options.batch_size] for start in range(0, len(pairs), options.batch_size)]


def _draw_partners(codes: np.ndarray, rows: np.ndarray, rng: np.random.Generator, *, is_same: bool) -> np.ndarray:
    """Draw for each row another text of its class, or one of another class."""
    order = np.argsort(codes, kind="stable")
    place = np.argsort(order, kind="stable")
    ordered = codes[order]
    first, behind = (np.searchsorted(ordered, codes[rows], side=side) for side in ("left", "right"))
    sizes = behind - first
    if is_same:
        steps = 1 + (rng.random(len(rows)) * np.maximum(sizes - 1, 1)).astype(np.int64)
        return np.asarray(order[first + (place[rows] - first + steps) % sizes])
    drawn = (rng.random(len(rows)) * (len(codes) - sizes)).astype(np.int64)
    return np.asarray(order[np.where(drawn < first, drawn, drawn + sizes)])


def compute_pair_loss(training: EncoderTraining, ids: list[list[int]], pairs: np.ndarray, codes: np.ndarray) -> torch.Tensor:
    """Compute the loss of some pairs; a text that is in several is encoded once."""
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss

    rows, place = np.unique(pairs, return_inverse=True)
    vectors = training.pool([ids[row] for row in rows]).float()
    sides = [vectors[training.put_on_device(side)] for side in place.reshape(-1, 2).T.copy()]
    targets = (codes[pairs[:, 0]] == codes[pairs[:, 1]]).astype(np.float32)
    nothing: Any = None  # the loss needs a model to encode texts, which is done
    loss: torch.Tensor = CosineSimilarityLoss(nothing).compute_loss_from_embeddings(sides, training.put_on_device(targets))
    return loss
