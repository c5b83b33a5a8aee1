"""What a BERT attends to: what a position does not see cannot change its vector, in training and wherever it is run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.models.attention import Attention, changing_window, limit_attention
from emb_pipeline.embeddings.contextual.models.library_loading import load_library_model
from emb_pipeline.embeddings.contextual.options import BertOptions
from emb_pipeline.embeddings.contextual.training import bert
from emb_pipeline.embeddings.contextual.training.masked_training import find_window_of_step
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.errors import DataError
from emb_pipeline.text.tokens import TokenCorpus, write_tokens

pytest.importorskip("transformers")

LAYERS, WINDOW = 2, 1
SENTENCE = "cat dog hammer saw horse cow goat drill cat saw".split()
OTHER = "dog"
SMALL = {"layers": LAYERS, "vocabulary": 150, "max_length": 32, "batch_size": 8, "max_tokens": 8_000, "warmup_steps": 2}
SMALL |= {"learning_rate": 1e-2}  # so that what is seen changes a vector by much more than rounding does


def train(corpus: TokenCorpus, place: Path, attention: Attention, base: Path | None = None) -> EncoderFolder:
    options = BertOptions(**SMALL, attention=attention, attention_window=WINDOW)
    places = {"folder": place / attention, "checkpoints": place / "checkpoints"}
    return bert.train(TrainingRequest(corpus, options, dim=16, seed=1, base=base, **places))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenCorpus:
    """300 sentences of the words that are looked at."""
    rng = np.random.default_rng(0)
    sentences = (" ".join(rng.choice(SENTENCE, size=7)) for _ in range(300))
    return write_tokens(
        ((str(row), text) for row, text in enumerate(sentences)), tmp_path_factory.mktemp("corpus") / "tokens"
    )


@pytest.fixture(scope="module")
def folders(corpus: TokenCorpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, EncoderFolder]:
    """A small BERT of each kind of attention."""
    place = tmp_path_factory.mktemp("attention")
    return {attention: train(corpus, place, attention) for attention in ("full", "causal", "window")}


def find_changed(encoder: ContextualEncoder, place: int, others: tuple[list[str], ...] = ()) -> list[int]:
    """Places of the tokens whose vectors are others where the token at one place is another, in a batch with other texts."""
    changed = [*SENTENCE[:place], OTHER, *SENTENCE[place + 1 :]]
    assert changed != SENTENCE
    before, after = (encoder.encode_tokens([sentence, *others])[0] for sentence in (SENTENCE, changed))
    return np.flatnonzero(np.abs(before - after).max(axis=1) > 2e-6).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_what_a_token_does_not_see_cannot_change_its_vector(folders: dict[str, EncoderFolder], backend: str) -> None:
    place, reach = 4, LAYERS * WINDOW
    for attention, wanted in (
        ("full", list(range(len(SENTENCE)))),
        ("causal", list(range(place, len(SENTENCE)))),
        ("window", list(range(place - reach, place + reach + 1))),
    ):
        encoder = ContextualEncoder(folders[attention], BertOptions(backend=backend))
        assert find_changed(encoder, place) == wanted, attention
        longer = SENTENCE * 2  # so that the sentence itself is padded
        assert find_changed(encoder, place, (longer, longer)) == wanted, attention


@pytest.mark.slow
def test_both_ways_to_compute_attention_give_the_same_vectors(folders: dict[str, EncoderFolder]) -> None:
    """ONNX Runtime has attention written out, PyTorch fuses it."""
    texts = [" ".join(SENTENCE), "cat saw", ""]
    for folder in folders.values():
        one, other = (ContextualEncoder(folder, BertOptions(backend=name)).encode(texts) for name in ("torch", "onnx"))
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.slow
def test_a_model_is_trained_with_the_attention_that_it_is_used_with(folders: dict[str, EncoderFolder]) -> None:
    """All have the same first weights, data, order and masks: attention alone makes their weights differ."""
    from safetensors.numpy import load_file

    weights = [load_file(folder.model_path / "model.safetensors") for folder in folders.values()]
    assert len({frozenset((name, value.shape) for name, value in each.items()) for each in weights}) == 1
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert all(
        not np.allclose(one[name], other[name]) for one, other in zip(weights, weights[1:] + weights[:1], strict=True)
    )
    configs = [json.loads((folder.model_path / "config.json").read_text()) for folder in folders.values()]
    assert [config["is_decoder"] for config in configs] == [False, True, False]
    assert [config["attention_window"] for config in configs] == [None, None, WINDOW]


@pytest.mark.slow
def test_a_mask_in_training_hides_what_the_saved_model_hides(folders: dict[str, EncoderFolder]) -> None:
    """The loss of a training looks at hidden states; those of the model in training are the encoder's."""
    import torch
    from transformers import AutoModelForMaskedLM

    for folder in folders.values():
        model = limit_attention(AutoModelForMaskedLM.from_pretrained(folder.model_path)).eval()
        encoder = ContextualEncoder(folder, BertOptions())
        (ids,) = encoder.token_ids([" ".join(SENTENCE)], "text")
        with torch.inference_mode():
            states = model.bert(input_ids=torch.tensor([ids]), attention_mask=None).last_hidden_state[0].numpy()
        (window,) = [found for _, found, _ in encoder._hidden_states([ids])]
        np.testing.assert_allclose(states, window[0], atol=1e-5)


