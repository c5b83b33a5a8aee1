"""What a GPU computes is what the processor computes; skipped where there is no GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import BertOptions, EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.training import bert
from emb_pipeline.embeddings.contextual.training.encoder_tuning import (
    TunedEncoder,
    tune_by_contrast,
    tune_on_classes,
    tune_on_pairs,
    tune_on_spans,
    tune_on_tags,
)
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus
from tests.conftest import WORDS
from tests.embeddings.conftest import perplexity_of

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

MASKED = BertOptions(
    device="cuda",
    layers=2,
    heads=2,
    vocabulary=150,
    max_length=16,
    batch_size=8,
    max_tokens=60 * 8 * 16,
    learning_rate=5e-3,
    warmup_steps=2,
    dropout=0.1,
)
TUNING = EncoderTuningOptions(epochs=3, learning_rate=3e-3, head_learning_rate=1e-2, batch_size=8)
TEXTS = [" ".join(np.random.default_rng(row).choice(WORDS[5:], size=2 + row % 7)) for row in range(64)]
SENTENCES = [text.split() for text in TEXTS]
CODES = np.array(["cat" in words for words in SENTENCES]).astype(int)
HELD_OUT = np.arange(64) % 4 == 0


@pytest.fixture(scope="module")
def base(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> EncoderFolder:
    folder = tmp_path_factory.mktemp("base")
    return EncoderFolder.write(folder, format="transformers", dim=16, vocabulary=len(WORDS), model=tiny_transformer)


def encoder(folder: EncoderFolder, device: str, **options) -> ContextualEncoder:
    return ContextualEncoder(folder, EncoderOptions(device=device, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "mean"},
        {"pooling": "cls", "normalize": True},
        {"pooling": "max"},
        {"layer": 1},
        {"long_texts": "chunk_mean", "max_length": 8},
        {"long_texts": "chunk_max", "max_length": 8},
    ],
    ids=str,
)
def test_texts_have_the_vectors_that_the_processor_gives(base: EncoderFolder, options: dict) -> None:
    there = encoder(base, "cuda", **options)
    vectors = there.encode(TEXTS)
    np.testing.assert_allclose(vectors, encoder(base, "cpu", **options).encode(TEXTS), atol=1e-5)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, there.encode(TEXTS))


def test_tokens_have_the_vectors_that_the_processor_gives(base: EncoderFolder) -> None:
    for here, there in zip(
        encoder(base, "cpu").encode_tokens(SENTENCES), encoder(base, "cuda").encode_tokens(SENTENCES), strict=True
    ):
        np.testing.assert_allclose(there, here, atol=1e-5)


def test_in_bfloat16_texts_keep_their_directions(base: EncoderFolder) -> None:
    here, there = (
        encoder(base, device, dtype=dtype, normalize=True).encode(TEXTS)
        for device, dtype in (("cpu", "float32"), ("cuda", "bfloat16"))
    )
    assert (here * there).sum(axis=1).min() > 0.999
    assert not np.array_equal(here, there)


def trained(corpus: TokenCorpus, folder: Path, *, options: BertOptions = MASKED, **more) -> dict:
    checkpoints = folder.with_name(f"{folder.name} checkpoints")
    request = TrainingRequest(corpus, options, dim=16, folder=folder, checkpoints=checkpoints)
    made = bert.train(request, **more)
    return json.loads((made.path / "encoder.json").read_text())


def test_masked_training_learns_as_much_as_on_the_processor(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    options = MASKED.model_copy(update={"max_tokens": 4 * MASKED.max_tokens, "dropout": 0.0})
    there = trained(animals_and_tools, tmp_path / "cuda", options=options)["provenance"]
    here = trained(animals_and_tools, tmp_path / "cpu", options=options.model_copy(update={"device": "cpu"}))["provenance"]
    assert there["losses"][-1][1] < there["losses"][0][1] - 1
    assert there["losses"][0][1] == pytest.approx(here["losses"][0][1], rel=0.01)
    assert there["perplexity"] == pytest.approx(here["perplexity"], rel=0.1)
    assert there["perplexity"] == pytest.approx(perplexity_of(tmp_path / "cuda", animals_and_tools), rel=1e-4)


def test_a_killed_masked_training_ends_with_the_same_weights(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(step: int, loss: float) -> None:
        if step == 23:
            raise Killed

    options = MASKED.model_copy(update={"checkpoint_seconds": 0.0})
    whole = trained(animals_and_tools, tmp_path / "whole", options=options)
    with pytest.raises(Killed):
        trained(animals_and_tools, tmp_path / "continued", options=options, on_step=kill)
    continued = trained(animals_and_tools, tmp_path / "continued", options=options)
    assert continued["fingerprint"] == whole["fingerprint"]
    assert continued["provenance"]["losses"] == whole["provenance"]["losses"]


def tuned(kind: str, base: EncoderFolder, device: str, folder: Path, **changes) -> TunedEncoder:
    shared = {"seed": 0, "folder": folder}
    reads, options = EncoderOptions(device=device), TUNING.model_copy(update=changes)
    if kind == "classes":
        head = LinearHead(np.zeros((16, 2), dtype=np.float32), np.zeros(2, dtype=np.float32))
        return tune_on_classes(base, reads, TEXTS, CODES, HELD_OUT, 2, options, head=head, **shared)
    if kind == "contrast":
        return tune_by_contrast(base, reads, TEXTS, CODES, HELD_OUT, options, **shared)
    if kind == "tags":
        tags = [np.array([word == "cat" for word in words]).astype(int) for words in SENTENCES]
        return tune_on_tags(base, reads, SENTENCES, tags, HELD_OUT, 2, options, **shared)
    if kind == "spans":
        spans = np.array([[len(words) - 1] * 2 for words in SENTENCES])
        return tune_on_spans(base, reads, [["the"]] * 64, SENTENCES, spans, HELD_OUT, options, **shared)
    return tune_on_pairs(base, reads, TEXTS, [words[0] for words in SENTENCES], HELD_OUT, options, **shared)


@pytest.mark.parametrize("kind", ["classes", "contrast", "tags", "spans", "pairs"])
def test_fine_tuning_goes_as_on_the_processor(kind: str, base: EncoderFolder, tmp_path: Path) -> None:
    alike = {"epochs": 1, "learning_rate": 1e-4}
    # dropout draws other numbers on another device
    here, there = (tuned(kind, base, device, tmp_path / device, **alike) for device in ("cpu", "cuda"))
    assert there.losses[0] == pytest.approx(here.losses[0], rel=1e-4)
    assert there.losses[1] == pytest.approx(here.losses[1], rel=0.05)
    learnt = tuned(kind, base, "cuda", tmp_path / "learnt", epochs=6)
    assert min(learnt.losses) < learnt.losses[0] - 0.05


def test_what_was_tuned_in_bfloat16_with_low_rank_additions_is_read_on_the_processor(
    base: EncoderFolder, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    made = tuned("classes", base, "cuda", tmp_path / "tuned", precision="bfloat16", lora_rank=2, epochs=6)
    assert min(made.losses) < made.losses[0]
    vectors = encoder(EncoderFolder.read(tmp_path / "tuned"), "cpu").encode(TEXTS)
    np.testing.assert_allclose(vectors, encoder(made.encoder, "cuda").encode(TEXTS), atol=1e-5)
    logs = made.head.log_probabilities(vectors[HELD_OUT])
    assert -logs[np.arange(HELD_OUT.sum()), CODES[HELD_OUT]].mean() == pytest.approx(min(made.losses), rel=0.02)
