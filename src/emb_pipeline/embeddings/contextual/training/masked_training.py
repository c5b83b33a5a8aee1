"""The training loop of masked-language models: two budgets, one schedule, checkpoints."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emb_pipeline.embeddings.contextual.models.attention import changing_window
from emb_pipeline.embeddings.contextual.models.precision import device_in_force, precision_in_force
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training.masking import MaskedBatch, Vocabulary, batch_rows, mask
from emb_pipeline.embeddings.training.divergence import require_converging
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.sealed_files import UNSEALED, is_sealed, read_json, seal, write_json

if TYPE_CHECKING:
    import torch
    from transformers import BertForMaskedLM

_log = logging.getLogger(__name__)
OnStep = Callable[[int, float], None]
"""Called after each step with its number, from 1, and its loss."""


NEAREST = 2
"""Sub-words to each side that attention sees at the first steps of a training with ``near_first``."""
HELD = 2 / 3
"""Share of the steps of ``near_first`` before attention grows."""
_MOST_LOST = 1.0
"""Nats above its best tenth from which the end of a training counts as diverged."""
_MOST_OF_CHANCE = 1.5
"""Times the loss of guessing, for the same."""


def fit(
    model: BertForMaskedLM,
    blocks: np.ndarray,
    vocabulary: Vocabulary,
    *,
    options: BertOptions,
    seed: int,
    checkpoint: Path,
    identity: dict[str, Any],
    start: float,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train a model in place until the first of its budgets is spent.

    Order and masks follow from seed and step, so that a training that resumes sees what it would have seen. The step size
    rises over the first steps, then falls linearly to 0 with the sub-tokens seen. Where the clock will end the training
    first, the step size also falls linearly over the second half of the time. A training that keeps its time is not
    affected by that, and so repeats bit for bit.

    Parameters
    ----------
    model : BertForMaskedLM
        On the device to train on.
    blocks : ndarray of shape (n_blocks, length)
        Sub-tokens.
    vocabulary : Vocabulary
        Its special sub-tokens.
    options : BertOptions
        Budgets and step sizes.
    seed : int
        Seed of order, masks and dropout.
    checkpoint : Path
        Folder to resume from, if its identity is the same, and to write checkpoints to.
    identity : dict
        Corpus, options and seed, in JSON values: a checkpoint with another identity is not resumed from.
    start : float
        ``time.perf_counter()`` at the beginning of what the wall-clock budget counts.
    on_step : callable, optional
        Called after each step.

    Returns
    -------
    dict
        steps, sub_tokens, seconds (of all runs that were resumed), and losses: [[sub_tokens_seen, mean loss], …] over
        about 50 equal pieces.
    """
    import torch

    n_steps = count_steps(options, blocks.shape[1])
    optimizer = _make_optimizer(model, options)
    losses, earlier_seconds = _restore(checkpoint, identity, model, optimizer)
    last_checkpoint = time.perf_counter()

    def seconds() -> float:
        return earlier_seconds + time.perf_counter() - start

    remedy = f"lower learning_rate (now {options.learning_rate:g})"
    model.train()
    device = device_in_force(options.device)
    reduced = device == "cuda" or precision_in_force(options.dtype, device) == "bfloat16"
    with changing_window(model) as set_window:
        for step in range(len(losses), n_steps):
            time_left = 1 - seconds() / options.max_seconds if options.max_seconds else 1.0
            if time_left <= 0:
                break
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * scale_step(step, n_steps, options.warmup_steps, time_left)
            set_window(find_window_of_step(step, n_steps, options, blocks.shape[1]))
            rows = batch_rows(step, n_blocks=len(blocks), batch_size=options.batch_size, seed=seed)
            rng = np.random.default_rng([seed, 1, step])
            batch = mask(
                blocks[rows], vocabulary=vocabulary, share=options.mask_share, whole_words=options.whole_words, rng=rng
            )
            torch.manual_seed(int(rng.integers(2**63)))  # dropout
            with torch.autocast(device, torch.bfloat16, enabled=reduced):
                loss = compute_masked_loss(model, batch, vocabulary)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            require_converging(f"bert_{model.config.hidden_size}", f"step {step + 1} of {n_steps}", losses[-1], remedy)
            if time.perf_counter() - last_checkpoint >= options.checkpoint_seconds and step + 1 < n_steps:
                _save(checkpoint, identity, model, optimizer, losses, seconds())
                last_checkpoint = time.perf_counter()
            if on_step:
                on_step(step + 1, losses[-1])
    name = f"bert_{model.config.hidden_size}"
    require_learning(losses, model.config.vocab_size, name, remedy)
    weights = (parameter.detach().float().cpu().numpy() for parameter in model.parameters())
    require_converging(name, f"step {len(losses)}", losses[-1] if losses else 0.0, remedy, weights)
    model.eval()
    tokens_per_step = options.batch_size * blocks.shape[1]
    return {
        "steps": len(losses),
        "sub_tokens": len(losses) * tokens_per_step,
        "seconds": seconds(),
        "losses": summarize_losses(losses, tokens_per_step),
    }


