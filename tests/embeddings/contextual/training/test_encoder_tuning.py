"""Transformers trained on with labels or pairs; the model is tiny and starts at random."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.distilled import distil
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import DistilledOptions, EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.training.encoder_tuning import (
    _Partners,
    compute_ranking_loss,
    tune_by_contrast,
    tune_on_classes,
    tune_on_pairs,
    tune_on_tags,
)
from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.probe import fit_probe
from emb_pipeline.tasks.splits.folds import find_duplicate_groups
from emb_pipeline.text.texts import Texts
from tests.conftest import WORDS

torch = pytest.importorskip("torch")
OPTIONS = EncoderTuningOptions(epochs=6, learning_rate=3e-3, head_learning_rate=1e-2, batch_size=8, patience=3)
ENCODER = EncoderOptions()
NO_HEAD = LinearHead(np.zeros((16, 2), dtype=np.float32), np.zeros(2, dtype=np.float32))


@pytest.fixture(scope="module")
def base(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> EncoderFolder:
    folder = tmp_path_factory.mktemp("base")
    return EncoderFolder.write(folder, format="transformers", dim=16, vocabulary=len(WORDS), model=tiny_transformer)


@pytest.fixture(scope="module")
def labelled() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Does 'cat' stand before 'dog'? Word counts alone do not tell."""
    rng = np.random.default_rng(0)
    texts, codes = [], []
    for _ in range(160):
        code = int(rng.integers(2))
        pair = ["cat", "dog"] if code == 0 else ["dog", "cat"]
        texts.append(" ".join(["the", *pair, str(rng.choice(["sat", "on", "mat"]))]))
        codes.append(code)
    return texts, np.array(codes), np.arange(160) % 4 == 0


@pytest.mark.slow
def test_order_is_learnt_by_tuning_where_a_frozen_mean_hardly_sees_it(
    base: EncoderFolder, labelled: tuple, tmp_path: Path
) -> None:
    texts, codes, held_out = labelled
    tuned = tune_on_classes(base, ENCODER, texts, codes, held_out, 2, OPTIONS, seed=0, folder=tmp_path / "t", head=NO_HEAD)
    vectors = ContextualEncoder(EncoderFolder.read(tmp_path / "t"), ENCODER).encode(texts)
    right = tuned.head.log_probabilities(vectors).argmax(axis=1) == codes
    assert right[held_out].mean() > 0.95
    assert tuned.losses[0] == pytest.approx(np.log(2), rel=1e-3) and min(tuned.losses) < 0.3
    assert tuned.encoder.fingerprint != base.fingerprint


@pytest.mark.slow
def test_the_best_pass_is_what_is_saved_and_the_saved_model_gives_its_loss(
    base: EncoderFolder, labelled: tuple, tmp_path: Path
) -> None:
    texts, codes, held_out = labelled
    options = OPTIONS.model_copy(update={"learning_rate": 5e-2, "epochs": 4})  # far too large: later passes get worse
    tuned = tune_on_classes(base, ENCODER, texts, codes, held_out, 2, options, seed=0, folder=tmp_path / "t", head=NO_HEAD)
    vectors = ContextualEncoder(tuned.encoder, ENCODER).encode([texts[row] for row in np.flatnonzero(held_out)])
    logs = tuned.head.log_probabilities(vectors)
    assert -logs[np.arange(held_out.sum()), codes[held_out]].mean() == pytest.approx(min(tuned.losses), rel=1e-2)


