from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.encoder_folder import fingerprint_of
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import bert
from emb_pipeline.embeddings.contextual.training.masked_training import scale_step, summarize_losses
from emb_pipeline.embeddings.contextual.training.masking import is_held_out, read_blocks
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus
from tests.embeddings.conftest import CorpusOf, perplexity_of

pytest.importorskip("transformers")

STEPS = 40
OPTIONS = BertOptions(
    layers=1,
    heads=2,
    vocabulary=150,
    max_length=16,
    batch_size=8,
    max_tokens=STEPS * 8 * 16,
    learning_rate=2e-3,
    warmup_steps=2,
    mask_share=0.15,
    dropout=0.1,
)


class Killed(Exception):
    """Stands for a process that ends in the middle."""


def trained(
    corpus: TokenCorpus, folder: Path, *, options: BertOptions = OPTIONS, dim: int = 16, on_step=None, **more
) -> Path:
    checkpoints = folder.with_name("checkpoints")
    request = TrainingRequest(corpus, options, dim=dim, folder=folder, checkpoints=checkpoints, **more)
    return bert.train(request, on_step=on_step).path


def described(folder: Path) -> dict:
    return json.loads((folder / "encoder.json").read_text())


@pytest.fixture
def gardens(corpus_of: CorpusOf) -> TokenCorpus:
    """400 sentences of another domain."""
    rng = np.random.default_rng(6)
    words = ["rose", "tulip", "lily", "daisy", "moss", "fern", "ivy", "oak"]
    return corpus_of(*(" ".join(rng.choice(words, size=8)) for _ in range(400)))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    first, again, other = (
        described(trained(animals_and_tools, tmp_path / f"run{run}", seed=seed))["fingerprint"]
        for run, seed in enumerate((1, 1, 2))
    )
    assert first == again
    assert first != other