def require_learning(losses: list[float], vocabulary: int, training: str, remedy: str) -> None:
    """Refuse a training that ends above its best tenth, or above the loss of guessing any sub-token.

    Gradients are clipped, so that a training that diverged need not have an infinite loss.

    Raises
    ------
    DivergedError
        Its last tenth says so.
    """
    tenths = [float(part.mean()) for part in np.array_split(np.array(losses), 10) if len(part)]
    if tenths:
        most = min(min(tenths) + _MOST_LOST, _MOST_OF_CHANCE * math.log(vocabulary))
        require_converging(training, f"its last steps, up to {len(losses)}", tenths[-1], remedy, most=most)


def count_steps(options: BertOptions, length: int) -> int:
    """Count the steps that the budget of sub-tokens allows, rounded up."""
    return -(-options.max_tokens // (options.batch_size * length))


def scale_step(step: int, n_steps: int, warmup_steps: int, time_left: float) -> float:
    """Give a step's share of the highest step size, for steps from 0; ``time_left`` is a share of the wall-clock budget."""
    warmup = min(warmup_steps, n_steps // 10)
    rising = (step + 1) / (warmup + 1)
    falling = (n_steps - step) / (n_steps - warmup)
    return min(1.0, rising, falling, 2 * time_left)


def find_window_of_step(step: int, n_steps: int, options: BertOptions, length: int) -> int | None:
    """Find the positions to each side that attention sees at a step, from 0; None for the whole sequence.

    Over ``near_first`` of the steps it is near: for `HELD` of these `NEAREST`, and then larger by the same factor at each
    step, up to the sequence's length. A window that grows from the first step on leaves the model where it would be without.
    """
    last = options.attention_window if options.attention == "window" else None
    n_near = options.near_first * n_steps
    if step >= n_near:
        return last
    grown = max(0.0, step / n_near - HELD) / (1 - HELD)
    return min(round(NEAREST * math.pow(length / NEAREST, grown)), last or length)


def compute_masked_loss(model: BertForMaskedLM, batch: MaskedBatch, vocabulary: Vocabulary) -> torch.Tensor:
    """Compute the mean cross-entropy at the masked positions.

    Logits are computed there alone: over all positions they would be most of a small model's work.
    """
    import torch

    ids = torch.from_numpy(batch.ids).to(model.device)
    attended = None if (batch.ids[:, -1] != vocabulary.pad).all() else ids != vocabulary.pad
    hidden = model.bert(input_ids=ids, attention_mask=attended).last_hidden_state
    masked = hidden.flatten(0, 1).index_select(0, torch.from_numpy(batch.positions).to(model.device))
    targets = torch.from_numpy(batch.targets).to(model.device)
    loss: torch.Tensor = torch.nn.functional.cross_entropy(model.cls(masked).float(), targets, reduction="sum")
    return loss / max(1, len(batch.targets))


def summarize_losses(losses: list[float], tokens_per_step: int, pieces: int = 50) -> list[list[float]]:
    """Average the loss over equal pieces of a training: [[sub-tokens seen at the piece's end, mean loss], …]."""
    ends = np.unique(np.linspace(0, len(losses), min(pieces, len(losses)) + 1).astype(int))
    return [
        [int(end) * tokens_per_step, round(float(np.mean(losses[begin:end])), 5)] for begin, end in itertools.pairwise(ends)
    ]


def _make_optimizer(model: BertForMaskedLM, options: BertOptions) -> torch.optim.AdamW:
    import torch

    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=options.learning_rate,
        betas=(0.9, 0.98),
        eps=1e-6,
        fused=True,
    )


def _save(
    folder: Path,
    identity: dict[str, Any],
    model: BertForMaskedLM,
    optimizer: torch.optim.AdamW,
    losses: list[float],
    seconds: float,
) -> None:
    from safetensors.torch import save_file

    tensors = {f"weight:{name}": parameter.detach().contiguous() for name, parameter in model.named_parameters()}
    for name, parameter in model.named_parameters():
        tensors |= {f"{moment}:{name}": value for moment, value in optimizer.state[parameter].items()}
    with write_atomically(folder) as partial:
        partial.mkdir()
        save_file(tensors, partial / "state.safetensors", dict(UNSEALED))
        seal(partial / "state.safetensors")
        write_json({"identity": identity, "seconds": seconds, "losses": losses}, partial / "state.json")


def _restore(
    folder: Path, identity: dict[str, Any], model: BertForMaskedLM, optimizer: torch.optim.AdamW
) -> tuple[list[float], float]:
    """Read a checkpoint into model and optimizer; return its losses and seconds, none and 0 where there is none."""
    import torch
    from safetensors.torch import load_file

    if not (folder / "state.json").is_file():
        return [], 0.0
    try:
        state = read_json(folder / "state.json")
        if state.get("identity") != identity or not is_sealed(folder / "state.safetensors"):
            return [], 0.0
    except DataError as error:
        _log.warning("%s: the training starts again from its first step", error)
        return [], 0.0
    tensors = load_file(folder / "state.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"weight:{name}"])
            optimizer.state[parameter] = {
                moment: tensors[f"{moment}:{name}"].to(parameter.device) for moment in ("step", "exp_avg", "exp_avg_sq")
            }
    return state["losses"], state["seconds"]
