"""The loop that trains a transformer on any loss over rows of examples, and keeps its best pass.

The loop is our own: the trainer of transformers would need a model class for each head, writes checkpoints of its own, and
knows neither a start from a probe nor a best pass before the first step.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import MODEL, EncoderFolder, Format
from emb_pipeline.embeddings.contextual.models.loading import load_model, pool_states
from emb_pipeline.embeddings.contextual.models.precision import device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.models.saved_modules import require_own_encoder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions, TransformerTuningOptions
from emb_pipeline.embeddings.contextual.training.repeatable import repeatable
from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.embeddings.training.divergence import require_converging
from emb_pipeline.errors import DataError

if TYPE_CHECKING:
    import torch

AnyBatch = TypeVar("AnyBatch")

_BATCHES_PER_BUCKET = 20
"""Batches whose examples are sorted by length together: little padding, and still another order in each pass."""


class TransformerTraining:
    """A transformer that is being trained, as a context: random numbers and settings of the libraries stay within.

    Parameters
    ----------
    base : EncoderFolder
        A transformer.
    device : {"cpu", "cuda", "mps", "auto"}
        What computes.
    options : TransformerTuningOptions
        How to train.
    seed : int
        Of order and dropout.

    Raises
    ------
    DataError
        The base is no transformer.
    """

    def __init__(self, base: EncoderFolder, device: str, options: TransformerTuningOptions, seed: int) -> None:
        if base.format == "model2vec":
            raise DataError(str(base.path), "holds static vectors, which have no transformer to tune", "tune its teacher")
        self._base, self._device, self._options, self._seed = base, device_in_force(device), options, seed
        self._repeatable = repeatable(self._device)

    def load(self) -> Any:
        """Load the model that is trained."""
        return load_model(self._base.model_path)

    def __enter__(self) -> Self:
        import torch

        self._repeatable.__enter__()
        torch.manual_seed(self._seed)
        self._model = self.load().to(self._device)
        if self._lora_rank is not None:
            from peft import LoraConfig, get_peft_model

            alpha = getattr(self._options, "lora_alpha", 1)
            lora = LoraConfig(r=self._lora_rank, lora_alpha=alpha, target_modules="all-linear")
            self._model = get_peft_model(self._model, lora)
        return self

    def __exit__(self, *error: object) -> None:
        self._repeatable.__exit__(None, None, None)

    @property
    def _lora_rank(self) -> int | None:
        return getattr(self._options, "lora_rank", None)

    @property
    def reduced_precision(self) -> torch.autocast:
        """A context in which products are computed as the options say."""
        import torch

        reduced = precision_in_force(self._options.precision, self._device) == "bfloat16"
        return torch.autocast(self._device, dtype=torch.bfloat16, enabled=reduced)

    @property
    def is_training(self) -> bool:
        """True while a step is taken, False during a held-out loss."""
        return bool(self._model.training)

    def put_on_device(self, array: np.ndarray) -> torch.Tensor:
        """Put an array on the device that trains."""
        import torch

        return torch.from_numpy(array).to(self._device)

    def compute_cross_entropy(self, scores: torch.Tensor, codes: np.ndarray, weights: np.ndarray) -> torch.Tensor:
        """Compute the mean weighted log loss."""
        import torch

        return torch.nn.functional.cross_entropy(scores, self.put_on_device(codes), weight=self.put_on_device(weights))

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
        trained = self._list_trained()
        take_step = self._prepare_steps(trained, head, options.epochs * -(-len(train) // options.batch_size))
        losses = [self._measure_held_out_loss(lengths, tested, loss_of, weights)]
        best = [parameter.detach().clone() for parameter in (*trained, *head)]
        for _ in range(options.epochs):
            self._model.train()
            for rows in _draw_batches(train, lengths, options.batch_size, rng):
                take_step(loss_of(rows))
            losses.append(self._measure_held_out_loss(lengths, tested, loss_of, weights))
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

    def take_steps(self, batches: Sequence[AnyBatch], loss_of: Callable[[AnyBatch], torch.Tensor]) -> list[float]:
        """Take one step on each batch, and keep the last one: nothing is held out. Returns the loss of each step."""
        take_step = self._prepare_steps(self._list_trained(), (), len(batches))
        self._model.train()
        losses = [take_step(loss_of(batch)) for batch in batches]
        self._model.eval()
        return losses

    def _list_trained(self) -> list[Any]:
        return [parameter for parameter in self._model.parameters() if parameter.requires_grad]

    def _prepare_steps(self, trained: Sequence[Any], head: Sequence[Any], n_steps: int) -> Callable[[torch.Tensor], float]:
        """Prepare steps of an optimizer, each given a loss: it returns the loss's value."""
        import torch

        optimizer = self._make_optimizer(trained, head)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._scale_step(step, n_steps))

        def take_step(loss: torch.Tensor) -> float:
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*trained, *head], 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            return float(loss.detach())

        return take_step

    def write(self, folder: Path) -> EncoderFolder:
        """Write the tuned model next to the base's tokenizer and settings."""
        model = self._model.merge_and_unload() if self._lora_rank is not None else self._model
        weights = (parameter.detach().float().cpu().numpy() for parameter in model.parameters())
        remedy = f"lower learning_rate (now {self._options.learning_rate:g})"
        require_converging("fine-tuning", "its last epoch", 0.0, remedy, weights)
        self._save(model.to("cpu"), folder / MODEL)
        return EncoderFolder.write(
            folder,
            format=self._format,
            dim=self._base.dim,
            vocabulary=self._base.vocabulary,
            input=self._base.input,
            provenance={
                "base": self._base.fingerprint,
                "options": self._options.model_dump(mode="json", exclude_defaults=True),
            },
        )

    @property
    def _format(self) -> Format:
        return self._base.format

    def _save(self, model: Any, place: Path) -> None:
        others = shutil.ignore_patterns("*.bin", "onnx", "openvino", ".*")
        shutil.copytree(self._base.model_path, place, ignore=others)
        for weights_of_base in place.glob("*.safetensors*"):  # those of modules behind the transformer stay
            weights_of_base.unlink()
        model.save_pretrained(place)

    def _measure_held_out_loss(
        self, lengths: np.ndarray, rows: np.ndarray, loss_of: Callable[[np.ndarray], torch.Tensor], weights: np.ndarray
    ) -> float:
        import torch

        self._model.eval()
        order = rows[np.argsort(-lengths[rows], kind="stable")]
        parts = [order[start : start + self._options.batch_size] for start in range(0, len(order), self._options.batch_size)]
        with torch.no_grad():
            return float(sum(float(loss_of(part)) * weights[part].sum() for part in parts) / weights[order].sum())

    def _make_optimizer(self, trained: Sequence[Any], head: Sequence[Any]) -> torch.optim.AdamW:
        import torch

        options = self._options
        groups: list[dict[str, Any]] = [
            {"params": [value for value in trained if value.ndim > 1], "weight_decay": options.weight_decay},
            {"params": [value for value in trained if value.ndim <= 1], "weight_decay": 0.0},
        ]
        if head:
            rate = getattr(options, "head_learning_rate", options.learning_rate)
            groups.append(
                {
                    "params": list(head),
                    "lr": rate,
                    "weight_decay": 0.0,
                }
            )
        return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)

    def _scale_step(self, step: int, n_steps: int) -> float:
        warmup = max(1, round(self._options.warmup_share * n_steps))
        return min((step + 1) / warmup, max(0.0, (n_steps - step) / max(1, n_steps - warmup)))


