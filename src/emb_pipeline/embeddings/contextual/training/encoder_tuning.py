"""Transformers fine-tuned on a task: with a linear layer on their vectors of texts or of tokens, or on pairs of texts.

What is trained on are the very vectors that `ContextualEncoder` gives (pooling, normalisation, the mean over a token's
sub-words), so that a tuned encoder and its head can be used, cached and measured like any other. Training stops where the
loss on held-out training examples says so, and the best pass is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.text_reader import Window
from emb_pipeline.embeddings.contextual.training.tuning_loop import EncoderTraining
from emb_pipeline.embeddings.linear_head import LinearHead, class_weights, varying_deviations
from emb_pipeline.embeddings.protocols import Role, Similarity

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class TunedEncoder:
    """An encoder after training, and the head that it was trained with.

    Attributes
    ----------
    encoder : EncoderFolder
        Of the format and with the tokenizer that the base has.
    head : LinearHead or None
        On its vectors; none after training on pairs.
    losses : list of float
        Held-out loss before training and after each pass.
    """

    encoder: EncoderFolder
    head: LinearHead | None
    losses: list[float]


def tune_on_classes(
    base: EncoderFolder,
    encoder: EncoderOptions,
    texts: Sequence[str],
    codes: np.ndarray,
    held_out: np.ndarray,
    n_classes: int,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
    head: LinearHead,
) -> TunedEncoder:
    """Train an encoder to give vectors whose linear layer tells classes apart.

    Training starts with a head that was fitted on the frozen vectors, so that no random head distorts them first (Kumar et
    al. 2022, Fine-Tuning can Distort Pretrained Features).

    Parameters
    ----------
    base : EncoderFolder
        A transformer.
    encoder : EncoderOptions
        How its vectors are made.
    texts : sequence of str
        Training texts.
    codes : ndarray of shape (n_texts,), int
        Their classes.
    held_out : ndarray of shape (n_texts,), bool
        Those that are not trained on but say when to stop.
    n_classes : int
        Classes of the task.
    options : EncoderTuningOptions
        How to train.
    seed : int
        Of order and dropout.
    folder : Path
        Where the tuned encoder is written.
    head : LinearHead
        A probe on the frozen vectors.

    Raises
    ------
    DataError
        The base is no transformer.
    """
    weights = class_weights(codes, n_classes, options.class_weights)

    def compute_loss(training: EncoderTraining, scores: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        return training.compute_cross_entropy(scores, codes[rows], weights)

    return _tune_on_texts(base, encoder, texts, held_out, options, compute_loss, seed=seed, folder=folder, head=head)


def tune_on_label_sets(
    base: EncoderFolder,
    encoder: EncoderOptions,
    texts: Sequence[str],
    targets: np.ndarray,
    held_out: np.ndarray,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
    head: LinearHead,
) -> TunedEncoder:
    """Train an encoder to give vectors whose linear layer says of each label whether a text has it.

    The loss is the binary cross-entropy, averaged over texts and labels. Otherwise it is `tune_on_classes`.

    Parameters
    ----------
    targets : ndarray of shape (n_texts, n_labels), bool
        The labels of each text.
    base, encoder, texts, held_out, options, seed, folder, head
        As for `tune_on_classes`.

    Raises
    ------
    DataError
        The base is no transformer.
    """
    wanted = targets.astype(np.float32)

    def compute_loss(training: EncoderTraining, scores: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        import torch

        return torch.nn.functional.binary_cross_entropy_with_logits(scores, training.put_on_device(wanted[rows]))

    return _tune_on_texts(base, encoder, texts, held_out, options, compute_loss, seed=seed, folder=folder, head=head)


def _tune_on_texts(
    base: EncoderFolder,
    encoder: EncoderOptions,
    texts: Sequence[str],
    held_out: np.ndarray,
    options: EncoderTuningOptions,
    compute_loss: Callable[[EncoderTraining, torch.Tensor, np.ndarray], torch.Tensor],
    *,
    seed: int,
    folder: Path,
    head: LinearHead,
) -> TunedEncoder:
    """Train an encoder and a linear layer by a loss of the layer's scores of some rows."""
    with EncoderTraining(base, encoder, options, seed) as training:
        ids = training.reader.token_ids(texts)
        layer = _Layer(training, ids, head)

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            return compute_loss(training, layer(training.pool([ids[row] for row in rows])), rows)

        losses = training.fit(np.array([len(found) for found in ids]), held_out, loss_of, layer.parameters)
        return TunedEncoder(training.write(folder), layer.head(), losses)


