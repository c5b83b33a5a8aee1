from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.static import fasttext, glove, word2vec
from emb_pipeline.embeddings.static.options import FastTextOptions, GloveOptions, Word2VecOptions
from emb_pipeline.embeddings.training import checkpoints
from emb_pipeline.embeddings.training.checkpoints import Checkpoint
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus

METHODS = [
    pytest.param(word2vec, Word2VecOptions(epochs=6, min_count=1), id="word2vec"),
    pytest.param(fasttext, FastTextOptions(epochs=6, min_count=1, buckets=1000), id="fasttext"),
    pytest.param(glove, GloveOptions(epochs=6, min_count=1), id="glove"),
]


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_a_training_that_was_killed_goes_on_to_the_same_bits(
    method, options, animals_and_tools: TokenCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0)
    whole = method.train(TrainingRequest(animals_and_tools, dim=8, options=options, seed=1))

    class Killed(Exception):
        pass

    def kill(epoch: int, loss: float | None) -> None:
        if epoch == 4:
            raise Killed

    with pytest.raises(Killed):
        method.train(
            TrainingRequest(animals_and_tools, dim=8, options=options, seed=1, on_epoch=kill, checkpoints=tmp_path / "here")
        )
    seen: list[int] = []
    resumed = method.train(
        TrainingRequest(
            animals_and_tools,
            dim=8,
            options=options,
            seed=1,
            on_epoch=lambda epoch, loss: seen.append(epoch),
            checkpoints=tmp_path / "here",
        )
    )
    assert seen == [5, 6]
    np.testing.assert_array_equal(whole.vectors, resumed.vectors)
    assert resumed.provenance["epoch_losses"] == whole.provenance["epoch_losses"]
    assert not (tmp_path / "here").exists()


def test_a_state_of_another_training_or_a_damaged_one_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0)
    Checkpoint(tmp_path / "here", {"seed": 1}).save({"vectors": np.ones(3, np.float32)}, [0.5])
    vectors = np.zeros(3, np.float32)
    assert Checkpoint(tmp_path / "here", {"seed": 2}).restore({"vectors": vectors}) == []
    assert vectors.tolist() == [0, 0, 0]
    assert Checkpoint(tmp_path / "here", {"seed": 1}).restore({"vectors": vectors}) == [0.5]
    assert vectors.tolist() == [1, 1, 1]
    (file,) = (tmp_path / "here").iterdir()
    file.write_bytes(file.read_bytes()[:20])
    assert Checkpoint(tmp_path / "here", {"seed": 1}).restore({"vectors": vectors}) == []


def test_short_trainings_write_nothing(animals_and_tools: TokenCorpus, tmp_path: Path) -> None:
    def look(epoch: int, loss: float | None) -> None:
        assert not (tmp_path / "here").exists()

    word2vec.train(
        TrainingRequest(
            animals_and_tools,
            dim=4,
            options=Word2VecOptions(epochs=2, min_count=1),
            on_epoch=look,
            checkpoints=tmp_path / "here",
        )
    )