class EncoderTraining(TransformerTraining):
    """An encoder that is being trained by its vectors.

    Parameters
    ----------
    base : EncoderFolder
        A transformer.
    encoder : EncoderOptions
        How its vectors are made.
    options : EncoderTuningOptions
        How to train.
    seed : int
        Of order and dropout.

    Raises
    ------
    DataError
        The base is no transformer.
    """

    def __init__(self, base: EncoderFolder, encoder: EncoderOptions, options: EncoderTuningOptions, seed: int) -> None:
        super().__init__(base, encoder.device, options, seed)
        require_own_encoder(base.model_path, "fine-tuned")
        in_torch: dict[str, Any] = {"backend": "torch", "dtype": "float32"}
        self.reader = ContextualEncoder(base, encoder.model_copy(update=in_torch))
        if options.max_length is not None:
            shorter = {"max_length": min(options.max_length, self.reader.max_length)}
            self.reader = ContextualEncoder(base, encoder.model_copy(update=in_torch | shorter))
        self._layer = encoder.layer

    def compute_hidden_states(self, ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute hidden states of shape (n, length, dim) and their mask, on the device that trains."""
        longest = max(map(len, ids))
        padded = np.full((len(ids), longest), self.reader.padding_id, dtype=np.int64)
        mask = np.zeros((len(ids), longest), dtype=np.int64)
        for row, found in enumerate(ids):
            padded[row, : len(found)], mask[row, : len(found)] = found, 1
        attended = self.put_on_device(mask)
        with self.reduced_precision:
            made = self._model(
                input_ids=self.put_on_device(padded),
                attention_mask=attended,
                output_hidden_states=self._layer != -1,
            )
        states = made.last_hidden_state if self._layer == -1 else made.hidden_states[self._layer]
        return states.float(), attended

    def pool(self, ids: Sequence[Sequence[int]], role: Role = "text") -> torch.Tensor:
        """Compute text vectors as `ContextualEncoder` makes them: shape (n, dim)."""
        states, read = self.compute_hidden_states(ids)
        mask = read.clone()
        mask[:, : self.reader.n_unpooled(role)] = 0
        return self.reader.finish_tensors(pool_states(states, mask, self.reader.poolings))

    def pool_like(self, ids: Sequence[Sequence[int]], dim: int) -> torch.Tensor:
        """Compute text vectors of so many dimensions: those of `pool`, or the means of tokens where a token has so many."""
        if dim == self.reader.dim:
            return self.pool(ids)
        return pool_states(*self.compute_hidden_states(ids), ("mean",))


def _draw_batches(rows: np.ndarray, lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the rows in random batches of like length."""
    shuffled = rng.permutation(rows)
    batches: list[np.ndarray] = []
    for start in range(0, len(shuffled), size * _BATCHES_PER_BUCKET):
        bucket = shuffled[start : start + size * _BATCHES_PER_BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches.extend(bucket[first : first + size] for first in range(0, len(bucket), size))
    for place in rng.permutation(len(batches)):
        yield batches[place]