def tune_by_contrast(
    base: EncoderFolder,
    encoder: EncoderOptions,
    texts: Sequence[str],
    codes: np.ndarray,
    held_out: np.ndarray,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train an encoder to put a text nearer to another one of its class than to the texts of other classes.

    The loss is that of `tune_on_pairs`, with a partner drawn from a text's class in place of a passage; texts of one class
    do not count against each other (Khosla et al. 2020, Supervised Contrastive Learning, §3.2, with one positive).

    Parameters
    ----------
    base, encoder, texts, codes, held_out, options, seed, folder
        As for `tune_on_classes`.

    Raises
    ------
    DataError
        The base is no transformer.
    """
    with EncoderTraining(base, encoder, options, seed) as training:
        ids = training.reader.token_ids(texts)
        partners = _Partners(codes, held_out, seed)

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            others = partners.draw(rows, is_training=training.is_training)
            of_batch = [training.pool([ids[row] for row in side]) for side in (rows, others)]
            return compute_ranking_loss(of_batch[0], of_batch[1], codes[rows], others, options, training.reader.similarity)

        losses = training.fit(np.array([len(found) for found in ids]), held_out, loss_of, [])
        return TunedEncoder(training.write(folder), None, losses)


def tune_on_tags(
    base: EncoderFolder,
    encoder: EncoderOptions,
    sentences: Sequence[Sequence[str]],
    codes: Sequence[np.ndarray],
    held_out: np.ndarray,
    n_tags: int,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train an encoder to give token vectors whose linear layer tells tags apart.

    A token's vector is the mean over its sub-words, as everywhere else; the head starts at the frequencies of the tags.

    Parameters
    ----------
    sentences : sequence of sequences of str
        Tokens.
    codes : sequence of ndarray of shape (n_tokens,), int
        Their tags.
    held_out : ndarray of shape (n_sentences,), bool
        Sentences that say when to stop.
    n_tags : int
        Tags of the task.
    base, encoder, options, seed, folder
        As for `tune_on_classes`.

    Raises
    ------
    DataError
        The base is no transformer.
    """
    with EncoderTraining(base, encoder, options, seed) as training:
        pieces = [(row, *piece) for row, tokens in enumerate(sentences) for piece in training.reader.pieces(tokens)]
        flat = np.concatenate(codes)
        weights = class_weights(flat, n_tags, options.class_weights)
        frequencies = (np.bincount(flat, minlength=n_tags) + 0.5) / (len(flat) + 0.5 * n_tags)
        token_dim, n_before = training.reader.token_dim, len(training.reader.ends[0])
        layer = _Layer(
            training,
            [ids for _, ids, _ in pieces],
            LinearHead(np.zeros((token_dim, n_tags), dtype=np.float32), np.log(frequencies).astype(np.float32)),
        )

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            hidden, _ = training.compute_hidden_states([pieces[row][1] for row in rows])
            inside, word_of, wanted, n_words = [], [], [], 0
            for place, row in enumerate(rows):
                sentence, _, of_piece = pieces[row]
                words, found = np.unique(of_piece, return_inverse=True)
                inside.append(place * hidden.shape[1] + n_before + np.arange(len(found)))
                word_of.append(n_words + found)
                wanted.append(codes[sentence][words])
                n_words += len(words)
            of_words = np.concatenate(word_of)
            states = hidden.flatten(0, 1).index_select(0, training.put_on_device(np.concatenate(inside)))
            sums = states.new_zeros(n_words, token_dim).index_add(0, training.put_on_device(of_words), states)
            vectors = sums / training.put_on_device(np.bincount(of_words))[:, None]
            return training.compute_cross_entropy(layer(vectors), np.concatenate(wanted), weights)

        is_held_out = np.array([held_out[row] for row, _, _ in pieces])
        lengths = np.array([len(ids) for _, ids, _ in pieces])
        n_tokens = np.array([len(set(word_of)) for _, _, word_of in pieces], dtype=np.float64)
        losses = training.fit(lengths, is_held_out, loss_of, layer.parameters, n_tokens)
        return TunedEncoder(training.write(folder), layer.head(), losses)


def tune_on_spans(
    base: EncoderFolder,
    encoder: EncoderOptions,
    questions: Sequence[Sequence[str]],
    contexts: Sequence[Sequence[str]],
    spans: np.ndarray,
    held_out: np.ndarray,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train an encoder, and a head with two scores of each sub-word, to find where an answer starts and where it ends.

    The model reads question and context together, a long context in windows that overlap; a window without the answer is to
    point at its first sub-word, ``[CLS]`` [1]_.

    Parameters
    ----------
    questions, contexts : sequence of sequences of str
        Words; one context for each question.
    spans : ndarray of shape (n_questions, 2), int
        First and last word of the answer.
    held_out : ndarray of shape (n_questions,), bool
        Questions that say when to stop.
    base, encoder, options, seed, folder
        As for `tune_on_classes`.

    Raises
    ------
    DataError
        The base is no transformer.

    References
    ----------
    .. [1] Devlin et al. (2019), BERT, §4.2 and §4.3.
    """
    import torch

    with EncoderTraining(base, encoder, options, seed) as training:
        pairs = zip(questions, contexts, strict=True)
        windows = [(row, window) for row, pair in enumerate(pairs) for window in training.reader.windows(*pair)]
        wanted = np.array([_find_in_window(window, *spans[row]) for row, window in windows])
        ids = [window.ids for _, window in windows]
        layer = _Layer(
            training, ids, LinearHead(np.zeros((training.reader.token_dim, 2), np.float32), np.zeros(2, np.float32))
        )

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            hidden, _ = training.compute_hidden_states([ids[row] for row in rows])
            place = np.arange(hidden.shape[1])
            begins = np.array([windows[row][1].begin for row in rows])[:, None]
            lengths = np.array([len(windows[row][1].word_of) for row in rows])[:, None]
            is_choice = (place == 0) | ((place >= begins) & (place < begins + lengths))
            scores = layer(hidden).masked_fill(~training.put_on_device(is_choice)[:, :, None], -math.inf)
            targets = training.put_on_device(wanted[rows])
            losses = [torch.nn.functional.cross_entropy(scores[:, :, side], targets[:, side]) for side in (0, 1)]
            return (losses[0] + losses[1]) / 2

        of_window = np.array([held_out[row] for row, _ in windows])
        losses = training.fit(np.array([len(found) for found in ids]), of_window, loss_of, layer.parameters)
        return TunedEncoder(training.write(folder), layer.head(), losses)


def tune_on_pairs(
    base: EncoderFolder,
    encoder: EncoderOptions,
    queries: Sequence[str],
    passages: Sequence[str],
    held_out: np.ndarray,
    options: EncoderTuningOptions,
    *,
    seed: int,
    folder: Path,
) -> TunedEncoder:
    """Train an encoder to put a query nearer to its passage than to the other passages of the batch.

    The loss is the cross-entropy of the cosines with all passages of the batch, times ``scale`` [1]_: what
    sentence-transformers calls MultipleNegativesRankingLoss. A model that compares by another measure is trained with that
    one, times 1. A passage of the batch that is relevant to the query, too (the
    same passage or another one of the same query), does not count against it. With ``matryoshka_dims`` the loss of the
    first so many dimensions is added [2]_.

    Parameters
    ----------
    queries, passages : sequence of str
        Row i of both belong together.
    held_out : ndarray of shape (n_pairs,), bool
        Pairs that say when to stop.
    base, encoder, options, seed, folder
        As for `tune_on_classes`.

    Raises
    ------
    DataError
        The base is no transformer.

    References
    ----------
    .. [1] Henderson et al. (2017), Efficient Natural Language Response Suggestion for Smart Reply, §4.
    .. [2] Kusupati et al. (2022), Matryoshka Representation Learning.
    """
    with EncoderTraining(base, encoder, options, seed) as training:
        of_queries = training.reader.token_ids(queries, "query")
        of_passages = training.reader.token_ids(passages, "passage")
        numbers = [np.unique(np.array(texts, dtype=object), return_inverse=True)[1] for texts in (queries, passages)]

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            sides: tuple[tuple[list[list[int]], Role], ...] = ((of_queries, "query"), (of_passages, "passage"))
            of_batch = [training.pool([ids[row] for row in rows], role) for ids, role in sides]
            return compute_ranking_loss(
                of_batch[0], of_batch[1], numbers[0][rows], numbers[1][rows], options, training.reader.similarity
            )

        lengths = np.array([len(query) + len(passage) for query, passage in zip(of_queries, of_passages, strict=True)])
        losses = training.fit(lengths, held_out, loss_of, [])
        return TunedEncoder(training.write(folder), None, losses)


def compute_ranking_loss(
    queries: torch.Tensor,
    passages: torch.Tensor,
    query_numbers: np.ndarray,
    passage_numbers: np.ndarray,
    options: EncoderTuningOptions,
    similarity: Similarity = "cosine",
) -> torch.Tensor:
    """Compute the loss of `tune_on_pairs` for a batch.

    The formula is sentence-transformers'; its scores leave out what is related. `MatryoshkaLoss` of the same library cuts
    the output of a model that it holds; here vectors come in, and are cut.

    Parameters
    ----------
    queries, passages : Tensor of shape (n_pairs, dim)
        Vectors of the batch.
    query_numbers, passage_numbers : ndarray of shape (n_pairs,)
        Equal for equal texts.
    options : EncoderTuningOptions
        ``scale`` (of cosines) and ``matryoshka_dims``.
    similarity : {"cosine", "dot", "euclidean", "manhattan"}
        The measure that the encoder's vectors are compared by.
    """
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.util import SimilarityFunction

    compare = SimilarityFunction.to_similarity_fn(similarity)
    related = [values[:, None] == values[None, :] for values in (query_numbers, passage_numbers)]
    same = torch.from_numpy(related[0] | related[1]).fill_diagonal_(False).to(queries.device)

    def compute_scores(of_queries: torch.Tensor, of_passages: torch.Tensor) -> torch.Tensor:
        return compare(of_queries, of_passages).masked_fill(same, -math.inf)

    scale = options.scale if similarity == "cosine" else 1.0
    nothing: Any = None  # the loss needs a model to encode texts, which is done, and labels not at all
    loss = MultipleNegativesRankingLoss(model=nothing, scale=scale, similarity_fct=compute_scores)
    total = queries.new_zeros((), dtype=torch.float32)
    for dim in dict.fromkeys([queries.shape[1], *options.matryoshka_dims]):
        cut = [vectors[:, :dim].float() for vectors in (queries, passages)]
        total = total + loss.compute_loss_from_embeddings(cut, nothing)
    return total


class _Partners:
    """Another example of each one's class, from the same side of the hold-out; of a class with one member, itself.

    In training it is drawn again each time; for the held-out loss it stays the same, so that losses can be compared.
    """

    def __init__(self, codes: np.ndarray, held_out: np.ndarray, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 3])
        sides = codes * 2 + held_out
        self._order = np.argsort(sides, kind="stable")
        self._place = np.argsort(self._order)
        _, of, self._sizes = np.unique(sides, return_inverse=True, return_counts=True)
        self._first, self._side = np.cumsum(self._sizes) - self._sizes, of

    def draw(self, rows: np.ndarray, *, is_training: bool) -> np.ndarray:
        """Draw partners of these rows: shape (n_rows,)."""
        side = self._side[rows]
        sizes = self._sizes[side]
        others = np.maximum(sizes - 1, 1)
        steps = 1 + (self._rng.integers(others) if is_training else rows % others)
        partners: np.ndarray = self._order[self._first[side] + (self._place[rows] - self._first[side] + steps) % sizes]
        return partners


class _Layer:
    """A linear layer on standardised vectors, so that one step size suits vectors of any length."""

    def __init__(self, training: EncoderTraining, ids: Sequence[Sequence[int]], head: LinearHead, sample: int = 256) -> None:
        import torch

        with torch.no_grad():
            parts = [ids[start : start + 32] for start in range(0, min(sample, len(ids)), 32)]
            vectors = torch.cat([training.pool_like(part, len(head.weights)) for part in parts])
        mean = vectors.mean(dim=0).cpu().numpy()
        deviation = varying_deviations(vectors.std(dim=0).cpu().numpy(), mean)
        self._mean, self._deviation = training.put_on_device(mean), training.put_on_device(deviation)
        start = head.on_standardized(mean, deviation)
        self._weights = torch.nn.Parameter(training.put_on_device(start.weights.astype(np.float32)))
        self._intercepts = torch.nn.Parameter(training.put_on_device(start.intercepts.astype(np.float32)))

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        return ((vectors - self._mean) / self._deviation) @ self._weights + self._intercepts

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        return [self._weights, self._intercepts]

    def head(self) -> LinearHead:
        """Give the layer on vectors as they are."""
        weights, intercepts, mean, deviation = (
            part.detach().cpu().numpy() for part in (self._weights, self._intercepts, self._mean, self._deviation)
        )
        return LinearHead(weights, intercepts).on_raw(mean, deviation)


def _find_in_window(window: Window, first: int, last: int) -> tuple[int, int]:
    """Find where a span starts and ends among a window's sub-words; 0 and 0 where it is not whole in it."""
    inside = np.flatnonzero((window.word_of >= first) & (window.word_of <= last))
    if not len(inside) or window.word_of[inside[0]] != first or window.word_of[inside[-1]] != last:
        return 0, 0
    return window.begin + int(inside[0]), window.begin + int(inside[-1])
