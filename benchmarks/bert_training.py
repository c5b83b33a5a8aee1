"""Train one small BERT by the project's own loop and by the Trainer of transformers, side by side in one run.

    python benchmarks/bert_training.py [--steps 600] [--rounds 3]

Both start from the same weights and see the same blocks, masks, batches, step sizes and optimizer; both compute logits at
masked positions alone. The Trainer is tuned for speed: no evaluation, no progress bar, no reports, no data workers, no logs
but one at the end, batches that are made beforehand, and checkpoints by the clock alone. Each training runs in a process of
its own, one thread, in turns. Printed are seconds of training (of the processor, which other work on the machine hardly
changes, and of the clock), the mean loss of the last tenth, peak memory, seconds and bytes of a checkpoint, whether the same
seed gives the same bytes, whether a training that is killed ends with the weights of one that is not, and how many trainings
resume that are killed while they write a checkpoint: from the newest one that is whole, and from the one that the library
takes by itself. At last a byte of a checkpoint is changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bert_defaults import task_and_corpus
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import bert, masked_training, masking

SEED = 1
KILLED = -signal.SIGKILL


def main() -> None:
    """Prepare the data, run all trainings in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("data/02_intermediate/bert_defaults"))
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpoint-seconds", type=float, default=3.0)
    parser.add_argument("--kills", type=int, default=10, help="trainings that are killed while they write a checkpoint")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--train", choices=list(SYSTEMS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--choose", choices=["whole", "library"], default="whole", help=argparse.SUPPRESS)
    parser.add_argument("--die-at", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--die-in-checkpoint", type=float, default=0.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train_once(arguments)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Run every training of both systems in processes of their own, and print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        prepare(arguments, data)
        systems: dict[str, dict[str, Any]] = {name: {"runs": []} for name in SYSTEMS}
        for number in range(arguments.rounds):
            for name, found in list(systems.items())[:: 1 if number % 2 == 0 else -1]:
                found["runs"].append(run(arguments, name, data, Path(scratch) / f"{name}{number}"))
        for name, found in systems.items():
            folder = Path(scratch) / f"{name}_killed"
            run(arguments, name, data, folder, "--die-at", str(arguments.steps // 2))
            damaged = shutil.copytree(folder, Path(scratch) / f"{name}_damaged")
            change_a_byte(damaged)
            found["resumed"] = run(arguments, name, data, folder)
            found["damaged"] = run(arguments, name, data, damaged, "--choose", "whole")
            for choose in ("whole", "library"):
                torn = Path(scratch) / "torn"
                found[choose] = [survives(arguments, name, data, torn, n, choose) for n in range(arguments.kills)]
    print_table(arguments, systems)


def survives(arguments: argparse.Namespace, name: str, data: Path, folder: Path, number: int, choose: str) -> bool:
    """Kill a training at some moment of its second checkpoint, and say whether it resumes."""
    shutil.rmtree(folder, ignore_errors=True)
    moment = (number + 0.5) / arguments.kills
    killed = run(arguments, name, data, folder, "--die-in-checkpoint", str(moment), "--steps", "12")
    assert killed["status"] == KILLED, killed
    return bool(run(arguments, name, data, folder, "--steps", "12", "--choose", choose)["status"] == 0)


def change_a_byte(folder: Path) -> None:
    """Change a byte in the middle of each large file, as a drive does that loses bits."""
    for file in folder.rglob("*"):
        if file.is_file() and file.stat().st_size > 1 << 20:
            with file.open("r+b") as content:
                content.seek(file.stat().st_size // 2)
                byte = content.read(1)[0]
                content.seek(-1, os.SEEK_CUR)
                content.write(bytes([byte ^ 0xFF]))


def run(arguments: argparse.Namespace, name: str, data: Path, folder: Path, *more: str) -> dict[str, Any]:
    """Train in a process of its own; what it reports, with its exit status."""
    command = [sys.executable, __file__, "--train", name, "--data", str(data), "--folder", str(folder)]
    for option in ("dim", "steps", "checkpoint_seconds", "dropout", "dtype"):
        command += [f"--{option.replace('_', '-')}", str(getattr(arguments, option))]
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run([*command, *more], capture_output=True, text=True, env=os.environ | one_thread)
    if done.returncode not in (0, KILLED) and not more:
        sys.exit(done.stderr)
    report = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    return {**report, "status": done.returncode}


def print_table(arguments: argparse.Namespace, systems: dict[str, dict[str, Any]]) -> None:
    """Print one column for each system."""
    lines: dict[str, Callable[[dict[str, Any]], str]] = {
        "training, s of the processor (median)": lambda found: f"{middle(found, 'processor'):.2f}",
        "all rounds, s of the processor": lambda found: " ".join(f"{each['processor']:.2f}" for each in found["runs"]),
        "training, s of the clock (median)": lambda found: f"{middle(found, 'seconds'):.2f}",
        "loss, last tenth": lambda found: f"{found['runs'][0]['loss']:.5f}",
        "peak memory, MiB": lambda found: f"{middle(found, 'peak_mib'):,.0f}",
        "a checkpoint, ms": lambda found: f"{middle(found, 'checkpoint_ms'):.0f}",
        "a checkpoint, MiB": lambda found: f"{middle(found, 'checkpoint_mib'):.1f}",
        "same seed, same bytes": lambda found: str(len({each["weights"] for each in found["runs"]}) == 1),
        "killed half-way, same bytes": lambda found: str(found["resumed"]["weights"] == found["runs"][0]["weights"]),
        "its loss, last tenth": lambda found: f"{found['resumed']['loss']:.5f}",
        "resumed at step": lambda found: str(found["resumed"]["first_step"]),
        "killed in a checkpoint, resumed from the last whole one": lambda found: share(found["whole"]),
        "the same, resumed as the library does": lambda found: share(found["library"]),
        "a byte of the checkpoint changed": lambda found: outcome(found["damaged"], found["runs"][0]),
    }
    size = f"{arguments.dim} dimensions, {arguments.steps} steps, dropout {arguments.dropout}, {arguments.dtype}"
    print(f"{size}, {arguments.rounds} rounds, one thread, a checkpoint every {arguments.checkpoint_seconds:g} s")
    print(f"| | {' | '.join(systems)} |\n|---|{'---:|' * len(systems)}")
    for label, line in lines.items():
        print(f"| {label} | {' | '.join(line(found) for found in systems.values())} |")


def share(survived: list[bool]) -> str:
    """Say how many of the trainings resumed."""
    return f"{sum(survived)} of {len(survived)}"


def outcome(found: dict[str, Any], whole: dict[str, Any]) -> str:
    """Say what a training made of a damaged checkpoint."""
    if found["status"] != 0:
        return "an error"
    if found["weights"] != whole["weights"]:
        return "other weights, without a word"
    return f"the same bytes, from step {found['first_step']}"


def middle(found: dict[str, Any], name: str) -> float:
    """Median of a number over the rounds."""
    return statistics.median(each[name] for each in found["runs"])


def prepare(arguments: argparse.Namespace, data: Path) -> None:
    """Write what both read: blocks, tokenizer and first weights."""
    import torch

    corpus = task_and_corpus(arguments.work)[2]
    options = BertOptions(dropout=arguments.dropout)
    tokenizer = bert.train_tokenizer(corpus, options)
    data.mkdir(parents=True)
    encoded = bert._encode(iter(corpus), tokenizer)
    masking.write_blocks(
        masking.pack(encoded, options.max_length, bert._describe_vocabulary(tokenizer)), data / "training.bin"
    )
    tokenizer.save_pretrained(data / "tokenizer")
    torch.manual_seed(SEED)
    bert._make_model(len(tokenizer), arguments.dim, options).save_pretrained(data / "model")


def train_once(arguments: argparse.Namespace) -> None:
    """Train by one system, and print what came of it as JSON."""
    import torch
    from transformers import AutoTokenizer, BertForMaskedLM

    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    options = BertOptions(
        dropout=arguments.dropout,
        dtype=arguments.dtype,
        checkpoint_seconds=0.0 if arguments.die_in_checkpoint else arguments.checkpoint_seconds,
        max_tokens=arguments.steps * BertOptions().batch_size * BertOptions().max_length,
    )
    vocabulary = bert._describe_vocabulary(AutoTokenizer.from_pretrained(arguments.data / "tokenizer"))
    blocks = masking.read_blocks(arguments.data / "training.bin", options.max_length)
    model = BertForMaskedLM.from_pretrained(arguments.data / "model")
    report = SYSTEMS[arguments.train](model, blocks, vocabulary, options, arguments)
    weights = hashlib.sha256()
    for parameter in model.parameters():
        weights.update(parameter.detach().numpy().tobytes())
    losses = report.pop("losses")
    report["loss"] = float(np.mean(losses[-max(1, arguments.steps // 10) :]))
    report["weights"] = weights.hexdigest()
    report["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(report))


def train_by_own_loop(
    model: Any, blocks: np.ndarray, vocabulary: masking.Vocabulary, options: BertOptions, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Call `masked_training.fit`."""
    folder = arguments.folder / "checkpoint"
    watch = Watch(arguments, folder.parent)
    masked_training._save = watch.watched(masked_training._save)
    steps, losses = [], []

    def on_step(step: int, loss: float) -> None:
        steps.append(step)
        losses.append(loss)
        watch.after_step(step)

    started = time.perf_counter(), time.process_time()
    masked_training.fit(
        model, blocks, vocabulary,
        options=options, seed=SEED, checkpoint=folder, identity={}, start=started[0], on_step=on_step,
    )  # fmt: skip
    return {"losses": losses, "first_step": steps[0], **spent(started), **watch.report()}


def train_by_trainer(
    model: Any, blocks: np.ndarray, vocabulary: masking.Vocabulary, options: BertOptions, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Call the Trainer of transformers with a loss of masked positions and checkpoints by the clock."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    n_steps, losses, steps = masked_training.count_steps(options, blocks.shape[1]), [], []
    watch = Watch(arguments, arguments.folder)

    class Batches(torch.utils.data.Dataset):
        """Batch number ``step`` as an item, with the seed of its dropout."""

        def __len__(self) -> int:
            return n_steps

        def __getitem__(self, step: int) -> Any:
            rows = masking.batch_rows(step, n_blocks=len(blocks), batch_size=options.batch_size, seed=SEED)
            rng = np.random.default_rng([SEED, 1, step])
            batch = masking.mask(
                blocks[rows], vocabulary=vocabulary, share=options.mask_share, whole_words=options.whole_words, rng=rng
            )
            return batch, int(rng.integers(2**63))

    class MaskedTrainer(Trainer):
        """The Trainer with logits at masked positions alone."""

        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            torch.manual_seed(inputs["dropout"])
            with torch.autocast("cpu", torch.bfloat16, enabled=options.dtype == "bfloat16"):
                loss = masked_training.compute_masked_loss(model, inputs["batch"], vocabulary)
            losses.append(loss.item())
            return loss

        def get_train_dataloader(self) -> Any:
            return torch.utils.data.DataLoader(
                Batches(), batch_size=1, collate_fn=lambda items: {"batch": items[0][0], "dropout": items[0][1]}
            )

        _save_checkpoint = watch.watched(Trainer._save_checkpoint)

    class Clock(TrainerCallback):
        """A checkpoint every so many seconds."""

        last = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            steps.append(state.global_step)
            watch.after_step(state.global_step)
            if time.perf_counter() - self.last >= options.checkpoint_seconds and state.global_step < n_steps:
                control.should_save = True
                self.last = time.perf_counter()

    settings = TrainingArguments(
        output_dir=str(arguments.folder), max_steps=n_steps, save_strategy="no", save_total_limit=1, report_to="none",
        disable_tqdm=True, logging_strategy="no", dataloader_num_workers=0, dataloader_pin_memory=False, use_cpu=True,
        seed=SEED, per_device_train_batch_size=1, max_grad_norm=1.0, remove_unused_columns=False,
    )  # fmt: skip
    optimizer = masked_training._make_optimizer(model, options)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: masked_training.scale_step(step, n_steps, options.warmup_steps, 1.0) if step < n_steps else 0.0,
    )
    trainer = MaskedTrainer(
        model, settings, train_dataset=Batches(), optimizers=(optimizer, schedule), callbacks=[Clock()]
    )  # fmt: skip
    started = time.perf_counter(), time.process_time()
    trainer.train(resume_from_checkpoint=last_checkpoint(arguments))
    return {"losses": losses, "first_step": steps[0], **spent(started), **watch.report()}


def spent(started: tuple[float, float]) -> dict[str, float]:
    """Seconds of the clock and of the processor since then."""
    return {"seconds": time.perf_counter() - started[0], "processor": time.process_time() - started[1]}


def last_checkpoint(arguments: argparse.Namespace) -> str | bool | None:
    """The newest checkpoint with the file which the Trainer writes last, or what the library takes by itself."""
    if arguments.choose == "library":
        return any(arguments.folder.glob("checkpoint-*")) or None
    found = [path.parent for path in arguments.folder.glob("checkpoint-*/trainer_state.json")]
    return str(max(found, key=lambda path: int(path.name.rpartition("-")[2]))) if found else None


class Watch:
    """Times checkpoints, and ends the process where it is told to."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self._die_at, self._die_in = arguments.die_at, arguments.die_in_checkpoint
        self._folder, self._seconds, self._bytes = folder, [], 0

    def watched(self, save: Callable[..., None]) -> Callable[..., None]:
        """The function that writes a checkpoint, timed."""

        def wrapped(*given: Any, **named: Any) -> None:
            if self._die_in and self._seconds:
                signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                signal.setitimer(signal.ITIMER_REAL, max(1e-4, self._die_in * self._seconds[-1]))
            started = time.perf_counter()
            save(*given, **named)
            self._seconds.append(time.perf_counter() - started)
            self._bytes = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())

        return wrapped

    def after_step(self, step: int) -> None:
        """End the process at this step, or after the checkpoint that outlived its time."""
        if step == self._die_at or (self._die_in and step >= 4):
            os.kill(os.getpid(), signal.SIGKILL)

    def report(self) -> dict[str, float]:
        """Median milliseconds of a checkpoint, and MiB of the last."""
        found = 1000 * statistics.median(self._seconds) if self._seconds else float("nan")
        return {"checkpoint_ms": found, "checkpoint_mib": self._bytes / 2**20}


SYSTEMS = {"own loop": train_by_own_loop, "Trainer": train_by_trainer}


if __name__ == "__main__":
    main()