@pytest.mark.slow
def test_a_model_that_continues_from_another_takes_the_attention_of_its_options(
    folders: dict[str, EncoderFolder], corpus: TokenCorpus, tmp_path: Path
) -> None:
    continued = train(corpus, tmp_path, "causal", base=folders["full"].path)
    assert find_changed(ContextualEncoder(continued, BertOptions()), 4) == list(range(4, len(SENTENCE)))


@pytest.mark.slow
def test_another_library_follows_causal_attention_and_is_refused_a_window(folders: dict[str, EncoderFolder]) -> None:
    model = load_library_model(folders["causal"].model_path)
    one, other = (
        model.encode([f"cat dog {last}"], output_value="token_embeddings")[0].numpy() for last in ("saw", "hammer")
    )
    np.testing.assert_allclose(one[:3], other[:3], atol=1e-5)
    assert not np.allclose(one[3], other[3], atol=1e-5)
    with pytest.raises(DataError, match="sees 1 sub-words to each side") as refused:
        load_library_model(folders["window"].model_path)
    assert refused.value.remedy == "start from a BERT with attention: full or causal"


def test_attention_stays_near_then_grows_by_the_same_factor_at_each_step() -> None:
    growing = BertOptions(near_first=0.75, attention_window=5)
    assert [find_window_of_step(step, 20, growing, 64) for step in range(20)] == [*[2] * 11, 4, 8, 16, 32, *[None] * 5]
    window = growing.model_copy(update={"attention": "window"})
    assert [find_window_of_step(step, 20, window, 64) for step in range(20)] == [*[2] * 11, 4, *[5] * 8]
    assert {find_window_of_step(step, 10, BertOptions(), 64) for step in range(10)} == {None}
    with pytest.raises(ValueError, match="max_seconds may end the training before it"):
        BertOptions(near_first=0.5, max_seconds=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attention", "wanted"), [("full", [2, 3, 4, 5, 6]), ("causal", [4, 5, 6]), ("window", [2, 3, 4, 5, 6])]
)
def test_a_window_that_changes_hides_what_is_far_and_what_a_causal_model_must_not_see(
    folders: dict[str, EncoderFolder], attention: str, wanted: list[int]
) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    model = limit_attention(AutoModelForMaskedLM.from_pretrained(folders[attention].model_path)).eval()
    (ids,) = ContextualEncoder(folders[attention], BertOptions()).token_ids([" ".join(SENTENCE)], "text")
    place = 4
    other = [
        *ids[:place],
        *ContextualEncoder(folders[attention], BertOptions()).token_ids([OTHER], "text")[0][1:2],
        *ids[place + 1 :],
    ]
    assert len(other) == len(ids) and other != ids

    def find_seen() -> list[int]:
        with torch.inference_mode():
            one, two = (model.bert(input_ids=torch.tensor([each])).last_hidden_state[0] for each in (ids, other))
        return np.flatnonzero((one - two).abs().amax(dim=1).numpy() > 2e-6).tolist()

    before = find_seen()
    with changing_window(model) as set_window:
        set_window(1)
        assert find_seen() == wanted
    assert find_seen() == before


@pytest.mark.slow
def test_a_model_whose_attention_grew_is_saved_with_all_of_it(corpus: TokenCorpus, tmp_path: Path) -> None:
    options = BertOptions(**SMALL, attention="causal", near_first=0.5)
    places = {"folder": tmp_path / "grown", "checkpoints": tmp_path / "checkpoints"}
    folder = bert.train(TrainingRequest(corpus, options, dim=16, seed=1, **places))
    config = json.loads((folder.model_path / "config.json").read_text())
    assert config["attention_window"] is None and config["is_decoder"]
    assert find_changed(ContextualEncoder(folder, BertOptions()), 4) == list(range(4, len(SENTENCE)))
