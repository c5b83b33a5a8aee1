"""Transformers fine-tuned on a task: with a linear layer on their vectors of texts or of tokens, or on pairs of texts.

What is trained on are the very vectors that `ContextualEncoder` gives (pooling, normalisation, the mean over a token's
sub-words), so that a tuned encoder and its head can be used, cached and measured like any other. Training stops where the
loss on held-out training examples says so, and the best pass is kept.

The loop is our own: the trainer of transformers would need a model class for each head, writes checkpoints of its own, and
knows neither a start from a probe nor a best pass before the first step.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder, Window, load_model, pooled_states
from emb_pipeline.embeddings.contextual.encoder_folder import MODEL, EncoderFolder
from emb_pipeline.embeddings.contextual.precision import precision_in_force
from emb_pipeline.embeddings.contextual.repeatable import repeatable
from emb_pipeline.embeddings.divergence import require_converging
from emb_pipeline.embeddings.linear_head import LinearHead, class_weights, varying_deviations
from emb_pipeline.embeddings.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch

_BATCHES_PER_BUCKET = 20
"""Batches whose examples are sorted by length together: little padding, and still another order in each pass."""


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
    with _Training(base, encoder, options, seed) as training:
        ids = training.reader.token_ids(texts)
        weights = class_weights(codes, n_classes, options.class_weights)
        layer = _Layer(training, ids, head)

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            return training.cross_entropy(layer(training.pooled([ids[row] for row in rows])), codes[rows], weights)

        losses = training.fit(np.array([len(found) for found in ids]), held_out, loss_of, layer.parameters)
        return TunedEncoder(training.written(folder), layer.head(), losses)


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
    with _Training(base, encoder, options, seed) as training:
        ids = training.reader.token_ids(texts)
        partners = _Partners(codes, held_out, seed)

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            others = partners.of(rows, is_training=training.is_training)
            of_batch = [training.pooled([ids[row] for row in side]) for side in (rows, others)]
            return ranking_loss(of_batch[0], of_batch[1], codes[rows], others, options)

        losses = training.fit(np.array([len(found) for found in ids]), held_out, loss_of, [])
        return TunedEncoder(training.written(folder), None, losses)


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
    with _Training(base, encoder, options, seed) as training:
        pieces = [(row, *piece) for row, tokens in enumerate(sentences) for piece in training.reader.pieces(tokens)]
        flat = np.concatenate(codes)
        weights = class_weights(flat, n_tags, options.class_weights)
        frequencies = (np.bincount(flat, minlength=n_tags) + 0.5) / (len(flat) + 0.5 * n_tags)
        layer = _Layer(
            training,
            [ids for _, ids, _ in pieces],
            LinearHead(np.zeros((base.dim, n_tags), dtype=np.float32), np.log(frequencies).astype(np.float32)),
        )

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            hidden, _ = training.hidden([pieces[row][1] for row in rows])
            inside, word_of, wanted, n_words = [], [], [], 0
            for place, row in enumerate(rows):
                sentence, _, of_piece = pieces[row]
                words, found = np.unique(of_piece, return_inverse=True)
                inside.append(place * hidden.shape[1] + 1 + np.arange(len(found)))
                word_of.append(n_words + found)
                wanted.append(codes[sentence][words])
                n_words += len(words)
            of_words = np.concatenate(word_of)
            states = hidden.flatten(0, 1).index_select(0, training.tensor(np.concatenate(inside)))
            sums = states.new_zeros(n_words, base.dim).index_add(0, training.tensor(of_words), states)
            vectors = sums / training.tensor(np.bincount(of_words))[:, None]
            return training.cross_entropy(layer(vectors), np.concatenate(wanted), weights)

        is_held_out = np.array([held_out[row] for row, _, _ in pieces])
        lengths = np.array([len(ids) for _, ids, _ in pieces])
        n_tokens = np.array([len(set(word_of)) for _, _, word_of in pieces], dtype=np.float64)
        losses = training.fit(lengths, is_held_out, loss_of, layer.parameters, n_tokens)
        return TunedEncoder(training.written(folder), layer.head(), losses)


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

    with _Training(base, encoder, options, seed) as training:
        pairs = zip(questions, contexts, strict=True)
        windows = [(row, window) for row, pair in enumerate(pairs) for window in training.reader.windows(*pair)]
        wanted = np.array([_place_in_window(window, *spans[row]) for row, window in windows])
        ids = [window.ids for _, window in windows]
        layer = _Layer(training, ids, LinearHead(np.zeros((base.dim, 2), np.float32), np.zeros(2, np.float32)))

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            hidden, _ = training.hidden([ids[row] for row in rows])
            place = np.arange(hidden.shape[1])
            begins = np.array([windows[row][1].begin for row in rows])[:, None]
            lengths = np.array([len(windows[row][1].word_of) for row in rows])[:, None]
            is_choice = (place == 0) | ((place >= begins) & (place < begins + lengths))
            scores = layer(hidden).masked_fill(~training.tensor(is_choice)[:, :, None], -math.inf)
            targets = training.tensor(wanted[rows])
            losses = [torch.nn.functional.cross_entropy(scores[:, :, side], targets[:, side]) for side in (0, 1)]
            return (losses[0] + losses[1]) / 2

        of_window = np.array([held_out[row] for row, _ in windows])
        losses = training.fit(np.array([len(found) for found in ids]), of_window, loss_of, layer.parameters)
        return TunedEncoder(training.written(folder), layer.head(), losses)


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
    sentence-transformers calls MultipleNegativesRankingLoss. A passage of the batch that is relevant to the query, too (the
    same passage or another one of the same query), does not count against it. With ``matryoshka_dims`` the loss of the
    first so many numbers is added [2]_.

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
    with _Training(base, encoder, options, seed) as training:
        of_queries = training.reader.token_ids(queries, "query")
        of_passages = training.reader.token_ids(passages, "passage")
        numbers = [np.unique(np.array(texts, dtype=object), return_inverse=True)[1] for texts in (queries, passages)]

        def loss_of(rows: np.ndarray) -> torch.Tensor:
            sides: tuple[tuple[list[list[int]], Role], ...] = ((of_queries, "query"), (of_passages, "passage"))
            of_batch = [training.pooled([ids[row] for row in rows], role) for ids, role in sides]
            return ranking_loss(of_batch[0], of_batch[1], numbers[0][rows], numbers[1][rows], options)

        lengths = np.array([len(query) + len(passage) for query, passage in zip(of_queries, of_passages, strict=True)])
        losses = training.fit(lengths, held_out, loss_of, [])
        return TunedEncoder(training.written(folder), None, losses)


def ranking_loss(
    queries: torch.Tensor,
    passages: torch.Tensor,
    query_numbers: np.ndarray,
    passage_numbers: np.ndarray,
    options: EncoderTuningOptions,
) -> torch.Tensor:
    """The loss of `tune_on_pairs` for the vectors of a batch, both of shape (n_pairs, dim); equal texts have one number."""
    import torch

    related = [values[:, None] == values[None, :] for values in (query_numbers, passage_numbers)]
    same = torch.from_numpy(related[0] | related[1]).fill_diagonal_(False).to(queries.device)
    wanted = torch.arange(len(queries), device=queries.device)
    total = queries.new_zeros(())
    for dim in dict.fromkeys([queries.shape[1], *options.matryoshka_dims]):
        units = [torch.nn.functional.normalize(vectors[:, :dim].float(), dim=1) for vectors in (queries, passages)]
        scores = (options.scale * units[0] @ units[1].T).masked_fill(same, -math.inf)
        total = total + torch.nn.functional.cross_entropy(scores, wanted)
    return total


class _Training:
    """A transformer that is being trained; random numbers and messages of the libraries stay within."""

    def __init__(self, base: EncoderFolder, encoder: EncoderOptions, options: EncoderTuningOptions, seed: int) -> None:
        if base.format == "model2vec":
            raise DataError(str(base.path), "holds static vectors, which have no transformer to tune", "tune its teacher")
        in_torch: dict[str, Any] = {"backend": "torch", "dtype": "float32"}
        self.reader = ContextualEncoder(base, encoder.model_copy(update=in_torch))
        if options.max_length is not None:
            shorter = {"max_length": min(options.max_length, self.reader.max_length)}
            self.reader = ContextualEncoder(base, encoder.model_copy(update=in_torch | shorter))
        self._base, self._options, self._seed, self._layer = base, options, seed, encoder.layer
        self._repeatable = repeatable(encoder.device)
        self._device = encoder.device

    def __enter__(self) -> _Training:
        import torch

        self._repeatable.__enter__()
        torch.manual_seed(self._seed)
        self._model = load_model(self._base.model_path).to(self._device)
        if self._options.lora_rank is not None:
            from peft import LoraConfig, get_peft_model

            lora = LoraConfig(r=self._options.lora_rank, lora_alpha=self._options.lora_alpha, target_modules="all-linear")
            self._model = get_peft_model(self._model, lora)
        return self

    def __exit__(self, *error: object) -> None:
        self._repeatable.__exit__(None, None, None)

    @property
    def is_training(self) -> bool:
        """Whether a step is being taken, not a held-out loss."""
        return bool(self._model.training)

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """An array on the device that trains."""
        import torch

        return torch.from_numpy(array).to(self._device)

    def hidden(self, ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states of shape (n, length, dim) and their mask, on the device that trains."""
        import torch

        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), self.reader.padding_id, dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.int64)
        for row, found in enumerate(ids):
            padded[row, : len(found)], mask[row, : len(found)] = found, 1
        attended = self.tensor(mask)
        reduced = precision_in_force(self._options.precision, self._device) == "bfloat16"
        with torch.autocast(self._device, dtype=torch.bfloat16, enabled=reduced):
            made = self._model(
                input_ids=self.tensor(padded),
                attention_mask=attended,
                output_hidden_states=self._layer != -1,
            )
        states = made.last_hidden_state if self._layer == -1 else made.hidden_states[self._layer]
        return states.float(), attended

    def pooled(self, ids: Sequence[Sequence[int]], role: Role = "text") -> torch.Tensor:
        """Text vectors as `ContextualEncoder` makes them: shape (n, dim)."""
        import torch

        states, read = self.hidden(ids)
        mask = read.clone()
        mask[:, : self.reader.n_unpooled(role)] = 0
        vectors = pooled_states(states, mask, self.reader.pooling)
        return torch.nn.functional.normalize(vectors, dim=1) if self.reader.normalises else vectors

    def cross_entropy(self, scores: torch.Tensor, codes: np.ndarray, weights: np.ndarray) -> torch.Tensor:
        """Mean weighted log loss."""
        import torch

        return torch.nn.functional.cross_entropy(scores, self.tensor(codes), weight=self.tensor(weights))

    def fit(
        self,
        lengths: np.ndarray,
        held_out: np.ndarray,
        loss_of: Callable[[np.ndarray], torch.Tensor],
        head: Sequence[torch.nn.Parameter],
        weights: np.ndarray | None = None,
    ) -> list[float]:
        """Train until the held-out loss stops falling; the best pass is left in the model. Returns the held-out losses.

        ``loss_of`` gives the mean over some rows; ``weights`` say how much of that mean each row is (1 each if left out).
        """
        import torch

        options = self._options
        rng = np.random.default_rng([self._seed, 2])
        train, tested = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        if not len(train) or not len(tested):
            reason = f"has {len(train)} examples to train on and {len(tested)} that say when to stop"
            raise DataError("fine-tuning", reason, "give the task more training examples")
        weights = np.ones(len(lengths)) if weights is None else weights
        if options.max_examples is not None and len(train) > options.max_examples:
            train = np.sort(rng.permutation(train)[: options.max_examples])
        trained = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        optimiser = self._optimiser(trained, head)
        n_steps = options.epochs * -(-len(train) // options.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: self._step_size(step, n_steps))
        losses = [self._held_out_loss(lengths, tested, loss_of, weights)]
        best = [parameter.detach().clone() for parameter in (*trained, *head)]
        for _ in range(options.epochs):
            self._model.train()
            for rows in _batches(train, lengths, options.batch_size, rng):
                loss_of(rows).backward()
                torch.nn.utils.clip_grad_norm_([*trained, *head], 1.0)
                optimiser.step()
                optimiser.zero_grad()
                schedule.step()
            losses.append(self._held_out_loss(lengths, tested, loss_of, weights))
            remedy = f"lower learning_rate (now {options.learning_rate:g})"
            require_converging("fine-tuning", f"epoch {len(losses) - 1}", losses[-1], remedy)
            if losses[-1] == min(losses):
                best = [parameter.detach().clone() for parameter in (*trained, *head)]
            if len(losses) - 1 - int(np.argmin(losses)) >= options.patience:
                break
        with torch.no_grad():
            for parameter, value in zip((*trained, *head), best, strict=True):
                parameter.copy_(value)
        return losses

    def written(self, folder: Path) -> EncoderFolder:
        """The tuned model beside the base's tokenizer and settings."""
        model = self._model.merge_and_unload() if self._options.lora_rank is not None else self._model
        weights = (parameter.detach().float().cpu().numpy() for parameter in model.parameters())
        remedy = f"lower learning_rate (now {self._options.learning_rate:g})"
        require_converging("fine-tuning", "its last epoch", 0.0, remedy, weights)
        place = folder / MODEL
        others = shutil.ignore_patterns("*.safetensors", "*.bin", "onnx", "openvino", ".*")
        shutil.copytree(self._base.model_path, place, ignore=others)
        model.to("cpu").save_pretrained(place)
        return EncoderFolder.write(
            folder,
            format=self._base.format,
            dim=self._base.dim,
            vocabulary=self._base.vocabulary,
            input=self._base.input,
            provenance={
                "base": self._base.fingerprint,
                "options": self._options.model_dump(mode="json", exclude_defaults=True),
            },
        )

    def _held_out_loss(
        self, lengths: np.ndarray, rows: np.ndarray, loss_of: Callable[[np.ndarray], torch.Tensor], weights: np.ndarray
    ) -> float:
        import torch

        self._model.eval()
        order = rows[np.argsort(-lengths[rows], kind="stable")]
        parts = [order[start : start + self._options.batch_size] for start in range(0, len(order), self._options.batch_size)]
        with torch.no_grad():
            return float(sum(float(loss_of(part)) * weights[part].sum() for part in parts) / weights[order].sum())

    def _optimiser(self, trained: Sequence[Any], head: Sequence[Any]) -> torch.optim.AdamW:
        import torch

        options = self._options
        groups: list[dict[str, Any]] = [
            {"params": [value for value in trained if value.ndim > 1], "weight_decay": options.weight_decay},
            {"params": [value for value in trained if value.ndim <= 1], "weight_decay": 0.0},
        ]
        if head:
            groups.append({"params": list(head), "lr": options.head_learning_rate, "weight_decay": 0.0})
        return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)

    def _step_size(self, step: int, n_steps: int) -> float:
        warmup = max(1, round(self._options.warmup_share * n_steps))
        return min((step + 1) / warmup, max(0.0, (n_steps - step) / max(1, n_steps - warmup)))