@pytest.mark.slow
def test_a_tokenizer_is_the_same_in_every_process(animals_and_tools: TokenCorpus) -> None:
    program = (
        "import sys; from pathlib import Path; from emb_pipeline.embeddings.contextual.training import bert;"
        "from emb_pipeline.embeddings.contextual.options import BertOptions;"
        "from emb_pipeline.text.tokens import TokenCorpus;"
        "made = bert.train_tokenizer(TokenCorpus(Path(sys.argv[1])), BertOptions(vocabulary=150));"
        "print(made.backend_tokenizer.to_str())"
    )
    call = [sys.executable, "-c", program, str(animals_and_tools.folder)]
    other = subprocess.run(call, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    here = bert.train_tokenizer(animals_and_tools, BertOptions(vocabulary=150))
    assert other.stdout.strip() == here.backend_tokenizer.to_str()
    assert here.tokenize("cat hammer") == ["cat", "hammer"]


@pytest.mark.slow
def test_a_tokenizer_is_the_same_where_characters_are_left_out(corpus_of: CorpusOf) -> None:
    letters = [chr(code) for code in range(0x100, 0x1676) if chr(code).isalpha() and chr(code) == chr(code).lower()]
    chosen = np.random.default_rng(0).choice(letters[: bert.MAX_ALPHABET + 300], size=(3000, 3))
    corpus = corpus_of(" ".join(map("".join, chosen)))
    options = BertOptions(vocabulary=3000, min_count=1)
    first, second = (bert.train_tokenizer(corpus, options).get_vocab() for _ in range(2))
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", [1, 23])
def test_a_killed_training_ends_with_the_same_weights(
    animals_and_tools: TokenCorpus, tmp_path: Path, killed_after: int
) -> None:
    options = OPTIONS.model_copy(update={"checkpoint_seconds": 0.0})
    whole = described(trained(animals_and_tools, tmp_path / "whole", options=options))

    def kill(step: int, loss: float) -> None:
        if step == killed_after:
            raise Killed

    with pytest.raises(Killed):
        trained(animals_and_tools, tmp_path / "continued", options=options, on_step=kill)
    assert not (tmp_path / "continued").exists()
    steps: list[int] = []
    trained(animals_and_tools, tmp_path / "continued", options=options, on_step=lambda step, loss: steps.append(step))
    continued = described(tmp_path / "continued")
    assert steps == list(range(killed_after + 1, STEPS + 1))
    assert continued["fingerprint"] == whole["fingerprint"]
    assert continued["provenance"]["losses"] == whole["provenance"]["losses"]


@pytest.mark.slow
def test_a_checkpoint_of_other_options_is_not_continued(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    def kill(step: int, loss: float) -> None:
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        trained(
            animals_and_tools, tmp_path / "a", options=OPTIONS.model_copy(update={"checkpoint_seconds": 0}), on_step=kill
        )
    steps: list[int] = []
    slower = OPTIONS.model_copy(update={"learning_rate": 1e-4})
    trained(animals_and_tools, tmp_path / "a", options=slower, on_step=lambda step, loss: steps.append(step))
    assert steps[0] == 1


@pytest.mark.slow
def test_held_out_sentences_are_never_trained_on(corpus_of: CorpusOf, tmp_path: Path) -> None:
    # every held-out sentence has words of its own, so that a sub-token of one in training would show
    numbers = [str(number) for number in range(1000)]
    held = [number for number in numbers if is_held_out(["sentence", number])]
    assert held
    corpus = corpus_of(*(f"sentence {number}" for number in numbers))
    seen: list[set[str]] = []

    def look(step: int, loss: float) -> None:
        if step == 1:
            data = tmp_path / "checkpoints" / "data"
            tokenizer = bert._read_tokenizer(data / "tokenizer")
            for name in ("training.bin", "held_out.bin"):
                blocks = read_blocks(data / name, OPTIONS.max_length)
                text = tokenizer.decode(blocks.reshape(-1).tolist(), skip_special_tokens=True)
                seen.append(set(text.split()))

    options = BertOptions(**OPTIONS.model_dump() | {"vocabulary": 3000, "min_count": 1, "max_tokens": 128})
    trained(corpus, tmp_path / "model", options=options, on_step=look)
    training, held_out = seen
    assert held_out == {"sentence", *held}
    assert training == {"sentence", *numbers} - set(held)


@pytest.mark.slow
def test_training_lowers_loss_and_perplexity_and_both_are_on_record(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"max_tokens": 8 * OPTIONS.max_tokens, "learning_rate": 5e-3, "dropout": 0.0})
    folder = trained(animals_and_tools, tmp_path / "model", options=options)
    record = described(folder)["provenance"]
    assert record["losses"][-1][1] < record["losses"][0][1] - 1
    assert record["perplexity"] < 16  # 12 words, of two groups of 6; untrained it is the size of the vocabulary
    assert record["perplexity"] == pytest.approx(perplexity_of(folder, animals_and_tools))
    assert record["perplexity_before"] is None
    assert record["corpus_fingerprint"] == animals_and_tools.fingerprint
    assert record["options"] == options.model_dump()
    assert record["sub_tokens"] == options.max_tokens == record["losses"][-1][0]


@pytest.mark.slow
def test_training_computes_in_the_precision_that_the_options_say(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    perplexities = {}
    for dtype in ("float32", "bfloat16"):
        options = OPTIONS.model_copy(update={"dtype": dtype})
        trained(animals_and_tools, tmp_path / dtype / "encoder", options=options)
        perplexities[dtype] = described(tmp_path / dtype / "encoder")["provenance"]["perplexity"]
    assert perplexities["bfloat16"] != perplexities["float32"]
    assert perplexities["bfloat16"] == pytest.approx(perplexities["float32"], rel=0.02)


@pytest.mark.slow
def test_further_training_adapts_a_base_to_another_corpus(
    corpus_of: CorpusOf, animals_and_tools: TokenCorpus, gardens: TokenCorpus, tmp_path: Path
) -> None:
    base = trained(animals_and_tools, tmp_path / "base")
    adapted = trained(gardens, tmp_path / "adapted", base=base, options=OPTIONS.model_copy(update={"learning_rate": 5e-3}))
    record = described(adapted)["provenance"]
    assert record["perplexity"] < record["perplexity_before"]
    assert record["perplexity_before"] == pytest.approx(perplexity_of(base, gardens))
    assert record["base_fingerprint"] == described(base)["fingerprint"]
    assert (adapted / "model" / "tokenizer.json").read_bytes() == (base / "model" / "tokenizer.json").read_bytes()


@pytest.mark.slow
def test_the_encoder_loads_without_a_new_weight(animals_and_tools: TokenCorpus, tmp_path: Path, caplog) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = trained(animals_and_tools, tmp_path / "model")
    with caplog.at_level(logging.WARNING):
        model, report = AutoModel.from_pretrained(folder / "model", add_pooling_layer=False, output_loading_info=True)
    assert not report["missing_keys"]
    assert not [line for line in caplog.messages if "MISSING" in line or "newly initialized" in line]
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    assert tokenizer.is_fast
    encoded = tokenizer("Cat  HAMMER", return_tensors="pt")
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"][0].tolist()) == ["[CLS]", "cat", "hammer", "[SEP]"]
    assert model(**encoded).last_hidden_state.shape == (1, 4, 16)


@pytest.mark.slow
def test_the_folder_holds_what_encoder_json_says(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    folder = trained(animals_and_tools, tmp_path / "model")
    description = described(folder)
    assert {key: description[key] for key in ("format", "model", "dim", "input")} == {
        "format": "transformers", "model": "model", "dim": 16, "input": "tokens",
    }  # fmt: skip
    files = sorted((folder / "model").iterdir())
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {file.name for file in files}
    assert description["fingerprint"] == fingerprint_of(folder / "model")
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
def test_the_wall_clock_ends_training_near_its_limit(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    trained(animals_and_tools, tmp_path / "warm")  # libraries are imported outside the measurement
    options = OPTIONS.model_copy(update={"max_tokens": 10**12, "max_seconds": 1.5})
    start = time.perf_counter()
    record = described(trained(animals_and_tools, tmp_path / "model", options=options))["provenance"]
    assert 1.5 <= record["train_seconds"] < 5  # of ages; a step and a save take long on a busy machine
    assert time.perf_counter() - start < 15
    assert len(record["losses"]) == min(50, record["steps"])  # fewer steps on a busy machine


def test_the_step_size_rises_falls_and_ends_near_zero() -> None:
    sizes = [scale_step(step, 100, 4, time_left=1.0) for step in range(100)]
    assert sizes[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert sizes[52] == pytest.approx(0.5)
    assert sizes[99] == pytest.approx(1 / 96)


def test_a_training_that_the_clock_will_cut_falls_over_the_second_half_of_its_time() -> None:
    assert [scale_step(1000, 10**6, 10, time_left) for time_left in (0.5, 0.25, 0.0)] == [
        pytest.approx(0.999, abs=1e-3),
        0.5,
        0,
    ]


def test_a_training_that_keeps_its_time_is_not_touched_by_the_clock() -> None:
    steps = range(100)
    touched = [scale_step(step, 100, 4, time_left=1 - 0.9 * step / 100) for step in steps]
    assert touched == [scale_step(step, 100, 4, time_left=1.0) for step in steps]


def test_the_loss_curve_is_the_mean_of_equal_pieces() -> None:
    assert summarize_losses([4.0, 2.0, 3.0, 1.0], 10, pieces=2) == [[20, 3.0], [40, 2.0]]
    assert summarize_losses([4.0], 10) == [[10, 4.0]]
    assert summarize_losses([], 10) == []


def test_a_gpu_that_is_not_there_is_refused(animals_and_tools: TokenCorpus, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DataError, match=r"no GPU here.*device: cpu"):
        trained(animals_and_tools, tmp_path / "model", options=OPTIONS.model_copy(update={"device": "cuda"}))


def test_heads_that_do_not_divide_the_dimension_are_refused(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bert_15: 2 heads do not divide 15"):
        trained(animals_and_tools, tmp_path / "model", dim=15)


@pytest.mark.slow
def test_a_base_that_does_not_fit_is_refused_with_the_way_out(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    base = trained(animals_and_tools, tmp_path / "base")
    with pytest.raises(DataError, match="has 16 dimensions, not 32; ask for 16"):
        trained(animals_and_tools, tmp_path / "model", dim=32, base=base)
    longer = OPTIONS.model_copy(update={"max_length": 64})
    with pytest.raises(DataError, match="takes 16 sub-tokens, fewer than max_length = 64"):
        trained(animals_and_tools, tmp_path / "model", options=longer, base=base)
    (base / "model" / "model.safetensors").rename(base / "model" / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"model\.safetensors is missing; save it with save_pretrained"):
        trained(animals_and_tools, tmp_path / "model", base=base)


@pytest.mark.slow
def test_a_base_of_another_kind_is_refused(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    base = trained(animals_and_tools, tmp_path / "base")
    config = base / "model" / "config.json"
    config.write_text(config.read_text().replace('"model_type": "bert"', '"model_type": "roberta"'))
    with pytest.raises(DataError, match="is of type 'roberta'; only bert"):
        trained(animals_and_tools, tmp_path / "model", base=base)


@pytest.mark.slow
def test_a_base_that_lacks_weights_is_refused_but_a_missing_head_is_made_new(
    animals_and_tools: TokenCorpus, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    weights = trained(animals_and_tools, tmp_path / "base") / "model" / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensor for name, tensor in tensors.items() if not name.startswith("cls.")}, weights, {"format": "pt"})
    first, again = (described(trained(animals_and_tools, tmp_path / f"run{n}", base=tmp_path / "base")) for n in (1, 2))
    assert first["fingerprint"] == again["fingerprint"]
    save_file({name: tensor for name, tensor in tensors.items() if "query" not in name}, weights, {"format": "pt"})
    with pytest.raises(DataError, match="lacks 2 weights of its model, first bert"):
        trained(animals_and_tools, tmp_path / "model", base=tmp_path / "base")
