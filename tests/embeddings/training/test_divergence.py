"""A step size that is too large: each method says in which epoch it ran away, and leaves nothing behind."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.options import BertOptions, EncoderTuningOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.static.bag_tuning import LabeledTexts, tune_bag
from emb_pipeline.embeddings.static.options import BagTuningOptions, FastTextOptions, GloveOptions, Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.embeddings.training.divergence import DivergedError
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.text.texts import Texts
from emb_pipeline.text.tokens import TokenCorpus, write_tokens


@pytest.fixture(scope="module")
def zipf(tmp_path_factory: pytest.TempPathFactory) -> TokenCorpus:
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 301)
    words = rng.choice([f"w{rank}" for rank in range(300)], (600, 20), p=shares / shares.sum())
    return write_tokens([(str(row), " ".join(line)) for row, line in enumerate(words)], tmp_path_factory.mktemp("z") / "t")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("word2vec", Word2VecOptions(learning_rate=1, epochs=5, min_count=1)),
        ("word2vec", Word2VecOptions(learning_rate=1, epochs=5, min_count=1, architecture="cbow", window=8)),
        ("fasttext", FastTextOptions(learning_rate=1, epochs=5, min_count=1)),
        ("glove", GloveOptions(learning_rate=1, epochs=5, min_count=1)),
    ],
)
def test_word_vectors_that_run_away_are_an_error_of_their_epoch(
    method: str, options: Any, zipf: TokenCorpus, tmp_path: Path
) -> None:
    losses: list[float | None] = []
    with pytest.raises(DivergedError, match=rf"^{method}_10: the training diverged in epoch \d") as raised:
        request = TrainingRequest(
            zipf, options, dim=10, checkpoints=tmp_path / "c", on_epoch=lambda epoch, loss: losses.append(loss)
        )
        factory.train(method, request)
    assert str(raised.value).endswith("nothing was saved; lower learning_rate (now 1)")
    assert raised.value.when == f"epoch {len(losses) + 1}" and not list(tmp_path.rglob("*.safetensors"))


def test_usual_and_large_step_sizes_are_no_divergence(zipf: TokenCorpus) -> None:
    for method, options in (("word2vec", Word2VecOptions), ("fasttext", FastTextOptions), ("glove", GloveOptions)):
        for rate in (0.05, 0.3):
            made = factory.train(
                method, TrainingRequest(zipf, dim=10, options=options(learning_rate=rate, epochs=2, min_count=1), seed=1)
            )
            assert np.isfinite(made.vectors).all()


def test_a_bert_that_runs_away_is_an_error_of_its_step_and_leaves_no_encoder(zipf: TokenCorpus, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from emb_pipeline.embeddings.contextual.training import masked_training

    options = BertOptions(layers=1, heads=2, vocabulary=100, max_length=16, batch_size=8, max_tokens=2_000)
    compute_masked_loss = masked_training.compute_masked_loss
    with pytest.MonkeyPatch.context() as patch:
        steps: list[int] = []

        def loss_of(*arguments: Any) -> Any:
            steps.append(1)
            return compute_masked_loss(*arguments) * (float("inf") if len(steps) == 3 else 1)

        patch.setattr(masked_training, "compute_masked_loss", loss_of)
        with pytest.raises(DivergedError, match=r"^bert_16: the training diverged in step 3 of 16 \(loss inf\)"):
            factory.train_encoder(
                "bert",
                TrainingRequest(
                    zipf, dim=16, options=options, seed=0, folder=tmp_path / "encoder", checkpoints=tmp_path / "c"
                ),
            )
    assert not (tmp_path / "encoder").exists() and not list(tmp_path.rglob("*.safetensors"))


def test_a_training_that_ends_far_above_what_it_had_reached_has_diverged() -> None:
    pytest.importorskip("torch")
    from emb_pipeline.embeddings.contextual.training.masked_training import require_learning

    falling = np.linspace(9, 5, 100).tolist()
    require_learning(falling, 8000, "bert_8", "lower it")
    require_learning([*falling, *[5.5] * 20], 8000, "bert_8", "lower it")
    require_learning([], 8000, "bert_8", "lower it")
    for losses in ([*falling, *[7.3] * 20], [13.6] * 50):
        with pytest.raises(DivergedError, match="bert_8: the training diverged in its last steps"):
            require_learning(losses, 8000, "bert_8", "lower it")


def test_an_encoder_whose_fine_tuning_runs_away_is_not_written(tiny_transformer: Path, tmp_path: Path) -> None:
    from emb_pipeline.embeddings.contextual.sentence_transformer import load
    from emb_pipeline.embeddings.contextual.training.encoder_tuning import tune_on_pairs

    options = SentenceTransformerOptions(path=tiny_transformer)
    base = load(options, tmp_path / "base")
    texts = ["cat", "dog"] * 8
    held_out = np.arange(16) % 4 == 0
    tuning = EncoderTuningOptions(epochs=2, batch_size=4)
    encoder = options.model_copy(update={"max_length": 8})
    import emb_pipeline.embeddings.contextual.training.encoder_tuning as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "compute_ranking_loss", lambda queries, *_: queries.sum() * float("nan"))
        with pytest.raises(DivergedError, match=r"fine-tuning: the training diverged in epoch 1 \(loss nan\)"):
            tune_on_pairs(base, encoder, texts, texts, held_out, tuning, seed=0, folder=tmp_path / "tuned")
    assert not (tmp_path / "tuned").exists()


def test_one_diverging_step_size_of_several_is_a_warning_and_all_of_them_an_error(caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(0)
    vectors = WordVectors(["a", "b"], np.array([5, 5]), rng.normal(size=(2, 4)).astype(np.float32), {})
    texts, codes = Texts(["a", "b"] * 10), np.array([0, 1] * 10)
    arguments = (vectors, "mean", LabeledTexts(texts, codes, np.arange(20) >= 16, 2))
    with caplog.at_level(logging.WARNING), np.errstate(all="ignore"):
        made = tune_bag(*arguments, BagTuningOptions(learning_rates=(1e-2, 1e38), epochs=3), seed=0)
        assert made.learning_rate == 1e-2 and np.isfinite(made.vectors.vectors).all()
        assert "fine-tuning: the training diverged in epoch 1" in caplog.text
        with pytest.raises(DivergedError, match=r"lower learning_rates \(now 1e\+38\)"):
            tune_bag(*arguments, BagTuningOptions(learning_rates=(1e38,), epochs=3), seed=0)


def test_the_error_comes_out_of_a_worker_process_as_what_it_says() -> None:
    error = DivergedError("word2vec_10", "epoch 3", float("nan"), "lower learning_rate (now 1)")
    assert isinstance(error, DataError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