class _Partners:
    """Another example of each one's class, from the same side of the hold-out; of a class with one member, itself.

    In training it is drawn anew each time; for the held-out loss it stays the same, so that losses can be compared.
    """

    def __init__(self, codes: np.ndarray, held_out: np.ndarray, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 3])
        sides = codes * 2 + held_out
        self._order = np.argsort(sides, kind="stable")
        self._place = np.argsort(self._order)
        _, of, self._sizes = np.unique(sides, return_inverse=True, return_counts=True)
        self._first, self._side = np.cumsum(self._sizes) - self._sizes, of

    def of(self, rows: np.ndarray, *, is_training: bool) -> np.ndarray:
        """Partners of these rows: shape (n_rows,)."""
        side = self._side[rows]
        sizes = self._sizes[side]
        others = np.maximum(sizes - 1, 1)
        steps = 1 + (self._rng.integers(others) if is_training else rows % others)
        partners: np.ndarray = self._order[self._first[side] + (self._place[rows] - self._first[side] + steps) % sizes]
        return partners


class _Layer:
    """A linear layer on standardised vectors, so that one step size suits vectors of any length."""

    def __init__(self, training: _Training, ids: Sequence[Sequence[int]], head: LinearHead, sample: int = 256) -> None:
        import torch

        with torch.no_grad():
            vectors = torch.cat([training.pooled(ids[start : start + 32]) for start in range(0, min(sample, len(ids)), 32)])
        mean = vectors.mean(dim=0).cpu().numpy()
        deviation = varying_deviations(vectors.std(dim=0).cpu().numpy(), mean)
        self._mean, self._deviation = training.tensor(mean), training.tensor(deviation)
        start = head.on_standardised(mean, deviation)
        self._weights = torch.nn.Parameter(training.tensor(start.weights.astype(np.float32)))
        self._intercepts = torch.nn.Parameter(training.tensor(start.intercepts.astype(np.float32)))

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        return ((vectors - self._mean) / self._deviation) @ self._weights + self._intercepts

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        return [self._weights, self._intercepts]

    def head(self) -> LinearHead:
        """The layer on vectors as they are."""
        weights, intercepts, mean, deviation = (
            part.detach().cpu().numpy() for part in (self._weights, self._intercepts, self._mean, self._deviation)
        )
        return LinearHead(weights, intercepts).on_raw(mean, deviation)


def _place_in_window(window: Window, first: int, last: int) -> tuple[int, int]:
    """Where a span starts and ends among a window's sub-words; 0 and 0 where it is not whole in it."""
    inside = np.flatnonzero((window.word_of >= first) & (window.word_of <= last))
    if not len(inside) or window.word_of[inside[0]] != first or window.word_of[inside[-1]] != last:
        return 0, 0
    return window.begin + int(inside[0]), window.begin + int(inside[-1])


def _batches(rows: np.ndarray, lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The rows in random batches of like length."""
    shuffled = rng.permutation(rows)
    batches: list[np.ndarray] = []
    for start in range(0, len(shuffled), size * _BATCHES_PER_BUCKET):
        bucket = shuffled[start : start + size * _BATCHES_PER_BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches.extend(bucket[first : first + size] for first in range(0, len(bucket), size))
    for place in rng.permutation(len(batches)):
        yield batches[place]