def test_a_dimension_that_is_constant_but_for_rounding_does_not_throw_training_off(
    tiny_transformer: Path, labelled: tuple, tmp_path: Path
) -> None:
    """As three of all-MiniLM-L6-v2's are. Training moves it a little, and a little must not be thousands of deviations."""
    from transformers import BertModel

    model = BertModel.from_pretrained(tiny_transformer, add_pooling_layer=False)
    with torch.no_grad():
        last = model.encoder.layer[-1].output.LayerNorm
        last.weight[3], last.bias[3] = 1e-9, 1e-9
    model.save_pretrained(tmp_path / "model")
    for file in tiny_transformer.glob("*token*"):
        shutil.copy(file, tmp_path / "model")
    base = EncoderFolder.write(
        tmp_path / "base", format="transformers", dim=16, vocabulary=len(WORDS), model=tmp_path / "model"
    )
    texts, codes, held_out = labelled
    vectors = ContextualEncoder(base, ENCODER).encode(texts)
    groups = find_duplicate_groups(Texts(texts))
    head = fit_probe(vectors, codes, 2, groups, ClassificationOptions(), seed=0).head(16)
    gentle = EncoderTuningOptions(epochs=1, learning_rate=1e-4, head_learning_rate=1e-4)
    tuned = tune_on_classes(base, ENCODER, texts, codes, held_out, 2, gentle, seed=0, folder=tmp_path / "t", head=head)
    assert tuned.losses[1] < tuned.losses[0] + 0.05


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(base: EncoderFolder, labelled: tuple, tmp_path: Path) -> None:
    texts, codes, held_out = labelled
    options = OPTIONS.model_copy(update={"epochs": 1})
    made = [
        tune_on_classes(base, ENCODER, texts, codes, held_out, 2, options, seed=seed, folder=tmp_path / name, head=NO_HEAD)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert made[0].losses == made[1].losses != made[2].losses
    assert made[0].encoder.fingerprint == made[1].encoder.fingerprint


@pytest.mark.slow
def test_low_rank_additions_are_merged_and_leave_embeddings_alone(
    base: EncoderFolder, labelled: tuple, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    from safetensors.numpy import load_file

    texts, codes, held_out = labelled
    options = OPTIONS.model_copy(update={"lora_rank": 2, "epochs": 2})
    tuned = tune_on_classes(base, ENCODER, texts, codes, held_out, 2, options, seed=0, folder=tmp_path / "t", head=NO_HEAD)
    before = load_file(base.model_path / "model.safetensors")
    after = load_file(tuned.encoder.model_path / "model.safetensors")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed and all("query" in name or "key" in name or "value" in name or "dense" in name for name in changed)
    for name in changed:
        assert np.linalg.matrix_rank(after[name] - before[name], tol=1e-5) <= 2


@pytest.mark.slow
def test_balanced_weights_raise_the_probability_of_a_rare_class(base: EncoderFolder, tmp_path: Path) -> None:
    codes = (np.arange(200) % 10 == 0).astype(int)
    texts = ["the cat sat" if row % 5 == 0 else "the dog sat" for row in range(200)]  # half of the cats are of the class
    held_out = np.arange(200) % 20 >= 10
    shares = {}
    for kind in ("none", "balanced"):
        options = OPTIONS.model_copy(update={"class_weights": kind, "epochs": 3})
        tuned = tune_on_classes(
            base, ENCODER, texts, codes, held_out, 2, options, seed=0, folder=tmp_path / kind, head=NO_HEAD
        )
        (logs,) = tuned.head.log_probabilities(ContextualEncoder(tuned.encoder, ENCODER).encode(["the cat sat"]))
        shares[kind] = np.exp(logs[1])
    assert shares["balanced"] > shares["none"] + 0.1


@pytest.mark.slow
def test_tags_are_learnt_from_the_words_around(base: EncoderFolder, tmp_path: Path) -> None:
    """'mat' is tagged after 'cat' and not after 'dog'; a sentence longer than the model reads is trained in pieces."""
    rng = np.random.default_rng(1)
    sentences, codes = [], []
    for number in range(120):
        animal = str(rng.choice(["cat", "dog"]))
        filler = ["the"] * (14 if number % 20 == 0 else 1)
        sentences.append([*filler, animal, "mat", "unlikely"])
        codes.append(np.array([0] * len(filler) + [0, int(animal == "cat"), 0]))
    held_out = np.arange(120) % 4 == 0
    options = OPTIONS.model_copy(update={"epochs": 10})
    tuned = tune_on_tags(base, ENCODER, sentences, codes, held_out, 2, options, seed=0, folder=tmp_path / "t")
    found = ContextualEncoder(tuned.encoder, ENCODER).encode_tokens(sentences)
    right = [
        (tuned.head.log_probabilities(rows).argmax(axis=1) == tags).mean() for rows, tags in zip(found, codes, strict=True)
    ]
    assert np.mean([value for value, is_held in zip(right, held_out, strict=True) if is_held]) > 0.97


@pytest.mark.slow
def test_pairs_draw_together(base: EncoderFolder, tmp_path: Path) -> None:
    words = ["cat", "dog", "mat", "sat", "on", "ran"]
    words = [word for word in words if word in WORDS]
    pairs = [(f"the {a} {b}", f"{b} {a}") for a in words for b in words if a != b] * 4
    queries, passages = map(list, zip(*pairs, strict=True))
    held_out = np.arange(len(pairs)) % 5 == 0
    tuned = tune_on_pairs(base, ENCODER, queries, passages, held_out, OPTIONS, seed=0, folder=tmp_path / "t")
    assert tuned.head is None and min(tuned.losses) < tuned.losses[0]

    def rank(folder: EncoderFolder) -> float:
        units = [
            ContextualEncoder(folder, EncoderOptions(normalize=True)).encode(sorted(set(part)))
            for part in (queries, passages)
        ]
        scores = units[0] @ units[1].T
        wanted = [sorted(set(passages)).index(dict(pairs)[query]) for query in sorted(set(queries))]
        own = scores[np.arange(len(wanted)), wanted]
        return float((scores >= own[:, None]).sum(axis=1).mean())

    assert rank(tuned.encoder) < rank(base)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [(), (8,), (4, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_the_ranking_loss_is_the_cross_entropy_of_the_cosines_without_what_is_related(
    seed: int, dims: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    queries, passages = rng.normal(size=(2, 12, 8))
    numbers = rng.integers(9, size=(2, 12))
    expected = 0.0
    for dim in sorted({8, *dims}):
        units = [part[:, :dim] / np.linalg.norm(part[:, :dim], axis=1, keepdims=True) for part in (queries, passages)]
        scores = 20.0 * units[0] @ units[1].T
        for row in range(12):
            rivals = (numbers[0] != numbers[0][row]) & (numbers[1] != numbers[1][row])
            rivals[row] = True
            expected += (np.log(np.exp(scores[row][rivals]).sum()) - scores[row, row]) / 12
    options = OPTIONS.model_copy(update={"matryoshka_dims": dims})
    found = compute_ranking_loss(torch.tensor(queries), torch.tensor(passages), *numbers, options)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_nested_dimensions_count_as_in_the_matryoshka_loss_of_sentence_transformers() -> None:
    from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

    class Given(torch.nn.Module):
        """A model whose vectors are its input."""

        def get_embedding_dimension(self) -> int:
            return 8

        def forward(self, features: dict) -> dict:
            return {"sentence_embedding": features["vectors"]}

    torch.manual_seed(0)
    sides, model = torch.randn(2, 5, 8), Given()
    loss = MatryoshkaLoss(model, MultipleNegativesRankingLoss(model, scale=20.0), [8, 4, 2])
    options = OPTIONS.model_copy(update={"matryoshka_dims": (4, 2)})
    found = compute_ranking_loss(*sides, np.arange(5), np.arange(5), options)
    assert found.item() == pytest.approx(loss([{"vectors": side} for side in sides], None).item(), rel=1e-6)


def test_what_is_relevant_too_does_not_count_against_a_query() -> None:
    """Rows 0 and 1 have one passage, or one query: either way neither is the other's negative."""
    vectors, several, one = torch.eye(3), np.array([0, 1, 2]), np.array([0, 0, 2])
    twice = vectors[[0, 0, 2]]
    for numbers, parts in (((several, one), (vectors, twice)), ((one, several), (twice, vectors))):
        kept = compute_ranking_loss(*parts, several, several, OPTIONS).item()
        assert compute_ranking_loss(*parts, *numbers, OPTIONS).item() < kept
    apart = compute_ranking_loss(twice, twice, one, one, OPTIONS).item()
    assert apart == pytest.approx(0, abs=1e-6)


def test_a_training_that_diverges_is_an_error(base: EncoderFolder, labelled: tuple, tmp_path: Path) -> None:
    texts, codes, held_out = labelled
    broken = LinearHead(np.full((16, 2), np.nan, dtype=np.float32), np.zeros(2, dtype=np.float32))
    with pytest.raises(DataError, match="diverged"):
        tune_on_classes(base, ENCODER, texts, codes, held_out, 2, OPTIONS, seed=0, folder=tmp_path / "t", head=broken)


def test_static_vectors_are_refused(base: EncoderFolder, tmp_path: Path) -> None:
    static = distil(base, DistilledOptions(dims=8), tmp_path / "static")
    with pytest.raises(DataError, match="no transformer to tune"):
        tune_on_pairs(static, ENCODER, ["cat"], ["dog"], np.array([False]), OPTIONS, seed=0, folder=tmp_path / "t")


@pytest.mark.slow
def test_contrast_draws_a_class_together(base: EncoderFolder, labelled: tuple, tmp_path: Path) -> None:
    texts, codes, held_out = labelled
    tuned = tune_by_contrast(base, ENCODER, texts, codes, held_out, OPTIONS, seed=0, folder=tmp_path / "t")

    def margin(folder: EncoderFolder) -> float:
        vectors = ContextualEncoder(folder, ENCODER).encode([texts[row] for row in np.flatnonzero(held_out)])
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines, alike = unit @ unit.T, codes[held_out][:, None] == codes[held_out][None, :]
        return float(cosines[alike].mean() - cosines[~alike].mean())

    assert tuned.head is None and min(tuned.losses) < tuned.losses[0]
    assert margin(tuned.encoder) > margin(base) + 0.5


def test_partners_are_others_of_the_same_class_and_side() -> None:
    codes, held_out = np.array([0, 0, 0, 0, 1, 1, 1, 2]), np.array([0, 0, 0, 1, 0, 0, 1, 0], dtype=bool)
    partners = _Partners(codes, held_out, seed=0)
    rows = np.arange(8)
    for _ in range(20):
        found = partners.draw(rows, is_training=True)
        assert np.array_equal(codes[found], codes) and np.array_equal(held_out[found], held_out)
        assert (found != rows).tolist() == [True, True, True, False, True, True, False, False]
    fixed = [partners.draw(rows, is_training=False).tolist() for _ in range(2)]
    assert fixed[0] == fixed[1]
    drawn = {partners.draw(np.array([0]), is_training=True)[0] for _ in range(50)}
    assert drawn == {1, 2}


def test_nothing_held_out_is_an_error_that_says_so(base: EncoderFolder, labelled: tuple, tmp_path: Path) -> None:
    texts, codes, _ = labelled
    none = np.zeros(len(texts), dtype=bool)
    with pytest.raises(DataError, match="has 160 examples to train on and 0 that say when to stop"):
        tune_on_classes(base, ENCODER, texts, codes, none, 2, OPTIONS, seed=0, folder=tmp_path / "t", head=NO_HEAD)


@pytest.mark.slow
def test_training_reads_no_more_than_encoding_does(base: EncoderFolder, labelled: tuple, tmp_path: Path) -> None:
    texts, codes, held_out = labelled
    twice = [f"{text} {text}" for text in texts]  # eight words, of which six fit
    short, options = EncoderOptions(max_length=8), OPTIONS.model_copy(update={"epochs": 1})
    made = [
        tune_on_classes(base, encoder, twice, codes, held_out, 2, each, seed=0, folder=tmp_path / name, head=NO_HEAD).losses
        for name, encoder, each in (
            ("a", short, options),
            ("b", short, options.model_copy(update={"max_length": 12})),
            ("c", ENCODER, options),
        )
    ]
    assert made[0] == made[1] != made[2]


def test_a_model_that_compares_by_another_measure_is_trained_with_that_one() -> None:
    generator = torch.Generator().manual_seed(3)
    queries, passages = 3 * torch.randn(2, 5, 8, generator=generator)
    own = np.arange(5)
    for similarity, scores in (("dot", queries @ passages.T), ("euclidean", -torch.cdist(queries, passages))):
        expected = torch.nn.functional.cross_entropy(scores, torch.arange(5)).item()
        found = compute_ranking_loss(queries, passages, own, own, OPTIONS, similarity).item()  # type: ignore[arg-type]
        assert found == pytest.approx(expected, rel=1e-5)
